//! Reports of one kind come in bursts: the first few are written, the others counted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::observe::logger::{Level, Logger};

/// Full reports of one kind within `PERIOD`; the others are counted.
const BURST: u32 = 5;
const PERIOD: Duration = Duration::from_secs(10);

/// Kinds of reports on one subject that are told apart at a time, and on all: guests choose what makes a kind, and whoever
/// makes many hides his own reports by it, and nobody else's.
const MAX_KINDS_OF_SUBJECT: usize = 16;
const MAX_KINDS: usize = 4_096;

/// Holds back what comes too often.
#[derive(Default)]
pub(super) struct Bursts {
    subjects: HashMap<String, HashMap<String, Burst>>,
    kinds: usize,
    /// When those that are over were looked for last: there are many.
    swept: Option<Instant>,
}

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

    fn count_held_back(&self, subject: &str, kind: &str, logger: &Logger) {
        if self.held_back > 0 {
            let seconds = self.start.elapsed().as_secs().max(1);
            let message = format!("{} more reports like it within {seconds} s", self.held_back);
            logger.write(self.level, format_args!("{subject} {kind}"), message);
        }
    }
}

impl Bursts {
    /// Whether one more report of that kind on that subject is to be written.
    pub(super) fn admit(&mut self, subject: &str, kind: &str, level: Level, logger: &Logger) -> bool {
        let is_known = |kinds: &HashMap<String, Burst>| kinds.contains_key(kind);
        let (mut subject, mut kind) = (subject, kind);
        if !self.subjects.get(subject).is_some_and(is_known) {
            if self.kinds >= MAX_KINDS || self.kinds_of(subject) >= MAX_KINDS_OF_SUBJECT {
                self.forget(logger);
            }
            if self.kinds_of(subject) >= MAX_KINDS_OF_SUBJECT {
                kind = "other reports";
            } else if self.kinds >= MAX_KINDS {
                (subject, kind) = ("others", "");
            }
        }
        let kinds = self.subjects.entry(subject.to_owned()).or_default();
        let before = kinds.len();
        let burst = kinds.entry(kind.to_owned()).or_insert_with(|| Burst::new(level));
        if burst.is_over() {
            burst.count_held_back(subject, kind, logger);
            *burst = Burst::new(level);
        }
        let admitted = burst.reported < BURST;
        if admitted {
            burst.reported += 1;
        } else {
            burst.held_back += 1;
        }
        self.kinds += kinds.len() - before;
        admitted
    }

    fn kinds_of(&self, subject: &str) -> usize {
        self.subjects.get(subject).map_or(0, HashMap::len)
    }

    /// Ends the bursts whose time is over.
    fn forget(&mut self, logger: &Logger) {
        if self.swept.is_some_and(|swept| swept.elapsed() < PERIOD / 10) {
            return;
        }
        self.swept = Some(Instant::now());
        for (subject, kinds) in &mut self.subjects {
            for (kind, burst) in kinds.extract_if(|_, burst| burst.is_over()) {
                burst.count_held_back(subject, &kind, logger);
            }
        }
        self.subjects.retain(|_, kinds| !kinds.is_empty());
        self.kinds = self.subjects.values().map(HashMap::len).sum();
    }

    /// Ends all bursts.
    pub(super) fn finish(&mut self, logger: &Logger) {
        for (subject, kinds) in self.subjects.drain() {
            for (kind, burst) in kinds {
                burst.count_held_back(&subject, &kind, logger);
            }
        }
        self.kinds = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_makes_many_kinds_hides_only_his_own() {
        let (mut bursts, logger) = (Bursts::default(), Logger::discard());
        let mut admit =
            |subject: &str, kind: usize| bursts.admit(subject, &format!("at {kind}"), Level::Error, &logger);
        let written = (0..10_000).filter(|kind| admit("hostile", *kind)).count();
        assert_eq!(written, MAX_KINDS_OF_SUBJECT + BURST as usize);
        assert_eq!((0..10).filter(|_| admit("quiet", 1)).count(), BURST as usize);
        let subjects = (0..100_000).filter(|n| admit(&format!("subject {n}"), 1)).count();
        assert!(subjects < MAX_KINDS + BURST as usize, "{subjects}");
        assert!(bursts.kinds <= MAX_KINDS + 1);
    }
}
