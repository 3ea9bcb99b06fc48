//! Messages: sending, receiving, calling.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use regrow_term::{DecodeError, decode, decode_refusal, encode, encode_refusal};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::pid::{Destination, Pid, Reference, ReplyTo};
use crate::sys;

/// What a process receives. Only the host makes the variants beside `Message`.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A process sent this.
    Message(Message),
    /// A monitored process ended.
    Down {
        /// The monitor.
        reference: Reference,
        /// What was monitored.
        object: Destination,
        /// Why it ended.
        reason: ExitReason,
        /// What the monitor was given to tell its DOWN from others, encoded.
        tag: Option<Vec<u8>>,
    },
    /// An exit signal, while this process traps exits.
    Exit {
        /// Who ended, or sent the signal.
        from: Pid,
        /// Why.
        reason: ExitReason,
    },
    /// A timer ran out.
    Timer {
        /// The timer.
        reference: Reference,
        /// What it was started with, encoded.
        payload: Vec<u8>,
    },
    /// The answer to a request.
    Reply {
        /// The request.
        reference: Reference,
        /// The answer, encoded.
        payload: Vec<u8>,
    },
    /// The host has something to say.
    System {
        /// What about. Ignore the kinds that you don't know.
        kind: String,
        /// What it answers.
        reference: Reference,
        /// Whom it is about.
        from: Pid,
        /// What belongs to it, encoded.
        payload: Vec<u8>,
    },
}

/// A message from another process.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who sent it.
    pub from: Pid,
    /// What its sender expects.
    pub kind: MessageKind,
    /// The encoded term.
    pub payload: Vec<u8>,
}

/// What the sender of a message expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A plain message.
    Info,
    /// A request without an answer.
    Cast,
    /// A request whose sender waits.
    Call(ReplyTo),
}

/// Drops what nobody expected, with a warning (rule G24).
pub(crate) fn unexpected(info: &Received) {
    log::warn!("an unexpected message was dropped: {}", info.kind());
}

impl Received {
    /// The kind, in one word.
    pub fn kind(&self) -> &str {
        match self {
            Self::Message(_) => "message",
            Self::Down { .. } => "down",
            Self::Exit { .. } => "exit",
            Self::Timer { .. } => "timer",
            Self::Reply { .. } => "reply",
            Self::System { kind, .. } => kind,
        }
    }
}

impl Message {
    /// The message as a value.
    ///
    /// # Errors
    /// [`DecodeError`] if it is of another type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        decode(&self.payload)
    }

    /// Whom to answer, if the sender waits for an answer.
    pub fn reply_to(&self) -> Option<ReplyTo> {
        match self.kind {
            MessageKind::Call(to) => Some(to),
            MessageKind::Info | MessageKind::Cast => None,
        }
    }
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError {
    /// It did not come in time.
    Timeout,
    /// The server ended, or was not there.
    Down(ExitReason),
    /// A process can't call itself.
    CallingSelf,
    /// The host refused the request.
    Refused(Error),
    /// The server did not understand the request; why.
    NotUnderstood(String),
    /// The answer is of another type.
    Decode(DecodeError),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the call timed out"),
            Self::Down(reason) => write!(f, "the called process ended: {reason}"),
            Self::CallingSelf => f.write_str("a process can't call itself"),
            Self::Refused(error) => write!(f, "{error}"),
            Self::NotUnderstood(why) => write!(f, "the called process did not understand the request: {why}"),
            Self::Decode(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for CallError {}

pub(crate) fn payload<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    encode(value).map_err(|error| Error::BadArgument(error.to_string()))
}

/// Sends a plain message (`!`). A dead process takes it silently. A receiver whose mailbox is full has chosen what
/// happens: an error, nothing at all, or this process waits for room.
///
/// # Errors
/// [`Error::NoProc`] (nobody has the name), [`Error::Full`], [`Error::Limit`]
pub fn send<T: Serialize + ?Sized>(to: impl Into<Destination>, message: &T) -> Result<(), Error> {
    sys::send(to.into(), false, payload(message)?)
}

/// Sends a request without an answer (`gen_server:cast/2`).
///
/// # Errors
/// As [`send`].
pub fn cast<T: Serialize + ?Sized>(to: impl Into<Destination>, request: &T) -> Result<(), Error> {
    sys::send(to.into(), true, payload(request)?)
}

/// Sends a plain message, and does not wait for room in the receiver's mailbox (`erlang:send/3` with `nosuspend`).
///
/// # Errors
/// As [`send`]; [`Error::Full`] also where that would wait.
pub fn send_nosuspend<T: Serialize + ?Sized>(to: impl Into<Destination>, message: &T) -> Result<(), Error> {
    sys::send_nosuspend(to.into(), payload(message)?)
}

/// Makes an alias of this process (`alias/1`): a token through which others can send to it until it is removed.
///
/// ```
/// # use regrow_sdk::{mailbox::{self, AliasMode}, process};
/// # fn nothing(_: ()) {}
/// # regrow_sdk::component! { "nothing" => process nothing }
/// # fn main() {
/// # regrow_sdk::testing::run(&COMPONENT, || {
/// let alias = mailbox::alias(AliasMode::Explicit)?;
/// mailbox::send_to_alias(alias, &"hello")?;
/// assert!(mailbox::unalias(alias.reference()));
/// mailbox::send_to_alias(alias, &"nobody gets this")?;
/// assert!(mailbox::receive_message(None).is_some());
/// assert!(mailbox::receive_message(Some(std::time::Duration::ZERO)).is_none());
/// # Ok(())
/// # });
/// # }
/// ```
///
/// # Errors
/// [`Error::Limit`]: an alias takes a monitor's slot.
pub fn alias(mode: AliasMode) -> Result<ReplyTo, Error> {
    sys::alias(mode)
}

/// Ends an alias of this process; true if it was active. What has arrived through it stays (`unalias/1`).
pub fn unalias(alias: impl Into<Reference>) -> bool {
    sys::unalias(alias.into())
}

/// Sends a plain message to an alias. Nothing happens if it is not active.
///
/// # Errors
/// [`Error::Full`], [`Error::Limit`]
pub fn send_to_alias<T: Serialize + ?Sized>(alias: ReplyTo, message: &T) -> Result<(), Error> {
    sys::send_to_alias(alias, payload(message)?)
}

/// How long an alias lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasMode {
    /// Until [`unalias`].
    Explicit,
    /// Until the first message through it.
    Reply,
}

