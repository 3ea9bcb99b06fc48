//! Plays any process of a scenario by a native process.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{
    AliasMode, CallError, Context, Destination, ExitReason, LinkError, MessageKind, MonitorAlias,
    MonitorOptions, Pid, Received, Reference, ReplyTo, SpawnOptions,
};
use regrow_scenario::wire::{Object, Seen};
use regrow_scenario::{Item, MonitorMode, Op, Pattern, Target};
use regrow_term::{Term, decode, encode};

use crate::scenario::driver::reason_text;
use crate::scenario::{Command, Report, WirePid};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// A player that does what `driver` says. Registered names begin with `prefix`.
pub(crate) async fn player(context: Context, driver: Pid, prefix: String) -> ExitReason {
    let mut player =
        Player { context, driver, prefix, references: BTreeMap::new(), labels: BTreeMap::new(), call: None };
    loop {
        let is_command = |received: &Received| matches!(received, Received::Message(message) if message.kind == MessageKind::Cast);
        let Some(Received::Message(message)) = player.context.receive_matching(None, is_command).await else {
            continue;
        };
        let command: Command = match decode(&message.payload) {
            Ok(command) => command,
            Err(error) => return ExitReason::error(error.to_string()),
        };
        if command.op == Op::Return {
            return ExitReason::Normal;
        }
        let report = player.perform(&command).await;
        // What it did to itself takes effect before it goes on.
        player.context.checkpoint().await;
        let payload = Bytes::from(encode(&report).unwrap_or_default());
        let sent = player.context.send_nosuspend(&driver.into(), MessageKind::Info, payload);
        sent.unwrap_or_else(|error| panic!("{error}"));
    }
}

struct Player {
    context: Context,
    driver: Pid,
    prefix: String,
    /// What it has made, by label.
    references: BTreeMap<String, Reference>,
    labels: BTreeMap<Reference, String>,
    call: Option<ReplyTo>,
}

fn plain(text: impl ToString) -> Report {
    Report::Plain(Some(text.to_string()))
}

fn payload(text: &str) -> Bytes {
    Bytes::from(encode(text).unwrap_or_default())
}

fn text(payload: &[u8]) -> String {
    decode(payload).unwrap_or_else(|_| "?".to_owned())
}

fn reason_from(text: &str) -> ExitReason {
    match text {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Kill,
        "killed" => ExitReason::Killed,
        "noproc" => ExitReason::NoProc,
        other => ExitReason::Other(std::sync::Arc::new(Term::from(other))),
    }
}

fn pid(process: &str, command: &Command) -> Pid {
    let known = command.processes.get(process).copied();
    known.unwrap_or_else(|| panic!("there is no {process}")).into()
}

impl Player {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn target(&self, target: &Target, command: &Command) -> Destination {
        match target {
            Target::Process(process) => pid(process, command).into(),
            Target::Name(name) => Destination::Name(self.name(name)),
        }
    }

    fn know(&mut self, label: &str, reference: Reference) -> Report {
        self.labels.insert(reference, label.to_owned());
        self.references.insert(label.to_owned(), reference);
        Report::Plain(None)
    }

    fn reference(&self, label: &str) -> Reference {
        self.references.get(label).copied().unwrap_or(Reference(0))
    }

    fn spawn(&mut self, options: SpawnOptions, monitor: Option<&String>, exit: Option<&String>) -> Report {
        let (driver, prefix) = (self.driver, self.prefix.clone());
        let reason = exit.map(|reason| reason_from(reason));
        let spawned = self.context.spawn(options, move |context| async move {
            match reason {
                Some(reason) => reason,
                None => Box::pin(player(context, driver, prefix)).await,
            }
        });
        let (pid, reference) = spawned.unwrap_or_else(|error| panic!("{error}"));
        if let Some((label, reference)) = monitor.zip(reference) {
            self.know(label, reference);
        }
        Report::Spawned(pid.into())
    }

    fn monitor(&mut self, target: Destination, label: &str, mode: MonitorMode) -> Report {
        let alias = match mode {
            MonitorMode::Plain | MonitorMode::Tagged => None,
            MonitorMode::ExplicitUnalias => Some(MonitorAlias::ExplicitUnalias),
            MonitorMode::Demonitor => Some(MonitorAlias::Demonitor),
            MonitorMode::ReplyDemonitor => Some(MonitorAlias::ReplyDemonitor),
        };
        let tag = (mode == MonitorMode::Tagged).then(|| payload(label));
        let monitor = self.context.monitor_with(target, MonitorOptions { alias, tag });
        let reference = monitor.unwrap_or_else(|error| panic!("{error}"));
        let known = self.know(label, reference);
        if alias.is_some() {
            return Report::Alias(ReplyTo { pid: self.context.pid(), reference }.into());
        }
        known
    }

