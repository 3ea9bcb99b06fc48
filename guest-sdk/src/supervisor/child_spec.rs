//! Child specifications, with builders that read as sentences.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::mailbox::payload;
use crate::registry::NamedBy;

/// When a child is restarted.
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

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Killed.
    BrutalKill,
    /// Told to shut down, and killed after this time.
    Timeout(Duration),
    /// Told to shut down, and waited for.
    Infinity,
}

/// How long the restarts of a child wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the first restart.
    pub initial: Duration,
    /// At most.
    pub max: Duration,
    /// How much longer each wait is than the one before; 1 is constant.
    pub factor: f64,
    /// How much of a wait is left to chance, from 0 to 1.
    pub jitter: f64,
    /// How long a child must have run for its crashes to be forgotten.
    pub reset_after: Duration,
}

impl Backoff {
    /// The same wait before each restart.
    pub const fn constant(wait: Duration) -> Self {
        Self { initial: wait, max: wait, factor: 1.0, jitter: 0.0, reset_after: wait }
    }

    /// A wait that doubles from `initial` up to `max`.
    pub const fn exponential(initial: Duration, max: Duration) -> Self {
        Self { initial, max, factor: 2.0, jitter: 0.0, reset_after: max }
    }
}

/// The specification of a child: a permanent worker with five seconds to start and to stop, unless told otherwise.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    pub(crate) id: String,
    pub(crate) component: Option<String>,
    pub(crate) entry: String,
    pub(crate) argument: Result<Vec<u8>, Error>,
    pub(crate) name: Option<String>,
    pub(crate) via: Option<NamedBy>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) parks: bool,
}

pub(super) const FIVE_SECONDS: Duration = Duration::from_secs(5);

impl ChildSpec {
    /// A child called `id` that runs an entry of this component, with the argument `()`.
    pub fn worker(id: impl Into<String>, entry: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            component: None,
            entry: entry.into(),
            argument: payload(&()),
            name: None,
            via: None,
            restart: Restart::Permanent,
            shutdown: Shutdown::Timeout(FIVE_SECONDS),
            significant: false,
            start_timeout: Some(FIVE_SECONDS),
            backoff: None,
            parks: false,
        }
    }

    /// This child, with an argument. Where more are added (by a template, a dynamic supervisor, a partition), they become
    /// one list.
    #[must_use]
    pub fn argument<A: Serialize + ?Sized>(self, argument: &A) -> Self {
        Self { argument: payload(argument), ..self }
    }

    /// This child, run by another component.
    #[must_use]
    pub fn of_component(self, component: impl Into<String>) -> Self {
        Self { component: Some(component.into()), ..self }
    }

    /// This child, registered under a name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// This child, registered under a key of a registry. Not for partitions, which would all have the same.
    #[must_use]
    pub fn via(self, name: impl Into<NamedBy>) -> Self {
        Self { via: Some(name.into()), ..self }
    }

    /// This child, restarted only if it ended abnormally.
    #[must_use]
    pub fn transient(self) -> Self {
        Self { restart: Restart::Transient, ..self }
    }

    /// This child, never restarted.
    #[must_use]
    pub fn temporary(self) -> Self {
        Self { restart: Restart::Temporary, ..self }
    }

    /// This child, stopped as `shutdown` says.
    #[must_use]
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self }
    }

    /// This child, whose end may end its supervisor.
    #[must_use]
    pub fn significant(self) -> Self {
        Self { significant: true, ..self }
    }

    /// This child, which may take so long to start; none is for ever.
    #[must_use]
    pub fn start_timeout(self, timeout: Option<Duration>) -> Self {
        Self { start_timeout: timeout, ..self }
    }

    /// This child, whose restarts wait.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff: Some(backoff), ..self }
    }

    /// This child, parked when it is restarted too often, in place of taking its supervisor down.
    #[must_use]
    pub fn parked_over_intensity(self) -> Self {
        Self { parks: true, ..self }
    }
}
