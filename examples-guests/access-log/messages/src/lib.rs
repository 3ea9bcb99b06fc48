//! What the processes of the access-log application say to each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The registered name of the reader.
pub const READER: &str = "reader";

/// The registered name of the aggregator.
pub const AGGREGATOR: &str = "aggregator";

/// A parser to the reader: what came of its last batch, and a request for the next.
#[derive(Serialize, Deserialize)]
pub struct NextBatch {
    /// The counts of the last batch, if there was one.
    pub done: Option<BatchCounts>,
}

/// The reader's answer. It comes when there is work.
#[derive(Serialize, Deserialize)]
pub enum Work {
    /// Lines to parse.
    Batch(Batch),
    /// There is no more.
    Finished,
}

/// Lines of the log.
#[derive(Serialize, Deserialize, Clone)]
pub struct Batch {
    /// Which batch it is.
    pub id: u64,
    /// The number of its first line; the log's first is 1.
    pub first_line: u64,
    /// The lines, with their line ends, as they are in the file.
    #[serde(with = "serde_bytes")]
    pub lines: Vec<u8>,
}

/// What was counted in one batch.
#[derive(Serialize, Deserialize)]
pub struct BatchCounts {
    /// Which batch.
    pub id: u64,
    /// The counts.
    pub counts: Counts,
}

/// What the report is about.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Bytes sent to clients.
    pub bytes: u64,
    /// Requests by the first digit of their status.
    pub status_classes: [u64; 5],
    /// Requests by path, without the query.
    pub paths: BTreeMap<String, u64>,
    /// Requests by minute, as `22/Nov/2026:18:04`.
    pub minutes: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds another batch's counts to these.
    pub fn add(&mut self, other: Counts) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        for (class, more) in self.status_classes.iter_mut().zip(other.status_classes) {
            *class += more;
        }
        for (path, count) in other.paths {
            *self.paths.entry(path).or_default() += count;
        }
        for (minute, count) in other.minutes {
            *self.minutes.entry(minute).or_default() += count;
        }
    }
}

/// The reader to the aggregator.
#[derive(Serialize, Deserialize)]
pub enum Event {
    /// A batch was parsed.
    Counted(Counts),
    /// A line killed its parser, twice.
    Poison(Poison),
    /// The log has been read to its end and every batch is accounted for.
    Finished,
}

/// A line that no parser survives.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Poison {
    /// Its number in the log.
    pub line: u64,
    /// Why its parser died.
    pub why: String,
    /// How it begins.
    pub excerpt: String,
}

/// The aggregator's answer.
#[derive(Serialize, Deserialize)]
pub struct Totals {
    /// The counts so far.
    pub counts: Counts,
    /// How many lines were poison.
    pub poison_lines: u64,
    /// The first of them.
    pub first_poison: Vec<Poison>,
    /// Whether that is all.
    pub finished: bool,
}
