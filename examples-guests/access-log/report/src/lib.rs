//! The aggregator, which adds up what the parsers have counted, and the reporter, which shows it.

mod table;

use std::time::Duration;

use access_log_messages::{AGGREGATOR, Counts, Event, Poison, Progress, Totals};
use regrow_sdk::gen_server::{CallResult, Init, Next, ServerRef};
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::{ExitReason, GenServer, ReplyTo};
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

impl GenServer for Aggregator {
    type Argument = ();
    type Call = Progress;
    type Reply = Totals;
    type Cast = ();

    fn init((): ()) -> Init<Self> {
        Init::Started(Aggregator::default())
    }

    fn handle_call(&mut self, _: Progress, _: ReplyTo) -> CallResult<Totals> {
        CallResult::Reply(Totals {
            counts: self.counts.clone(),
            poison_lines: self.poison_lines,
            first_poison: self.first_poison.clone(),
            finished: self.finished,
        })
    }

    fn handle_info(&mut self, info: Received) -> Next {
        let Received::Message(message) = info else { return Next::Continue };
        match message.decode() {
            Ok(Event::Counted(counts)) => self.counts.add(counts),
            Ok(Event::Poison(poison)) => {
                self.poison_lines += 1;
                if self.first_poison.len() < KEPT_POISON {
                    self.first_poison.push(poison);
                }
            }
            Ok(Event::Finished) => self.finished = true,
            Err(error) => log::warn!("a message of {} was dropped: {error}", message.from),
        }
        Next::Continue
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
    let aggregator: ServerRef<Aggregator> = ServerRef::new(AGGREGATOR);
    loop {
        // Without a timeout: on a busy machine there is no hurry, and the aggregator's end is known at once.
        let totals = aggregator.call_timeout(&Progress, None)?;
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
