//! Stopping children, one after another or all together, and what follows when all are stopped.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::{Action, Alarm, Child, ChildKey, Leaving, Machine, Phase, Status, Then};
use crate::event::ReportKind;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::received::InitAck;
use crate::supervisor::decision::is_expected_end;
use crate::supervisor::spec::{ChildSpec, Restart, Shutdown};

/// What a child is told to end with.
fn told(spec: &ChildSpec) -> ExitReason {
    match spec.shutdown {
        Shutdown::BrutalKill => ExitReason::Kill,
        Shutdown::Timeout(_) | Shutdown::Infinity => ExitReason::Shutdown,
    }
}

impl Machine {
    pub(super) fn stop_all(&mut self, reason: ExitReason, failed_start: bool) {
        let then = Then::Exit { reason, failed_start };
        let current = match &mut self.phase {
            Phase::Ended
            | Phase::StoppingTogether { .. }
            | Phase::Stopping { then: Then::Exit { .. }, .. } => return,
            Phase::Stopping { current, .. } => current.take(),
            Phase::Starting { .. } | Phase::Idle => None,
        };
        if self.is_dynamic() {
            return self.stop_together(current, then);
        }
        let alive = |child: &Child| matches!(child.status, Status::Alive(_));
        let alive = self.children.iter().rev().filter(|(_, child)| alive(child)).map(|(key, _)| *key);
        let leaving = current.as_ref().map(|leaving| leaving.child);
        let left: VecDeque<ChildKey> = alive.filter(|child| Some(*child) != leaving).collect();
        let waits = current.is_some();
        self.phase = Phase::Stopping { current, left, then };
        if !waits {
            self.stop_next();
        }
    }

    pub(super) fn stop_next(&mut self) {
        loop {
            let Phase::Stopping { current, left, then } = &mut self.phase else { return };
            *current = None;
            let Some(child) = left.pop_front() else {
                let then = then.clone();
                return self.all_stopped(then);
            };
            let Some(Child { spec, status: Status::Alive(pid), .. }) =
                self.children.get(&child).map(|child| &**child)
            else {
                continue;
            };
            let leaving = Leaving { child, pid: *pid, told: told(spec) };
            let shutdown = spec.shutdown;
            // It may have ended before its turn came (rule S24: that is not counted).
            if let Some(reason) = self.ended_early.remove(&leaving.pid) {
                self.stopped(&leaving, reason);
                continue;
            }
            if let Shutdown::Timeout(timeout) = shutdown {
                self.actions.push(Action::SetAlarm(Alarm::Shutdown(leaving.pid), timeout));
            }
            self.actions.push(Action::End(leaving.pid, leaving.told.clone()));
            *current = Some(leaving);
            return;
        }
    }

    /// Dynamic children are told all at once; those that have equally long have one timer (rules S64, DS7).
    fn stop_together(&mut self, current: Option<Leaving>, then: Then) {
        let mut left: HashMap<Pid, Leaving> = HashMap::new();
        let mut timeouts = BTreeSet::new();
        let mut ended = Vec::new();
        for (key, child) in &self.children {
            let Status::Alive(pid) = child.status else { continue };
            let leaving = Leaving { child: *key, pid, told: told(&child.spec) };
            if let Some(reason) = self.ended_early.remove(&pid) {
                ended.push((leaving, reason));
                continue;
            }
            // One that has been told already keeps its own time.
            if current.as_ref().is_none_or(|current| current.pid != pid) {
                self.actions.push(Action::End(pid, leaving.told.clone()));
                if let Shutdown::Timeout(timeout) = child.spec.shutdown {
                    timeouts.insert(timeout);
                }
            }
            left.insert(pid, leaving);
        }
        for timeout in timeouts {
            self.actions.push(Action::SetAlarm(Alarm::ShutdownAll(timeout), timeout));
        }
        for (leaving, reason) in ended {
            self.stopped(&leaving, reason);
        }
        self.phase = Phase::StoppingTogether { left, then };
        self.stop_next_together();
    }

    pub(super) fn stop_next_together(&mut self) {
        if let Phase::StoppingTogether { left, then } = &self.phase
            && left.is_empty()
        {
            let then = then.clone();
            self.all_stopped(then);
        }
    }

    pub(super) fn on_shutdown_timeout(&mut self, pid: Pid) {
        let stops = match &self.phase {
            Phase::Stopping { current: Some(leaving), .. } => leaving.pid == pid,
            Phase::StoppingTogether { left, .. } => left.contains_key(&pid),
            _ => false,
        };
        if stops {
            self.actions.push(Action::End(pid, ExitReason::Kill));
        }
    }

    pub(super) fn on_common_shutdown_timeout(&mut self, timeout: Duration) {
        let Phase::StoppingTogether { left, .. } = &self.phase else { return };
        let late = left.values().filter(|leaving| {
            let spec = self.children.get(&leaving.child).map(|child| child.spec.shutdown);
            spec == Some(Shutdown::Timeout(timeout))
        });
        let mut late: Vec<Pid> = late.map(|leaving| leaving.pid).collect();
        late.sort_unstable();
        self.actions.extend(late.into_iter().map(|pid| Action::End(pid, ExitReason::Kill)));
    }

    pub(super) fn stopped(&mut self, leaving: &Leaving, reason: ExitReason) {
        self.actions.push(Action::ClearAlarm(Alarm::Shutdown(leaving.pid)));
        self.set_status(leaving.child, Status::Stopped);
        let Some(child) = self.children.get_mut(&leaving.child) else { return };
        child.last_exit = Some(reason.clone());
        let temporary = child.spec.restart == Restart::Temporary;
        if !is_expected_end(child.spec.restart, &leaving.told, &reason) {
            let report = ReportKind::ShutdownError { child: child.spec.id.clone(), pid: leaving.pid, reason };
            self.actions.push(Action::Report(report));
        }
        // Rule S22; a dynamic child has nothing to be kept for.
        if temporary || self.is_dynamic() {
            self.remove(leaving.child);
        }
    }

    pub(super) fn all_stopped(&mut self, then: Then) {
        match then {
            Then::Restart { child, group, wait } => self.start_group(child, group, wait),
            Then::Reply(from, response) => {
                self.phase = Phase::Idle;
                self.reply(from, response);
            }
            Then::Exit { reason, failed_start } => {
                if failed_start {
                    self.actions.push(Action::Acknowledge(InitAck::Error(reason.clone())));
                }
                self.phase = Phase::Ended;
                self.actions.push(Action::Exit(reason));
            }
        }
    }
}
