//! Why what a process asks for is not done.

use std::fmt;

use crate::exit_reason::{ExitReason, LimitExceeded};

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The receiver's mailbox is full.
    Full(LimitExceeded),
    /// The message is larger than the sender may send.
    TooLarge(LimitExceeded),
    /// Nobody has that name (`badarg`, rule P49).
    NoName(String),
    /// The receiver's mailbox is full, has its senders wait, and no room came in time.
    NoRoomInTime,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(limit) => write!(f, "the receiver's mailbox is full: {limit}"),
            Self::TooLarge(limit) => write!(f, "the message is too large: {limit}"),
            Self::NoName(name) => write!(f, "no process is registered as {name:?}"),
            Self::NoRoomInTime => f.write_str("there was no room in the receiver's mailbox in time"),
        }
    }
}

impl std::error::Error for SendError {}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The server did not answer in time.
    Timeout,
    /// The server ended, or was not there: at once, whatever the timeout (rules G10, G11).
    Down(ExitReason),
    /// A process can't wait for itself (rule G13).
    CallingSelf,
    /// The request was not sent.
    NotSent(SendError),
    /// The caller waits for too much already.
    Limit(LimitExceeded),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timeout"),
            Self::Down(reason) => write!(f, "the server ended: {reason}"),
            Self::CallingSelf => f.write_str("a process can't call itself"),
            Self::NotSent(error) => write!(f, "{error}"),
            Self::Limit(limit) => write!(f, "{limit}"),
        }
    }
}

impl std::error::Error for CallError {}

/// Why a timer that sends a message was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerError {
    /// The process has too many timers, or the message is too large.
    Limit(LimitExceeded),
    /// The message is for the process itself, whose mailbox has no room for it.
    Full(LimitExceeded),
}

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "{limit}"),
            Self::Full(limit) => write!(f, "the process's own mailbox has no room for it: {limit}"),
        }
    }
}

impl std::error::Error for TimerError {}

/// Why a flag was not set (`badarg`): the process was not given that much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagError(pub LimitExceeded);

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for FlagError {}

/// Why a link was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// The process has ended, and the caller does not trap exits (rule P26).
    NoProc,
    /// The caller has too many links.
    Limit(LimitExceeded),
}

/// A signal that this process may not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalError;

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("exit, kill and link need the same component, a common line of descent, or a grant")
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc => f.write_str("the process has ended"),
            Self::Limit(limit) => write!(f, "{limit}"),
        }
    }
}

impl std::error::Error for LinkError {}

impl std::error::Error for SignalError {}