    fn alias(&mut self, label: &str, mode: AliasMode) -> Report {
        let alias = self.context.alias(mode).unwrap_or_else(|error| panic!("{error}"));
        self.know(label, alias.reference);
        Report::Alias(alias.into())
    }

    async fn perform(&mut self, command: &Command) -> Report {
        let context = self.context.clone();
        match &command.op {
            Op::Spawn { .. } => self.spawn(SpawnOptions::default(), None, None),
            Op::SpawnLink { .. } => self.spawn(SpawnOptions { link: true, ..Default::default() }, None, None),
            Op::SpawnMonitor { monitor, .. } => {
                self.spawn(SpawnOptions { monitor: true, ..Default::default() }, Some(monitor), None)
            }
            Op::SpawnExit { monitor, reason, .. } => {
                let options = SpawnOptions { link: true, monitor: true, ..Default::default() };
                self.spawn(options, Some(monitor), Some(reason))
            }
            Op::TrapExit { on } => plain(context.set_trap_exit(*on)),
            Op::Link { process } => match context.link(pid(process, command)) {
                Ok(()) => plain(true),
                Err(LinkError::NoProc) => plain("noproc"),
                Err(error) => plain(error),
            },
            Op::Unlink { process } => {
                context.unlink(pid(process, command));
                plain(true)
            }
            Op::Monitor { target, monitor, mode } => {
                self.monitor(self.target(target, command), monitor, *mode)
            }
            Op::Demonitor { monitor } => plain(context.demonitor(self.reference(monitor), false)),
            Op::DemonitorFlush { monitor } => plain(context.demonitor(self.reference(monitor), true)),
            Op::Exit { reason } => context.exit(reason_from(reason)).await,
            Op::Return => Report::Plain(None),
            Op::Exit2 { process, reason } => {
                context.exit_process(pid(process, command), reason_from(reason));
                context.checkpoint().await;
                plain(true)
            }
            Op::Send { target, text } => {
                let sent =
                    context.send(&self.target(target, command), MessageKind::Info, payload(text)).await;
                plain(if sent.is_ok() { "ok" } else { "badarg" })
            }
            Op::Receive { pattern } => self.receive(pattern, NOW).await,
            Op::Wait { pattern } => self.receive(pattern, None).await,
            Op::WaitAfter { ms, pattern } => self.receive(pattern, Some(Duration::from_millis(*ms))).await,
            Op::Register { name, process } => {
                let registered = context.register(&self.name(name), pid(process, command));
                plain(if registered.is_ok() { "true" } else { "badarg" })
            }
            Op::Unregister { name } => {
                plain(if context.unregister(&self.name(name)).is_some() { "true" } else { "badarg" })
            }
            Op::Whereis { name } => {
                Report::Process(context.runtime().whereis(&self.name(name)).map(WirePid::from))
            }
            Op::StartTimer { timer, ms, target, text } => {
                let (after, target) = (Duration::from_millis(*ms), self.target(target, command));
                let started = context.start_timer(after, target, payload(text));
                self.know(timer, started.unwrap_or_else(|error| panic!("{error}")))
            }
            Op::SendAfter { timer, ms, target, text } => {
                let (after, target) = (Duration::from_millis(*ms), self.target(target, command));
                let started = context.send_after(after, target, payload(text));
                self.know(timer, started.unwrap_or_else(|error| panic!("{error}")))
            }
            Op::Cancel { timer } => left(context.cancel_timer(self.reference(timer))),
            Op::Read { timer } => left(context.read_timer(self.reference(timer))),
            Op::Alias { alias } => self.alias(alias, AliasMode::Explicit),
            Op::AliasReply { alias } => self.alias(alias, AliasMode::Reply),
            Op::Unalias { alias } => plain(context.unalias(self.reference(alias))),
            Op::SendAlias { alias, text } => {
                if let Some(alias) = command.aliases.get(alias) {
                    let sent = context.send_to_alias((*alias).into(), MessageKind::Info, payload(text)).await;
                    sent.unwrap_or_else(|error| panic!("{error}"));
                }
                plain("ok")
            }
            Op::IsAlive { process } => plain(context.runtime().is_alive(pid(process, command))),
            Op::Info { process, item } => self.info(pid(process, command), *item),
            Op::Call { target, text: request, ms } => {
                let target = self.target(target, command);
                match context.call(&target, payload(request), ms.map(Duration::from_millis)).await {
                    Ok(answer) => plain(format!("reply {}", text(&answer))),
                    Err(CallError::Down(reason)) => plain(format!("down {}", reason_text(&reason))),
                    Err(CallError::CallingSelf) => plain("calling_self"),
                    Err(CallError::Timeout) => plain("timeout"),
                    Err(error) => plain(error),
                }
            }
            Op::Reply { text } => {
                if let Some(from) = self.call.take() {
                    context.reply(from, payload(text)).unwrap_or_else(|error| panic!("{error}"));
                }
                plain("ok")
            }
        }
    }

