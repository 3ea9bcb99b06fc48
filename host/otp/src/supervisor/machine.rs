//! What a supervisor does: a pure state machine from events to actions.
//!
//! A supervisor does one thing at a time: it starts children one after another, or stops them one after
//! another, or waits. What happens to other children meanwhile is looked at when that is done, as OTP's
//! supervisor finds it in its mailbox afterwards; only the order to stop is obeyed at once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use regrow_term::Term;

use crate::clock::Instant;
use crate::event::{Decision, ReportKind};
use crate::exit_reason::ExitReason;
use crate::mailbox::InitAck;
use crate::pid::Pid;
use crate::supervisor::decision::{Fate, after_exit, ends_supervisor, is_expected_end};
use crate::supervisor::intensity::RestartWindow;
use crate::supervisor::spec::{ChildSpec, Restart, Shutdown, Strategy, SupFlags};

/// Names a child for as long as the supervisor knows it. Ascending in start order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ChildKey(u64);

/// What the supervisor hears.
#[derive(Debug)]
pub(super) enum Event {
    /// It is to start its children.
    Start,
    /// A child was spawned; `acknowledges` if word of its start will follow.
    Spawned { child: ChildKey, pid: Pid, acknowledges: bool },
    /// A child could not be spawned.
    SpawnFailed { child: ChildKey, reason: ExitReason },
    /// A child says how its start went.
    Acknowledged { pid: Pid, ack: InitAck },
    /// A process ended. Heard once or twice of a child that is being stopped.
    Ended { pid: Pid, reason: ExitReason },
    /// An alarm rang.
    Alarm(Alarm),
    /// It is to stop its children and end.
    Stop(ExitReason),
}

/// What an alarm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// A start has taken too long.
    Start(Pid),
    /// A child has taken too long to stop.
    Shutdown(Pid),
    /// A failed restart is tried again: after whatever else has arrived (rules S31, S33).
    Retry(ChildKey),
}

/// What the supervisor does.
#[derive(Debug)]
pub(super) enum Action {
    Start(ChildKey),
    /// Sends an exit signal and watches for the end by a monitor, in case the child unlinked (rule S42).
    End(Pid, ExitReason),
    SetAlarm(Alarm, Duration),
    ClearAlarm(Alarm),
    Report(ReportKind),
    /// Tells its own starter how the start went.
    Acknowledge(InitAck),
    Exit(ExitReason),
}

struct Child {
    spec: ChildSpec,
    status: Status,
    restarts: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    /// Not running, and nothing is done about it.
    Stopped,
    /// A restart failed and will be tried again.
    Restarting,
    /// It has a process, started or starting.
    Alive(Pid),
}

enum Phase {
    Idle,
    Starting {
        /// The child whose start is awaited.
        current: Option<(ChildKey, Option<InitAck>)>,
        left: VecDeque<ChildKey>,
        initial: bool,
    },
    Stopping {
        current: Option<Leaving>,
        /// In the order in which they are stopped.
        left: VecDeque<ChildKey>,
        then: Then,
    },
    Ended,
}

/// A child that was told to stop.
#[derive(Clone, Debug)]
struct Leaving {
    child: ChildKey,
    pid: Pid,
    told: ExitReason,
}

/// What follows when all are stopped.
#[derive(Clone)]
enum Then {
    Start(VecDeque<ChildKey>),
    Exit { reason: ExitReason, failed_start: bool },
}

pub(super) struct Machine {
    flags: SupFlags,
    window: RestartWindow,
    children: BTreeMap<ChildKey, Child>,
    by_pid: HashMap<Pid, ChildKey>,
    phase: Phase,
    deferred: VecDeque<Event>,
    actions: Vec<Action>,
}

impl Machine {
    pub(super) fn new(flags: SupFlags, children: Vec<ChildSpec>) -> Self {
        let children = children.into_iter().enumerate().map(|(index, spec)| {
            (ChildKey(index as u64), Child { spec, status: Status::Stopped, restarts: 0 })
        });
        Self {
            window: RestartWindow::new(flags.intensity, flags.period),
            flags,
            children: children.collect(),
            by_pid: HashMap::new(),
            phase: Phase::Idle,
            deferred: VecDeque::new(),
            actions: Vec::new(),
        }
    }

    pub(super) fn spec(&self, child: ChildKey) -> Option<&ChildSpec> {
        self.children.get(&child).map(|child| &child.spec)
    }

