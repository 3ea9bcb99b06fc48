//! Work that is done again and again.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::patterns::periodic::Ticker;
//! use regrow_sdk::timer::monotonic_time;
//! # fn nothing(_: ()) {}
//! # regrow_sdk::component! { "nothing" => process nothing }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! let mut ticker = Ticker::every(Duration::from_secs(60))?;
//! for minute in 1..=3u64 {
//!     ticker.wait()?;
//!     assert_eq!(monotonic_time().as_secs(), 60 * minute);
//!     // The work takes its time; the next tick comes when it should.
//!     regrow_sdk::patterns::sleep(Duration::from_secs(20));
//! }
//! // Those that were missed are left out.
//! regrow_sdk::patterns::sleep(Duration::from_secs(300));
//! assert_eq!(ticker.wait()?, 5);
//! # Ok(())
//! # });
//! # }
//! ```

use core::time::Duration;

use crate::error::Error;
use crate::mailbox::{self, Received};
use crate::pid::TimerRef;
use crate::process;
use crate::timer;

/// Ticks at the same times, whatever happens in between. In a server, its ticks are [`Received::Timer`]s that
/// [`Ticker::is_tick`] knows; it must have that asked for each of them.
#[derive(Debug)]
pub struct Ticker {
    every: Duration,
    /// When the next tick is.
    next: Duration,
    timer: TimerRef,
}

impl Ticker {
    /// One whose first tick comes after `every`; a millisecond at least.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn every(every: Duration) -> Result<Self, Error> {
        let every = every.max(Duration::from_millis(1));
        let next = timer::monotonic_time().saturating_add(every);
        Ok(Self { every, next, timer: timer::start_at(next, process::self_pid(), &())? })
    }

    /// Waits for the next tick; how many ticks that was: more than one, if some were missed. What comes meanwhile stays in the mailbox.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn wait(&mut self) -> Result<u64, Error> {
        mailbox::wait_for(self.timer, None);
        self.ticked()
    }

    /// Whether something that was received is a tick; the next one is on its way then.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn is_tick(&mut self, received: &Received) -> Result<bool, Error> {
        let is_it = matches!(received, Received::Timer { reference, .. } if *reference == self.timer.into());
        if is_it {
            self.ticked()?;
        }
        Ok(is_it)
    }

    fn ticked(&mut self) -> Result<u64, Error> {
        let late = timer::monotonic_time().saturating_sub(self.next);
        let missed = late.as_nanos() / self.every.as_nanos();
        let ticks = u32::try_from(missed).unwrap_or(u32::MAX - 1) + 1;
        self.next = self.next.saturating_add(self.every.saturating_mul(ticks));
        self.timer = timer::start_at(self.next, process::self_pid(), &())?;
        Ok(ticks.into())
    }

    /// No more ticks. One that has come stays in the mailbox.
    pub fn stop(self) {
        timer::cancel(self.timer);
    }
}
