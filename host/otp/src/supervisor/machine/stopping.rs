//! Stopping children, one after another, and what follows when all are stopped.

use std::collections::VecDeque;

use super::{Action, Alarm, Child, Event, Leaving, Machine, Phase, Status, Then};
use crate::event::ReportKind;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::received::InitAck;
use crate::supervisor::decision::is_expected_end;
use crate::supervisor::spec::{Restart, Shutdown};

impl Machine {
    pub(super) fn stop_all(&mut self, reason: ExitReason, failed_start: bool) {
        let then = Then::Exit { reason, failed_start };
        let alive = |child: &Child| matches!(child.status, Status::Alive(_));
        let mut left: VecDeque<_> =
            self.children.iter().rev().filter(|(_, c)| alive(c)).map(|(key, _)| *key).collect();
        let current = match &mut self.phase {
            Phase::Ended | Phase::Stopping { then: Then::Exit { .. }, .. } => return,
            Phase::Stopping { current, .. } => current.take(),
            Phase::Starting { .. } | Phase::Idle => None,
        };
        if let Some(leaving) = &current {
            left.retain(|child| *child != leaving.child);
        }
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
            let Some(Child { spec, status: Status::Alive(pid), .. }) = self.children.get(&child) else {
                continue;
            };
            let pid = *pid;
            let told = match spec.shutdown {
                Shutdown::BrutalKill => ExitReason::Kill,
                Shutdown::Timeout(_) | Shutdown::Infinity => ExitReason::Shutdown,
            };
            // It may have ended before its turn came (rule S24: that is not counted).
            let ended =
                self.deferred.iter().position(|e| matches!(e, Event::Ended { pid: p, .. } if *p == pid));
            if let Some(Event::Ended { reason, .. }) = ended.and_then(|index| self.deferred.remove(index)) {
                self.stopped(&Leaving { child, pid, told }, reason);
                continue;
            }
            if let Shutdown::Timeout(timeout) = spec.shutdown {
                self.actions.push(Action::SetAlarm(Alarm::Shutdown(pid), timeout));
            }
            self.actions.push(Action::End(pid, told.clone()));
            *current = Some(Leaving { child, pid, told });
            return;
        }
    }

    pub(super) fn on_shutdown_timeout(&mut self, pid: Pid) {
        if let Phase::Stopping { current: Some(leaving), .. } = &self.phase
            && leaving.pid == pid
        {
            self.actions.push(Action::End(pid, ExitReason::Kill));
        }
    }

    pub(super) fn stopped(&mut self, leaving: &Leaving, reason: ExitReason) {
        self.actions.push(Action::ClearAlarm(Alarm::Shutdown(leaving.pid)));
        self.forget_process(leaving.child, leaving.pid);
        let Some(child) = self.children.get(&leaving.child) else { return };
        if !is_expected_end(child.spec.restart, &leaving.told, &reason) {
            let report = ReportKind::ShutdownError { child: child.spec.id.clone(), pid: leaving.pid, reason };
            self.actions.push(Action::Report(report));
        }
        if child.spec.restart == Restart::Temporary {
            // Rule S22.
            self.children.remove(&leaving.child);
        }
    }

    pub(super) fn all_stopped(&mut self, then: Then) {
        match then {
            Then::Start(left) => {
                self.phase = Phase::Starting { current: None, left, initial: false };
                self.start_next();
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
