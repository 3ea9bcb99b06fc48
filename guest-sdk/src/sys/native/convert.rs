//! Between the SDK's types and those of `regrow-otp`.

use std::sync::Arc;

use regrow_otp as otp;

use crate::mailbox::{CallError, Message, MessageKind, Received};
use crate::process::{Flag, WhenFull};
use crate::sys::whole_milliseconds;
use crate::{Destination, Error, ExitReason, LimitExceeded, Pid, Reference, ReplyTo, WasmTrap};

impl From<otp::Pid> for Pid {
    fn from(pid: otp::Pid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<Pid> for otp::Pid {
    fn from(pid: Pid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<otp::ReplyTo> for ReplyTo {
    fn from(to: otp::ReplyTo) -> Self {
        Self { pid: to.pid.into(), reference: Reference(to.reference.0) }
    }
}

impl From<ReplyTo> for otp::ReplyTo {
    fn from(to: ReplyTo) -> Self {
        Self { pid: to.pid.into(), reference: otp::Reference(to.reference.0) }
    }
}

impl From<otp::Destination> for Destination {
    fn from(destination: otp::Destination) -> Self {
        match destination {
            otp::Destination::Pid(pid) => Self::Pid(pid.into()),
            otp::Destination::Name(name) => Self::Name(name),
            otp::Destination::Via(via) => Self::Via((&*via).into()),
        }
    }
}

impl From<Destination> for otp::Destination {
    fn from(destination: Destination) -> Self {
        match destination {
            Destination::Pid(pid) => Self::Pid(pid.into()),
            Destination::Name(name) => Self::Name(name),
            Destination::Via(via) => otp::Via::from(via).into(),
        }
    }
}

impl From<otp::LimitExceeded> for LimitExceeded {
    fn from(limit: otp::LimitExceeded) -> Self {
        Self { which: limit.limit.name().to_owned(), allowed: limit.allowed, requested: limit.requested }
    }
}

impl From<otp::SendError> for Error {
    fn from(error: otp::SendError) -> Self {
        match error {
            otp::SendError::Full(limit) => Self::Full(limit.into()),
            otp::SendError::TooLarge(limit) => Self::Limit(limit.into()),
            otp::SendError::NoName(_) => Self::NoProc,
            otp::SendError::NoRoomInTime => Self::BadArgument(error.to_string()),
        }
    }
}

impl From<otp::RegisterError> for Error {
    fn from(error: otp::RegisterError) -> Self {
        match error {
            otp::RegisterError::NameTaken(pid) => Self::NameTaken(pid.into()),
            otp::RegisterError::NoProc => Self::NoProc,
            other => Self::BadArgument(other.to_string()),
        }
    }
}

impl From<otp::SpawnError> for Error {
    fn from(error: otp::SpawnError) -> Self {
        match error {
            otp::SpawnError::Limit(limit) => Self::Limit(limit.into()),
            otp::SpawnError::Name(error) => error.into(),
            otp::SpawnError::Via(otp::RegistryError::AlreadyRegistered(pid)) => Self::NameTaken(pid.into()),
            otp::SpawnError::Via(otp::RegistryError::Limit(limit)) => Self::Limit(limit.into()),
            otp::SpawnError::Via(error) => Self::BadArgument(error.to_string()),
        }
    }
}

impl From<otp::CallError> for CallError {
    fn from(error: otp::CallError) -> Self {
        match error {
            otp::CallError::Timeout => Self::Timeout,
            otp::CallError::Down(reason) => Self::Down(reason.into()),
            otp::CallError::CallingSelf => Self::CallingSelf,
            otp::CallError::NotSent(error) => Self::Refused(error.into()),
            otp::CallError::Limit(limit) => Self::Refused(Error::Limit(limit.into())),
        }
    }
}

impl From<otp::Flag> for Flag {
    fn from(flag: otp::Flag) -> Self {
        match flag {
            otp::Flag::TrapExit(trap_exit) => Self::TrapExit(trap_exit),
            otp::Flag::WhenFull(otp::WhenFull::Reject) => Self::WhenFull(WhenFull::Reject),
            otp::Flag::WhenFull(otp::WhenFull::DropNewest) => Self::WhenFull(WhenFull::DropNewest),
            otp::Flag::WhenFull(otp::WhenFull::SuspendSender) => Self::WhenFull(WhenFull::SuspendSender),
            otp::Flag::MailboxMessages(messages) => Self::MaxMailboxMessages(messages),
            otp::Flag::MailboxBytes(bytes) => Self::MaxMailboxBytes(bytes),
        }
    }
}

impl From<Flag> for otp::Flag {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::TrapExit(trap_exit) => Self::TrapExit(trap_exit),
            Flag::WhenFull(WhenFull::Reject) => Self::WhenFull(otp::WhenFull::Reject),
            Flag::WhenFull(WhenFull::DropNewest) => Self::WhenFull(otp::WhenFull::DropNewest),
            Flag::WhenFull(WhenFull::SuspendSender) => Self::WhenFull(otp::WhenFull::SuspendSender),
            Flag::MaxMailboxMessages(messages) => Self::MailboxMessages(messages),
            Flag::MaxMailboxBytes(bytes) => Self::MailboxBytes(bytes),
        }
    }
}

impl From<otp::ExitReason> for ExitReason {
    fn from(reason: otp::ExitReason) -> Self {
        use otp::ExitReason as Reason;
        match reason {
            Reason::Normal => Self::Normal,
            Reason::Shutdown => Self::Shutdown,
            Reason::ShutdownWith(term) => Self::ShutdownWith((*term).clone()),
            Reason::Kill => Self::Kill,
            Reason::Killed => Self::Killed,
            Reason::NoProc => Self::NoProc,
            Reason::NoConnection => Self::NoConnection,
            Reason::Trap(trap) => Self::Trap(WasmTrap {
                code: trap.code.clone(),
                message: trap.message.clone(),
                location: trap.location.clone(),
                backtrace: trap.backtrace.clone(),
            }),
            Reason::Limit(limit) => Self::Limit(limit.into()),
            Reason::Error(term) => Self::Error((*term).clone()),
            Reason::Other(term) => Self::Other((*term).clone()),
        }
    }
}

impl From<ExitReason> for otp::ExitReason {
    fn from(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Normal => Self::Normal,
            ExitReason::Shutdown => Self::Shutdown,
            ExitReason::ShutdownWith(term) => Self::ShutdownWith(Arc::new(term)),
            ExitReason::Kill => Self::Kill,
            ExitReason::Killed => Self::Killed,
            ExitReason::NoProc => Self::NoProc,
            ExitReason::NoConnection => Self::NoConnection,
            ExitReason::Trap(trap) => Self::Trap(Arc::new(otp::WasmTrap {
                code: trap.code,
                message: trap.message,
                location: trap.location,
                backtrace: trap.backtrace,
            })),
            ExitReason::Limit(limit) => Self::error(format!("limit: {limit}")),
            ExitReason::Error(term) => Self::Error(Arc::new(term)),
            ExitReason::Other(term) => Self::Other(Arc::new(term)),
        }
    }
}

impl From<otp::Received> for Received {
    fn from(received: otp::Received) -> Self {
        match received {
            otp::Received::Message(message) => Self::Message(Message {
                from: message.from.into(),
                kind: match message.kind {
                    otp::MessageKind::Info => MessageKind::Info,
                    otp::MessageKind::Cast => MessageKind::Cast,
                    otp::MessageKind::Call(to) => MessageKind::Call(to.into()),
                },
                payload: message.payload.to_vec(),
            }),
            otp::Received::Down { reference, object, reason, tag } => Self::Down {
                reference: Reference(reference.0),
                object: object.into(),
                reason: reason.into(),
                tag: tag.map(Vec::from),
            },
            otp::Received::Exit { from, reason } => Self::Exit { from: from.into(), reason: reason.into() },
            otp::Received::Timer { reference, payload } => {
                Self::Timer { reference: Reference(reference.0), payload: payload.to_vec() }
            }
            otp::Received::Reply { reference, payload } => {
                Self::Reply { reference: Reference(reference.0), payload: payload.to_vec() }
            }
            otp::Received::System(system) => Self::System {
                kind: system.kind.name().to_owned(),
                reference: Reference(system.reference.0),
                from: system.from.into(),
                payload: match system.kind {
                    otp::SystemKind::CancelTimer(left) | otp::SystemKind::ReadTimer(left) => {
                        regrow_term::encode(&left.map(whole_milliseconds)).unwrap_or_default()
                    }
                    _ => system.payload.to_vec(),
                },
            },
        }
    }
}
