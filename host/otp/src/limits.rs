//! What a process may use. Every limit has a number.

use crate::exit_reason::{LimitExceeded, LimitKind};

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The limits of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    fn number(self) -> u8 {
        self as u8
    }

    fn numbered(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).map_or(Self::Reject, |(_, when_full)| *when_full)
    }

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

/// The limits of a live process: whoever runs the node may change them.
pub(crate) struct LiveLimits {
    mailbox_messages: AtomicU64,
    mailbox_bytes: AtomicU64,
    when_full: AtomicU8,
    /// What a process sends is also bounded by how it was started: this one stays.
    pub(crate) message_bytes: u64,
    links: AtomicU64,
    monitors: AtomicU64,
    timers: AtomicU64,
}

impl LiveLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            mailbox_messages: limits.mailbox_messages.into(),
            mailbox_bytes: limits.mailbox_bytes.into(),
            when_full: limits.when_full.number().into(),
            message_bytes: limits.message_bytes,
            links: limits.links.into(),
            monitors: limits.monitors.into(),
            timers: limits.timers.into(),
        }
    }

    pub(crate) fn get(&self) -> Limits {
        let load = |limit: &AtomicU64| limit.load(Ordering::Relaxed);
        Limits {
            mailbox_messages: load(&self.mailbox_messages),
            mailbox_bytes: load(&self.mailbox_bytes),
            when_full: WhenFull::numbered(self.when_full.load(Ordering::Relaxed)),
            message_bytes: self.message_bytes,
            links: load(&self.links),
            monitors: load(&self.monitors),
            timers: load(&self.timers),
        }
    }

    /// Changes them, but for `message_bytes`.
    pub(crate) fn set(&self, limits: &Limits) {
        self.mailbox_messages.store(limits.mailbox_messages, Ordering::Relaxed);
        self.mailbox_bytes.store(limits.mailbox_bytes, Ordering::Relaxed);
        self.when_full.store(limits.when_full.number(), Ordering::Relaxed);
        self.links.store(limits.links, Ordering::Relaxed);
        self.monitors.store(limits.monitors, Ordering::Relaxed);
        self.timers.store(limits.timers, Ordering::Relaxed);
    }
}

/// Refuses `requested` of something that is limited to `allowed`.
pub(crate) fn check(limit: LimitKind, allowed: u64, requested: u64) -> Result<(), LimitExceeded> {
    if requested > allowed { Err(LimitExceeded { limit, allowed, requested }) } else { Ok(()) }
}
