//! Timers that deliver messages.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::mailbox::{self, Received};
//! use regrow_sdk::{process, timer};
//!
//! # fn nothing(_: ()) {}
//! # regrow_sdk::component! { "nothing" => process nothing }
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let bell = timer::start(Duration::from_millis(1), process::self_pid(), &"ring")?;
//!     assert!(matches!(mailbox::wait_for(bell, None), Some(Received::Timer { .. })));
//!     assert_eq!(mailbox::receive(Some(Duration::from_millis(1))), None);
//!     Ok(())
//! });
//! # }
//! ```

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
    sys::start_timer(Due::After(after), to.into(), crate::mailbox::payload(payload)?)
}

/// As [`start`], at a time of [`monotonic_time`]; one in the past is now.
///
/// # Errors
/// [`Error::Limit`]
pub fn start_at<T: Serialize + ?Sized>(
    at: Duration,
    to: impl Into<Destination>,
    payload: &T,
) -> Result<TimerRef, Error> {
    sys::start_timer(Due::At(at), to.into(), crate::mailbox::payload(payload)?)
}

/// Sends a plain message, from this process, after a time (`erlang:send_after/3`). To this process itself it takes its room
/// in the mailbox at once; another's full mailbox loses it.
///
/// # Errors
/// [`Error::Limit`], [`Error::Full`] (this process's own mailbox)
pub fn send_after<T: Serialize + ?Sized>(
    after: Duration,
    to: impl Into<Destination>,
    message: &T,
) -> Result<TimerRef, Error> {
    sys::send_by_timer(Due::After(after), to.into(), crate::mailbox::payload(message)?)
}

/// As [`send_after`], at a time of [`monotonic_time`].
///
/// # Errors
/// As [`send_after`].
pub fn send_at<T: Serialize + ?Sized>(
    at: Duration,
    to: impl Into<Destination>,
    message: &T,
) -> Result<TimerRef, Error> {
    sys::send_by_timer(Due::At(at), to.into(), crate::mailbox::payload(message)?)
}

/// When a timer runs out.
#[derive(Clone, Copy)]
pub(crate) enum Due {
    After(Duration),
    At(Duration),
}

/// As [`cancel`]; the result comes as a system message `cancel-timer` under the timer's reference, with the milliseconds
/// that were left or nothing (`{async, true}`).
pub fn cancel_async(timer: TimerRef) {
    sys::cancel_timer_async(timer);
}

/// As [`read`]; the result comes as a system message `read-timer`.
pub fn read_async(timer: TimerRef) {
    sys::read_timer_async(timer);
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
