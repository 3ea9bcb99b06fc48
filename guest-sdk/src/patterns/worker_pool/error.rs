//! Why somebody gets no worker, or his job is not done.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::exit_reason::ExitReason;
use crate::mailbox::CallError;

/// Why there is no worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PoolError {
    /// The line is full.
    Busy,
    /// There was none in time.
    Timeout,
    /// Another worker could not be started; why.
    NoWorker(String),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("all workers are at work, and the line is full"),
            Self::Timeout => f.write_str("all workers were at work, for too long"),
            Self::NoWorker(why) => write!(f, "a worker could not be started: {why}"),
        }
    }
}

impl core::error::Error for PoolError {}

impl From<PoolError> for ExitReason {
    fn from(error: PoolError) -> Self {
        ExitReason::error(&alloc::format!("{error}"))
    }
}

/// Why a job was not done.
#[derive(Clone, Debug, PartialEq)]
pub enum RunError {
    /// There was no worker.
    Pool(PoolError),
    /// The pool did not answer.
    Call(CallError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(error) => write!(f, "{error}"),
            Self::Call(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for RunError {}

impl From<CallError> for RunError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<RunError> for ExitReason {
    fn from(error: RunError) -> Self {
        ExitReason::error(&alloc::format!("{error}"))
    }
}
