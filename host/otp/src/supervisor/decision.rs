//! The tables of supervision.

use crate::exit_reason::ExitReason;
use crate::supervisor::spec::{AutoShutdown, OverIntensity, Restart};

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
///
/// A dynamic child has no specification of its own to keep: what is kept here is deleted there.
pub fn after_exit(restart: Restart, reason: &ExitReason) -> Fate {
    match (restart, reason.is_clean()) {
        (Restart::Permanent, _) | (Restart::Transient, false) => Fate::Restart,
        (Restart::Transient, true) => Fate::Keep,
        (Restart::Temporary, _) => Fate::Delete,
    }
}

/// What becomes of a child that is to be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is restarted.
    Restart,
    /// It is parked until somebody resumes it.
    Park,
    /// The supervisor stops its children and ends.
    GiveUp,
}

/// Whether there may be one more restart (rules S26 to S29).
///
/// | over_intensity ↓ / window → | has room | is full |
/// |---|---|---|
/// | give_up | restart | give up |
/// | park | restart | park |
pub fn at_restart(over_intensity: OverIntensity, admitted: bool) -> Verdict {
    match (admitted, over_intensity) {
        (true, _) => Verdict::Restart,
        (false, OverIntensity::Park) => Verdict::Park,
        (false, OverIntensity::GiveUp) => Verdict::GiveUp,
    }
}

/// Whether a significant child that ended by itself and is not restarted ends its supervisor (rules S46, S47).
///
/// | auto_shutdown ↓ / other significant children → | some run | none runs |
/// |---|---|---|
/// | never | no | no |
/// | any_significant | yes | yes |
/// | all_significant | no | yes |
pub fn ends_supervisor(auto_shutdown: AutoShutdown, other_significant_running: bool) -> bool {
    match auto_shutdown {
        AutoShutdown::Never => false,
        AutoShutdown::AnySignificant => true,
        AutoShutdown::AllSignificant => !other_significant_running,
    }
}

/// Whether a child that was told to stop ended in a way that nobody need hear of (`supervisor:shutdown/1`, rule S41).
///
/// | told ↓ / ended → | killed | shutdown | normal, shutdown(_) | anything else |
/// |---|---|---|---|---|
/// | kill | expected | expected, unless permanent | expected, unless permanent | an error |
/// | shutdown | an error | expected | expected, unless permanent | an error |
pub fn is_expected_end(restart: Restart, told: &ExitReason, reason: &ExitReason) -> bool {
    match (reason, told) {
        (ExitReason::Killed, told) => *told == ExitReason::Kill,
        (ExitReason::Shutdown, ExitReason::Shutdown) => true,
        (ExitReason::Shutdown | ExitReason::Normal | ExitReason::ShutdownWith(_), _) => {
            restart != Restart::Permanent
        }
        _ => false,
    }
}
