//! Child specifications and supervisor flags, as plain data.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::blob::CarriedBlobs;
use crate::supervisor::backoff::Backoff;
use crate::supervisor::start::StartChild;

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
    /// That child; all are started from one template, while the supervisor runs (rules S62 to S65).
    SimpleOneForOne,
}

impl Strategy {
    /// All of them, with their names in OTP and in manifests.
    pub const ALL: [(&'static str, Self); 4] = [
        ("one_for_one", Self::OneForOne),
        ("one_for_all", Self::OneForAll),
        ("rest_for_one", Self::RestForOne),
        ("simple_one_for_one", Self::SimpleOneForOne),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        name_among(&Self::ALL, &self)
    }
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

impl Restart {
    /// All of them, with their names in OTP and in manifests.
    pub const ALL: [(&'static str, Self); 3] =
        [("permanent", Self::Permanent), ("transient", Self::Transient), ("temporary", Self::Temporary)];

    /// Its name.
    pub fn name(self) -> &'static str {
        name_among(&Self::ALL, &self)
    }
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

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrutalKill => f.write_str("brutal_kill"),
            Self::Timeout(timeout) => write!(f, "{} ms", timeout.as_millis()),
            Self::Infinity => f.write_str("infinity"),
        }
    }
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

impl AutoShutdown {
    /// All of them, with their names in OTP and in manifests.
    pub const ALL: [(&'static str, Self); 3] = [
        ("never", Self::Never),
        ("any_significant", Self::AnySignificant),
        ("all_significant", Self::AllSignificant),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        name_among(&Self::ALL, &self)
    }
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

impl ChildType {
    /// Its name in OTP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Supervisor => "supervisor",
        }
    }
}

/// What becomes of a child whose restart would be one too many. Beyond OTP, which always gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OverIntensity {
    /// The supervisor gives up (rule S29).
    #[default]
    GiveUp,
    /// The child is parked: it is not restarted until somebody resumes it, and its siblings go on. Its restarts are
    /// counted apart from its siblings', in a window of its own.
    Park,
}

impl OverIntensity {
    /// All of them, with their names in manifests.
    pub const ALL: [(&'static str, Self); 2] = [("give_up", Self::GiveUp), ("park", Self::Park)];

    /// Its name.
    pub fn name(self) -> &'static str {
        name_among(&Self::ALL, &self)
    }
}

fn name_among<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    all.iter().find(|(_, known)| known == value).map_or("?", |(name, _)| name)
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

/// The specification of a child (rule S3).
#[derive(Clone)]
pub struct ChildSpec {
    /// What the supervisor calls it. Children of a dynamic supervisor need not differ in it.
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
    /// How long a restart waits; none is not at all, as in OTP.
    pub backoff: Option<Box<Backoff>>,
    /// What becomes of it when it is restarted too often.
    pub over_intensity: OverIntensity,
    /// The blobs that its arguments refer to: they are there as long as the specification is.
    pub blobs: CarriedBlobs,
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("significant", &self.significant)
            .field("child_type", &self.child_type)
            .finish_non_exhaustive()
    }
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
            backoff: None,
            over_intensity: OverIntensity::GiveUp,
            blobs: CarriedBlobs::default(),
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

    /// This child, whose restarts wait as `backoff` says.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff: Some(Box::new(backoff)), ..self }
    }

    /// This child, parked when it is restarted too often.
    #[must_use]
    pub fn parked_over_intensity(self) -> Self {
        Self { over_intensity: OverIntensity::Park, ..self }
    }

    /// This child, which must acknowledge its start within `timeout`.
    #[must_use]
    pub fn start_timeout(self, timeout: Duration) -> Self {
        Self { start_timeout: Some(timeout), ..self }
    }
}
