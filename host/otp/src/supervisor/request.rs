//! What a supervisor is asked by others, and what it answers: OTP's management interface as data.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::exit_reason::{ExitReason, LimitExceeded};
use crate::pid::Pid;
use crate::supervisor::definition::SupervisorSpec;
use crate::supervisor::spec::{ChildSpec, ChildType, Restart, Shutdown};
use crate::supervisor::start::{Arguments, Target};
use crate::supervisor::validate::SpecError;

/// Something that a supervisor is asked, on its way.
#[derive(Clone, Debug)]
pub struct SupervisorRequest(pub(super) Box<Request>);

/// A supervisor's answer, on its way.
#[derive(Clone, Debug)]
pub struct SupervisorResponse(pub(super) Box<Response>);

/// What a supervisor is asked to do.
#[derive(Clone, Debug)]
pub(super) enum Request {
    StartChild(ChildSpec),
    /// Starts another child from the template, with these arguments behind its own.
    StartFromTemplate(Arguments),
    TerminateChild(ChildName),
    RestartChild(ChildName),
    DeleteChild(ChildName),
    /// `at_once` does not wait until the supervisor has finished what it is doing.
    WhichChildren {
        at_once: bool,
    },
    CountChildren,
    GetChildSpec(ChildName),
    GetTemplate,
    Resize(usize),
    Configure(Box<SupervisorSpec>),
    /// What was asked for is done already.
    Nothing,
}

/// What a supervisor answers.
#[derive(Clone, Debug)]
pub(super) enum Response {
    Started(StartedChild),
    Done,
    Children(Vec<ChildInfo>),
    Counts(ChildCounts),
    Spec(ChildSpec),
    Resized(usize),
    Failed(ManagementError),
}

/// How a supervisor's child is named by others: children of static supervisors by their id (rule S53), dynamic ones by
/// their pid (rule S63), the last one if it is being restarted (rule DS6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildName {
    /// What its supervisor calls it.
    Id(String),
    /// Its process.
    Pid(Pid),
}

impl From<&str> for ChildName {
    fn from(id: &str) -> Self {
        Self::Id(id.to_owned())
    }
}

impl From<Pid> for ChildName {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl fmt::Display for ChildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id:?}"),
            Self::Pid(pid) => write!(f, "{pid}"),
        }
    }
}

/// A child that somebody has had started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartedChild {
    /// It runs (`{ok, Pid}` and `{ok, Pid, Info}`, rule S11).
    Running {
        /// Its process.
        pid: Pid,
        /// What it said when it acknowledged its start, encoded.
        info: Option<Bytes>,
    },
    /// It had nothing to do (`{ok, undefined}`, rule S12).
    Ignored,
}

/// What is known about a child (`which_children`, rule S56).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildInfo {
    /// What its supervisor calls it. OTP shows those of dynamic children as `undefined`.
    pub id: String,
    /// What it is doing.
    pub state: ChildState,
    /// Its process, or the last one that it had.
    pub last_pid: Option<Pid>,
    /// Whether its supervisor's children are dynamic, and known by their processes.
    pub is_dynamic: bool,
    /// What it is.
    pub child_type: ChildType,
    /// When it is restarted.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end its supervisor.
    pub significant: bool,
    /// What it runs, if it is a guest: OTP's modules.
    pub target: Option<Target>,
    /// How often it has been restarted.
    pub restarts: u64,
    /// Why it ended last, if it did.
    pub last_exit: Option<ExitReason>,
}

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It has a process. That one may have ended, if it had unlinked itself from its supervisor (rule S43).
    Running(Pid),
    /// Its start has not been acknowledged yet.
    Starting(Pid),
    /// It has none (`undefined`).
    Stopped,
    /// Its restart failed or has to wait, and will be tried (again) (`restarting`, rule S36).
    Restarting {
        /// After how long.
        after: Duration,
    },
    /// It was restarted too often, and waits for somebody to resume it.
    Parked,
}

impl ChildState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running(_) => "running",
            Self::Starting(_) => "starting",
            Self::Stopped => "stopped",
            Self::Restarting { .. } => "restarting",
            Self::Parked => "parked",
        }
    }

    /// Its process, if it has one.
    pub fn pid(self) -> Option<Pid> {
        match self {
            Self::Running(pid) | Self::Starting(pid) => Some(pid),
            Self::Stopped | Self::Restarting { .. } | Self::Parked => None,
        }
    }
}

/// How many children a supervisor has (`count_children`, rules S57, S65).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ChildCounts {
    /// Specifications; one under `simple_one_for_one`.
    pub specs: u64,
    /// Live children.
    pub active: u64,
    /// Supervisors among them, alive or not.
    pub supervisors: u64,
    /// Workers among them, alive or not.
    pub workers: u64,
    /// Children that are parked.
    pub parked: u64,
}

/// Why a supervisor did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManagementError {
    /// There is no such supervisor (rule S59).
    NoProc,
    /// The process is no supervisor.
    NotASupervisor,
    /// A supervisor can't wait for itself.
    CallingSelf,
    /// The supervisor ended before it answered.
    Down(ExitReason),
    /// The caller is at a limit.
    Limit(LimitExceeded),
    /// The id belongs to a child that runs (rule S51).
    AlreadyStarted(Pid),
    /// The id belongs to a child that does not run; it can be restarted or deleted (rule S51).
    AlreadyPresent,
    /// There is no such child.
    NotFound,
    /// The child runs: it must be terminated first (rules S54, S55).
    Running,
    /// The child is being restarted: it must be terminated first (rule S36).
    Restarting,
    /// Its children are dynamic: they are named by their pids, and can't be restarted or deleted (rule S63).
    DynamicChildren,
    /// Its children are static: they are named by their ids, and started from specifications.
    StaticChildren,
    /// It has as many children as it may have (rule DS3).
    MaxChildren(u64),
    /// The child could not be started.
    StartFailed(ExitReason),
    /// The child specification, or the flags, make no sense.
    Invalid(SpecError),
    /// It has no partitions, or not so many; how many it can have.
    NoPartitions(usize),
}

impl fmt::Display for ManagementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("there is no such supervisor"),
            Self::NotASupervisor => f.write_str("the process is no supervisor"),
            Self::CallingSelf => f.write_str("a supervisor can't wait for itself"),
            Self::Down(reason) => write!(f, "the supervisor ended: {reason}"),
            Self::Limit(limit) => write!(f, "{limit}"),
            Self::AlreadyStarted(pid) => write!(f, "already started: {pid}"),
            Self::AlreadyPresent => {
                f.write_str("a child with this id is there already, and not running: restart or delete it")
            }
            Self::NotFound => f.write_str("there is no such child"),
            Self::Running => f.write_str("the child is running: terminate it first"),
            Self::Restarting => f.write_str("the child is being restarted: terminate it first"),
            Self::DynamicChildren => f.write_str(
                "the children of this supervisor are dynamic: name them by pid; they can be started and terminated only",
            ),
            Self::StaticChildren => {
                f.write_str("the children of this supervisor are static: name them by id, and start them from specifications")
            }
            Self::MaxChildren(max) => write!(f, "the supervisor has its {max} children, and may have no more"),
            Self::StartFailed(reason) => write!(f, "the child could not be started: {reason}"),
            Self::Invalid(error) => write!(f, "{error}"),
            Self::NoPartitions(0) => f.write_str("the supervisor has no partitions"),
            Self::NoPartitions(most) => write!(f, "the supervisor has {most} partitions at most"),
        }
    }
}

impl std::error::Error for ManagementError {}
