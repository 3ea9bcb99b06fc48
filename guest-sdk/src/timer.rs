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
