//! What happens, as events: the only thing that logs, tests and tools see of a running tree.

use std::time::Duration;

use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::process::{Identity, LastReceived};

/// Takes the events of a runtime. Called on the thread where the event happens, so it must be quick and must
/// not call back into the runtime.
pub trait EventSink: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A process was spawned.
    Spawned {
        /// The process.
        pid: Pid,
        /// What it is.
        identity: Identity,
    },
    /// A process ended. Comes before any signal that its end sends.
    Exited(Exited),
    /// A supervisor reports (rules Y13 to Y15).
    Supervisor(SupervisorReport),
    /// A message was refused.
    Refused {
        /// Who sent it.
        from: Pid,
        /// Whose mailbox is full.
        to: Pid,
        /// Whether the sender was not told.
        dropped: bool,
    },
    /// A process was refused what it has no grant for.
    Denied {
        /// The process.
        pid: Pid,
        /// What it is.
        identity: Identity,
        /// The grant that it would need.
        grant: &'static str,
        /// For what.
        what: String,
    },
    /// Processes wait for each other, in calls or for room in mailboxes, and none of them will go on by itself. They
    /// are left alone: an answer may still come from elsewhere, or a timeout.
    WaitCycle {
        /// Each waits for the next, the last for the first.
        waiters: Vec<Waiter>,
    },
}

/// A process that waits for another.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// The process.
    pub pid: Pid,
    /// The name that it is registered under.
    pub name: Option<String>,
    /// What it is.
    pub identity: Identity,
}

/// The end of a process, with what a crash report says about it (rule Y12).
#[derive(Clone, Debug)]
pub struct Exited {
    /// The process.
    pub pid: Pid,
    /// What it was.
    pub identity: Identity,
    /// The name that it was registered under.
    pub name: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Why it ended.
    pub reason: ExitReason,
    /// Where it was when it ended, if that is known and the reason does not say.
    pub backtrace: Vec<String>,
    /// Who sent the exit signal that ended it, if one did: then the reason is not its own fault.
    pub ended_by: Option<Pid>,
    /// What it received last.
    pub last_received: Option<LastReceived>,
    /// Messages that it had not received.
    pub messages_left: usize,
    /// Reductions that it had used.
    pub reductions: u64,
    /// What it has cost the host beside.
    pub work: SignalWork,
}

/// What signals and messages of a process have cost, counted in operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignalWork {
    /// Signals that reached it.
    pub signals: u64,
    /// Entries of its mailbox that were put in, looked at, taken out or moved.
    pub mailbox_steps: u64,
}

/// What a supervisor reports.
#[derive(Clone, Debug)]
pub struct SupervisorReport {
    /// The supervisor.
    pub supervisor: Pid,
    /// Its path from the root, as `app/pool`.
    pub path: String,
    /// What happened.
    pub kind: ReportKind,
}

/// What happened at a supervisor.
#[derive(Clone, Debug)]
pub enum ReportKind {
    /// A child runs (`progress`).
    ChildStarted {
        /// Its id.
        child: String,
        /// Its process.
        pid: Pid,
        /// How often it has been restarted.
        restarts: u64,
    },
    /// A child could not be started (`start_error`).
    StartError {
        /// Its id.
        child: String,
        /// Its process, if it got one.
        pid: Option<Pid>,
        /// Why.
        reason: ExitReason,
    },
    /// A child that somebody asked for could not be started. OTP's supervisor reports nothing then: it tells who asked.
    StartRefused {
        /// Its id.
        child: String,
        /// Its process, if it got one.
        pid: Option<Pid>,
        /// Why.
        reason: ExitReason,
    },
    /// A child ended by itself (`child_terminated`), and what becomes of it.
    ChildTerminated {
        /// Its id.
        child: String,
        /// Its process.
        pid: Pid,
        /// Why it ended.
        reason: ExitReason,
        /// What the supervisor does about it.
        decision: Decision,
    },
    /// A child that was told to stop ended with another reason (`shutdown_error`).
    ShutdownError {
        /// Its id.
        child: String,
        /// Its process.
        pid: Pid,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The supervisor gives up and ends (`reached_max_restart_intensity`).
    GaveUp {
        /// The child that was to be restarted once more.
        child: String,
        /// How many restarts are allowed.
        intensity: u32,
        /// Within which time.
        period: Duration,
    },
    /// A child is parked: it was restarted too often, and waits for somebody to resume it.
    Parked {
        /// Its id.
        child: String,
        /// How many restarts are allowed.
        intensity: u32,
        /// Within which time.
        period: Duration,
    },
    /// The supervisor ends because a significant child did (`auto_shutdown`).
    AutoShutdown {
        /// The child's id.
        child: String,
        /// Why it ended.
        reason: ExitReason,
    },
}

/// What a supervisor does about the end of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Restarts it, and with it the siblings that the strategy names.
    Restart {
        /// How often this child has been restarted, this time included.
        restarts: u64,
        /// The children that are stopped and started again with it.
        with: Vec<String>,
        /// How long that waits.
        wait: Duration,
    },
    /// Keeps its specification: it can be started again.
    Keep,
    /// Forgets it.
    Delete,
    /// Parks it: too many restarts.
    Park {
        /// How many restarts are allowed.
        intensity: u32,
        /// Within which time.
        period: Duration,
    },
    /// Gives up: too many restarts (`reached_max_restart_intensity`).
    GiveUp {
        /// How many restarts are allowed.
        intensity: u32,
        /// Within which time.
        period: Duration,
    },
}
