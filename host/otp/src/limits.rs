//! What a process may use. Every limit has a number.

use crate::exit_reason::{LimitExceeded, LimitKind};

/// The limits of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages waiting to be received. Signals (exits, downs, replies, timers) have slots of their own.
    pub mailbox_messages: u64,
    /// Bytes of payload waiting to be received.
    pub mailbox_bytes: u64,
    /// Bytes of one message that the process sends.
    pub message_bytes: u64,
    /// Links that the process may have when it makes another.
    pub links: u64,
    /// Monitors that the process holds, its pending calls included.
    pub monitors: u64,
    /// Running timers that the process started.
    pub timers: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox_messages: 100_000,
            mailbox_bytes: 64 << 20,
            message_bytes: 16 << 20,
            links: 100_000,
            monitors: 100_000,
            timers: 10_000,
        }
    }
}

/// Refuses `requested` of something that is limited to `allowed`.
pub(crate) fn check(limit: LimitKind, allowed: u64, requested: u64) -> Result<(), LimitExceeded> {
    if requested > allowed { Err(LimitExceeded { limit, allowed, requested }) } else { Ok(()) }
}
