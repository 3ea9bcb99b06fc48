//! A rate limiter: so many a second, and so many at once.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::patterns::rate_limiter::{Rate, RateLimiter};
//!
//! regrow_sdk::component! {
//!     "rate-limiter" => server RateLimiter,
//! }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let limiter = RateLimiter::start_link(Rate { per_second: 2.0, burst: 3.0 })?;
//!     let alice = || limiter.take("alice".into(), 1.0);
//!     for _ in 0..3 {
//!         assert_eq!(alice()?, Ok(()));
//!     }
//!     assert_eq!(alice()?, Err(Duration::from_millis(500)), "so long it takes");
//!     assert_eq!(limiter.take("bob".into(), 1.0)?, Ok(()), "each has a bucket");
//!     regrow_sdk::patterns::sleep(Duration::from_secs(1));
//!     assert_eq!((alice()?, alice()?), (Ok(()), Ok(())));
//!     Ok(())
//! });
//! # }
//! ```

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::timer;

/// How much there may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Tokens that come in a second.
    pub per_second: f64,
    /// Tokens that a bucket holds.
    pub burst: f64,
}

/// A bucket of tokens, full at first: the core of a rate limiter. Its time is that of any clock that goes forward.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    rate: Rate,
    tokens: f64,
    /// When the tokens were counted.
    at: Duration,
}

impl TokenBucket {
    /// A full one.
    pub fn new(rate: Rate, now: Duration) -> Self {
        Self { rate, tokens: rate.burst, at: now }
    }

    /// Takes tokens, or none if there are not enough.
    ///
    /// # Errors
    /// How long it takes until there are; the longest of times, if there never are.
    pub fn take(&mut self, tokens: f64, now: Duration) -> Result<(), Duration> {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = self.rate.burst.min(self.tokens + passed * self.rate.per_second);
        self.at = self.at.max(now);
        if tokens <= self.tokens {
            self.tokens -= tokens.max(0.0);
            return Ok(());
        }
        let never = tokens > self.rate.burst || self.rate.per_second <= 0.0 || tokens.is_nan();
        let seconds = (tokens - self.tokens) / self.rate.per_second;
        Err(if never { Duration::MAX } else { Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX) })
    }

    /// Whether it is as if nobody had ever taken something.
    pub fn is_full(&self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens + passed * self.rate.per_second >= self.rate.burst
    }
}

/// So many keys have buckets of their own.
const MAX_BUCKETS: usize = 100_000;

/// Bytes of a key that has a bucket of its own.
const MAX_KEY: usize = 256;

/// Between two looks at all buckets.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A rate limiter with a bucket for each key: `"rate-limiter" => server RateLimiter`. Full buckets are forgotten. Keys of more than 256 bytes,
/// and those that come when there are 100,000 buckets, share one: whoever makes keys up gets no more for it, and uses no more memory.
pub struct RateLimiter {
    rate: Rate,
    buckets: BTreeMap<String, TokenBucket>,
    shared: TokenBucket,
    /// With so many buckets it is time to look which are full.
    sweep_at: usize,
    swept: Duration,
}

#[crate::server]
impl RateLimiter {
    #[init]
    fn with_rate(rate: Rate) -> Self {
        let shared = TokenBucket::new(rate, timer::monotonic_time());
        Self { rate, buckets: BTreeMap::new(), shared, sweep_at: 1_000, swept: Duration::ZERO }
    }

    /// Takes tokens of a key's bucket, or says how long it takes until they are there.
    #[call]
    fn take(&mut self, key: String, tokens: f64) -> Result<(), Duration> {
        let now = timer::monotonic_time();
        if self.buckets.len() >= self.sweep_at && now.saturating_sub(self.swept) >= SWEEP_EVERY {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.sweep_at = (2 * self.buckets.len()).clamp(1_000, MAX_BUCKETS);
            self.swept = now;
        }
        let has_room = self.buckets.len() < MAX_BUCKETS && key.len() <= MAX_KEY;
        let bucket = match self.buckets.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) if has_room => new.insert(TokenBucket::new(self.rate, now)),
            Entry::Vacant(_) => &mut self.shared,
        };
        bucket.take(tokens, now)
    }

    /// How many buckets are not full, or have not been looked at since.
    #[call]
    fn buckets(&self) -> usize {
        self.buckets.len()
    }
}

impl RateLimiterClient {
    /// Takes a token of a key's bucket, and waits until there is one.
    ///
    /// # Errors
    /// [`CallError`](crate::mailbox::CallError)
    pub fn wait(&self, key: &str) -> Result<(), crate::mailbox::CallError> {
        while let Err(wait) = self.take(key.into(), 1.0)? {
            super::sleep(wait);
        }
        Ok(())
    }
}
