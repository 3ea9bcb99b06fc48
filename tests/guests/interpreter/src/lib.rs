//! Plays any process of a scenario: the same operations as on the BEAM, by the SDK.

mod seen;

use std::collections::BTreeMap;
use std::time::Duration;

use regrow_scenario::wire::{self, Object};
use regrow_scenario::{Item, MonitorMode, Op, Pattern, Target};
use regrow_sdk::mailbox::{self, AliasMode, CallError, MessageKind, Received};
use regrow_sdk::process::{self, MonitorAlias, MonitorOptions, SpawnOptions};
use regrow_sdk::{
    Destination, Error, ExitReason, MonitorRef, Pid, Reference, ReplyTo, TimerRef, names, timer,
};

use crate::seen::{reason_from, reason_text, seen};

type Command = wire::Command<Pid, ReplyTo>;
type Report = wire::Report<Pid, ReplyTo>;

const NOW: Option<Duration> = Some(Duration::ZERO);

regrow_sdk::component! {
    /// Starts a player for whoever calls.
    "conductor" => process conductor,
    /// Plays a process of a scenario.
    "player" => process player,
    /// Exits at once.
    "exit" => process exit,
}

fn conductor(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let Some(from) = message.reply_to() else { continue };
        let scenario: String = message.decode()?;
        let player = process::spawn("player", &(message.from, scenario), &SpawnOptions::default())?;
        mailbox::reply(from, &player.pid)?;
    }
}

fn exit(reason: String) -> Result<(), ExitReason> {
    process::exit(reason_from(&reason))
}

/// A player, and what it knows its references by.
struct Player {
    driver: Pid,
    /// Before each registered name: scenarios are played side by side.
    prefix: String,
    monitors: BTreeMap<String, MonitorRef>,
    timers: BTreeMap<String, TimerRef>,
    aliases: BTreeMap<String, ReplyTo>,
    labels: BTreeMap<Reference, String>,
    call: Option<ReplyTo>,
}

fn player((driver, prefix): (Pid, String)) -> Result<(), ExitReason> {
    let mut player = Player {
        driver,
        prefix,
        monitors: BTreeMap::new(),
        timers: BTreeMap::new(),
        aliases: BTreeMap::new(),
        labels: BTreeMap::new(),
        call: None,
    };
    loop {
        let command = mailbox::receive_match(None, |received| match received {
            Received::Message(message) if message.kind == MessageKind::Cast => Some(message.decode()),
            _ => None,
        });
        let Some(command) = command else { continue };
        let command: Command = command?;
        if command.op == Op::Return {
            return Ok(());
        }
        let report = player.perform(&command)?;
        mailbox::send(driver, &report)?;
    }
}

fn plain(text: impl ToString) -> Report {
    Report::Plain(Some(text.to_string()))
}

fn badarg(result: Result<(), Error>, ok: &str) -> Report {
    plain(if result.is_ok() { ok } else { "badarg" })
}

fn left(time: Option<Duration>) -> Report {
    plain(if time.is_some() { "left" } else { "false" })
}

fn pid(process: &str, command: &Command) -> Result<Pid, ExitReason> {
    let known = command.processes.get(process).copied();
    known.ok_or_else(|| ExitReason::error(&format!("there is no {process}")))
}

impl Player {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn target(&self, target: &Target, command: &Command) -> Result<Destination, ExitReason> {
        Ok(match target {
            Target::Process(process) => pid(process, command)?.into(),
            Target::Name(name) => self.name(name).into(),
        })
    }

    fn spawn(&mut self, options: &SpawnOptions, monitor: Option<&String>) -> Result<Report, ExitReason> {
        let argument = (self.driver, self.prefix.clone());
        self.spawned("player", &argument, options, monitor)
    }

    fn spawned<A: serde::Serialize>(
        &mut self,
        entry: &str,
        argument: &A,
        options: &SpawnOptions,
        monitor: Option<&String>,
    ) -> Result<Report, ExitReason> {
        let spawned = process::spawn(entry, argument, options)?;
        if let (Some(label), Some(monitor)) = (monitor, spawned.monitor) {
            self.knows_monitor(label, monitor);
        }
        Ok(Report::Spawned(spawned.pid))
    }

