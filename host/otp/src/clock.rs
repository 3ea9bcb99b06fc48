//! Time, injected: the core never asks the operating system.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A point in time, as the span since the runtime's own beginning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The point `since_start` after the runtime's beginning.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// The span since the runtime's beginning.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// This point plus `duration`, or the end of time if that is beyond what can be represented.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// The span from `earlier` to this point, or nothing if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A source of monotonic time.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Instant;
}

/// The operating system's monotonic clock.
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant(self.start.elapsed())
    }
}

/// A clock that stands still until it is moved: simulated time.
#[derive(Default)]
pub struct VirtualClock {
    nanoseconds: AtomicU64,
}

impl VirtualClock {
    /// Moves the clock forward to `instant`; a point in the past leaves it where it is.
    pub fn advance_to(&self, instant: Instant) {
        let nanoseconds = u64::try_from(instant.0.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_max(nanoseconds, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        Instant(Duration::from_nanos(self.nanoseconds.load(Ordering::SeqCst)))
    }
}
