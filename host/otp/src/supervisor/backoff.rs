//! How long a restart waits. Beyond OTP, which restarts at once: a crash loop must not burn the machine.

use std::time::Duration;

use crate::random::RandomSource;

/// How long the restarts of a child wait: the first one `initial`, each that follows `factor` times as long, up to `max`.
/// A child that has run for `reset_after` begins anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the first restart.
    pub initial: Duration,
    /// At most.
    pub max: Duration,
    /// How much longer each wait is than the one before; 1 is constant.
    pub factor: f64,
    /// How much of a wait is left to chance, from 0 (nothing) to 1 (all of it): children that crashed together need not
    /// come back together.
    pub jitter: f64,
    /// How long a child must have run for its crashes to be forgotten.
    pub reset_after: Duration,
}

impl Backoff {
    /// The same wait before each restart.
    pub const fn constant(wait: Duration) -> Self {
        Self { initial: wait, max: wait, factor: 1.0, jitter: 0.0, reset_after: wait }
    }

    /// A wait that doubles from `initial` up to `max`, and begins anew when the child has run for `max`.
    pub const fn exponential(initial: Duration, max: Duration) -> Self {
        Self { initial, max, factor: 2.0, jitter: 0.0, reset_after: max }
    }

    /// This back-off, with so much of each wait left to chance.
    #[must_use]
    pub const fn jitter(self, jitter: f64) -> Self {
        Self { jitter, ..self }
    }

    /// What makes no sense about it, if anything does not.
    pub fn error(&self) -> Option<&'static str> {
        if !(1.0..=1000.0).contains(&self.factor) {
            Some("the factor of a back-off is from 1 to 1000")
        } else if !(0.0..=1.0).contains(&self.jitter) {
            Some("the jitter of a back-off is from 0 to 1")
        } else if self.max < self.initial {
            Some("the longest wait of a back-off is shorter than the first")
        } else {
            None
        }
    }

    /// The wait before the restart after `crashes` crashes in a row; chance comes from `random`.
    pub fn wait(&self, crashes: u32, random: &mut dyn RandomSource) -> Duration {
        let exponent = i32::try_from(crashes.saturating_sub(1)).unwrap_or(i32::MAX);
        let full = self.initial.as_secs_f64() * self.factor.powi(exponent);
        let full = full.min(self.max.as_secs_f64());
        let wait = if self.jitter > 0.0 {
            // 53 bits are what a float between 0 and 1 has.
            let chance = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            full * (1.0 - self.jitter * chance)
        } else {
            full
        };
        Duration::try_from_secs_f64(wait).unwrap_or(self.max)
    }
}
