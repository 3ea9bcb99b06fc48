//! A parser: takes lines of the Combined Log Format from the reader and counts what is in them. A line that is
//! not in that format is the end of it; its supervisor starts another.

mod combined;

use access_log_messages::{BatchCounts, Counts, NextBatch, READER, Work};
use regrow_sdk::ExitReason;
use regrow_sdk::mailbox;

pub use combined::{Malformed, Record, parse};

fn parser(_: ()) -> Result<(), ExitReason> {
    let mut done = None;
    loop {
        match mailbox::call(READER, &NextBatch { done }, None)? {
            Work::Finished => return Ok(()),
            Work::Batch(batch) => {
                let counts = count(&batch.lines, batch.first_line);
                done = Some(BatchCounts { id: batch.id, counts });
            }
        }
    }
}

/// Counts what is in a batch of lines.
///
/// # Panics
/// On a line that is not in the Combined Log Format: a parser does not go on with what it does not understand.
pub fn count(lines: &[u8], first_line: u64) -> Counts {
    let mut counts = Counts::default();
    for (line, number) in lines.split_inclusive(|byte| *byte == b'\n').zip(first_line..) {
        let record = parse(line).unwrap_or_else(|malformed| panic!("line {number}: {malformed}"));
        counts.requests += 1;
        counts.bytes += record.bytes;
        counts.status_classes[usize::from(record.status / 100 - 1)] += 1;
        *counts.paths.entry(record.path.to_owned()).or_default() += 1;
        *counts.minutes.entry(record.minute.to_owned()).or_default() += 1;
    }
    counts
}

regrow_sdk::component! {
    /// Parses batches of lines until there are no more.
    "parser" => process parser,
}
