//! The reference: what a scenario must observe, by a model that is small enough to be read against the rules.
//!
//! Everything takes effect at once, in one queue. That is a model only of scenarios in which the order of signals
//! from different processes does not matter; a step in which it does is called ambiguous.

mod mailbox;
mod perform;
mod signals;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::op::{MonitorMode, Pattern, Target};
use crate::{ROOT, Scenario, Step};

/// The observations that the rules demand, step by step.
pub fn predict(scenario: &Scenario) -> Vec<Vec<String>> {
    let mut model = Model::new();
    scenario.steps.iter().map(|step| model.apply(step)).collect()
}

#[derive(Clone, Debug, PartialEq)]
enum Message {
    Text(String),
    Exit { from: String, reason: String },
    Down { monitor: String, object: Target, reason: String, tagged: bool },
    Timer { timer: String, text: String },
    Call { text: String, from: (String, u64) },
}

#[derive(Clone, Debug)]
enum Blocked {
    Receive { pattern: Pattern, due: Option<u64> },
    Call { server: String, call: u64, due: Option<u64> },
}

#[derive(Clone, Debug)]
struct Monitor {
    target: Option<String>,
    object: Target,
    mode: MonitorMode,
}

#[derive(Clone, Debug, Default)]
struct Process {
    trap_exit: bool,
    mailbox: Vec<Message>,
    links: BTreeSet<String>,
    monitors: BTreeMap<String, Monitor>,
    /// Aliases, and whether they last for one message only.
    aliases: BTreeMap<String, bool>,
    blocked: Option<Blocked>,
    /// The call that was received last.
    call: Option<(String, u64)>,
}

#[derive(Clone, Debug)]
struct Timer {
    due: u64,
    creator: String,
    target: Target,
    message: Message,
}

enum Signal {
    Message(Message),
    LinkExit {
        from: String,
        reason: String,
    },
    Exit {
        from: String,
        reason: String,
    },
    Down {
        monitor: String,
        reason: String,
    },
    /// The server of a call has ended.
    CallDown {
        call: u64,
        reason: String,
    },
    Reply {
        call: u64,
        text: String,
    },
    AliasMessage {
        alias: String,
        text: String,
    },
}

/// The state of a scenario.
#[derive(Default)]
pub struct Model {
    living: BTreeMap<String, Process>,
    names: BTreeMap<String, String>,
    timers: BTreeMap<String, Timer>,
    /// To whom each alias belongs.
    alias_owners: BTreeMap<String, String>,
    now: u64,
    next_call: u64,
    signals: VecDeque<(String, Signal)>,
    lines: Vec<String>,
    /// What each process got to see in this step.
    seen: BTreeMap<String, usize>,
    ambiguous: bool,
    /// Who has this step done.
    actor: String,
}

impl Model {
    /// The beginning: there is the root.
    pub fn new() -> Self {
        let living = BTreeMap::from([(ROOT.to_owned(), Process::default())]);
        Self { living, ..Self::default() }
    }

    /// The processes that can do something.
    pub fn free(&self) -> impl Iterator<Item = &str> {
        let free = self.living.iter().filter(|(_, process)| process.blocked.is_none());
        free.map(|(name, _)| name.as_str())
    }

    /// Whether a process traps exits.
    pub fn traps(&self, process: &str) -> bool {
        self.living.get(process).is_some_and(|process| process.trap_exit)
    }

    /// Whether a process has received a call that it has not answered.
    pub fn owes_reply(&self, process: &str) -> bool {
        self.living.get(process).is_some_and(|process| process.call.is_some())
    }

    /// How many messages wait for a process.
    pub fn waiting(&self, process: &str) -> usize {
        self.living.get(process).map_or(0, |process| process.mailbox.len())
    }

    /// Whether the order of signals that nothing fixes decided about the last step.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Does a step; what is observed, sorted.
    pub fn apply(&mut self, step: &Step) -> Vec<String> {
        self.seen.clear();
        self.ambiguous = false;
        self.actor = match step {
            Step::Do { actor, .. } => actor.clone(),
            Step::Advance(_) => String::new(),
        };
        match step {
            Step::Advance(ms) => self.advance(*ms),
            Step::Do { actor, op } => match self.living.get(actor) {
                Some(process) if process.blocked.is_none() => {
                    if let Some(result) = self.perform(actor, op) {
                        self.lines.push(format!("{actor} {result}"));
                    }
                }
                _ => self.lines.push(format!("{actor} unavailable")),
            },
        }
        self.run_signals();
        self.lines.sort();
        std::mem::take(&mut self.lines)
    }

    fn of(&mut self, name: &str) -> &mut Process {
        self.living.entry(name.to_owned()).or_default()
    }

    fn signal(&mut self, to: &str, signal: Signal) {
        self.signals.push_back((to.to_owned(), signal));
    }

    fn resolve(&self, target: &Target) -> Option<String> {
        match target {
            Target::Process(process) => Some(process.clone()),
            Target::Name(name) => self.names.get(name).cloned(),
        }
    }
}
