//! Between the SDK's types and those of the WIT package.

use alloc::vec::Vec;

use regrow_term::{Term, decode, encode};

use crate::process::{Flag, WhenFull};
use crate::sys::wasm::bindings::regrow::otp::{process, types as wit};
use crate::{Destination, Error, ExitReason, LimitExceeded, Pid, Reference, ReplyTo, WasmTrap};

impl From<wit::Pid> for Pid {
    fn from(pid: wit::Pid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<Pid> for wit::Pid {
    fn from(pid: Pid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<wit::ReplyTo> for ReplyTo {
    fn from(to: wit::ReplyTo) -> Self {
        Self { pid: to.pid.into(), reference: Reference(to.reference) }
    }
}

impl From<ReplyTo> for wit::ReplyTo {
    fn from(to: ReplyTo) -> Self {
        Self { pid: to.pid.into(), reference: to.reference.0 }
    }
}

impl From<wit::Destination> for Destination {
    fn from(destination: wit::Destination) -> Self {
        match destination {
            wit::Destination::Pid(pid) => Self::Pid(pid.into()),
            wit::Destination::Name(name) => Self::Name(name),
            wit::Destination::Via(via) => Self::Via(via.into()),
        }
    }
}

impl From<Destination> for wit::Destination {
    fn from(destination: Destination) -> Self {
        match destination {
            Destination::Pid(pid) => Self::Pid(pid.into()),
            Destination::Name(name) => Self::Name(name),
            Destination::Via(via) => Self::Via((&via).into()),
        }
    }
}

impl From<wit::LimitExceeded> for LimitExceeded {
    fn from(limit: wit::LimitExceeded) -> Self {
        Self { which: limit.which, allowed: limit.allowed, requested: limit.requested }
    }
}

impl From<wit::Error> for Error {
    fn from(error: wit::Error) -> Self {
        match error {
            wit::Error::Denied(why) => Self::Denied(why),
            wit::Error::Limit(limit) => Self::Limit(limit.into()),
            wit::Error::Full(limit) => Self::Full(limit.into()),
            wit::Error::Unsupported(what) => Self::Unsupported(what),
            wit::Error::BadArgument(why) => Self::BadArgument(why),
            wit::Error::Noproc => Self::NoProc,
            wit::Error::NameTaken(pid) => Self::NameTaken(pid.into()),
        }
    }
}

fn term(bytes: Vec<u8>) -> Term {
    decode(&bytes).unwrap_or(Term::Bytes(bytes))
}

fn bytes(term: &Term) -> Vec<u8> {
    encode(term).unwrap_or_default()
}

impl From<wit::ExitReason> for ExitReason {
    fn from(reason: wit::ExitReason) -> Self {
        match reason {
            wit::ExitReason::Normal => Self::Normal,
            wit::ExitReason::Shutdown => Self::Shutdown,
            wit::ExitReason::ShutdownWith(bytes) => Self::ShutdownWith(term(bytes)),
            wit::ExitReason::Kill => Self::Kill,
            wit::ExitReason::Killed => Self::Killed,
            wit::ExitReason::Noproc => Self::NoProc,
            wit::ExitReason::Noconnection => Self::NoConnection,
            wit::ExitReason::Trap(trap) => Self::Trap(WasmTrap {
                code: trap.code,
                message: trap.message,
                location: trap.location,
                backtrace: trap.backtrace,
            }),
            wit::ExitReason::Limit(limit) => Self::Limit(limit.into()),
            wit::ExitReason::Error(bytes) => Self::Error(term(bytes)),
            wit::ExitReason::Other(bytes) => Self::Other(term(bytes)),
        }
    }
}

impl From<ExitReason> for wit::ExitReason {
    fn from(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Normal => Self::Normal,
            ExitReason::Shutdown => Self::Shutdown,
            ExitReason::ShutdownWith(term) => Self::ShutdownWith(bytes(&term)),
            ExitReason::Kill => Self::Kill,
            ExitReason::Killed => Self::Killed,
            ExitReason::NoProc => Self::Noproc,
            ExitReason::NoConnection => Self::Noconnection,
            ExitReason::Trap(trap) => Self::Trap(wit::WasmTrap {
                code: trap.code,
                message: trap.message,
                location: trap.location,
                backtrace: trap.backtrace,
            }),
            ExitReason::Limit(limit) => Self::Limit(wit::LimitExceeded {
                which: limit.which,
                allowed: limit.allowed,
                requested: limit.requested,
            }),
            ExitReason::Error(term) => Self::Error(bytes(&term)),
            ExitReason::Other(term) => Self::Other(bytes(&term)),
        }
    }
}

impl From<wit::Received> for crate::mailbox::Received {
    fn from(received: wit::Received) -> Self {
        use crate::mailbox::{Message, MessageKind};
        match received {
            wit::Received::Message(message) => Self::Message(Message {
                from: message.from.into(),
                kind: match message.kind {
                    wit::MessageKind::Info => MessageKind::Info,
                    wit::MessageKind::Cast => MessageKind::Cast,
                    wit::MessageKind::Call(to) => MessageKind::Call(to.into()),
                },
                payload: message.payload,
            }),
            wit::Received::Down(down) => Self::Down {
                reference: Reference(down.reference),
                object: down.object.into(),
                reason: down.reason.into(),
                tag: down.tag,
            },
            wit::Received::Exit(exit) => Self::Exit { from: exit.from.into(), reason: exit.reason.into() },
            wit::Received::Timer(timer) => {
                Self::Timer { reference: Reference(timer.reference), payload: timer.payload }
            }
            wit::Received::Reply(reply) => {
                Self::Reply { reference: Reference(reply.reference), payload: reply.payload }
            }
            wit::Received::System(system) => Self::System {
                kind: system.kind,
                reference: Reference(system.reference),
                from: system.from.into(),
                payload: system.payload,
            },
        }
    }
}

impl From<process::Flag> for Flag {
    fn from(flag: process::Flag) -> Self {
        match flag {
            process::Flag::TrapExit(trap_exit) => Self::TrapExit(trap_exit),
            process::Flag::WhenFull(process::WhenFull::Reject) => Self::WhenFull(WhenFull::Reject),
            process::Flag::WhenFull(process::WhenFull::DropNewest) => Self::WhenFull(WhenFull::DropNewest),
            process::Flag::WhenFull(process::WhenFull::SuspendSender) => {
                Self::WhenFull(WhenFull::SuspendSender)
            }
            process::Flag::MaxMailboxMessages(messages) => Self::MaxMailboxMessages(messages),
            process::Flag::MaxMailboxBytes(bytes) => Self::MaxMailboxBytes(bytes),
        }
    }
}

impl From<Flag> for process::Flag {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::TrapExit(trap_exit) => Self::TrapExit(trap_exit),
            Flag::WhenFull(WhenFull::Reject) => Self::WhenFull(process::WhenFull::Reject),
            Flag::WhenFull(WhenFull::DropNewest) => Self::WhenFull(process::WhenFull::DropNewest),
            Flag::WhenFull(WhenFull::SuspendSender) => Self::WhenFull(process::WhenFull::SuspendSender),
            Flag::MaxMailboxMessages(messages) => Self::MaxMailboxMessages(messages),
            Flag::MaxMailboxBytes(bytes) => Self::MaxMailboxBytes(bytes),
        }
    }
}
