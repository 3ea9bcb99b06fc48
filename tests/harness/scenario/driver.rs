//! Has the steps of a scenario done, one after the other, and writes down what is observed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{Context, Destination, ExitReason, MessageKind, Pid, Received, Status};
use regrow_scenario::{Op, ROOT, Step};
use regrow_term::{Term, decode, encode};

use crate::scenario::{Command, Report, Trace, WireAlias, WirePid};

/// Plays the steps on players of which `root` is the first; what is observed under each step.
pub(crate) async fn play(context: &Context, root: Pid, steps: &[Step]) -> Trace {
    let mut driver = Driver {
        context,
        processes: BTreeMap::new(),
        aliases: BTreeMap::new(),
        alive: BTreeMap::new(),
        busy: Vec::new(),
    };
    driver.bind(ROOT, root);
    driver.observe_end(ROOT, root);
    let mut trace = Vec::new();
    for step in steps {
        let mut lines = driver.step(step).await;
        lines.sort();
        trace.push(lines);
    }
    for process in driver.processes.values() {
        context.exit_process((*process).into(), ExitReason::Kill);
    }
    trace
}

struct Driver<'a> {
    context: &'a Context,
    processes: BTreeMap<String, WirePid>,
    aliases: BTreeMap<String, WireAlias>,
    /// Those that have not ended.
    alive: BTreeMap<String, Pid>,
    /// Those that have not said that they are done.
    busy: Vec<String>,
}

impl Driver<'_> {
    fn bind(&mut self, name: &str, pid: Pid) {
        self.processes.insert(name.to_owned(), pid.into());
    }

    fn observe_end(&mut self, name: &str, pid: Pid) {
        self.alive.insert(name.to_owned(), pid);
        let monitor = self.context.monitor(Destination::Pid(pid));
        monitor.unwrap_or_else(|error| panic!("{error}"));
    }

    fn name(&self, pid: &WirePid) -> String {
        let known = self.processes.iter().find(|(_, known)| *known == pid);
        known.map_or_else(|| "?".to_owned(), |(name, _)| name.clone())
    }

    async fn step(&mut self, step: &Step) -> Vec<String> {
        let op = match step {
            Step::Advance(ms) => {
                let never = self.context.new_reference();
                self.context.receive_answer(never, Some(Duration::from_millis(*ms))).await;
                None
            }
            Step::Do { actor, op } => {
                let Some(pid) = self.alive.get(actor).filter(|_| !self.busy.contains(actor)) else {
                    return vec![format!("{actor} unavailable")];
                };
                let (processes, aliases) = (self.processes.clone(), self.aliases.clone());
                let command = encode(&Command { op: op.clone(), processes, aliases });
                let command = Bytes::from(command.unwrap_or_else(|error| panic!("{error}")));
                let to = Destination::Pid(*pid);
                let sent = self.context.send_nosuspend(&to, MessageKind::Cast, command);
                sent.unwrap_or_else(|error| panic!("{error}"));
                self.busy.push(actor.clone());
                Some(op)
            }
        };
        let mut heard = Vec::new();
        self.settle(&mut heard).await;
        // What was spawned is known before it is spoken of.
        let reports: Vec<_> = heard.iter().filter_map(report).collect();
        for (_, report) in &reports {
            self.learn(op, report);
        }
        let mut lines = Vec::new();
        for (from, report) in reports {
            let actor = self.name(&from.into());
            self.busy.retain(|busy| *busy != actor);
            lines.extend(report.show(|pid| self.name(pid)).map(|shown| format!("{actor} {shown}")));
        }
        for received in heard {
            if let Received::Down { object: Destination::Pid(pid), reason, .. } = received {
                let actor = self.name(&pid.into());
                self.alive.remove(&actor);
                lines.push(format!("{actor} ended {}", reason_text(&reason)));
            }
        }
        lines
    }

    fn learn(&mut self, op: Option<&Op>, report: &Report) {
        match (op, report) {
            (Some(op), Report::Spawned(pid)) => {
                let Some(name) = op.spawned() else { return };
                self.bind(name, (*pid).into());
                if !matches!(op, Op::SpawnExit { .. }) {
                    self.observe_end(name, (*pid).into());
                }
            }
            (
                Some(
                    Op::Alias { alias: label }
                    | Op::AliasReply { alias: label }
                    | Op::Monitor { monitor: label, .. },
                ),
                Report::Alias(alias),
            ) => {
                self.aliases.insert(label.clone(), *alias);
            }
            _ => {}
        }
    }

    /// Waits until nobody has anything to do, and collects what was said meanwhile. There is one worker: while this
    /// process runs, the others are seen between two of their turns.
    async fn settle(&mut self, heard: &mut Vec<Received>) {
        loop {
            self.context.yield_now().await;
            let before = heard.len();
            while let Some(received) = self.context.receive(Some(Duration::ZERO)).await {
                heard.push(received);
            }
            let spawned: Vec<Pid> =
                heard.iter().filter_map(report).filter_map(|(_, report)| spawned(&report)).collect();
            let runtime = self.context.runtime();
            let is_quiet =
                |pid: &Pid| runtime.process_info(*pid).is_none_or(|info| info.status == Status::Waiting);
            if heard.len() == before && self.alive.values().chain(&spawned).all(is_quiet) {
                return;
            }
        }
    }
}

fn spawned(report: &Report) -> Option<Pid> {
    match report {
        Report::Spawned(pid) => Some((*pid).into()),
        _ => None,
    }
}

fn report(received: &Received) -> Option<(Pid, Report)> {
    let Received::Message(message) = received else { return None };
    let report = decode(&message.payload);
    Some((message.from, report.unwrap_or_else(|error| panic!("a report of {}: {error}", message.from))))
}

/// A reason, in the words of scenarios.
pub(crate) fn reason_text(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Other(term) => match &**term {
            Term::Text(text) => text.clone(),
            other => other.to_string(),
        },
        reason => reason.to_string(),
    }
}
