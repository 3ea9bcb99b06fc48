//! The mailbox: what has arrived and has not been received, and the cursor of a selective receive.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::clock::Instant;
use crate::exit_reason::ExitReason;
use crate::pid::{Destination, Pid, Reference, ReplyTo};
use crate::signal::Envelope;

/// What a process receives. Only the host makes the variants beside `Message`: no process can forge them.
#[derive(Clone, Debug)]
pub enum Received {
    /// A process sent this.
    Message(Message),
    /// A monitored process ended (`{'DOWN', Ref, process, Object, Reason}`, rule P31).
    Down {
        /// The monitor.
        reference: Reference,
        /// What was monitored: the pid, or the name that stood for it.
        object: Destination,
        /// Why it ended; [`ExitReason::NoProc`] if it was not there.
        reason: ExitReason,
    },
    /// An exit signal reached a process that traps exits (`{'EXIT', From, Reason}`).
    Exit {
        /// The process that ended, or that called `exit/2`.
        from: Pid,
        /// Why.
        reason: ExitReason,
    },
    /// A timer ran out (`{timeout, Ref, Msg}`, rule P56).
    Timer {
        /// The timer.
        reference: Reference,
        /// What it was started with.
        payload: Bytes,
    },
    /// The answer to a call, under the call's reference.
    Reply {
        /// The call.
        reference: Reference,
        /// The answer.
        payload: Bytes,
    },
    /// The host has something to say.
    System(SystemMessage),
}

/// A message from one process to another.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who sent it.
    pub from: Pid,
    /// What the sender expects of it.
    pub kind: MessageKind,
    /// The encoded term. Opaque to the core.
    pub payload: Bytes,
    /// What the host knows about it.
    pub envelope: Envelope,
}

/// What the sender of a message expects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// A plain message (`handle_info`).
    Info,
    /// A request without an answer (`handle_cast`).
    Cast,
    /// A request whose sender waits for an answer (`handle_call`).
    Call(ReplyTo),
}

/// A message from the host itself.
#[derive(Clone, Debug)]
pub struct SystemMessage {
    /// What it is about.
    pub kind: SystemKind,
    /// What it answers.
    pub reference: Reference,
    /// The process that it is about.
    pub from: Pid,
    /// What belongs to it, encoded.
    pub payload: Bytes,
}

/// What a system message is about.
#[derive(Clone, Debug)]
pub enum SystemKind {
    /// A process that was started to be waited for says how its start went (`proc_lib:init_ack`).
    InitAck(InitAck),
}

/// How a start went, as the started process says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InitAck {
    /// It runs.
    Started,
    /// It has nothing to do and ends (`ignore`).
    Ignore,
    /// It can't run, and why.
    Error(ExitReason),
}

impl Received {
    /// The kind, in one word, as it stands in crash reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(Message { kind: MessageKind::Info, .. }) => "message",
            Self::Message(Message { kind: MessageKind::Cast, .. }) => "cast",
            Self::Message(Message { kind: MessageKind::Call(_), .. }) => "call",
            Self::Down { .. } => "down",
            Self::Exit { .. } => "exit",
            Self::Timer { .. } => "timer",
            Self::Reply { .. } => "reply",
            Self::System(_) => "system",
        }
    }

    /// The size of the payload in bytes; 0 where there is none.
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Message(message) => message.payload.len(),
            Self::Timer { payload, .. } | Self::Reply { payload, .. } => payload.len(),
            Self::System(system) => system.payload.len(),
            Self::Down { .. } | Self::Exit { .. } => 0,
        }
    }

    /// What this takes of memory beside its entry, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = match self {
            // Another process chose the reason: how long it is must not decide how many fit.
            Self::Down { reason, .. } | Self::Exit { reason, .. } => reason.weight().min(MAX_REASON_CHARGE),
            _ => self.payload_len(),
        };
        bytes as u64
    }

    /// The reference that this answers, if it answers one.
    pub fn answers(&self) -> Option<Reference> {
        match self {
            Self::Down { reference, .. } | Self::Timer { reference, .. } | Self::Reply { reference, .. } => {
                Some(*reference)
            }
            Self::System(system) => Some(system.reference),
            Self::Message(_) | Self::Exit { .. } => None,
        }
    }
}

