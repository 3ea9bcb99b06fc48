//! Timers that deliver messages.

use core::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::pid::{Destination, TimerRef};
use crate::sys;

/// Delivers [`Received::Timer`](crate::mailbox::Received::Timer) with `payload` after a time
/// (`erlang:start_timer/3`).
///
/// # Errors
/// [`Error::Limit`]
pub fn start<T: Serialize + ?Sized>(
    after: Duration,
    to: impl Into<Destination>,
    payload: &T,
) -> Result<TimerRef, Error> {
    sys::start_timer(after, to.into(), crate::mailbox::payload(payload)?)
}

/// Stops a timer: the time that was left, and its message will not come. None if it has run out or was stopped.
pub fn cancel(timer: TimerRef) -> Option<Duration> {
    sys::cancel_timer(timer)
}

/// The time that a timer has left.
pub fn read(timer: TimerRef) -> Option<Duration> {
    sys::read_timer(timer)
}

/// The time since the node's start.
pub fn monotonic_time() -> Duration {
    sys::monotonic_time()
}
