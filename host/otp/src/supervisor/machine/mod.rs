//! What a supervisor does: a pure state machine from events to actions.
//!
//! A supervisor does one thing at a time: it starts children one after another, or stops them, or waits. What
//! happens to other children meanwhile, and what it is asked, is looked at when that is done, as OTP's supervisor
//! finds it in its mailbox afterwards; only the order to stop is obeyed at once.

mod managing;
mod reconfiguring;
mod restarting;
mod starting;
mod stopping;
mod view;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Instant;
use crate::event::ReportKind;
use crate::exit_reason::ExitReason;
use crate::pid::{Pid, ReplyTo};
use crate::random::SplitMix64;
use crate::received::InitAck;
use crate::supervisor::definition::{Children, SupervisorSpec};
use crate::supervisor::intensity::RestartWindow;
use crate::supervisor::request::{ManagementError, Request, Response};
use crate::supervisor::spec::{ChildSpec, SupFlags};
use crate::supervisor::start::Arguments;

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
    /// Somebody asks something.
    Request { request: Request, from: ReplyTo },
    /// It is to stop its children and end.
    Stop(ExitReason),
}

/// What an alarm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::supervisor) enum Alarm {
    /// A start has taken too long.
    Start(Pid),
    /// A child has taken too long to stop.
    Shutdown(Pid),
    /// Dynamic children that have so long to stop have taken too long (rule S64: one timer for all of them).
    ShutdownAll(Duration),
    /// A restart that failed, or that had to wait, is tried: after whatever else has arrived (rules S31, S33).
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
    Reply(ReplyTo, Response),
    /// Counts its children: which of them are alive is not in the machine (rule S57).
    ReplyWithCounts(ReplyTo),
    /// Applies a changed start to a child that goes on.
    ApplyTo(ChildKey, Pid),
    /// A child has crashed: what that cost is charged to the supervisor.
    ChargeCrash,
    Exit(ExitReason),
}

struct Child {
    spec: ChildSpec,
    status: Status,
    restarts: u64,
    /// Crashes in a row, as the back-off counts them.
    crashes: u32,
    started_at: Instant,
    /// The process that it had last, by which a dynamic child is still known while it is restarted or parked.
    last_pid: Option<Pid>,
    last_exit: Option<ExitReason>,
    /// The restarts of a child that is parked when there are too many.
    window: Option<Box<RestartWindow>>,
}

