//! Starting children, one after another.

use std::sync::Arc;
use std::time::Duration;

use regrow_term::Term;

use super::{Action, Alarm, ChildKey, Machine, Phase, Status};
use crate::event::ReportKind;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::received::InitAck;
use crate::supervisor::spec::Restart;

impl Machine {
    pub(super) fn start_next(&mut self) {
        let Phase::Starting { current, left, initial } = &mut self.phase else { return };
        match left.pop_front() {
            Some(child) => {
                *current = Some((child, None));
                self.actions.push(Action::Start(child));
            }
            None => {
                if *initial {
                    self.actions.push(Action::Acknowledge(InitAck::Started));
                }
                self.phase = Phase::Idle;
            }
        }
    }

    pub(super) fn starting(&self, pid: Pid) -> Option<ChildKey> {
        let child = *self.by_pid.get(&pid)?;
        match &self.phase {
            Phase::Starting { current: Some((current, _)), .. } if *current == child => Some(child),
            _ => None,
        }
    }

    pub(super) fn on_spawned(&mut self, child: ChildKey, pid: Pid, acknowledges: bool) {
        let Some(entry) = self.children.get_mut(&child) else { return };
        entry.status = Status::Alive(pid);
        self.by_pid.insert(pid, child);
        if !acknowledges {
            self.started(child, pid);
        } else if let Some(timeout) = entry.spec.start_timeout {
            self.actions.push(Action::SetAlarm(Alarm::Start(pid), timeout));
        }
    }

    pub(super) fn started(&mut self, child: ChildKey, pid: Pid) {
        let Some(entry) = self.children.get(&child) else { return };
        let (child, restarts) = (entry.spec.id.clone(), entry.restarts);
        self.actions.push(Action::ClearAlarm(Alarm::Start(pid)));
        self.actions.push(Action::Report(ReportKind::ChildStarted { child, pid, restarts }));
        self.start_next();
    }

    /// One that can't or need not run says so and then ends; the next is not started before it is gone and its
    /// name is free (rule G4).
    pub(super) fn on_acknowledged(&mut self, pid: Pid, ack: InitAck) {
        let Some(child) = self.starting(pid) else { return };
        let Phase::Starting { current: Some((_, word)), .. } = &mut self.phase else { return };
        if ack == InitAck::Started && word.is_none() {
            self.started(child, pid);
        } else {
            // Too late is too late: it has been killed for its silence.
            word.get_or_insert(ack);
        }
    }

    pub(super) fn on_start_timeout(&mut self, pid: Pid) {
        if self.starting(pid).is_some()
            && let Phase::Starting { current: Some((_, word)), .. } = &mut self.phase
        {
            word.get_or_insert(InitAck::Error(ExitReason::error("timeout: the start was not acknowledged")));
            self.actions.push(Action::End(pid, ExitReason::Kill));
        }
    }

    pub(super) fn ended_while_starting(&mut self, child: ChildKey, pid: Pid, reason: ExitReason) {
        self.actions.push(Action::ClearAlarm(Alarm::Start(pid)));
        let word = match &mut self.phase {
            Phase::Starting { current: Some((_, word)), .. } => word.take(),
            _ => None,
        };
        match word {
            Some(InitAck::Ignore) => {
                self.forget_process(child, pid);
                // Rule S12.
                if self.spec(child).is_some_and(|spec| spec.restart == Restart::Temporary) {
                    self.children.remove(&child);
                }
                self.start_next();
            }
            Some(InitAck::Error(reason)) => self.start_failed(child, Some(pid), reason),
            Some(InitAck::Started) | None => self.start_failed(child, Some(pid), reason),
        }
    }

    pub(super) fn start_failed(&mut self, child: ChildKey, pid: Option<Pid>, reason: ExitReason) {
        if let Some(pid) = pid {
            self.forget_process(child, pid);
        }
        let Some(entry) = self.children.get_mut(&child) else { return };
        let id = entry.spec.id.clone();
        let report = ReportKind::StartError { child: id.clone(), pid, reason: reason.clone() };
        self.actions.push(Action::Report(report));
        if matches!(self.phase, Phase::Starting { initial: true, .. }) {
            // Rule S13.
            let words = vec![Term::from("failed_to_start_child"), Term::from(id), reason.to_term()];
            self.stop_all(ExitReason::ShutdownWith(Arc::new(Term::List(words))), true);
        } else {
            entry.status = Status::Restarting;
            self.actions.push(Action::SetAlarm(Alarm::Retry(child), Duration::ZERO));
            self.phase = Phase::Idle;
        }
    }
}