    /// Takes an event in; what is to be done about it.
    pub(super) fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        self.handle(event, now);
        while matches!(self.phase, Phase::Idle) {
            let Some(event) = self.deferred.pop_front() else { break };
            self.handle(event, now);
        }
        std::mem::take(&mut self.actions)
    }

    fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Start => {
                let left = self.children.keys().copied().collect();
                self.phase = Phase::Starting { current: None, left, initial: true };
                self.start_next();
            }
            Event::Spawned { child, pid, acknowledges } => self.on_spawned(child, pid, acknowledges),
            Event::SpawnFailed { child, reason } => self.start_failed(child, None, reason),
            Event::Acknowledged { pid, ack } => self.on_acknowledged(pid, ack),
            Event::Ended { pid, reason } => self.on_ended(pid, reason, now),
            Event::Alarm(Alarm::Start(pid)) => self.on_start_timeout(pid),
            Event::Alarm(Alarm::Shutdown(pid)) => self.on_shutdown_timeout(pid),
            Event::Alarm(Alarm::Retry(child)) => match self.phase {
                Phase::Idle => self.on_retry(child, now),
                _ => self.deferred.push_back(Event::Alarm(Alarm::Retry(child))),
            },
            Event::Stop(reason) => self.stop_all(reason, false),
        }
    }

    // Starting.

    fn start_next(&mut self) {
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

    fn starting(&self, pid: Pid) -> Option<ChildKey> {
        let child = *self.by_pid.get(&pid)?;
        match &self.phase {
            Phase::Starting { current: Some((current, _)), .. } if *current == child => Some(child),
            _ => None,
        }
    }

    fn on_spawned(&mut self, child: ChildKey, pid: Pid, acknowledges: bool) {
        let Some(entry) = self.children.get_mut(&child) else { return };
        entry.status = Status::Alive(pid);
        self.by_pid.insert(pid, child);
        if !acknowledges {
            self.started(child, pid);
        } else if let Some(timeout) = entry.spec.start_timeout {
            self.actions.push(Action::SetAlarm(Alarm::Start(pid), timeout));
        }
    }

    fn started(&mut self, child: ChildKey, pid: Pid) {
        let Some(entry) = self.children.get(&child) else { return };
        let (child, restarts) = (entry.spec.id.clone(), entry.restarts);
        self.actions.push(Action::ClearAlarm(Alarm::Start(pid)));
        self.actions.push(Action::Report(ReportKind::ChildStarted { child, pid, restarts }));
        self.start_next();
    }

    /// One that can't or need not run says so and then ends; the next is not started before it is gone and its
    /// name is free (rule G4).
    fn on_acknowledged(&mut self, pid: Pid, ack: InitAck) {
        let Some(child) = self.starting(pid) else { return };
        let Phase::Starting { current: Some((_, word)), .. } = &mut self.phase else { return };
        if ack == InitAck::Started && word.is_none() {
            self.started(child, pid);
        } else {
            // Too late is too late: it has been killed for its silence.
            word.get_or_insert(ack);
        }
    }

    fn on_start_timeout(&mut self, pid: Pid) {
        if self.starting(pid).is_some()
            && let Phase::Starting { current: Some((_, word)), .. } = &mut self.phase
        {
            word.get_or_insert(InitAck::Error(ExitReason::error("timeout: the start was not acknowledged")));
            self.actions.push(Action::End(pid, ExitReason::Kill));
        }
    }

    fn ended_while_starting(&mut self, child: ChildKey, pid: Pid, reason: ExitReason) {
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

    fn start_failed(&mut self, child: ChildKey, pid: Option<Pid>, reason: ExitReason) {
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

    // Stopping.

    fn stop_all(&mut self, reason: ExitReason, failed_start: bool) {
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

    fn stop_next(&mut self) {
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

    fn on_shutdown_timeout(&mut self, pid: Pid) {
        if let Phase::Stopping { current: Some(leaving), .. } = &self.phase
            && leaving.pid == pid
        {
            self.actions.push(Action::End(pid, ExitReason::Kill));
        }
    }

    fn stopped(&mut self, leaving: &Leaving, reason: ExitReason) {
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

    fn all_stopped(&mut self, then: Then) {
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

    // The end of a child.

    fn on_ended(&mut self, pid: Pid, reason: ExitReason, now: Instant) {
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

    fn ended_by_itself(&mut self, child: ChildKey, pid: Pid, reason: ExitReason, now: Instant) {
        self.forget_process(child, pid);
        let Some(entry) = self.children.get(&child) else { return };
        let (id, significant) = (entry.spec.id.clone(), entry.spec.significant);
        let fate = after_exit(entry.spec.restart, &reason);
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
                self.actions.push(Action::Report(ReportKind::AutoShutdown { child: id }));
                self.stop_all(ExitReason::Shutdown, false);
            }
        }
    }

    fn on_retry(&mut self, child: ChildKey, now: Instant) {
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
    fn give_up(&mut self, child: ChildKey) -> Decision {
        let SupFlags { intensity, period, .. } = self.flags;
        let child = self.spec(child).map(|spec| spec.id.clone()).unwrap_or_default();
        self.actions.push(Action::Report(ReportKind::GaveUp { child, intensity, period }));
        self.stop_all(ExitReason::Shutdown, false);
        Decision::GiveUp { intensity, period }
    }

    /// Stops the siblings that the strategy names, in reverse order, then starts them and the child in order;
    /// those that did not run are started too (rules S19 to S23, S34, S35).
    fn begin_restart(&mut self, child: ChildKey) -> Decision {
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

    fn forget_process(&mut self, child: ChildKey, pid: Pid) {
        self.by_pid.remove(&pid);
        if let Some(entry) = self.children.get_mut(&child) {
            entry.status = Status::Stopped;
        }
    }
}
