//! The tables of supervision.

use crate::exit_reason::ExitReason;
use crate::supervisor::spec::{AutoShutdown, Restart};

/// What becomes of a child that ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is restarted.
    Restart,
    /// Its specification is kept; it can be started again.
    Keep,
    /// Its specification is deleted.
    Delete,
}

/// Restart type × exit reason (rules S15 to S17).
///
/// | restart ↓ / exit → | normal, shutdown, shutdown(_) | anything else |
/// |---|---|---|
/// | permanent | restart | restart |
/// | transient | keep | restart |
/// | temporary | delete | delete |
pub fn after_exit(restart: Restart, reason: &ExitReason) -> Fate {
    match (restart, reason.is_clean()) {
        (Restart::Permanent, _) | (Restart::Transient, false) => Fate::Restart,
        (Restart::Transient, true) => Fate::Keep,
        (Restart::Temporary, _) => Fate::Delete,
    }
}

/// Whether a significant child that ended by itself and is not restarted ends its supervisor (rules S46, S47).
pub fn ends_supervisor(auto_shutdown: AutoShutdown, other_significant_running: bool) -> bool {
    match auto_shutdown {
        AutoShutdown::Never => false,
        AutoShutdown::AnySignificant => true,
        AutoShutdown::AllSignificant => !other_significant_running,
    }
}

/// Whether a child that was told to stop ended in a way that nobody need hear of (rule S41).
pub(super) fn is_expected_end(restart: Restart, told: &ExitReason, reason: &ExitReason) -> bool {
    match reason {
        ExitReason::Killed => *told == ExitReason::Kill,
        ExitReason::Shutdown => *told != ExitReason::Kill,
        ExitReason::Normal | ExitReason::ShutdownWith(_) => restart != Restart::Permanent,
        _ => false,
    }
}
