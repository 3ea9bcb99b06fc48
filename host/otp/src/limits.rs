//! What a process may use. Every limit has a number.

use crate::exit_reason::{LimitExceeded, LimitKind};

/// The limits of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages waiting to be received. Signals (exits, downs, replies, timers) have slots of their own.
    pub mailbox_messages: u64,
    /// Bytes of payload waiting to be received.
    pub mailbox_bytes: u64,
    /// What becomes of a message that finds no room.
    pub when_full: WhenFull,
    /// Bytes of one message that the process sends.
    pub message_bytes: u64,
    /// Links that the process may have when it makes another.
    pub links: u64,
    /// Monitors that the process holds, its pending calls and its aliases included.
    pub monitors: u64,
    /// Running timers that the process started.
    pub timers: u64,
}

/// What a mailbox without room does with one more message: its owner's choice. Signals (exits, downs, replies, timers)
/// are not affected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// The sender is told.
    #[default]
    Reject,
    /// The message is dropped, and the sender not told.
    DropNewest,
    /// The sender waits until there is room. It can be killed meanwhile.
    SuspendSender,
}

impl WhenFull {
    /// All of them, with their names in manifests.
    pub const ALL: [(&'static str, Self); 3] = [
        ("reject", Self::Reject),
        ("drop_newest", Self::DropNewest),
        ("suspend_sender", Self::SuspendSender),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::DropNewest => "drop_newest",
            Self::SuspendSender => "suspend_sender",
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox_messages: 100_000,
            mailbox_bytes: 64 << 20,
            when_full: WhenFull::Reject,
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
