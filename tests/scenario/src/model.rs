//! The reference: what a scenario must observe, by a model that is small enough to be read against the rules.
//!
//! Everything takes effect at once, in one queue. That is a model only of scenarios in which the order of signals
//! from different processes does not matter; a step in which it does is called ambiguous.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::op::{Item, MonitorMode, Op, Pattern, Target};
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

    fn perform(&mut self, actor: &str, op: &Op) -> Option<String> {
        let yes_or = |yes: bool, no: &str| Some(if yes { "true" } else { no }.to_owned());
        match op {
            Op::Spawn { process } => self.spawn(process),
            Op::SpawnLink { process } => {
                self.spawn(process);
                self.make_link(actor, process);
            }
            Op::SpawnMonitor { process, monitor } => {
                self.spawn(process);
                self.monitor(actor, &Target::Process(process.clone()), monitor, MonitorMode::Plain);
            }
            Op::SpawnExit { process, monitor, reason } => {
                self.spawn(process);
                self.make_link(actor, process);
                self.monitor(actor, &Target::Process(process.clone()), monitor, MonitorMode::Plain);
                self.end_silently(process, reason);
            }
            Op::TrapExit { on } => {
                return Some(std::mem::replace(&mut self.of(actor).trap_exit, *on).to_string());
            }
            Op::Link { process } if process == actor => return yes_or(true, ""),
            Op::Link { process } if self.living.contains_key(process) => {
                self.make_link(actor, process);
                return yes_or(true, "");
            }
            // P26
            Op::Link { process } if self.of(actor).trap_exit => {
                let (from, reason) = (process.clone(), "noproc".to_owned());
                self.signal(actor, Signal::Message(Message::Exit { from, reason }));
                return yes_or(true, "");
            }
            Op::Link { .. } => return Some("noproc".to_owned()),
            Op::Unlink { process } => {
                self.of(actor).links.remove(process);
                if let Some(peer) = self.living.get_mut(process) {
                    peer.links.remove(actor);
                }
                return yes_or(true, "");
            }
            Op::Monitor { target, monitor, mode } => self.monitor(actor, target, monitor, *mode),
            // P36, as the BEAM does it: flushing changes nothing about the result.
            Op::Demonitor { monitor } => return yes_or(self.demonitor(actor, monitor), "false"),
            Op::DemonitorFlush { monitor } => {
                let active = self.demonitor(actor, monitor);
                self.of(actor).mailbox.retain(
                    |message| !matches!(message, Message::Down { monitor: down, .. } if down == monitor),
                );
                return yes_or(active, "false");
            }
            Op::Exit { reason } => self.end(actor, reason),
            Op::Return => self.end(actor, "normal"),
            Op::Exit2 { process, reason } => {
                self.signal(process, Signal::Exit { from: actor.to_owned(), reason: reason.clone() });
                // P19: there is no return from a fatal signal to oneself.
                let fatal = reason == "kill" || !self.of(actor).trap_exit;
                return if process == actor && fatal { None } else { yes_or(true, "") };
            }
            // P49
            Op::Send { target, text } => match self.resolve(target) {
                Some(to) => {
                    self.signal(&to, Signal::Message(Message::Text(text.clone())));
                    return Some("ok".to_owned());
                }
                None => return Some("badarg".to_owned()),
            },
            Op::Receive { pattern } => {
                return Some(self.take(actor, pattern).unwrap_or_else(|| "timeout".to_owned()));
            }
            Op::Wait { pattern } => return self.receive(actor, pattern, None),
            Op::WaitAfter { ms, pattern } => return self.receive(actor, pattern, Some(self.now + ms)),
            Op::Register { name, process } => {
                // P70
                let possible = self.living.contains_key(process)
                    && !self.names.contains_key(name)
                    && !self.names.values().any(|owner| owner == process);
                if possible {
                    self.names.insert(name.clone(), process.clone());
                }
                return yes_or(possible, "badarg");
            }
            Op::Unregister { name } => return yes_or(self.names.remove(name).is_some(), "badarg"),
            Op::Whereis { name } => {
                return Some(self.names.get(name).cloned().unwrap_or_else(|| "undefined".to_owned()));
            }
            Op::StartTimer { timer, ms, target, text } => {
                let message = Message::Timer { timer: timer.clone(), text: text.clone() };
                self.start_timer(actor, timer, *ms, target, message);
            }
            Op::SendAfter { timer, ms, target, text } => {
                self.start_timer(actor, timer, *ms, target, Message::Text(text.clone()));
            }
            Op::Cancel { timer } => {
                let left = self.timers.remove(timer).is_some();
                return Some(if left { "left" } else { "false" }.to_owned());
            }
            Op::Read { timer } => {
                let left = self.timers.contains_key(timer);
                return Some(if left { "left" } else { "false" }.to_owned());
            }
            Op::Alias { alias } => self.make_alias(actor, alias, false),
            Op::AliasReply { alias } => self.make_alias(actor, alias, true),
            Op::Unalias { alias } => return yes_or(self.unalias(actor, alias), "false"),
            Op::SendAlias { alias, text } => {
                if let Some(owner) = self.alias_owners.get(alias).cloned() {
                    let (alias, text) = (alias.clone(), text.clone());
                    self.signal(&owner, Signal::AliasMessage { alias, text });
                }
                return Some("ok".to_owned());
            }
            Op::IsAlive { process } => return yes_or(self.living.contains_key(process), "false"),
            Op::Info { process, item } => return Some(self.info(process, *item)),
            Op::Call { target, text, ms } => return self.call(actor, target, text, *ms),
            Op::Reply { text } => {
                if let Some((caller, call)) = self.of(actor).call.take() {
                    self.signal(&caller, Signal::Reply { call, text: text.clone() });
                }
                return Some("ok".to_owned());
            }
        }
        None
    }

    fn spawn(&mut self, process: &str) {
        self.living.insert(process.to_owned(), Process::default());
    }

    fn make_link(&mut self, one: &str, other: &str) {
        self.of(one).links.insert(other.to_owned());
        self.of(other).links.insert(one.to_owned());
    }

    fn monitor(&mut self, actor: &str, target: &Target, label: &str, mode: MonitorMode) {
        let resolved = self.resolve(target);
        if resolved.as_deref() == Some(actor) {
            // P39, as the BEAM does it: it is not even made.
            return;
        }
        let alive = resolved.as_ref().is_some_and(|process| self.living.contains_key(process));
        let monitor = Monitor { target: resolved, object: target.clone(), mode };
        if !matches!(mode, MonitorMode::Plain | MonitorMode::Tagged) {
            self.alias_owners.insert(label.to_owned(), actor.to_owned());
        }
        self.of(actor).monitors.insert(label.to_owned(), monitor);
        if !alive {
            // P32
            let (monitor, reason) = (label.to_owned(), "noproc".to_owned());
            self.signal(actor, Signal::Down { monitor, reason });
        }
    }

    /// Ends a monitor. Its alias stays if it must be removed by hand (P46).
    fn release(&mut self, owner: &str, label: &str) -> Option<Monitor> {
        let monitor = self.of(owner).monitors.remove(label)?;
        if monitor.mode == MonitorMode::ExplicitUnalias {
            self.of(owner).aliases.insert(label.to_owned(), false);
        }
        Some(monitor)
    }

    fn demonitor(&mut self, actor: &str, label: &str) -> bool {
        self.release(actor, label).is_some()
    }

    fn make_alias(&mut self, actor: &str, alias: &str, once: bool) {
        self.alias_owners.insert(alias.to_owned(), actor.to_owned());
        self.of(actor).aliases.insert(alias.to_owned(), once);
    }

    fn unalias(&mut self, actor: &str, alias: &str) -> bool {
        let process = self.of(actor);
        if let Some(monitor) = process.monitors.get_mut(alias) {
            // P47: the monitor stays.
            let was = std::mem::replace(&mut monitor.mode, MonitorMode::Plain);
            return !matches!(was, MonitorMode::Plain | MonitorMode::Tagged);
        }
        process.aliases.remove(alias).is_some()
    }

    /// Whether a message may come through an alias; what its coming ends, ends (P44 to P46).
    fn open_alias(&mut self, owner: &str, alias: &str) -> bool {
        let process = self.of(owner);
        if let Some(monitor) = process.monitors.get(alias) {
            match monitor.mode {
                MonitorMode::ReplyDemonitor => process.monitors.remove(alias).is_some(),
                MonitorMode::ExplicitUnalias | MonitorMode::Demonitor => true,
                MonitorMode::Plain | MonitorMode::Tagged => false,
            }
        } else {
            match process.aliases.get(alias) {
                Some(true) => process.aliases.remove(alias).is_some(),
                Some(false) => true,
                None => false,
            }
        }
    }

    fn start_timer(&mut self, actor: &str, label: &str, ms: u64, target: &Target, message: Message) {
        // P59: a timer for the dead is none.
        if let Target::Process(process) = target
            && !self.living.contains_key(process)
        {
            return;
        }
        let (creator, target) = (actor.to_owned(), target.clone());
        self.timers.insert(label.to_owned(), Timer { due: self.now + ms, creator, target, message });
    }

    fn advance(&mut self, ms: u64) {
        self.now += ms;
        while let Some(label) = self.next_due() {
            let Some(timer) = self.timers.remove(&label) else { break };
            // P60: a name is looked up now.
            if let Some(to) = self.resolve(&timer.target) {
                let message = match timer.message {
                    Message::Timer { text, .. } if timer.creator != to => {
                        Message::Timer { timer: "_".to_owned(), text }
                    }
                    message => message,
                };
                self.signal(&to, Signal::Message(message));
            }
        }
        self.run_signals();
        let now = self.now;
        let is_due = |blocked: &Option<Blocked>| match blocked {
            Some(Blocked::Receive { due, .. } | Blocked::Call { due, .. }) => {
                due.is_some_and(|due| due <= now)
            }
            None => false,
        };
        let late: Vec<String> = self
            .living
            .iter()
            .filter(|(_, process)| is_due(&process.blocked))
            .map(|(name, _)| name.clone())
            .collect();
        for name in late {
            self.of(&name).blocked = None;
            self.lines.push(format!("{name} timeout"));
        }
    }

    fn next_due(&self) -> Option<String> {
        let due = self.timers.iter().filter(|(_, timer)| timer.due <= self.now);
        due.min_by_key(|(_, timer)| timer.due).map(|(label, _)| label.clone())
    }

    fn call(&mut self, actor: &str, target: &Target, text: &str, ms: Option<u64>) -> Option<String> {
        let Some(server) = self.resolve(target) else { return Some("down noproc".to_owned()) };
        if server == actor {
            return Some("calling_self".to_owned());
        }
        if !self.living.contains_key(&server) {
            return Some("down noproc".to_owned());
        }
        let call = self.next_call;
        self.next_call += 1;
        let (due, from) = (ms.map(|ms| self.now + ms), (actor.to_owned(), call));
        self.of(actor).blocked = Some(Blocked::Call { server: server.clone(), call, due });
        self.signal(&server, Signal::Message(Message::Call { text: text.to_owned(), from }));
        None
    }

    fn info(&self, name: &str, item: Item) -> String {
        let Some(process) = self.living.get(name) else { return "undefined".to_owned() };
        let join = |mut shown: Vec<String>| {
            shown.sort();
            if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
        };
        let called = |process: &Process| match &process.blocked {
            Some(Blocked::Call { server, .. }) => Some(server.clone()),
            _ => None,
        };
        match item {
            Item::MessageQueueLen => process.mailbox.len().to_string(),
            Item::TrapExit => process.trap_exit.to_string(),
            Item::Links => join(process.links.iter().cloned().collect()),
            Item::Monitors => {
                let monitors = process.monitors.values().map(|monitor| monitor.object.to_string());
                join(monitors.chain(called(process)).collect())
            }
            Item::MonitoredBy => {
                let mut watchers = Vec::new();
                for (watcher, other) in &self.living {
                    let monitors =
                        other.monitors.values().filter(|m| m.target.as_deref() == Some(name)).count();
                    let calls = usize::from(called(other).as_deref() == Some(name));
                    watchers.extend(std::iter::repeat_n(watcher.clone(), monitors + calls));
                }
                join(watchers)
            }
            Item::RegisteredName => {
                let named = self.names.iter().find(|(_, owner)| *owner == name);
                named.map_or_else(|| "none".to_owned(), |(known, _)| format!("@{known}"))
            }
        }
    }

    fn matches(pattern: &Pattern, message: &Message) -> bool {
        match (pattern, message) {
            (Pattern::Any, _)
            | (Pattern::Message, Message::Text(_))
            | (Pattern::Exit, Message::Exit { .. })
            | (Pattern::Timer, Message::Timer { .. })
            | (Pattern::Call, Message::Call { .. }) => true,
            (Pattern::Text(wanted), Message::Text(text)) => wanted == text,
            (Pattern::Down(wanted), Message::Down { monitor, .. }) => wanted == monitor,
            _ => false,
        }
    }

    /// Takes the oldest match out of the mailbox (P50).
    fn take(&mut self, name: &str, pattern: &Pattern) -> Option<String> {
        let process = self.of(name);
        let index = process.mailbox.iter().position(|message| Self::matches(pattern, message))?;
        Some(match process.mailbox.remove(index) {
            Message::Text(text) => format!("msg {text}"),
            Message::Exit { from, reason } => format!("EXIT {from} {reason}"),
            Message::Down { monitor, object, reason, tagged } => {
                let word = if tagged { format!("tag:{monitor}") } else { "DOWN".to_owned() };
                format!("{word} {monitor} {object} {reason}")
            }
            Message::Timer { timer, text } => format!("timer {timer} {text}"),
            Message::Call { text, from } => {
                process.call = Some(from);
                format!("call {text}")
            }
        })
    }

    fn receive(&mut self, name: &str, pattern: &Pattern, due: Option<u64>) -> Option<String> {
        let taken = self.take(name, pattern);
        if taken.is_none() {
            self.of(name).blocked = Some(Blocked::Receive { pattern: pattern.clone(), due });
        }
        taken
    }

    /// The end of a process, as the runner observes it.
    fn end(&mut self, name: &str, reason: &str) {
        self.lines.push(format!("{name} ended {reason}"));
        self.see(name);
        self.end_silently(name, reason);
    }

    fn end_silently(&mut self, name: &str, reason: &str) {
        let Some(process) = self.living.remove(name) else { return };
        // P8: what it had is free before anybody hears of its end.
        self.names.retain(|_, owner| owner != name);
        self.timers.retain(|_, timer| timer.target != Target::Process(name.to_owned()));
        for peer in process.links {
            self.signal(&peer, Signal::LinkExit { from: name.to_owned(), reason: reason.to_owned() });
        }
        let mut downs = Vec::new();
        for (watcher, other) in &self.living {
            for (label, monitor) in &other.monitors {
                if monitor.target.as_deref() == Some(name) {
                    let (monitor, reason) = (label.clone(), reason.to_owned());
                    downs.push((watcher.clone(), Signal::Down { monitor, reason }));
                }
            }
            if let Some(Blocked::Call { server, call, .. }) = &other.blocked
                && server == name
            {
                let reason = reason.to_owned();
                downs.push((watcher.clone(), Signal::CallDown { call: *call, reason }));
            }
        }
        self.signals.extend(downs);
    }

    fn run_signals(&mut self) {
        while let Some((to, signal)) = self.signals.pop_front() {
            if self.living.contains_key(&to) {
                self.arrive(&to, signal);
            }
        }
    }

    fn arrive(&mut self, to: &str, signal: Signal) {
        let trap_exit = self.of(to).trap_exit;
        match signal {
            Signal::Message(message) => self.deliver(to, message),
            Signal::AliasMessage { alias, text } => {
                if self.open_alias(to, &alias) {
                    self.deliver(to, Message::Text(text));
                }
            }
            // P11 to P14
            Signal::Exit { from, reason } => match (reason.as_str(), trap_exit) {
                ("kill", _) => self.end(to, "killed"),
                (_, true) => self.deliver(to, Message::Exit { from, reason }),
                ("normal", false) if from != to => {}
                _ => self.end(to, &reason),
            },
            // P15 to P18
            Signal::LinkExit { from, reason } => {
                if self.of(to).links.remove(&from) {
                    match (reason.as_str(), trap_exit) {
                        (_, true) => self.deliver(to, Message::Exit { from, reason }),
                        ("normal", false) => {}
                        _ => {
                            // Whether it says what its own doing brought about, before it dies of that, is open.
                            self.ambiguous |= to == self.actor;
                            self.end(to, &reason);
                        }
                    }
                }
            }
            Signal::Down { monitor, reason } => {
                if let Some(Monitor { object, mode, .. }) = self.release(to, &monitor) {
                    let tagged = mode == MonitorMode::Tagged;
                    self.deliver(to, Message::Down { monitor, object, reason, tagged });
                }
            }
            Signal::CallDown { call, reason } => self.end_call(to, call, &format!("down {reason}")),
            Signal::Reply { call, text } => self.end_call(to, call, &format!("reply {text}")),
        }
    }

    /// A call is over; one that was not waited for any more is no call (P44).
    fn end_call(&mut self, caller: &str, ended: u64, result: &str) {
        if matches!(&self.of(caller).blocked, Some(Blocked::Call { call, .. }) if *call == ended) {
            self.of(caller).blocked = None;
            self.see(caller);
            self.lines.push(format!("{caller} {result}"));
        }
    }

    fn deliver(&mut self, to: &str, message: Message) {
        self.see(to);
        self.of(to).mailbox.push(message);
        if let Some(Blocked::Receive { pattern, .. }) = self.of(to).blocked.clone()
            && let Some(taken) = self.take(to, &pattern)
        {
            self.of(to).blocked = None;
            self.lines.push(format!("{to} {taken}"));
        }
    }

    /// Two things at once that a process gets to see may come in any order.
    fn see(&mut self, process: &str) {
        let count = self.seen.entry(process.to_owned()).or_default();
        *count += 1;
        self.ambiguous |= *count > 1;
    }
}
