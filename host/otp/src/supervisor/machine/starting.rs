//! Starting children, one after another.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{Action, Alarm, ChildKey, Machine, Mode, Phase, Purpose, Status, Then};
use crate::event::ReportKind;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::received::InitAck;
use crate::supervisor::request::{ManagementError, Response, StartedChild};
use crate::supervisor::spec::Restart;
use crate::supervisor::start::failed_start;

/// Children of one supervisor, at most, those that do not run included: nothing is unbounded.
const MAX_CHILDREN: u64 = 1_000_000;

impl Machine {
    pub(super) fn start_all(&mut self, left: VecDeque<ChildKey>, purpose: Purpose) {
        self.phase = Phase::Starting { current: None, left, purpose };
        self.start_next();
    }

    fn start_next(&mut self) {
        let Phase::Starting { current, left, purpose } = &mut self.phase else { return };
        if let Some(child) = left.pop_front() {
            *current = Some((child, None));
            self.actions.push(Action::Start(child));
            return;
        }
        match *purpose {
            Purpose::Initial => self.actions.push(Action::Acknowledge(InitAck::Started)),
            Purpose::Resize { from, old } => self.actions.push(Action::Reply(from, Response::Resized(old))),
            Purpose::Restart | Purpose::Request { .. } => {}
        }
        self.phase = Phase::Idle;
    }

    /// The child of that process, if its start is what is awaited.
    fn starting(&self, pid: Pid) -> Option<ChildKey> {
        let child = *self.by_pid.get(&pid)?;
        match &self.phase {
            Phase::Starting { current: Some((current, _)), .. } if *current == child => Some(child),
            _ => None,
        }
    }

    pub(super) fn on_spawned(&mut self, child: ChildKey, pid: Pid, acknowledges: bool) {
        self.set_status(child, Status::Alive(pid));
        let Some(entry) = self.children.get(&child) else { return };
        if !acknowledges {
            self.started(child, pid, None);
        } else if let Some(timeout) = entry.spec.start_timeout {
            self.actions.push(Action::SetAlarm(Alarm::Start(pid), timeout));
        }
    }

    fn started(&mut self, child: ChildKey, pid: Pid, info: Option<Bytes>) {
        let Some(entry) = self.children.get_mut(&child) else { return };
        entry.started_at = self.now;
        self.partitions_changed = true;
        if let Some(last) = entry.last_pid.replace(pid) {
            self.by_pid.remove(&last);
        }
        self.by_pid.insert(pid, child);
        let (id, restarts) = (entry.spec.id.clone(), entry.restarts);
        self.actions.push(Action::ClearAlarm(Alarm::Start(pid)));
        self.actions.push(Action::Report(ReportKind::ChildStarted { child: id, pid, restarts }));
        if let Some((from, _)) = self.requester() {
            self.reply(from, Response::Started(StartedChild::Running { pid, info }));
        }
        self.start_next();
    }

    /// Who asked for the start that is awaited, and whether the child is new.
    fn requester(&self) -> Option<(crate::pid::ReplyTo, bool)> {
        match self.phase {
            Phase::Starting { purpose: Purpose::Request { from, new }, .. } => Some((from, new)),
            _ => None,
        }
    }

    /// One that can't or need not run says so and then ends; the next is not started before it is gone and its
    /// name is free (rule G4).
    pub(super) fn on_acknowledged(&mut self, pid: Pid, ack: InitAck) {
        let Some(child) = self.starting(pid) else { return };
        let Phase::Starting { current: Some((_, word)), .. } = &mut self.phase else { return };
        match (ack, word) {
            (InitAck::Started, None) => self.started(child, pid, None),
            (InitAck::StartedWith(info), None) => self.started(child, pid, Some(info)),
            // Too late is too late: it has been killed for its silence.
            (ack, word) => {
                word.get_or_insert(ack);
            }
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
            Some(InitAck::Ignore) => self.ignored(child),
            Some(InitAck::Error(reason)) => self.start_failed(child, Some(pid), reason),
            Some(InitAck::Started | InitAck::StartedWith(_)) | None => {
                self.start_failed(child, Some(pid), reason);
            }
        }
    }

    /// A child has nothing to do: its specification is kept, unless it is temporary (rule S12) or dynamic (rules S62,
    /// S65).
    fn ignored(&mut self, child: ChildKey) {
        self.set_status(child, Status::Stopped);
        let temporary = self.spec(child).is_some_and(|spec| spec.restart == Restart::Temporary);
        if temporary || self.is_dynamic() {
            self.remove(child);
        }
        if let Some((from, _)) = self.requester() {
            self.reply(from, Response::Started(StartedChild::Ignored));
        }
        self.start_next();
    }

    pub(super) fn start_failed(&mut self, child: ChildKey, pid: Option<Pid>, reason: ExitReason) {
        if !matches!(self.phase, Phase::Starting { .. }) {
            return;
        }
        let Some(entry) = self.children.get_mut(&child) else { return };
        entry.last_exit = Some(reason.clone());
        let id = entry.spec.id.clone();
        let (child_id, why) = (id.clone(), reason.clone());
        self.actions.push(Action::Report(match self.phase {
            Phase::Starting { purpose: Purpose::Initial | Purpose::Restart, .. } => {
                ReportKind::StartError { child: child_id, pid, reason: why }
            }
            _ => ReportKind::StartRefused { child: child_id, pid, reason: why },
        }));
        self.actions.push(Action::ChargeCrash);
        let Phase::Starting { purpose, .. } = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        match purpose {
            Purpose::Initial => {
                self.set_status(child, Status::Stopped);
                self.stop_all(failed_start(&id, &reason), true);
            }
            Purpose::Restart => {
                let wait = self.wait_before_restart(child);
                self.restart_after(child, wait, false);
            }
            Purpose::Request { from, new } => {
                // A dynamic child that was there before was parked, and is known by its last process only.
                let parked = self.is_dynamic() && !new;
                self.set_status(child, if parked { Status::Parked } else { Status::Stopped });
                if new {
                    self.remove(child);
                }
                self.refuse(from, ManagementError::StartFailed(reason));
            }
            Purpose::Resize { from, old } => {
                self.set_status(child, Status::Stopped);
                let failed = Response::Failed(ManagementError::StartFailed(reason));
                self.use_partitions(old, Then::Reply(from, failed));
            }
        }
    }

    /// Has a child restarted after a wait; until then others are served (rule S33).
    pub(super) fn restart_after(&mut self, child: ChildKey, wait: Duration, counted: bool) {
        let due = self.now.saturating_add(wait);
        self.set_status(child, Status::Restarting { due, counted });
        self.actions.push(Action::SetAlarm(Alarm::Retry(child), wait));
    }

    /// Whether there may be one more child.
    pub(super) fn check_room(&self) -> Result<(), ManagementError> {
        let most = match self.mode {
            Mode::FromTemplate { max_children, .. } | Mode::Dynamic { max_children, .. } => {
                max_children.min(MAX_CHILDREN)
            }
            Mode::Static | Mode::Partitions { .. } => MAX_CHILDREN,
        };
        if (self.children.len() as u64) < most { Ok(()) } else { Err(ManagementError::MaxChildren(most)) }
    }
}
