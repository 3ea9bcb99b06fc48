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
    /// Live processes that the process has spawned.
    pub children: u64,
    /// Reductions that the process may use in its life.
    pub reductions: u64,
    /// Open files, sockets and other handles that the process may have. It is the body that obeys it.
    pub handles: u64,
    /// Lines that the process may log in a second. More are dropped and counted.
    pub log_lines_per_second: u64,
    /// Bytes that the process keeps in the host for itself and others: its tables.
    pub kept_bytes: u64,
}

/// A limit, and no more than `own` if that is tighter than what it was tightened from.
pub fn tightened(limit: u64, own: u64, from: u64) -> u64 {
    if own < from { limit.min(own) } else { limit }
}

impl Limits {
    /// These, tightened wherever `own` are tighter than what they were tightened `from`: who hands on has no more to hand
    /// on than he has.
    pub fn tightened_as(&self, own: &Self, from: &Self) -> Self {
        let of = |limit: fn(&Self) -> u64| tightened(limit(self), limit(own), limit(from));
        Self {
            mailbox_messages: of(|limits| limits.mailbox_messages),
            mailbox_bytes: of(|limits| limits.mailbox_bytes),
            when_full: self.when_full,
            message_bytes: of(|limits| limits.message_bytes),
            links: of(|limits| limits.links),
            monitors: of(|limits| limits.monitors),
            timers: of(|limits| limits.timers),
            children: of(|limits| limits.children),
            reductions: of(|limits| limits.reductions),
            handles: of(|limits| limits.handles),
            log_lines_per_second: of(|limits| limits.log_lines_per_second),
            kept_bytes: of(|limits| limits.kept_bytes),
        }
    }
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
            message_bytes: 4 << 20,
            links: 100_000,
            monitors: 100_000,
            timers: 10_000,
            children: 100_000,
            reductions: u64::MAX,
            handles: 256,
            log_lines_per_second: 1_000,
            kept_bytes: 64 << 20,
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
    children: AtomicU64,
    reductions: AtomicU64,
    handles: AtomicU64,
    log_lines_per_second: AtomicU64,
    kept_bytes: AtomicU64,
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
            children: limits.children.into(),
            reductions: limits.reductions.into(),
            handles: limits.handles.into(),
            log_lines_per_second: limits.log_lines_per_second.into(),
            kept_bytes: limits.kept_bytes.into(),
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
            children: load(&self.children),
            reductions: load(&self.reductions),
            handles: load(&self.handles),
            log_lines_per_second: load(&self.log_lines_per_second),
            kept_bytes: load(&self.kept_bytes),
        }
    }

    pub(crate) fn children(&self) -> u64 {
        self.children.load(Ordering::Relaxed)
    }

    pub(crate) fn reductions(&self) -> u64 {
        self.reductions.load(Ordering::Relaxed)
    }

    pub(crate) fn log_lines_per_second(&self) -> u64 {
        self.log_lines_per_second.load(Ordering::Relaxed)
    }

    pub(crate) fn kept_bytes(&self) -> u64 {
        self.kept_bytes.load(Ordering::Relaxed)
    }

    /// Changes them, but for `message_bytes`.
    pub(crate) fn set(&self, limits: &Limits) {
        self.mailbox_messages.store(limits.mailbox_messages, Ordering::Relaxed);
        self.mailbox_bytes.store(limits.mailbox_bytes, Ordering::Relaxed);
        self.when_full.store(limits.when_full.number(), Ordering::Relaxed);
        self.links.store(limits.links, Ordering::Relaxed);
        self.monitors.store(limits.monitors, Ordering::Relaxed);
        self.timers.store(limits.timers, Ordering::Relaxed);
        self.children.store(limits.children, Ordering::Relaxed);
        self.reductions.store(limits.reductions, Ordering::Relaxed);
        self.handles.store(limits.handles, Ordering::Relaxed);
        self.log_lines_per_second.store(limits.log_lines_per_second, Ordering::Relaxed);
        self.kept_bytes.store(limits.kept_bytes, Ordering::Relaxed);
    }
}

/// Refuses `requested` of something that is limited to `allowed`.
pub(crate) fn check(limit: LimitKind, allowed: u64, requested: u64) -> Result<(), LimitExceeded> {
    if requested > allowed { Err(LimitExceeded { limit, allowed, requested }) } else { Ok(()) }
}