/// The most that the reason of an EXIT or a DOWN is charged with, in bytes.
const MAX_REASON_CHARGE: usize = 4 << 10;

/// How far a mailbox had grown at some moment: what is known to have arrived later is looked for only behind
/// this mark (rule P53).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mark(u64);

impl Mark {
    /// Before everything.
    pub(crate) const START: Self = Self(0);
}

struct Entry {
    sequence: u64,
    received: Received,
}

/// What the host made and the process has not received: messages are counted by the inbox.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Backlog {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// What has arrived, oldest first. Removal keeps the others' order (rule P50).
#[derive(Default)]
pub(crate) struct Mailbox {
    entries: VecDeque<Entry>,
    next_sequence: u64,
    signals: Backlog,
    /// The sequence number of the first entry that the selective receive has not looked at.
    cursor: u64,
    /// The sequence number of the entry that it looked at last.
    current: Option<u64>,
    /// When the selective receive gives up.
    pub(crate) deadline: Option<Instant>,
}

impl Mailbox {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.next_sequence)
    }

    /// What the host made and the process has not received.
    pub(crate) fn signals(&self) -> Backlog {
        self.signals
    }

    pub(crate) fn push(&mut self, received: Received) {
        if !matches!(received, Received::Message(_)) {
            self.signals.count += 1;
            self.signals.bytes += received.weight();
        }
        self.entries.push_back(Entry { sequence: self.next_sequence, received });
        self.next_sequence += 1;
    }

    /// Removes the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<Received> {
        let entry = self.entries.pop_front();
        self.removed(entry)
    }

    /// Puts the cursor before the oldest entry and fixes when the receive gives up.
    pub(crate) fn start_scan(&mut self, deadline: Option<Instant>) {
        self.cursor = 0;
        self.current = None;
        self.deadline = deadline;
    }

    /// Forgets what was looked at: nothing can be taken any more.
    pub(crate) fn end_scan(&mut self) {
        self.current = None;
    }

    /// The next entry that the scan has not looked at; the cursor moves past it.
    pub(crate) fn scan_next(&mut self) -> Option<&Received> {
        let index = self.index_from(self.cursor);
        let entry = self.entries.get(index)?;
        self.cursor = entry.sequence + 1;
        self.current = Some(entry.sequence);
        Some(&entry.received)
    }

    /// Removes the entry that the scan looked at last, and ends the scan.
    pub(crate) fn take(&mut self) -> Option<Received> {
        let sequence = self.current.take()?;
        let index = self.index_from(sequence);
        self.cursor = 0;
        self.remove(index, sequence)
    }

    /// Removes the first entry behind `mark` that answers `reference`, and reports how far was searched.
    pub(crate) fn take_answer(&mut self, reference: Reference, mark: Mark) -> Result<Received, Mark> {
        let first = self.index_from(mark.0);
        let found = self.entries.range(first..).position(|entry| entry.received.answers() == Some(reference));
        let entry = found.and_then(|offset| self.entries.remove(first + offset));
        self.removed(entry).ok_or(Mark(self.next_sequence))
    }

    /// Removes the first entry that `matches`, wherever the cursor is.
    pub(crate) fn take_first(&mut self, mut matches: impl FnMut(&Received) -> bool) -> Option<Received> {
        let index = self.entries.iter().position(|entry| matches(&entry.received))?;
        let entry = self.entries.remove(index);
        self.removed(entry)
    }

    fn removed(&mut self, entry: Option<Entry>) -> Option<Received> {
        let received = entry?.received;
        if !matches!(received, Received::Message(_)) {
            self.signals.count -= 1;
            self.signals.bytes -= received.weight();
        }
        Some(received)
    }

    fn index_from(&self, sequence: u64) -> usize {
        self.entries.partition_point(|entry| entry.sequence < sequence)
    }

    fn remove(&mut self, index: usize, sequence: u64) -> Option<Received> {
        if self.entries.get(index)?.sequence != sequence {
            return None;
        }
        let entry = self.entries.remove(index);
        self.removed(entry)
    }
}
