//! Child specifications and supervisor flags, as plain data, and which of them make sense.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::pid::{Pid, Reference};
use crate::process::{Context, SpawnError};

/// Which children are restarted when one of them ends (rules S19 to S21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// That child.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// That child and those started after it.
    RestForOne,
}

/// When a child is restarted (rules S15 to S17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// However it ended.
    #[default]
    Permanent,
    /// If it ended abnormally.
    Transient,
    /// Never.
    Temporary,
}

/// How a child is stopped (rule S39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Killed.
    BrutalKill,
    /// Told to shut down, and killed after this time.
    Timeout(Duration),
    /// Told to shut down, and waited for.
    Infinity,
}

/// Whether the end of a significant child ends the supervisor (rules S46 to S49).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AutoShutdown {
    /// No.
    #[default]
    Never,
    /// The first one's does.
    AnySignificant,
    /// The last one's does.
    AllSignificant,
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ChildType {
    /// It works.
    #[default]
    Worker,
    /// It supervises.
    Supervisor,
}

/// How a supervisor behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupFlags {
    /// Which children are restarted together.
    pub strategy: Strategy,
    /// How many restarts are allowed within `period`.
    pub intensity: u32,
    /// The time over which restarts are counted, in whole seconds.
    pub period: Duration,
    /// Whether significant children end it.
    pub auto_shutdown: AutoShutdown,
}

/// OTP's defaults: one restart in five seconds (rule S1).
impl Default for SupFlags {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            intensity: 1,
            period: Duration::from_secs(5),
            auto_shutdown: AutoShutdown::default(),
        }
    }
}

/// Starts a child process.
pub trait StartChild: Send + Sync {
    /// Spawns the child, linked to `supervisor`, and returns without waiting for it. A child that acknowledges
    /// its start does so under `ack`.
    ///
    /// # Errors
    /// [`SpawnError`]
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError>;
}

/// A child process that has been spawned.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// The process.
    pub pid: Pid,
    /// Whether it will acknowledge its start; otherwise it counts as started at once.
    pub acknowledges: bool,
}

/// The specification of a child (rule S3).
#[derive(Clone)]
pub struct ChildSpec {
    /// What the supervisor calls it.
    pub id: String,
    /// How it is started.
    pub start: Arc<dyn StartChild>,
    /// When it is restarted.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end the supervisor.
    pub significant: bool,
    /// What it is.
    pub child_type: ChildType,
    /// How long its start may take until it acknowledges; none is for ever.
    pub start_timeout: Option<Duration>,
}

impl ChildSpec {
    /// A permanent worker with five seconds to stop.
    pub fn worker(id: impl Into<String>, start: Arc<dyn StartChild>) -> Self {
        Self {
            id: id.into(),
            start,
            restart: Restart::Permanent,
            shutdown: Shutdown::Timeout(Duration::from_secs(5)),
            significant: false,
            child_type: ChildType::Worker,
            start_timeout: None,
        }
    }

    /// A permanent supervisor, which gets all the time it needs to stop.
    pub fn supervisor(id: impl Into<String>, start: Arc<dyn StartChild>) -> Self {
        Self { shutdown: Shutdown::Infinity, child_type: ChildType::Supervisor, ..Self::worker(id, start) }
    }

    /// This child, restarted as `restart` says.
    #[must_use]
    pub fn restart(self, restart: Restart) -> Self {
        Self { restart, ..self }
    }

    /// This child, stopped as `shutdown` says.
    #[must_use]
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self }
    }

    /// This child, whose end may end the supervisor.
    #[must_use]
    pub fn significant(self) -> Self {
        Self { significant: true, ..self }
    }
}

/// Flags or child specifications that make no sense (rules S2, S5, S6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// The period is shorter than a second.
    InvalidPeriod(Duration),
    /// Two children have the same id.
    DuplicateChildId(String),
    /// A permanent child can't be significant: it never ends for good.
    SignificantPermanent(String),
    /// A child is significant, but `auto_shutdown` is never.
    SignificantWithoutAutoShutdown(String),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidPeriod(period) => write!(f, "the period is {period:?}, but at least 1 s is needed"),
            Self::DuplicateChildId(id) => write!(f, "two children have the id {id:?}"),
            Self::SignificantPermanent(id) => {
                write!(f, "child {id:?} is significant and permanent; make it transient or temporary")
            }
            Self::SignificantWithoutAutoShutdown(id) => {
                write!(f, "child {id:?} is significant, but the supervisor's auto_shutdown is \"never\"")
            }
        }
    }
}

impl std::error::Error for SpecError {}

/// Whether flags and children make sense together; every error that there is.
pub fn check_spec(flags: &SupFlags, children: &[ChildSpec]) -> Vec<SpecError> {
    let mut errors = Vec::new();
    if flags.period < Duration::from_secs(1) {
        errors.push(SpecError::InvalidPeriod(flags.period));
    }
    let mut seen = HashSet::new();
    for child in children {
        if !seen.insert(&child.id) {
            errors.push(SpecError::DuplicateChildId(child.id.clone()));
        }
        if child.significant && child.restart == Restart::Permanent {
            errors.push(SpecError::SignificantPermanent(child.id.clone()));
        } else if child.significant && flags.auto_shutdown == AutoShutdown::Never {
            errors.push(SpecError::SignificantWithoutAutoShutdown(child.id.clone()));
        }
    }
    errors
}
