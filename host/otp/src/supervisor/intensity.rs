//! How many restarts are too many: OTP's own algorithm (`supervisor:add_restart`, rules S26, S27).

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Instant;

/// The restarts of the last period.
#[derive(Debug)]
pub struct RestartWindow {
    intensity: u32,
    period_seconds: u64,
    /// Whole seconds with the restarts in them, oldest first: as long as the period at most, where OTP's list grows with
    /// the intensity.
    restarts: VecDeque<(u64, u32)>,
    total: u32,
}

impl RestartWindow {
    /// Allows `intensity` restarts within `period`.
    pub fn new(intensity: u32, period: Duration) -> Self {
        Self { intensity, period_seconds: period.as_secs(), restarts: VecDeque::new(), total: 0 }
    }

    /// Counts a restart at `now`; false if it is one too many, and then it is not counted. Time is counted in whole
    /// seconds and the window includes both its ends, as in OTP. Constant time, amortised.
    pub fn admit(&mut self, now: Instant) -> bool {
        let now = now.since_start().as_secs();
        let oldest = now.saturating_sub(self.period_seconds);
        while let Some((_, count)) = self.restarts.pop_front_if(|(second, _)| *second < oldest) {
            self.total -= count;
        }
        if self.total >= self.intensity {
            return false;
        }
        self.total += 1;
        match self.restarts.back_mut().filter(|(second, _)| *second == now) {
            Some((_, count)) => *count += 1,
            None => self.restarts.push_back((now, 1)),
        }
        true
    }

    /// Allows something else from now on; what has been counted stays.
    pub(super) fn reconfigure(&mut self, intensity: u32, period: Duration) {
        self.intensity = intensity;
        self.period_seconds = period.as_secs();
    }
}
