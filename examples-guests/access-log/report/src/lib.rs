//! The aggregator, which adds up what the parsers have counted, and the reporter, which shows it.

mod table;

use std::time::Duration;

use access_log_messages::{AGGREGATOR, Counts, Event, Poison, Totals};
use regrow_sdk::{ExitReason, mailbox, server};
use serde::Deserialize;

/// How many poisonous lines are kept for the report.
const KEPT_POISON: usize = 10;

/// Adds up counts.
#[derive(Default)]
pub struct Aggregator {
    counts: Counts,
    poison_lines: u64,
    first_poison: Vec<Poison>,
    finished: bool,
}

#[server]
impl Aggregator {
    #[init]
    fn new() -> Self {
        Aggregator::default()
    }

    #[call]
    fn totals(&self) -> Totals {
        Totals {
            counts: self.counts.clone(),
            poison_lines: self.poison_lines,
            first_poison: self.first_poison.clone(),
            finished: self.finished,
        }
    }

    #[info]
    fn count(&mut self, event: Event) {
        match event {
            Event::Counted(counts) => self.counts.add(counts),
            Event::Poison(poison) => {
                self.poison_lines += 1;
                if self.first_poison.len() < KEPT_POISON {
                    self.first_poison.push(poison);
                }
            }
            Event::Finished => self.finished = true,
        }
    }
}

/// How often the reporter looks.
#[derive(Deserialize)]
struct ReporterConfig {
    every_ms: u64,
}

/// Prints progress while the log is read, then the summary, and ends: its supervisor takes that for the end of
/// the application.
fn reporter(config: ReporterConfig) -> Result<(), ExitReason> {
    // Without a timeout: on a busy machine there is no hurry, and the aggregator's end is known at once.
    let aggregator = AggregatorClient::new(AGGREGATOR).with_timeout(None);
    loop {
        let totals = aggregator.totals()?;
        if totals.finished {
            print!("{}", table::summary(&totals));
            return Ok(());
        }
        println!("{}", table::progress(&totals));
        // Nobody writes to the reporter: this is how a process sleeps.
        mailbox::receive(Some(Duration::from_millis(config.every_ms)));
    }
}

regrow_sdk::component! {
    /// Adds up what the parsers have counted.
    "aggregator" => server Aggregator,
    /// Prints progress, then the summary.
    "reporter" => process reporter,
}
