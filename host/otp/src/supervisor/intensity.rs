//! How many restarts are too many: OTP's own algorithm (`supervisor:add_restart`, rules S26, S27).

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Instant;

/// The restarts of the last period.
#[derive(Debug)]
pub struct RestartWindow {
    intensity: u32,
    period_seconds: u64,
    /// Whole seconds, oldest first.
    restarts: VecDeque<u64>,
}

impl RestartWindow {
    /// Allows `intensity` restarts within `period`.
    pub fn new(intensity: u32, period: Duration) -> Self {
        Self { intensity, period_seconds: period.as_secs(), restarts: VecDeque::new() }
    }

    /// Counts a restart at `now`; false if it is one too many. Time is counted in whole seconds and the window
    /// includes both its ends, as in OTP. Never holds more than `intensity + 1` stamps.
    pub fn admit(&mut self, now: Instant) -> bool {
        let now = now.since_start().as_secs();
        let oldest = now.saturating_sub(self.period_seconds);
        while self.restarts.front().is_some_and(|stamp| *stamp < oldest) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        let admitted = self.restarts.len() <= self.intensity as usize;
        if !admitted {
            self.restarts.pop_front();
        }
        admitted
    }
}
