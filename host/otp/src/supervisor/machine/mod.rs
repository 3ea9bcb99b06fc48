//! What a supervisor does: a pure state machine from events to actions.
//!
//! A supervisor does one thing at a time: it starts children one after another, or stops them one after
//! another, or waits. What happens to other children meanwhile is looked at when that is done, as OTP's
//! supervisor finds it in its mailbox afterwards; only the order to stop is obeyed at once.

mod restarting;
mod starting;
mod stopping;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Instant;
use crate::event::ReportKind;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::received::InitAck;
use crate::supervisor::intensity::RestartWindow;
use crate::supervisor::spec::{ChildSpec, SupFlags};

/// Names a child for as long as the supervisor knows it. Ascending in start order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::supervisor) struct ChildKey(u64);

/// What the supervisor hears.
#[derive(Debug)]
pub(in crate::supervisor) enum Event {
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
pub(in crate::supervisor) enum Alarm {
    /// A start has taken too long.
    Start(Pid),
    /// A child has taken too long to stop.
    Shutdown(Pid),
    /// A failed restart is tried again: after whatever else has arrived (rules S31, S33).
    Retry(ChildKey),
}

/// What the supervisor does.
#[derive(Debug)]
pub(in crate::supervisor) enum Action {
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

pub(in crate::supervisor) struct Machine {
    flags: SupFlags,
    window: RestartWindow,
    children: BTreeMap<ChildKey, Child>,
    by_pid: HashMap<Pid, ChildKey>,
    phase: Phase,
    deferred: VecDeque<Event>,
    actions: Vec<Action>,
}

impl Machine {
    pub(in crate::supervisor) fn new(flags: SupFlags, children: Vec<ChildSpec>) -> Self {
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

    pub(in crate::supervisor) fn spec(&self, child: ChildKey) -> Option<&ChildSpec> {
        self.children.get(&child).map(|child| &child.spec)
    }

    /// Takes an event in; what is to be done about it.
    pub(in crate::supervisor) fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
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

    fn forget_process(&mut self, child: ChildKey, pid: Pid) {
        self.by_pid.remove(&pid);
        if let Some(entry) = self.children.get_mut(&child) {
            entry.status = Status::Stopped;
        }
    }
}
