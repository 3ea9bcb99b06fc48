//! Trying again, later and later.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::patterns::retry::Retry;
//! # fn nothing(_: ()) {}
//! # regrow_sdk::component! { "nothing" => process nothing }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! let retry = Retry::times(4).backoff(Duration::from_millis(100), 2.0, Duration::from_secs(1));
//! let waits: Vec<_> = retry.delays().map(|wait| wait.as_millis()).collect();
//! assert_eq!(waits, [100, 200, 400]);
//! let mut tries = 0;
//! let done = retry.run(|| { tries += 1; if tries < 3 { Err("not yet") } else { Ok(tries) } });
//! assert_eq!(done, Ok(3));
//! assert_eq!(retry.run(|| Err::<(), _>("never")), Err("never"));
//! # Ok(())
//! # });
//! # }
//! ```

use core::time::Duration;

/// How often something is tried, and how long it waits in between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    times: u32,
    first: Duration,
    factor: f64,
    most: Duration,
}

impl Retry {
    /// So many times, one after the other at once.
    pub fn times(times: u32) -> Self {
        Self { times, first: Duration::ZERO, factor: 1.0, most: Duration::MAX }
    }

    /// These, with a wait before the second, and each time `factor` times as long a one, `most` at most.
    #[must_use]
    pub fn backoff(self, first: Duration, factor: f64, most: Duration) -> Self {
        Self { first, factor, most, ..self }
    }

    /// The waits.
    pub fn delays(&self) -> impl Iterator<Item = Duration> + use<> {
        let Self { times, first, factor, most } = *self;
        let next = move |wait: &Duration| {
            Some(Duration::try_from_secs_f64(wait.as_secs_f64() * factor).unwrap_or(most).min(most))
        };
        core::iter::successors(Some(first.min(most)), next).take(times.saturating_sub(1) as usize)
    }

    /// Tries until it goes well. What comes meanwhile stays in the mailbox.
    ///
    /// # Errors
    /// The last one.
    pub fn run<T, E>(&self, body: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        self.run_while(body, |_| true)
    }

    /// As [`Retry::run`], as long as `is_worth_it` says so.
    ///
    /// # Errors
    /// The last one.
    pub fn run_while<T, E>(
        &self,
        mut body: impl FnMut() -> Result<T, E>,
        is_worth_it: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let mut result = body();
        for wait in self.delays() {
            match &result {
                Err(error) if is_worth_it(error) => {}
                _ => break,
            }
            if wait > Duration::ZERO {
                super::sleep(wait);
            }
            result = body();
        }
        result
    }
}
