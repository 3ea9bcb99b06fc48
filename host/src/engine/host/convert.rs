//! Between the types of the WIT package and those of `otp`.

use std::sync::Arc;
use std::time::Duration;

use regrow_otp as otp;
use regrow_otp::{MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_REASON_BYTES, RegisterError};
use regrow_term::{Term, decode, encode};

use crate::engine::bindings::regrow::otp::types as wit;

pub(super) fn milliseconds(timeout_ms: Option<u64>) -> Option<Duration> {
    timeout_ms.map(Duration::from_millis)
}

/// Rounds up: a timer that has not run out has something left.
pub(super) fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl From<otp::Pid> for wit::Pid {
    fn from(pid: otp::Pid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<wit::Pid> for otp::Pid {
    fn from(pid: wit::Pid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<otp::Destination> for wit::Destination {
    fn from(destination: otp::Destination) -> Self {
        match destination {
            otp::Destination::Pid(pid) => Self::Pid(pid.into()),
            otp::Destination::Name(name) => Self::Name(name),
            otp::Destination::Via(via) => Self::Via((&*via).into()),
        }
    }
}

impl From<wit::Destination> for otp::Destination {
    fn from(destination: wit::Destination) -> Self {
        match destination {
            wit::Destination::Pid(pid) => Self::Pid(pid.into()),
            wit::Destination::Name(name) => Self::Name(name),
            wit::Destination::Via(via) => otp::Via::from(via).into(),
        }
    }
}

impl From<wit::ReplyTo> for otp::ReplyTo {
    fn from(to: wit::ReplyTo) -> Self {
        Self { pid: to.pid.into(), reference: otp::Reference(to.reference) }
    }
}

impl From<otp::ReplyTo> for wit::ReplyTo {
    fn from(to: otp::ReplyTo) -> Self {
        Self { pid: to.pid.into(), reference: to.reference.0 }
    }
}

impl From<otp::LimitExceeded> for wit::LimitExceeded {
    fn from(limit: otp::LimitExceeded) -> Self {
        Self { which: limit.limit.name().to_owned(), allowed: limit.allowed, requested: limit.requested }
    }
}

impl From<otp::LimitExceeded> for wit::Error {
    fn from(limit: otp::LimitExceeded) -> Self {
        Self::Limit(limit.into())
    }
}

impl From<otp::SendError> for wit::Error {
    fn from(error: otp::SendError) -> Self {
        match error {
            otp::SendError::Full(limit) => Self::Full(limit.into()),
            otp::SendError::TooLarge(limit) => Self::Limit(limit.into()),
            otp::SendError::NoName(_) => Self::Noproc,
            // A plain send waits without limit; a call turns this into its timeout.
            otp::SendError::NoRoomInTime => Self::BadArgument(error.to_string()),
        }
    }
}

impl From<RegisterError> for wit::Error {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::NameTaken(pid) => Self::NameTaken(pid.into()),
            RegisterError::NoProc => Self::Noproc,
            RegisterError::BadName | RegisterError::AlreadyNamed(_) => Self::BadArgument(error.to_string()),
        }
    }
}

impl From<otp::SpawnError> for wit::Error {
    fn from(error: otp::SpawnError) -> Self {
        match error {
            otp::SpawnError::Limit(limit) => limit.into(),
            otp::SpawnError::Name(error) => error.into(),
            otp::SpawnError::Via(otp::RegistryError::AlreadyRegistered(pid)) => Self::NameTaken(pid.into()),
            otp::SpawnError::Via(otp::RegistryError::Limit(limit)) => limit.into(),
            otp::SpawnError::Via(error) => Self::BadArgument(error.to_string()),
        }
    }
}

impl From<otp::SignalError> for wit::Error {
    fn from(error: otp::SignalError) -> Self {
        Self::Denied(error.to_string())
    }
}

impl From<otp::ExitReason> for wit::ExitReason {
    fn from(reason: otp::ExitReason) -> Self {
        use otp::ExitReason as Reason;
        let bytes = |term: Arc<Term>| encode(&*term).unwrap_or_default();
        match reason {
            Reason::Normal => Self::Normal,
            Reason::Shutdown => Self::Shutdown,
            Reason::ShutdownWith(term) => Self::ShutdownWith(bytes(term)),
            Reason::Kill => Self::Kill,
            Reason::Killed => Self::Killed,
            Reason::NoProc => Self::Noproc,
            Reason::NoConnection => Self::Noconnection,
            Reason::Trap(trap) => Self::Trap(wit::WasmTrap {
                code: trap.code.clone(),
                message: trap.message.clone(),
                location: trap.location.clone(),
                backtrace: trap.backtrace.clone(),
            }),
            Reason::Limit(limit) => Self::Limit(limit.into()),
            Reason::Error(term) => Self::Error(bytes(term)),
            Reason::Other(term) => Self::Other(bytes(term)),
        }
    }
}

/// A reason that a guest gives. Its terms are cut to size and must be terms; traps and limits are the host's
/// to tell, so that a guest's claim of one is an ordinary error.
pub(in crate::engine) fn exit_reason_from_guest(reason: wit::ExitReason) -> otp::ExitReason {
    use otp::ExitReason as Reason;
    match reason {
        wit::ExitReason::Normal => Reason::Normal,
        wit::ExitReason::Shutdown => Reason::Shutdown,
        wit::ExitReason::ShutdownWith(bytes) => Reason::ShutdownWith(term_from_guest(&bytes)),
        wit::ExitReason::Kill => Reason::Kill,
        wit::ExitReason::Killed => Reason::Killed,
        wit::ExitReason::Noproc => Reason::NoProc,
        wit::ExitReason::Noconnection => Reason::NoConnection,
        wit::ExitReason::Trap(trap) => Reason::error(cut(format!("{}: {}", trap.code, trap.message))),
        wit::ExitReason::Limit(limit) => Reason::error(cut(format!("limit: {}", limit.which))),
        wit::ExitReason::Error(bytes) => Reason::Error(term_from_guest(&bytes)),
        wit::ExitReason::Other(bytes) => Reason::Other(term_from_guest(&bytes)),
    }
}

/// Bytes that came with a destination.
pub(super) fn destination_len(destination: &wit::Destination) -> usize {
    match destination {
        wit::Destination::Name(name) => name.len(),
        wit::Destination::Via(via) => via_len(via),
        wit::Destination::Pid(_) => 0,
    }
}

pub(super) fn via_len(via: &wit::Via) -> usize {
    via.registry.len() + via.key.len()
}

/// Bytes that came with a reason.
pub(super) fn reason_len(reason: &wit::ExitReason) -> usize {
    match reason {
        wit::ExitReason::ShutdownWith(term) | wit::ExitReason::Error(term) | wit::ExitReason::Other(term) => {
            term.len()
        }
        wit::ExitReason::Trap(trap) => {
            trap.message.len() + trap.code.len() + trap.backtrace.iter().map(String::len).sum::<usize>()
        }
        wit::ExitReason::Limit(limit) => limit.which.len(),
        _ => 0,
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text
}

/// The longest text that a guest's claim of a trap may give a reason.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// A name that a guest sends to, monitors or starts a timer for: one that is too long to be registered is
/// nobody's, and is not kept.
pub(super) fn destination(destination: wit::Destination) -> otp::Destination {
    match destination {
        wit::Destination::Name(name) if name.len() > MAX_NAME_BYTES => otp::Destination::Name(String::new()),
        wit::Destination::Via(via)
            if via.registry.len() > MAX_NAME_BYTES || via.key.len() > MAX_KEY_BYTES =>
        {
            otp::Destination::Name(String::new())
        }
        other => other.into(),
    }
}

fn term_from_guest(bytes: &[u8]) -> Arc<Term> {
    if bytes.len() > MAX_REASON_BYTES {
        return Arc::new(Term::Text(format!("(a reason of {} bytes, cut)", bytes.len())));
    }
    Arc::new(decode(bytes).unwrap_or_else(|_| Term::Bytes(bytes.to_vec())))
}

impl From<otp::Received> for wit::Received {
    fn from(received: otp::Received) -> Self {
        match received {
            otp::Received::Message(message) => Self::Message(wit::Message {
                from: message.from.into(),
                kind: match message.kind {
                    otp::MessageKind::Info => wit::MessageKind::Info,
                    otp::MessageKind::Cast => wit::MessageKind::Cast,
                    otp::MessageKind::Call(to) => wit::MessageKind::Call(to.into()),
                },
                payload: Vec::from(message.payload),
            }),
            otp::Received::Down { reference, object, reason, tag } => Self::Down(wit::Down {
                reference: reference.0,
                object: object.into(),
                reason: reason.into(),
                tag: tag.map(Vec::from),
            }),
            otp::Received::Exit { from, reason } => {
                Self::Exit(wit::ExitSignal { from: from.into(), reason: reason.into() })
            }
            otp::Received::Timer { reference, payload } => {
                Self::Timer(wit::TimerMessage { reference: reference.0, payload: payload.to_vec() })
            }
            otp::Received::Reply { reference, payload } => {
                Self::Reply(wit::ReplyMessage { reference: reference.0, payload: Vec::from(payload) })
            }
            otp::Received::System(system) => Self::System(wit::SystemMessage {
                kind: system.kind.name().to_owned(),
                reference: system.reference.0,
                from: system.from.into(),
                payload: match system.kind {
                    otp::SystemKind::CancelTimer(left) | otp::SystemKind::ReadTimer(left) => {
                        encode(&left.map(whole_milliseconds)).unwrap_or_default()
                    }
                    _ => system.payload.to_vec(),
                },
            }),
        }
    }
}
