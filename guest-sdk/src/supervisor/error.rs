use alloc::string::String;
use core::fmt;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;

/// Why a supervisor did not do what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum SupervisorError {
    /// The host refused it.
    Refused(Error),
    /// There is no such supervisor, or, of a partition, no such process at the moment.
    NoProc,
    /// The process is no supervisor.
    NotASupervisor,
    /// It ended before it answered.
    Down(ExitReason),
    /// The id belongs to a child that runs.
    AlreadyStarted(Pid),
    /// The id belongs to a child that does not run: restart or delete it.
    AlreadyPresent,
    /// There is no such child.
    NotFound,
    /// The child runs: it must be terminated first.
    Running,
    /// The child is being restarted: it must be terminated first.
    Restarting,
    /// Its children are named by pid, and can be started and terminated only.
    DynamicChildren,
    /// Its children are named by id, and started from specifications.
    StaticChildren,
    /// It has as many children as it may have.
    MaxChildren(u64),
    /// The child could not be started.
    StartFailed(ExitReason),
    /// The specification makes no sense; why.
    Invalid(String),
    /// There are no partitions, or only so many.
    NoPartitions(u32),
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "{error}"),
            Self::NoProc => f.write_str("there is no such supervisor"),
            Self::NotASupervisor => f.write_str("the process is no supervisor"),
            Self::Down(reason) => write!(f, "the supervisor ended: {reason}"),
            Self::AlreadyStarted(pid) => write!(f, "already started: {pid}"),
            Self::AlreadyPresent => f.write_str("a child with this id is there already, and not running"),
            Self::NotFound => f.write_str("there is no such child"),
            Self::Running => f.write_str("the child is running"),
            Self::Restarting => f.write_str("the child is being restarted"),
            Self::DynamicChildren => f.write_str("the children of this supervisor are dynamic"),
            Self::StaticChildren => f.write_str("the children of this supervisor are static"),
            Self::MaxChildren(most) => write!(f, "the supervisor may have no more than {most} children"),
            Self::StartFailed(reason) => write!(f, "the child could not be started: {reason}"),
            Self::Invalid(why) => f.write_str(why),
            Self::NoPartitions(most) => write!(f, "the supervisor has {most} partitions at most"),
        }
    }
}

impl core::error::Error for SupervisorError {}

impl From<SupervisorError> for ExitReason {
    fn from(error: SupervisorError) -> Self {
        ExitReason::error(&alloc::format!("{error}"))
    }
}

impl From<Error> for SupervisorError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}
