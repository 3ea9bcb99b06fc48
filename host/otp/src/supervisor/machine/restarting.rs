//! The end of a child, and what becomes of it and its siblings.

use std::collections::VecDeque;

use super::{Action, ChildKey, Event, Machine, Phase, Status, Then};
use crate::clock::Instant;
use crate::event::{Decision, ReportKind};
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::supervisor::decision::{Fate, after_exit, ends_supervisor};
use crate::supervisor::spec::{Restart, Strategy, SupFlags};

impl Machine {
    pub(super) fn on_ended(&mut self, pid: Pid, reason: ExitReason, now: Instant) {
        let Some(child) = self.by_pid.get(&pid).copied() else { return };
        match &self.phase {
            Phase::Stopping { current: Some(leaving), .. } if leaving.pid == pid => {
                let leaving = leaving.clone();
                self.stopped(&leaving, reason);
                self.stop_next();
            }
            Phase::Starting { current: Some((current, _)), .. } if *current == child => {
                self.ended_while_starting(child, pid, reason);
            }
            Phase::Idle => self.ended_by_itself(child, pid, reason, now),
            Phase::Ended => {}
            _ => self.deferred.push_back(Event::Ended { pid, reason }),
        }
    }

    pub(super) fn ended_by_itself(&mut self, child: ChildKey, pid: Pid, reason: ExitReason, now: Instant) {
        self.forget_process(child, pid);
        let Some(entry) = self.children.get(&child) else { return };
        let (id, significant) = (entry.spec.id.clone(), entry.spec.significant);
        let fate = after_exit(entry.spec.restart, &reason);
        let why = reason.clone();
        let before_consequences = self.actions.len();
        let decision = match fate {
            Fate::Restart if self.window.admit(now) => self.begin_restart(child),
            Fate::Restart => self.give_up(child),
            Fate::Keep => Decision::Keep,
            Fate::Delete => Decision::Delete,
        };
        // Rule Y14: a clean end of a child that is not permanent is nobody's news.
        if fate == Fate::Restart || !reason.is_clean() {
            let report = ReportKind::ChildTerminated { child: id.clone(), pid, reason, decision };
            self.actions.insert(before_consequences, Action::Report(report));
        }
        if fate == Fate::Delete {
            self.children.remove(&child);
        }
        if fate != Fate::Restart && significant {
            let others = self.children.values();
            let running = others.filter(|c| c.spec.significant && c.status != Status::Stopped).count();
            if ends_supervisor(self.flags.auto_shutdown, running > 0) {
                self.actions.push(Action::Report(ReportKind::AutoShutdown { child: id, reason: why }));
                self.stop_all(ExitReason::Shutdown, false);
            }
        }
    }

    pub(super) fn on_retry(&mut self, child: ChildKey, now: Instant) {
        if self.children.get(&child).is_none_or(|entry| entry.status != Status::Restarting) {
            return;
        }
        if self.window.admit(now) {
            self.begin_restart(child);
        } else {
            self.give_up(child);
        }
    }

    /// Rule S29.
    pub(super) fn give_up(&mut self, child: ChildKey) -> Decision {
        let SupFlags { intensity, period, .. } = self.flags;
        let child = self.spec(child).map(|spec| spec.id.clone()).unwrap_or_default();
        self.actions.push(Action::Report(ReportKind::GaveUp { child, intensity, period }));
        self.stop_all(ExitReason::Shutdown, false);
        Decision::GiveUp { intensity, period }
    }

    /// Stops the siblings that the strategy names, in reverse order, then starts them and the child in order;
    /// those that did not run are started too (rules S19 to S23, S34, S35).
    pub(super) fn begin_restart(&mut self, child: ChildKey) -> Decision {
        let group: VecDeque<ChildKey> = match self.flags.strategy {
            Strategy::OneForOne => VecDeque::from([child]),
            Strategy::OneForAll => self.children.keys().copied().collect(),
            Strategy::RestForOne => self.children.range(child..).map(|(key, _)| *key).collect(),
        };
        let with = group.iter().filter(|key| **key != child);
        let with = with.filter_map(|key| self.spec(*key)).map(|spec| spec.id.clone()).collect();
        let mut restarts = 0;
        if let Some(entry) = self.children.get_mut(&child) {
            entry.restarts += 1;
            entry.status = Status::Restarting;
            restarts = entry.restarts;
        }
        let left = group.iter().rev().copied().collect();
        let to_start = group.into_iter().filter(|key| {
            *key == child || self.spec(*key).is_some_and(|spec| spec.restart != Restart::Temporary)
        });
        let then = Then::Start(to_start.collect());
        self.phase = Phase::Stopping { current: None, left, then };
        self.stop_next();
        Decision::Restart { restarts, with }
    }
}
