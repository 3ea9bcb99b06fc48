//! A circuit breaker: what fails again and again is left alone for a while.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::patterns::circuit_breaker::{CircuitBreaker, Error, Options};
//!
//! regrow_sdk::component! {
//!     "circuit-breaker" => server CircuitBreaker,
//! }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let options = Options { failures: 2, reset_after: Duration::from_secs(30), successes: 1 };
//!     let breaker = CircuitBreaker::start_link(options)?;
//!     for _ in 0..2 {
//!         let failed: Result<(), _> = breaker.run(|| Err("the disk is full"));
//!         assert_eq!(failed, Err(Error::Failed("the disk is full")));
//!     }
//!     assert_eq!(breaker.run(|| Ok::<_, &str>(1)), Err(Error::Open), "it is not even tried");
//!     regrow_sdk::patterns::sleep(Duration::from_secs(30));
//!     assert_eq!(breaker.run(|| Ok::<_, &str>(1)), Ok(1));
//!     Ok(())
//! });
//! # }
//! ```

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::mailbox::CallError;
use crate::timer;

/// When it opens, and when it closes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// After so many failures in a row it is open.
    pub failures: u32,
    /// After this time it is half open: one is let through at a time.
    pub reset_after: Duration,
    /// After so many successes of those it is closed.
    pub successes: u32,
}

impl Default for Options {
    /// Open after 5 failures, for 30 seconds; closed after a success.
    fn default() -> Self {
        Self { failures: 5, reset_after: Duration::from_secs(30), successes: 1 }
    }
}

/// What a breaker does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// All are let through.
    Closed,
    /// Nobody is.
    Open,
    /// One is at a time, to see how it goes.
    HalfOpen,
}

/// That something may be tried. It comes back with how that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "the breaker waits to hear how it went"]
pub struct Permit(u64);

/// The core of a circuit breaker. Its time is that of any clock that goes forward.
#[derive(Clone, Debug)]
pub struct Breaker {
    options: Options,
    failures: u32,
    successes: u32,
    /// Since when it is open.
    opened: Option<Duration>,
    /// When the one went through that is on trial.
    trial: Option<Duration>,
    /// Whenever the breaker opens or closes, what was let through before does not count any more.
    era: u64,
}

impl Breaker {
    /// A closed one.
    pub fn new(options: Options) -> Self {
        Self { options, failures: 0, successes: 0, opened: None, trial: None, era: 0 }
    }

    /// What it does now.
    pub fn state(&self, now: Duration) -> State {
        match self.opened {
            None => State::Closed,
            Some(opened) if now.saturating_sub(opened) < self.options.reset_after => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// Whether something may be tried now. Of one that was tried on trial and of which nothing is heard for as long as the breaker is open,
    /// nothing is waited for.
    pub fn allows(&mut self, now: Duration) -> Option<Permit> {
        match self.state(now) {
            State::Closed => Some(Permit(self.era)),
            State::Open => None,
            State::HalfOpen => {
                let is_lost = |since: Duration| now.saturating_sub(since) >= self.options.reset_after;
                self.trial.is_none_or(is_lost).then(|| {
                    self.trial = Some(now);
                    Permit(self.era)
                })
            }
        }
    }

    /// What was tried has succeeded. Late news, of what was let through before the breaker opened or closed, says nothing.
    pub fn succeeded(&mut self, Permit(era): Permit) {
        if era != self.era {
            return;
        }
        if self.opened.is_none() {
            self.failures = 0;
        } else {
            self.trial = None;
            self.successes += 1;
            if self.successes >= self.options.successes {
                *self = Self { era: era + 1, ..Self::new(self.options) };
            }
        }
    }

    /// What was tried has failed; [late news](Self::succeeded) says nothing.
    pub fn failed(&mut self, Permit(era): Permit, now: Duration) {
        if era != self.era {
            return;
        }
        self.failures += 1;
        if self.opened.is_some() || self.failures >= self.options.failures {
            (self.opened, self.trial, self.successes) = (Some(now), None, 0);
            self.era += 1;
        }
    }
}

/// A circuit breaker that several processes use: `"circuit-breaker" => server CircuitBreaker`.
pub struct CircuitBreaker(Breaker);

#[crate::server]
impl CircuitBreaker {
    #[init]
    fn closed(options: Options) -> Self {
        Self(Breaker::new(options))
    }

    /// Whether something may be tried now; then it must be said how it went.
    #[call]
    fn allows(&mut self) -> Option<Permit> {
        self.0.allows(timer::monotonic_time())
    }

    /// What it does now.
    #[call]
    fn state(&self) -> State {
        self.0.state(timer::monotonic_time())
    }

    /// What was tried has succeeded, or failed.
    #[cast]
    fn has_gone(&mut self, permit: Permit, well: bool) {
        if well { self.0.succeeded(permit) } else { self.0.failed(permit, timer::monotonic_time()) }
    }

    #[status]
    fn shown(&self) -> State {
        self.0.state(timer::monotonic_time())
    }
}

/// Why something has no result.
#[derive(Clone, Debug, PartialEq)]
pub enum Error<E> {
    /// The breaker is open: it was not tried.
    Open,
    /// It was tried, and failed.
    Failed(E),
    /// The breaker does not answer.
    Breaker(CallError),
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("the circuit breaker is open"),
            Self::Failed(error) => write!(f, "{error}"),
            Self::Breaker(error) => write!(f, "the circuit breaker does not answer: {error}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Error<E> {}

impl CircuitBreakerClient {
    /// Does something, unless the breaker is open.
    ///
    /// # Errors
    /// [`Error`]
    pub fn run<T, E>(&self, body: impl FnOnce() -> Result<T, E>) -> Result<T, Error<E>> {
        let permit = self.allows().map_err(Error::Breaker)?.ok_or(Error::Open)?;
        let result = body();
        // One that is gone does not count.
        let _gone = self.has_gone(permit, result.is_ok());
        result.map_err(Error::Failed)
    }
}