impl Child {
    fn new(spec: ChildSpec) -> Self {
        Self {
            spec,
            status: Status::Stopped,
            restarts: 0,
            crashes: 0,
            started_at: Instant::default(),
            last_pid: None,
            last_exit: None,
            window: None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    /// Not running, and nothing is done about it.
    Stopped,
    /// It will be restarted.
    Restarting {
        due: Instant,
        /// Whether the restart has been counted already.
        counted: bool,
    },
    /// It was restarted too often.
    Parked,
    /// It has a process, started or starting.
    Alive(Pid),
}

enum Phase {
    Idle,
    Starting {
        /// The child whose start is awaited, and what it has said so far.
        current: Option<(ChildKey, Option<InitAck>)>,
        left: VecDeque<ChildKey>,
        purpose: Purpose,
    },
    Stopping {
        current: Option<Leaving>,
        /// In the order in which they are stopped.
        left: VecDeque<ChildKey>,
        then: Then,
    },
    /// All at once (rules S64, DS7).
    StoppingTogether {
        left: HashMap<Pid, Leaving>,
        then: Then,
    },
    Ended,
}

/// Why children are started.
enum Purpose {
    /// The supervisor has just begun.
    Initial,
    Restart,
    /// Somebody asked for it. What can't be started is forgotten if it is `new`.
    Request {
        from: ReplyTo,
        new: bool,
    },
    /// There are to be more partitions than `old`.
    Resize {
        from: ReplyTo,
        old: usize,
    },
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
    /// These are started, after a wait of `child`.
    Restart {
        child: ChildKey,
        group: VecDeque<ChildKey>,
        wait: Duration,
    },
    Reply(ReplyTo, Response),
    Exit {
        reason: ExitReason,
        failed_start: bool,
    },
}

/// What is looked at later.
enum Deferred {
    /// The end of a process; its reason is in `ended_early`, unless it has been dealt with.
    Ended(Pid),
    Retry(ChildKey),
    Request(Request, ReplyTo),
}

/// How children come about.
enum Mode {
    Static,
    FromTemplate { template: ChildSpec, max_children: u64 },
    Dynamic { max_children: u64, extra_arguments: Arguments },
    Partitions { size: usize },
}

pub(in crate::supervisor) struct Machine {
    flags: SupFlags,
    mode: Mode,
    window: RestartWindow,
    /// Boxed: a node of the map has room for eleven, and is half empty.
    children: BTreeMap<ChildKey, Box<Child>>,
    next_key: u64,
    /// Children by their ids; not those of dynamic supervisors.
    by_id: HashMap<String, ChildKey>,
    /// Children by their processes, also by the last one of those that are restarted or parked.
    by_pid: HashMap<Pid, ChildKey>,
    phase: Phase,
    deferred: VecDeque<Deferred>,
    ended_early: HashMap<Pid, ExitReason>,
    /// Whether partitions have come, gone or started.
    partitions_changed: bool,
    random: SplitMix64,
    now: Instant,
    actions: Vec<Action>,
}

impl Machine {
    /// A machine that has not started anything; `seed` decides what back-offs leave to chance.
    pub(in crate::supervisor) fn new(spec: &SupervisorSpec, seed: u64) -> Self {
        let (mode, children) = match spec.children.clone() {
            Children::Static(children) => (Mode::Static, children),
            Children::Partitions(children) => (Mode::Partitions { size: children.len() }, children),
            Children::FromTemplate { template, max_children } => {
                (Mode::FromTemplate { template, max_children }, Vec::new())
            }
            Children::Dynamic { max_children, extra_arguments } => {
                (Mode::Dynamic { max_children, extra_arguments }, Vec::new())
            }
        };
        let mut machine = Self {
            window: RestartWindow::new(spec.flags.intensity, spec.flags.period),
            flags: spec.flags.clone(),
            mode,
            children: BTreeMap::new(),
            next_key: 0,
            by_id: HashMap::new(),
            by_pid: HashMap::new(),
            phase: Phase::Idle,
            deferred: VecDeque::new(),
            ended_early: HashMap::new(),
            partitions_changed: true,
            random: SplitMix64::new(seed),
            now: Instant::default(),
            actions: Vec::new(),
        };
        for child in children {
            machine.add(Child::new(child));
        }
        machine
    }

    pub(in crate::supervisor) fn spec(&self, child: ChildKey) -> Option<&ChildSpec> {
        self.children.get(&child).map(|child| &child.spec)
    }

    /// Takes an event in; what is to be done about it.
    pub(in crate::supervisor) fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        self.now = now;
        self.handle(event);
        while matches!(self.phase, Phase::Idle) {
            match self.deferred.pop_front() {
                Some(Deferred::Ended(pid)) => {
                    if let Some(reason) = self.ended_early.remove(&pid) {
                        self.on_ended(pid, reason);
                    }
                }
                Some(Deferred::Retry(child)) => self.on_retry(child),
                Some(Deferred::Request(request, from)) => self.on_request(request, from),
                None => break,
            }
        }
        std::mem::take(&mut self.actions)
    }

    fn handle(&mut self, event: Event) {
        let idle = matches!(self.phase, Phase::Idle);
        match event {
            Event::Start => {
                let left = self.children.keys().copied().collect();
                self.start_all(left, Purpose::Initial);
            }
            Event::Spawned { child, pid, acknowledges } => self.on_spawned(child, pid, acknowledges),
            Event::SpawnFailed { child, reason } => self.start_failed(child, None, reason),
            Event::Acknowledged { pid, ack } => self.on_acknowledged(pid, ack),
            Event::Ended { pid, reason } => self.on_ended(pid, reason),
            Event::Alarm(Alarm::Start(pid)) => self.on_start_timeout(pid),
            Event::Alarm(Alarm::Shutdown(pid)) => self.on_shutdown_timeout(pid),
            Event::Alarm(Alarm::ShutdownAll(timeout)) => self.on_common_shutdown_timeout(timeout),
            Event::Alarm(Alarm::Retry(child)) if idle => self.on_retry(child),
            Event::Alarm(Alarm::Retry(child)) => self.deferred.push_back(Deferred::Retry(child)),
            Event::Request { request: Request::WhichChildren { at_once: true }, from } => {
                self.reply(from, Response::Children(self.which_children()));
            }
            Event::Request { request, from } if idle => self.on_request(request, from),
            Event::Request { request, from } => self.deferred.push_back(Deferred::Request(request, from)),
            Event::Stop(reason) => self.stop_all(reason, false),
        }
    }

    fn is_dynamic(&self) -> bool {
        matches!(self.mode, Mode::FromTemplate { .. } | Mode::Dynamic { .. })
    }

    fn add(&mut self, child: Child) -> ChildKey {
        let key = ChildKey(self.next_key);
        self.next_key += 1;
        if !self.is_dynamic() {
            self.by_id.insert(child.spec.id.clone(), key);
        }
        self.children.insert(key, Box::new(child));
        key
    }

    fn remove(&mut self, key: ChildKey) {
        self.set_status(key, Status::Stopped);
        let Some(child) = self.children.remove(&key) else { return };
        if self.by_id.get(&child.spec.id) == Some(&key) {
            self.by_id.remove(&child.spec.id);
        }
    }

    fn set_status(&mut self, key: ChildKey, status: Status) {
        self.partitions_changed = true;
        let Some(child) = self.children.get_mut(&key) else { return };
        let old = std::mem::replace(&mut child.status, status);
        if let Status::Alive(pid) = old
            && child.last_pid != Some(pid)
        {
            self.by_pid.remove(&pid);
        }
        // One that is due is a message on its way, as OTP's is: it counts if the child is to be restarted again by then.
        if let Status::Restarting { due, .. } = old
            && due > self.now
        {
            self.actions.push(Action::ClearAlarm(Alarm::Retry(key)));
        }
        match status {
            Status::Alive(pid) => {
                self.by_pid.insert(pid, key);
            }
            Status::Stopped => {
                if let Some(last) = child.last_pid.take() {
                    self.by_pid.remove(&last);
                }
            }
            Status::Restarting { .. } | Status::Parked => {}
        }
    }

    fn reply(&mut self, to: ReplyTo, response: Response) {
        self.actions.push(Action::Reply(to, response));
    }

    fn refuse(&mut self, to: ReplyTo, error: ManagementError) {
        self.reply(to, Response::Failed(error));
    }
}
