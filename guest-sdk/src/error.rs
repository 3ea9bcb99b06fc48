use alloc::string::String;
use core::fmt;

use crate::pid::Pid;

/// Why the host refused something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The process has no grant for it.
    Denied(String),
    /// A limit of this process or of the node.
    Limit(LimitExceeded),
    /// The receiver's mailbox is full.
    Full(LimitExceeded),
    /// This host does not offer it.
    Unsupported(String),
    /// An argument makes no sense.
    BadArgument(String),
    /// There is no such process.
    NoProc,
    /// The name belongs to this process already.
    NameTaken(Pid),
}

/// A limit, and by how much it was missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Its name in the manifest.
    pub which: String,
    /// What it allows.
    pub allowed: u64,
    /// What was asked for.
    pub requested: u64,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is limited to {}, {} were needed", self.which, self.allowed, self.requested)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::Limit(limit) => write!(f, "over a limit: {limit}"),
            Self::Full(limit) => write!(f, "the receiver's mailbox is full: {limit}"),
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::BadArgument(why) => write!(f, "bad argument: {why}"),
            Self::NoProc => f.write_str("no such process"),
            Self::NameTaken(pid) => write!(f, "the name belongs to {pid}"),
        }
    }
}

impl core::error::Error for Error {}