/// Receives the oldest message. None after `timeout`; without one it waits for ever.
pub fn receive(timeout: Option<Duration>) -> Option<Received> {
    sys::receive(timeout)
}

/// Receives the oldest message that a process sent; what the host says stays in the mailbox.
pub fn receive_message(timeout: Option<Duration>) -> Option<Message> {
    receive_match(timeout, |received| match received {
        Received::Message(message) => Some(message),
        _ => None,
    })
}

/// Receives the oldest message for which `select` gives something (`receive` with patterns); the others stay,
/// in order. None after `timeout`, however many messages have arrived meanwhile.
pub fn receive_match<T>(
    timeout: Option<Duration>,
    mut select: impl FnMut(Received) -> Option<T>,
) -> Option<T> {
    let mut seen = sys::scan(timeout);
    while let Some(received) = seen {
        if let Some(selected) = select(received) {
            sys::take();
            return Some(selected);
        }
        seen = sys::scan_next();
    }
    None
}

/// Waits for what answers a reference: a DOWN, a timer's message, a reply. It costs the same however much else has
/// arrived.
pub fn wait_for(reference: impl Into<Reference>, timeout: Option<Duration>) -> Option<Received> {
    sys::wait_for(reference.into(), timeout)
}

/// Sends a request and waits for its answer (`gen_server:call/3`). A server that dies is known at once.
///
/// # Errors
/// [`CallError`]
pub fn call<Q, A>(to: impl Into<Destination>, request: &Q, timeout: Option<Duration>) -> Result<A, CallError>
where
    Q: Serialize + ?Sized,
    A: DeserializeOwned,
{
    let request = payload(request).map_err(CallError::Refused)?;
    decode_answer(&sys::call(to.into(), request, timeout)?)
}

pub(crate) fn decode_answer<A: DeserializeOwned>(answer: &[u8]) -> Result<A, CallError> {
    match decode_refusal(answer) {
        Some(why) => Err(CallError::NotUnderstood(why)),
        None => decode(answer).map_err(CallError::Decode),
    }
}

/// Tells a caller that its request was not understood, and why.
pub fn reply_not_understood(to: ReplyTo, why: &str) {
    // So little is not too large.
    let _ = sys::reply(to, encode_refusal(why));
}

/// Answers a call. Any process that has the token may; nothing happens if the caller does not wait any more.
///
/// # Errors
/// [`Error::Limit`] (the answer is too large)
pub fn reply<T: Serialize + ?Sized>(to: ReplyTo, answer: &T) -> Result<(), Error> {
    sys::reply(to, payload(answer)?)
}
