//! What a process receives.

use std::time::Duration;

use bytes::Bytes;

use crate::exit_reason::ExitReason;
use crate::pid::{Destination, Pid, Reference, ReplyTo};
use crate::signal::Envelope;
use crate::supervisor::{SupervisorRequest, SupervisorResponse};

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
        /// The encoded term that the monitor was given to tell its DOWN from others (rule P42).
        tag: Option<Bytes>,
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
    /// A timer was stopped, as asked for without waiting; what it had left (`{cancel_timer, Ref, Result}`, rule P63).
    CancelTimer(Option<Duration>),
    /// What a timer has left, as asked for without waiting (`{read_timer, Ref, Result}`, rule P63).
    ReadTimer(Option<Duration>),
    /// A table has come from another process (`{'ETS-TRANSFER', Table, From, Data}`, rules E18, E19). The payload: the table
    /// and the data.
    TableTransfer,
    /// Processes have joined a group (`{Ref, join, Group, Pids}`, rule PG7). The payload: the group and the pids.
    GroupJoin,
    /// Processes have left a group, or ended.
    GroupLeave,
    /// A scope of groups has ended: there is nothing more to be told of it. The payload: its name.
    ScopeDown,
    /// A process has been registered under a key (`{register, Registry, Key, Pid, Value}`, rule R14). The payload: the registry's
    /// name, the key and the value.
    KeyRegistered,
    /// A process has ended its registrations under a key. The payload: the registry's name and the key.
    KeyUnregistered,
    /// The process has locked the key that it waited for (rule R16).
    KeyLocked,
    /// A supervisor is asked something.
    SupervisorRequest(SupervisorRequest),
    /// A supervisor answers.
    SupervisorResponse(SupervisorResponse),
}

impl SystemKind {
    /// Whether it is there because of what another process did, and not because its receiver asked for it.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(
            self,
            Self::TableTransfer
                | Self::GroupJoin
                | Self::GroupLeave
                | Self::ScopeDown
                | Self::KeyRegistered
                | Self::KeyUnregistered
        )
    }

    /// Its name, as guests see it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::InitAck(_) => "init-ack",
            Self::CancelTimer(_) => "cancel-timer",
            Self::ReadTimer(_) => "read-timer",
            Self::TableTransfer => "table-transfer",
            Self::GroupJoin => "group-join",
            Self::GroupLeave => "group-leave",
            Self::ScopeDown => "scope-down",
            Self::KeyRegistered => "key-registered",
            Self::KeyUnregistered => "key-unregistered",
            Self::KeyLocked => "key-locked",
            Self::SupervisorRequest(_) => "supervisor-request",
            Self::SupervisorResponse(_) => "supervisor-response",
        }
    }
}

/// How a start went, as the started process says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InitAck {
    /// It runs.
    Started,
    /// It runs, and this encoded term is for whoever asked for it (`{ok, Pid, Info}`, rule S11).
    StartedWith(Bytes),
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

    /// Roughly what of it is copied when it is received, in bytes: the payload, the reason, the tag.
    pub fn copied_len(&self) -> usize {
        match self {
            Self::Down { reason, tag, .. } => reason.weight() + tag.as_ref().map_or(0, Bytes::len),
            Self::Exit { reason, .. } => reason.weight(),
            _ => self.payload_len(),
        }
    }

    /// What this takes of memory beside its entry, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = match self {
            // Another process chose the reason: how long it is must not decide how many fit.
            Self::Down { reason, tag, .. } => {
                reason.weight().min(MAX_REASON_CHARGE) + tag.as_ref().map_or(0, Bytes::len)
            }
            Self::Exit { reason, .. } => reason.weight().min(MAX_REASON_CHARGE),
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
