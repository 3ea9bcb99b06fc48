//! The reader: streams the lines of a folder's logs to parsers that ask for them.
//!
//! Every line is counted exactly once, whatever happens to the parsers. A batch belongs to the parser that
//! asked for it until that parser brings its counts with its next request; if it dies first, nothing of the
//! batch has been counted, and its lines are handed out again one by one. A line that kills a parser when it
//! is alone is poison: it is reported and left out.

mod lines;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;

use access_log_messages::{AGGREGATOR, Batch, BatchCounts, Event, NextBatch, Poison, Work};
use regrow_sdk::gen_server::{CallResult, Caller, Init, Next};
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::{ExitReason, GenServer, MonitorRef, Pid, Reference, process};
use serde::Deserialize;

use lines::Lines;

/// How much of a poisonous line its report shows.
const EXCERPT_CHARS: usize = 60;

/// Where the logs are.
#[derive(Deserialize)]
pub struct Config {
    folder: PathBuf,
    lines_per_batch: usize,
}

struct Reader {
    lines: Lines,
    /// Lines of batches whose parsers died.
    again: VecDeque<Batch>,
    next_id: u64,
    /// What each parser is working on.
    parsers: HashMap<Pid, Parser>,
    /// Parsers that ask while there is nothing to hand out, but while there may be again.
    idle: VecDeque<Caller<Work>>,
    finished: bool,
}

struct Parser {
    monitor: MonitorRef,
    batch: Option<Batch>,
}

impl GenServer for Reader {
    type Argument = Config;
    type Call = NextBatch;
    type Reply = Work;
    type Cast = ();

    fn init(config: Config) -> Init<Self> {
        match Lines::open(&config.folder, config.lines_per_batch) {
            Ok(lines) => Init::Started(Reader {
                lines,
                again: VecDeque::new(),
                next_id: 0,
                parsers: HashMap::new(),
                idle: VecDeque::new(),
                finished: false,
            }),
            Err(error) => Init::Stop(ExitReason::error(&format!("{}: {error}", config.folder.display()))),
        }
    }

    fn handle_call(&mut self, request: NextBatch, from: Caller<Work>) -> CallResult<Self> {
        if let Some(done) = request.done
            && let Err(reason) = self.accept(from.pid(), done)
        {
            return CallResult::StopNoReply(reason);
        }
        match self.wait_for_work(from).and_then(|()| self.hand_out()) {
            Ok(()) => CallResult::NoReply,
            Err(reason) => CallResult::StopNoReply(reason),
        }
    }

    fn handle_info(&mut self, info: Received) -> Next<Self> {
        let Received::Down { reference, reason, .. } = info else { return Next::NoReply };
        match self.on_down(reference, &reason).and_then(|()| self.hand_out()) {
            Ok(()) => Next::NoReply,
            Err(reason) => Next::Stop(reason),
        }
    }
}

impl Reader {
    /// A parser asks. From now on its end is known.
    fn wait_for_work(&mut self, from: Caller<Work>) -> Result<(), ExitReason> {
        if let Entry::Vacant(new) = self.parsers.entry(from.pid()) {
            new.insert(Parser { monitor: process::monitor(from.pid())?, batch: None });
        }
        self.idle.push_back(from);
        Ok(())
    }

    /// A parser brings the counts of its batch: from now on the batch is done.
    fn accept(&mut self, parser: Pid, done: BatchCounts) -> Result<(), ExitReason> {
        let Some(parser) = self.parsers.get_mut(&parser) else { return Ok(()) };
        if parser.batch.take_if(|batch| batch.id == done.id).is_some() {
            mailbox::send(AGGREGATOR, &Event::Counted(done.counts))?;
        }
        Ok(())
    }

    /// A parser died. What it was working on goes to others, line by line; a single line is poison.
    fn on_down(&mut self, monitor: Reference, reason: &ExitReason) -> Result<(), ExitReason> {
        let dead = self.parsers.iter().find(|(_, parser)| Reference::from(parser.monitor) == monitor);
        let Some(pid) = dead.map(|(pid, _)| *pid) else { return Ok(()) };
        self.idle.retain(|from| from.pid() != pid);
        let Some(batch) = self.parsers.remove(&pid).and_then(|parser| parser.batch) else { return Ok(()) };
        let mut lines = batch.lines.split_inclusive(|byte| *byte == b'\n');
        if let (Some(line), None) = (lines.next(), lines.next()) {
            // Killed from outside, or dead before it had the line: the line is innocent.
            if matches!(reason, ExitReason::Killed | ExitReason::NoProc) || reason.is_clean() {
                self.again.push_back(batch);
                return Ok(());
            }
            let poison = poison(line, batch.first_line, reason);
            log::debug!("line {} is poison: {}", poison.line, poison.why);
            return Ok(mailbox::send(AGGREGATOR, &Event::Poison(poison))?);
        }
        let lines = batch.lines.split_inclusive(|byte| *byte == b'\n');
        for (line, first_line) in lines.zip(batch.first_line..) {
            let id = self.new_id();
            self.again.push_back(Batch { id, first_line, lines: line.to_vec() });
        }
        Ok(())
    }

    /// Gives work to those that ask, as far as there is any; tells everybody when there will be no more.
    fn hand_out(&mut self) -> Result<(), ExitReason> {
        while let Some(from) = self.idle.pop_front() {
            let batch = match self.again.pop_front() {
                Some(batch) => Some(batch),
                None => self.read_batch()?,
            };
            let Some(batch) = batch else {
                self.idle.push_front(from);
                break;
            };
            let Some(parser) = self.parsers.get_mut(&from.pid()) else {
                self.again.push_front(batch);
                continue;
            };
            parser.batch = Some(batch.clone());
            from.reply(&Work::Batch(batch))?;
        }
        let working = self.parsers.values().any(|parser| parser.batch.is_some());
        if self.lines.at_end() && self.again.is_empty() && !working {
            for from in self.idle.drain(..) {
                from.reply(&Work::Finished)?;
            }
            if !std::mem::replace(&mut self.finished, true) {
                mailbox::send(AGGREGATOR, &Event::Finished)?;
            }
        }
        Ok(())
    }

    fn read_batch(&mut self) -> Result<Option<Batch>, ExitReason> {
        let Some((first_line, lines)) = self.lines.next_batch()? else { return Ok(None) };
        let id = self.new_id();
        Ok(Some(Batch { id, first_line, lines }))
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

fn poison(line: &[u8], number: u64, reason: &ExitReason) -> Poison {
    let why = match reason {
        ExitReason::Trap(trap) => trap.message.clone(),
        reason => reason.to_string(),
    };
    let excerpt = String::from_utf8_lossy(&line[..line.len().min(EXCERPT_CHARS * 4)]);
    let excerpt = excerpt.trim_end().chars().take(EXCERPT_CHARS).collect();
    Poison { line: number, why, excerpt }
}

regrow_sdk::component! {
    /// Hands out the lines of a folder's logs to parsers.
    "reader" => server Reader,
}
