//! Reports of one kind come in bursts: the first few are written, the others counted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::observe::logger::{Level, Logger};

/// Full reports of one kind within `PERIOD`; the others are counted.
const BURST: u32 = 5;
const PERIOD: Duration = Duration::from_secs(10);

/// Kinds of reports that are told apart at a time: guests choose what makes a kind.
const MAX_KINDS: usize = 256;

/// Holds back what comes too often.
#[derive(Default)]
pub(super) struct Bursts(HashMap<String, Burst>);

struct Burst {
    level: Level,
    start: Instant,
    reported: u32,
    held_back: u32,
}

impl Burst {
    fn new(level: Level) -> Self {
        Self { level, start: Instant::now(), reported: 0, held_back: 0 }
    }

    fn is_over(&self) -> bool {
        self.start.elapsed() > PERIOD
    }

    fn count_held_back(&self, kind: &str, logger: &Logger) {
        if self.held_back > 0 {
            let seconds = self.start.elapsed().as_secs().max(1);
            let message = format!("{} more reports like it within {seconds} s", self.held_back);
            logger.write(self.level, kind, message);
        }
    }
}

impl Bursts {
    /// Whether one more report of that kind is to be written.
    pub(super) fn admit(&mut self, kind: &str, level: Level, logger: &Logger) -> bool {
        if self.0.len() >= MAX_KINDS && !self.0.contains_key(kind) {
            self.forget(logger);
        }
        let burst = self.0.entry(kind.to_owned()).or_insert_with(|| Burst::new(level));
        if burst.is_over() {
            burst.count_held_back(kind, logger);
            *burst = Burst::new(level);
        }
        if burst.reported == BURST {
            burst.held_back += 1;
            return false;
        }
        burst.reported += 1;
        true
    }

    /// Ends the bursts whose time is over; all of them, if there are still too many kinds.
    fn forget(&mut self, logger: &Logger) {
        let all = !self.0.values().any(Burst::is_over);
        for (kind, burst) in self.0.extract_if(|_, burst| all || burst.is_over()) {
            burst.count_held_back(&kind, logger);
        }
    }

    /// Ends all bursts.
    pub(super) fn finish(&mut self, logger: &Logger) {
        for (kind, burst) in self.0.drain() {
            burst.count_held_back(&kind, logger);
        }
    }
}