    fn knows_monitor(&mut self, label: &str, monitor: MonitorRef) {
        self.labels.insert(monitor.into(), label.to_owned());
        self.monitors.insert(label.to_owned(), monitor);
    }

    fn knows_timer(&mut self, label: &str, timer: TimerRef) -> Report {
        self.labels.insert(timer.into(), label.to_owned());
        self.timers.insert(label.to_owned(), timer);
        Report::Plain(None)
    }

    fn knows_alias(&mut self, label: &str, alias: ReplyTo) -> Report {
        self.aliases.insert(label.to_owned(), alias);
        Report::Alias(alias)
    }

    fn monitor(&mut self, command: &Command) -> Result<Report, ExitReason> {
        let Op::Monitor { target, monitor: label, mode } = &command.op else {
            return Ok(Report::Plain(None));
        };
        let alias = match mode {
            MonitorMode::Plain | MonitorMode::Tagged => None,
            MonitorMode::ExplicitUnalias => Some(MonitorAlias::ExplicitUnalias),
            MonitorMode::Demonitor => Some(MonitorAlias::Demonitor),
            MonitorMode::ReplyDemonitor => Some(MonitorAlias::ReplyDemonitor),
        };
        let tag = (*mode == MonitorMode::Tagged).then(|| regrow_sdk::encode(label)).transpose()?;
        let target = self.target(target, command)?;
        let monitor = process::monitor_with(target, &MonitorOptions { alias, tag })?;
        self.knows_monitor(label, monitor);
        if alias.is_some() {
            return Ok(self.knows_alias(label, monitor.alias()));
        }
        Ok(Report::Plain(None))
    }

    fn perform(&mut self, command: &Command) -> Result<Report, ExitReason> {
        Ok(match &command.op {
            Op::Spawn { .. } => self.spawn(&SpawnOptions::default(), None)?,
            Op::SpawnLink { .. } => self.spawn(&SpawnOptions::link(), None)?,
            Op::SpawnMonitor { monitor, .. } => self.spawn(&SpawnOptions::monitor(), Some(monitor))?,
            Op::SpawnExit { monitor, reason, .. } => {
                let options = SpawnOptions { link: true, ..SpawnOptions::monitor() };
                self.spawned("exit", reason, &options, Some(monitor))?
            }
            Op::TrapExit { on } => plain(process::trap_exit(*on)),
            Op::Link { process } => match process::link(pid(process, command)?) {
                Ok(()) => plain(true),
                Err(Error::NoProc) => plain("noproc"),
                Err(error) => return Err(error.into()),
            },
            Op::Unlink { process } => {
                process::unlink(pid(process, command)?);
                plain(true)
            }
            Op::Monitor { .. } => self.monitor(command)?,
            Op::Demonitor { monitor } => {
                plain(self.monitors.get(monitor).is_some_and(|monitor| process::demonitor_keep(*monitor)))
            }
            Op::DemonitorFlush { monitor } => {
                plain(self.monitors.get(monitor).is_some_and(|monitor| process::demonitor(*monitor)))
            }
            Op::Exit { reason } => process::exit(reason_from(reason)),
            Op::Return => Report::Plain(None),
            Op::Exit2 { process, reason } => {
                process::exit_process(pid(process, command)?, reason_from(reason))?;
                plain(true)
            }
            Op::Send { target, text } => badarg(mailbox::send(self.target(target, command)?, text), "ok"),
            Op::Receive { pattern } => self.receive(pattern, NOW),
            Op::Wait { pattern } => self.receive(pattern, None),
            Op::WaitAfter { ms, pattern } => self.receive(pattern, Some(Duration::from_millis(*ms))),
            Op::Register { name, process } => {
                badarg(names::register(&self.name(name), pid(process, command)?), "true")
            }
            Op::Unregister { name } => badarg(names::unregister(&self.name(name)), "true"),
            Op::Whereis { name } => Report::Process(names::whereis(&self.name(name))),
            Op::StartTimer { timer, ms, target, text } => {
                let target = self.target(target, command)?;
                let started = timer::start(Duration::from_millis(*ms), target, text)?;
                self.knows_timer(timer, started)
            }
            Op::SendAfter { timer, ms, target, text } => {
                let target = self.target(target, command)?;
                let started = timer::send_after(Duration::from_millis(*ms), target, text)?;
                self.knows_timer(timer, started)
            }
            Op::Cancel { timer } => left(self.timers.get(timer).and_then(|timer| timer::cancel(*timer))),
            Op::Read { timer } => left(self.timers.get(timer).and_then(|timer| timer::read(*timer))),
            Op::Alias { alias } => self.knows_alias(alias, mailbox::alias(AliasMode::Explicit)?),
            Op::AliasReply { alias } => self.knows_alias(alias, mailbox::alias(AliasMode::Reply)?),
            Op::Unalias { alias } => {
                plain(self.aliases.get(alias).is_some_and(|alias| mailbox::unalias(alias.reference())))
            }
            Op::SendAlias { alias, text } => {
                if let Some(alias) = command.aliases.get(alias) {
                    mailbox::send_to_alias(*alias, text)?;
                }
                plain("ok")
            }
            Op::IsAlive { process } => plain(process::is_alive(pid(process, command)?)),
            Op::Info { process, item } => self.info(pid(process, command)?, *item)?,
            Op::Call { target, text, ms } => {
                let answer = mailbox::call::<_, String>(
                    self.target(target, command)?,
                    text,
                    ms.map(Duration::from_millis),
                );
                plain(match answer {
                    Ok(answer) => format!("reply {answer}"),
                    Err(CallError::Down(reason)) => format!("down {}", reason_text(&reason)),
                    Err(CallError::Timeout) => "timeout".to_owned(),
                    Err(CallError::CallingSelf) => "calling_self".to_owned(),
                    Err(error) => return Err(error.into()),
                })
            }
            Op::Reply { text } => {
                if let Some(from) = self.call.take() {
                    mailbox::reply(from, text)?;
                }
                plain("ok")
            }
        })
    }

