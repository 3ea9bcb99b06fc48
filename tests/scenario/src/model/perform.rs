//! What a process does, and what it is answered.

use crate::model::{Blocked, Message, Model, Monitor, Process, Signal, Timer};
use crate::op::{MonitorMode, Op, Target};

fn true_or_badarg(done: bool) -> String {
    if done { "true" } else { "badarg" }.to_owned()
}

fn left_or_false(running: bool) -> String {
    if running { "left" } else { "false" }.to_owned()
}

impl Model {
    pub(super) fn perform(&mut self, actor: &str, op: &Op) -> Option<String> {
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
            Op::Monitor { target, monitor, mode } => self.monitor(actor, target, monitor, *mode),
            Op::Exit { reason } => self.end(actor, reason),
            Op::Return => self.end(actor, "normal"),
            Op::StartTimer { timer, ms, target, text } => {
                let message = Message::Timer { timer: timer.clone(), text: text.clone() };
                self.start_timer(actor, timer, *ms, target, message);
            }
            Op::SendAfter { timer, ms, target, text } => {
                self.start_timer(actor, timer, *ms, target, Message::Text(text.clone()));
            }
            Op::Alias { alias } => self.make_alias(actor, alias, false),
            Op::AliasReply { alias } => self.make_alias(actor, alias, true),
            op => return self.answer(actor, op),
        }
        None
    }

    /// Does what has a result, or may have one later.
    fn answer(&mut self, actor: &str, op: &Op) -> Option<String> {
        match op {
            Op::TrapExit { on } => Some(std::mem::replace(&mut self.of(actor).trap_exit, *on).to_string()),
            Op::Link { process } => Some(self.link(actor, process).to_owned()),
            Op::Unlink { process } => Some(self.unlink(actor, process).to_string()),
            // P36, as the BEAM does it: flushing changes nothing about the result.
            Op::Demonitor { monitor } => Some(self.release(actor, monitor).is_some().to_string()),
            Op::DemonitorFlush { monitor } => Some(self.demonitor_flush(actor, monitor).to_string()),
            Op::Exit2 { process, reason } => self.exit2(actor, process, reason),
            Op::Send { target, text } => Some(self.send(target, text).to_owned()),
            Op::Receive { pattern } => {
                Some(self.take(actor, pattern).unwrap_or_else(|| "timeout".to_owned()))
            }
            Op::Wait { pattern } => self.receive(actor, pattern, None),
            Op::WaitAfter { ms, pattern } => self.receive(actor, pattern, Some(self.now + ms)),
            Op::Register { name, process } => Some(true_or_badarg(self.register(name, process))),
            Op::Unregister { name } => Some(true_or_badarg(self.names.remove(name).is_some())),
            Op::Whereis { name } => {
                Some(self.names.get(name).cloned().unwrap_or_else(|| "undefined".to_owned()))
            }
            Op::Cancel { timer } => Some(left_or_false(self.timers.remove(timer).is_some())),
            Op::Read { timer } => Some(left_or_false(self.timers.contains_key(timer))),
            Op::Unalias { alias } => Some(self.unalias(actor, alias).to_string()),
            Op::SendAlias { alias, text } => Some(self.send_alias(alias, text).to_owned()),
            Op::IsAlive { process } => Some(self.living.contains_key(process).to_string()),
            Op::Info { process, item } => Some(self.info(process, *item)),
            Op::Call { target, text, ms } => self.call(actor, target, text, *ms),
            Op::Reply { text } => Some(self.reply(actor, text).to_owned()),
            other => unreachable!("{other} has no result"),
        }
    }

    fn link(&mut self, actor: &str, process: &str) -> &'static str {
        // P25
        if process == actor {
            return "true";
        }
        if self.living.contains_key(process) {
            self.make_link(actor, process);
            return "true";
        }
        // P26
        if !self.of(actor).trap_exit {
            return "noproc";
        }
        let (from, reason) = (process.to_owned(), "noproc".to_owned());
        self.signal(actor, Signal::Message(Message::Exit { from, reason }));
        "true"
    }

    fn unlink(&mut self, actor: &str, process: &str) -> bool {
        self.of(actor).links.remove(process);
        if let Some(peer) = self.living.get_mut(process) {
            peer.links.remove(actor);
        }
        true
    }

    fn demonitor_flush(&mut self, actor: &str, monitor: &str) -> bool {
        let active = self.release(actor, monitor).is_some();
        self.of(actor)
            .mailbox
            .retain(|message| !matches!(message, Message::Down { monitor: down, .. } if down == monitor));
        active
    }

    fn exit2(&mut self, actor: &str, process: &str, reason: &str) -> Option<String> {
        self.signal(process, Signal::Exit { from: actor.to_owned(), reason: reason.to_owned() });
        // P19: there is no return from a fatal signal to oneself.
        let fatal = reason == "kill" || !self.of(actor).trap_exit;
        if process == actor && fatal { None } else { Some("true".to_owned()) }
    }

    /// P49
    fn send(&mut self, target: &Target, text: &str) -> &'static str {
        let Some(to) = self.resolve(target) else { return "badarg" };
        self.signal(&to, Signal::Message(Message::Text(text.to_owned())));
        "ok"
    }

    /// P70
    fn register(&mut self, name: &str, process: &str) -> bool {
        let possible = self.living.contains_key(process)
            && !self.names.contains_key(name)
            && !self.names.values().any(|owner| owner == process);
        if possible {
            self.names.insert(name.to_owned(), process.to_owned());
        }
        possible
    }

    fn send_alias(&mut self, alias: &str, text: &str) -> &'static str {
        if let Some(owner) = self.alias_owners.get(alias).cloned() {
            let (alias, text) = (alias.to_owned(), text.to_owned());
            self.signal(&owner, Signal::AliasMessage { alias, text });
        }
        "ok"
    }

    fn reply(&mut self, actor: &str, text: &str) -> &'static str {
        if let Some((caller, call)) = self.of(actor).call.take() {
            self.signal(&caller, Signal::Reply { call, text: text.to_owned() });
        }
        "ok"
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
    pub(super) fn release(&mut self, owner: &str, label: &str) -> Option<Monitor> {
        let monitor = self.of(owner).monitors.remove(label)?;
        if monitor.mode == MonitorMode::ExplicitUnalias {
            self.of(owner).aliases.insert(label.to_owned(), false);
        }
        Some(monitor)
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
    pub(super) fn open_alias(&mut self, owner: &str, alias: &str) -> bool {
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

    pub(super) fn advance(&mut self, ms: u64) {
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
}
