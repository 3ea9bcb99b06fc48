//! What goes wrong with process groups.

use std::fmt;

use crate::exit_reason::LimitExceeded;
use crate::names::MAX_NAME_BYTES;
use crate::pid::Pid;

/// Why something was not done to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// There is no such scope (`noproc`, rule PG6).
    NoScope,
    /// The scope has been started, by this process.
    ScopeTaken(Pid),
    /// The name of the scope is empty, longer than [`MAX_NAME_BYTES`], or has control characters.
    BadName,
    /// The name of the group is no term, or longer than [`MAX_GROUP_BYTES`](super::MAX_GROUP_BYTES).
    BadGroup(String),
    /// One of the processes has ended.
    NoProc(Pid),
    /// A process has no room for more (`kept_bytes`).
    Limit(LimitExceeded),
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScope => f.write_str("there is no such scope"),
            Self::ScopeTaken(owner) => write!(f, "the scope belongs to {owner}"),
            Self::BadName => {
                write!(f, "the name of a scope has 1 to {MAX_NAME_BYTES} bytes without control characters")
            }
            Self::BadGroup(why) => write!(f, "this is no name for a group: {why}"),
            Self::NoProc(pid) => write!(f, "{pid} has ended"),
            Self::Limit(limit) => write!(f, "{limit}"),
        }
    }
}

impl std::error::Error for GroupError {}

impl From<LimitExceeded> for GroupError {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}
