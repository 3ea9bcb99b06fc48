//! The end of a child, and what becomes of it and its siblings.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Action, ChildKey, Deferred, Machine, Phase, Purpose, Status, Then};
use crate::event::{Decision, ReportKind};
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::supervisor::decision::{Fate, Verdict, after_exit, at_restart, ends_supervisor};
use crate::supervisor::intensity::RestartWindow;
use crate::supervisor::spec::{OverIntensity, Restart, Strategy, SupFlags};

impl Machine {
    pub(super) fn on_ended(&mut self, pid: Pid, reason: ExitReason) {
        let Some(child) = self.by_pid.get(&pid).copied() else { return };
        if self.children.get(&child).is_none_or(|entry| entry.status != Status::Alive(pid)) {
            return;
        }
        match &mut self.phase {
            Phase::Stopping { current: Some(leaving), .. } if leaving.pid == pid => {
                let leaving = leaving.clone();
                self.stopped(&leaving, reason);
                self.stop_next();
            }
            Phase::StoppingTogether { left, .. } => {
                if let Some(leaving) = left.remove(&pid) {
                    self.stopped(&leaving, reason);
                    self.stop_next_together();
                }
            }
            Phase::Starting { current: Some((current, _)), .. } if *current == child => {
                self.ended_while_starting(child, pid, reason);
            }
            Phase::Idle => self.ended_by_itself(child, pid, reason),
            Phase::Ended => {}
            Phase::Starting { .. } | Phase::Stopping { .. } => {
                if self.ended_early.insert(pid, reason).is_none() {
                    self.deferred.push_back(Deferred::Ended(pid));
                }
            }
        }
    }

    fn ended_by_itself(&mut self, child: ChildKey, pid: Pid, reason: ExitReason) {
        let Some(entry) = self.children.get_mut(&child) else { return };
        entry.last_exit = Some(reason.clone());
        let ran = self.now.saturating_since(entry.started_at);
        if entry.spec.backoff.as_ref().is_some_and(|backoff| ran >= backoff.reset_after) {
            entry.crashes = 0;
        }
        let (id, significant) = (entry.spec.id.clone(), entry.spec.significant);
        let fate = after_exit(entry.spec.restart, &reason);
        let why = reason.clone();
        if !reason.is_clean() {
            self.actions.push(Action::ChargeCrash);
        }
        let before_consequences = self.actions.len();
        let decision = match fate {
            Fate::Restart => self.restart_or_not(child),
            Fate::Keep => Decision::Keep,
            Fate::Delete => Decision::Delete,
        };
        if fate != Fate::Restart {
            self.set_status(child, Status::Stopped);
        }
        // Rule Y14: a clean end of a child that is not permanent is nobody's news.
        if fate == Fate::Restart || !reason.is_clean() {
            let report = ReportKind::ChildTerminated { child: id.clone(), pid, reason, decision };
            self.actions.insert(before_consequences, Action::Report(report));
        }
        if fate == Fate::Delete || (fate == Fate::Keep && self.is_dynamic()) {
            self.remove(child);
        }
        if fate != Fate::Restart && significant {
            let others = self.children.values();
            let idle = |status| matches!(status, Status::Stopped | Status::Parked);
            let running = others.filter(|c| c.spec.significant && !idle(c.status)).count();
            if ends_supervisor(self.flags.auto_shutdown, running > 0) {
                self.actions.push(Action::Report(ReportKind::AutoShutdown { child: id, reason: why }));
                self.stop_all(ExitReason::Shutdown, false);
            }
        }
    }

    /// A restart that failed, or that had to wait, is due.
    pub(super) fn on_retry(&mut self, child: ChildKey) {
        let Some(entry) = self.children.get(&child) else { return };
        let Status::Restarting { due, counted } = entry.status else { return };
        if due > self.now {
            return;
        }
        if counted || self.count_restart(child) == Verdict::Restart {
            self.begin_restart(child, Duration::ZERO);
        } else {
            self.not_restarted(child);
        }
    }

    fn restart_or_not(&mut self, child: ChildKey) -> Decision {
        match self.count_restart(child) {
            Verdict::Restart => {
                let wait = self.wait_before_restart(child);
                self.set_status(child, Status::Restarting { due: self.now, counted: true });
                let with = self.begin_restart(child, wait);
                let restarts = self.children.get(&child).map_or(0, |entry| entry.restarts);
                Decision::Restart { restarts, with, wait }
            }
            Verdict::Park | Verdict::GiveUp => self.not_restarted(child),
        }
    }

