//! Signals: everything that one process can do to another travels as one of these through the receiver's
//! inbox, in the order in which the sender sent it (rule P48).

use bytes::Bytes;

use crate::clock::Instant;
use crate::exit_reason::ExitReason;
use crate::pid::{Pid, Reference};
use crate::received::{Message, SystemMessage};

/// What travels between processes.
#[derive(Debug)]
pub(crate) enum Signal {
    Message(Message),
    /// A message to an alias of the receiver.
    AliasMessage {
        reference: Reference,
        message: Message,
    },
    /// A message that its receiver sent itself by a timer: its room was taken when the timer was started.
    DelayedMessage(Message),
    /// `exit/2`.
    Exit {
        from: Pid,
        reason: ExitReason,
    },
    /// The other side of a link ended, or never lived.
    LinkExit {
        from: Pid,
        reason: ExitReason,
    },
    Link {
        from: Pid,
    },
    Unlink {
        from: Pid,
        id: UnlinkId,
    },
    UnlinkAck {
        from: Pid,
        id: UnlinkId,
    },
    Monitor {
        from: Pid,
        reference: Reference,
    },
    Demonitor {
        from: Pid,
        reference: Reference,
    },
    Down {
        reference: Reference,
        reason: ExitReason,
    },
    Reply {
        reference: Reference,
        payload: Bytes,
    },
    Timer {
        reference: Reference,
        payload: Bytes,
        /// Whether the receiver started it itself.
        own: bool,
    },
    System(SystemMessage),
}

impl Signal {
    /// Whether it brings a message, whether or not its room was taken before.
    pub(crate) fn is_message(&self) -> bool {
        self.message().is_some() || matches!(self, Self::DelayedMessage(_))
    }

    /// The message that takes room of the receiver's mailbox, if this is one.
    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) | Self::AliasMessage { message, .. } => Some(message),
            _ => None,
        }
    }
}

/// Tells one `unlink` from the next between the same two processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UnlinkId(pub(crate) u64);

/// What an exit signal does to its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExitDecision {
    /// The receiver ends with this reason.
    Die(ExitReason),
    /// The receiver gets an EXIT message.
    Deliver,
    /// Nothing happens.
    Drop,
}

/// How `exit/2` with `reason` from `from` acts on `receiver` (rules P11 to P14).
pub fn decide_exit(from: Pid, receiver: Pid, reason: &ExitReason, trap_exit: bool) -> ExitDecision {
    match (reason, trap_exit) {
        (ExitReason::Kill, _) => ExitDecision::Die(ExitReason::Killed),
        (_, true) => ExitDecision::Deliver,
        (ExitReason::Normal, false) if from != receiver => ExitDecision::Drop,
        (reason, false) => ExitDecision::Die(reason.clone()),
    }
}

/// How the end of a linked process acts on the other one, while the link is active (rules P15 to P17).
pub fn decide_link_exit(reason: &ExitReason, trap_exit: bool) -> ExitDecision {
    match (reason, trap_exit) {
        (_, true) => ExitDecision::Deliver,
        (ExitReason::Normal, false) => ExitDecision::Drop,
        (reason, false) => ExitDecision::Die(reason.clone()),
    }
}

/// What the host knows of a message beside its payload.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The name of the component that the sender runs, if it is a guest.
    pub component: Option<std::sync::Arc<str>>,
    /// The trace that this message belongs to, in the form of W3C Trace Context's `traceparent`.
    pub trace: Option<std::sync::Arc<str>>,
    /// When the sender stops waiting for the answer, if it waits for one.
    pub deadline: Option<Instant>,
}