    async fn receive(&mut self, pattern: &Pattern, timeout: Option<Duration>) -> Report {
        let labels = &self.labels;
        let matches = |received: &Received| match (pattern, received) {
            (_, Received::Message(message)) if message.kind == MessageKind::Cast => false,
            (Pattern::Any, _)
            | (Pattern::Exit, Received::Exit { .. })
            | (Pattern::Timer, Received::Timer { .. }) => true,
            (Pattern::Message, Received::Message(message)) => message.kind == MessageKind::Info,
            (Pattern::Text(wanted), Received::Message(message)) => {
                message.kind == MessageKind::Info && text(&message.payload) == *wanted
            }
            (Pattern::Call, Received::Message(message)) => matches!(message.kind, MessageKind::Call(_)),
            (Pattern::Down(label), Received::Down { reference, .. }) => labels.get(reference) == Some(label),
            _ => false,
        };
        match self.context.receive_matching(timeout, matches).await {
            None => plain("timeout"),
            Some(received) => Report::Received(self.seen(received)),
        }
    }

    fn seen(&mut self, received: Received) -> Seen<WirePid> {
        match received {
            Received::Message(message) => match message.kind {
                MessageKind::Call(from) => {
                    self.call = Some(from);
                    Seen::Call(text(&message.payload))
                }
                MessageKind::Info | MessageKind::Cast => Seen::Message(text(&message.payload)),
            },
            Received::Exit { from, reason } => Seen::Exit { from: from.into(), reason: reason_text(&reason) },
            Received::Down { reference, object, reason, tag } => Seen::Down {
                monitor: self.labels.get(&reference).cloned().unwrap_or_else(|| "_".to_owned()),
                object: self.object(object),
                reason: reason_text(&reason),
                tag: tag.map(|tag| text(&tag)),
            },
            Received::Timer { reference, payload } => {
                Seen::Timer { timer: self.labels.get(&reference).cloned(), text: text(&payload) }
            }
            other => Seen::Message(format!("{other:?}")),
        }
    }

    fn object(&self, object: Destination) -> Object<WirePid> {
        match object {
            Destination::Pid(pid) => Object::Process(pid.into()),
            Destination::Name(name) => {
                Object::Name(name.strip_prefix(&self.prefix).unwrap_or(&name).to_owned())
            }
            // Scenarios name no keys.
            Destination::Via(via) => Object::Name(via.to_string()),
        }
    }

    fn info(&self, process: Pid, item: Item) -> Report {
        let info = self.context.runtime().process_info(process).filter(|info| info.exiting.is_none());
        let Some(info) = info else { return plain("undefined") };
        let processes = |pids: Vec<Pid>| {
            let others = pids.into_iter().filter(|pid| *pid != self.driver);
            Report::Objects(others.map(|pid| Object::Process(pid.into())).collect())
        };
        match item {
            Item::MessageQueueLen => plain(info.message_queue_len),
            Item::TrapExit => plain(info.trap_exit),
            Item::Links => processes(info.links),
            Item::MonitoredBy => processes(info.monitored_by),
            Item::Monitors => {
                Report::Objects(info.monitors.into_iter().map(|object| self.object(object)).collect())
            }
            Item::RegisteredName => {
                let name = info.registered_name.map(|name| self.object(Destination::Name(name)));
                Report::Objects(name.into_iter().collect())
            }
        }
    }
}

fn left(time: Option<Duration>) -> Report {
    plain(if time.is_some() { "left" } else { "false" })
}