    /// Counts a restart, and says whether there may be one.
    fn count_restart(&mut self, child: ChildKey) -> Verdict {
        let SupFlags { intensity, period, .. } = self.flags;
        let Some(entry) = self.children.get_mut(&child) else { return Verdict::GiveUp };
        let over = entry.spec.over_intensity;
        let window = match over {
            OverIntensity::GiveUp => &mut self.window,
            OverIntensity::Park => {
                entry.window.get_or_insert_with(|| Box::new(RestartWindow::new(intensity, period)))
            }
        };
        let verdict = at_restart(over, window.admit(self.now));
        if verdict == Verdict::Restart {
            entry.restarts += 1;
        }
        verdict
    }

    /// How long the next restart waits; counts the crash that it follows.
    pub(super) fn wait_before_restart(&mut self, child: ChildKey) -> Duration {
        let Some(entry) = self.children.get_mut(&child) else { return Duration::ZERO };
        let Some(backoff) = &entry.spec.backoff else { return Duration::ZERO };
        entry.crashes = entry.crashes.saturating_add(1);
        backoff.wait(entry.crashes, &mut self.random)
    }

    /// A restart would be one too many: the supervisor gives up (rule S29), or the child is parked.
    fn not_restarted(&mut self, child: ChildKey) -> Decision {
        let SupFlags { intensity, period, .. } = self.flags;
        let spec = self.spec(child).map(|spec| (spec.id.clone(), spec.over_intensity));
        let (id, over) = spec.unwrap_or_default();
        match over {
            OverIntensity::Park => {
                self.set_status(child, Status::Parked);
                self.actions.push(Action::Report(ReportKind::Parked { child: id, intensity, period }));
                Decision::Park { intensity, period }
            }
            OverIntensity::GiveUp => {
                self.set_status(child, Status::Stopped);
                self.actions.push(Action::Report(ReportKind::GaveUp { child: id, intensity, period }));
                self.stop_all(ExitReason::Shutdown, false);
                Decision::GiveUp { intensity, period }
            }
        }
    }

    /// Stops the siblings that the strategy names, in reverse order, then starts them and the child in order, after
    /// a wait; those that did not run are started too (rules S19 to S23, S34, S35). The ids of the siblings.
    fn begin_restart(&mut self, child: ChildKey, wait: Duration) -> Vec<String> {
        let group: VecDeque<ChildKey> = match self.flags.strategy {
            Strategy::OneForOne | Strategy::SimpleOneForOne => VecDeque::from([child]),
            Strategy::OneForAll => self.children.keys().copied().collect(),
            Strategy::RestForOne => self.children.range(child..).map(|(key, _)| *key).collect(),
        };
        // Their own restarts, if some were to come, are part of this one.
        for sibling in group.iter().filter(|key| **key != child) {
            if let Status::Restarting { .. } | Status::Parked = self.status(*sibling) {
                self.set_status(*sibling, Status::Stopped);
            }
        }
        let siblings = group.iter().filter(|key| **key != child);
        let with = siblings.filter_map(|key| self.spec(*key)).map(|spec| spec.id.clone()).collect();
        let left = group.iter().rev().copied().filter(|key| *key != child).collect();
        let to_start = group.into_iter().filter(|key| {
            *key == child || self.spec(*key).is_some_and(|spec| spec.restart != Restart::Temporary)
        });
        let then = Then::Restart { child, group: to_start.collect(), wait };
        self.phase = Phase::Stopping { current: None, left, then };
        self.stop_next();
        with
    }

    /// The siblings are stopped.
    pub(super) fn start_group(&mut self, child: ChildKey, group: VecDeque<ChildKey>, wait: Duration) {
        if wait.is_zero() {
            // It has its turn among the others, and is only one of them if an earlier one fails. Where it is alone it may
            // be known by its last process until it has another.
            if group.len() > 1 {
                self.set_status(child, Status::Stopped);
            }
            return self.start_all(group, Purpose::Restart);
        }
        self.phase = Phase::Idle;
        self.restart_after(child, wait, true);
    }
}
