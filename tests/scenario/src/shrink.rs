//! Making a scenario that fails smaller.

use crate::{Model, Op, Pattern, Scenario, Step, Target};

/// The smallest scenario that can be had by leaving out steps and still `fails`.
pub fn shrink(scenario: &Scenario, mut fails: impl FnMut(&Scenario) -> bool) -> Scenario {
    let mut smallest = scenario.clone();
    let mut length = smallest.steps.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start < smallest.steps.len() {
            let mut candidate = smallest.clone();
            candidate.steps.drain(start..(start + length).min(candidate.steps.len()));
            candidate.trace.clear();
            if is_complete(&candidate) && is_certain(&candidate) && fails(&candidate) {
                smallest = candidate;
            } else {
                start += length;
            }
        }
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    smallest
}

/// Whether every step can be done, and nothing about it is a matter of chance.
fn is_certain(scenario: &Scenario) -> bool {
    let mut model = Model::new();
    scenario.steps.iter().all(|step| {
        let lines = model.apply(step);
        !model.is_ambiguous() && !lines.iter().any(|line| line.ends_with(" unavailable"))
    })
}

/// Whether everything is made before it is named: processes and aliases by anybody, monitors and timers by the process
/// that names them.
fn is_complete(scenario: &Scenario) -> bool {
    let mut known: Vec<&str> = vec![crate::ROOT];
    let mut own: Vec<(&str, &str)> = Vec::new();
    scenario.steps.iter().all(|step| {
        let Step::Do { actor, op } = step else { return true };
        let Labels { process, shared, owned } = named(op);
        let complete =
            [Some(actor.as_str()), process, shared].iter().flatten().all(|name| known.contains(name))
                && owned.is_none_or(|label| own.contains(&(actor, label)));
        known.extend(op.spawned());
        if let Some(label) = made(op) {
            known.push(label);
            own.push((actor, label));
        }
        complete
    })
}

/// What an operation names.
#[derive(Default)]
struct Labels<'a> {
    process: Option<&'a str>,
    shared: Option<&'a str>,
    owned: Option<&'a str>,
}

fn named(op: &Op) -> Labels<'_> {
    let mut labels = Labels::default();
    match op {
        Op::Link { process }
        | Op::Unlink { process }
        | Op::Exit2 { process, .. }
        | Op::Register { process, .. }
        | Op::IsAlive { process }
        | Op::Info { process, .. } => labels.process = Some(process),
        Op::Monitor { target, .. }
        | Op::Send { target, .. }
        | Op::StartTimer { target, .. }
        | Op::SendAfter { target, .. }
        | Op::Call { target, .. } => {
            if let Target::Process(process) = target {
                labels.process = Some(process);
            }
        }
        Op::SendAlias { alias, .. } => labels.shared = Some(alias),
        Op::Demonitor { monitor: label }
        | Op::DemonitorFlush { monitor: label }
        | Op::Cancel { timer: label }
        | Op::Read { timer: label }
        | Op::Unalias { alias: label } => labels.owned = Some(label),
        Op::Receive { pattern } | Op::Wait { pattern } | Op::WaitAfter { pattern, .. } => {
            if let Pattern::Down(label) = pattern {
                labels.owned = Some(label);
            }
        }
        _ => {}
    }
    labels
}

/// The label of what an operation makes.
fn made(op: &Op) -> Option<&str> {
    match op {
        Op::Monitor { monitor: label, .. }
        | Op::SpawnMonitor { monitor: label, .. }
        | Op::SpawnExit { monitor: label, .. }
        | Op::StartTimer { timer: label, .. }
        | Op::SendAfter { timer: label, .. }
        | Op::Alias { alias: label }
        | Op::AliasReply { alias: label } => Some(label),
        _ => None,
    }
}