    fn receive(&mut self, pattern: &Pattern, timeout: Option<Duration>) -> Report {
        let received = mailbox::receive_match(timeout, |received| {
            let matches = match (pattern, &received) {
                (_, Received::Message(message)) if message.kind == MessageKind::Cast => false,
                (Pattern::Any, _)
                | (Pattern::Exit, Received::Exit { .. })
                | (Pattern::Timer, Received::Timer { .. }) => true,
                (Pattern::Message, Received::Message(message)) => message.kind == MessageKind::Info,
                (Pattern::Text(text), Received::Message(message)) => {
                    message.kind == MessageKind::Info && message.decode().as_ref() == Ok(text)
                }
                (Pattern::Call, Received::Message(message)) => message.reply_to().is_some(),
                (Pattern::Down(label), Received::Down { reference, .. }) => {
                    self.labels.get(reference) == Some(label)
                }
                _ => false,
            };
            matches.then_some(received)
        });
        match received {
            None => plain("timeout"),
            Some(received) => {
                if let Received::Message(message) = &received {
                    self.call = message.reply_to().or(self.call);
                }
                Report::Received(seen(received, &self.labels, |object| self.object(object)))
            }
        }
    }

    fn info(&self, process: Pid, item: Item) -> Result<Report, ExitReason> {
        let Some(info) = process::info(process)? else { return Ok(plain("undefined")) };
        let processes = |pids: Vec<Pid>| {
            let others = pids.into_iter().filter(|pid| *pid != self.driver);
            Report::Objects(others.map(Object::Process).collect())
        };
        Ok(match item {
            Item::MessageQueueLen => plain(info.message_queue_len),
            Item::TrapExit => plain(info.trap_exit),
            Item::Links => processes(info.links),
            Item::MonitoredBy => processes(info.monitored_by),
            Item::Monitors => {
                let objects = info.monitors.into_iter().map(|object| self.object(object));
                Report::Objects(objects.collect())
            }
            Item::RegisteredName => {
                let name = info.registered_name.map(|name| self.object(name.into()));
                Report::Objects(name.into_iter().collect())
            }
        })
    }

    fn object(&self, object: Destination) -> Object<Pid> {
        match object {
            Destination::Pid(pid) => Object::Process(pid),
            Destination::Name(name) => {
                Object::Name(name.strip_prefix(&self.prefix).unwrap_or(&name).to_owned())
            }
            // Scenarios name no keys.
            Destination::Via(via) => Object::Name(format!("{via:?}")),
        }
    }
}
