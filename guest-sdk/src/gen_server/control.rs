//! What any server can be asked beside its own requests, after OTP's `sys` and `gen_server:stop`: to show its state, to stop.
//!
//! Only those are heard that a server is subject to: its ancestors, processes of its component, and of the host's.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use regrow_term::{Term, decode};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::{Caller, ServerRef, answer};
use crate::mailbox::{self, CallError, Message, Received};
use crate::pid::{Destination, Pid};
use crate::process;
use crate::request;

/// What such a request begins with, encoded: no request of a server's own does.
const MARK: &[u8] = b"\x82\x6aregrow.sys";

#[derive(Serialize, Deserialize)]
enum Request {
    Status,
    Stop(Reason),
}

/// What became of such a request.
pub(crate) enum Heard {
    /// The server does not heed the asker, who has been told so.
    Refused,
    /// The asker has been shown the state.
    Shown,
    /// The server is to end.
    Stop(ExitReason),
}

impl Heard {
    /// Whether the server goes on.
    pub(crate) fn outcome(self) -> Result<(), ExitReason> {
        match self {
            Self::Stop(reason) => Err(reason),
            Self::Refused | Self::Shown => Ok(()),
        }
    }
}

/// Reasons that one process can give another.
#[derive(Serialize, Deserialize)]
pub(crate) enum Reason {
    Normal,
    Shutdown,
    ShutdownWith(Term),
    Error(Term),
    Other(Term),
}

impl From<&ExitReason> for Reason {
    fn from(reason: &ExitReason) -> Self {
        match reason {
            ExitReason::Normal => Self::Normal,
            ExitReason::Shutdown => Self::Shutdown,
            ExitReason::ShutdownWith(term) => Self::ShutdownWith(term.clone()),
            ExitReason::Error(term) => Self::Error(term.clone()),
            ExitReason::Other(term) => Self::Other(term.clone()),
            // What only the host can find is told in words.
            other => Self::Error(Term::Text(alloc::format!("{other}"))),
        }
    }
}

impl From<Reason> for ExitReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Normal => Self::Normal,
            Reason::Shutdown => Self::Shutdown,
            Reason::ShutdownWith(term) => Self::ShutdownWith(term),
            Reason::Error(term) => Self::Error(term),
            Reason::Other(term) => Self::Other(term),
        }
    }
}

/// Why a server did not stop as it should, or did not show its state.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlError {
    /// It ended with another reason; [`ExitReason::NoProc`], if it was not there (rule G36).
    Exit(ExitReason),
    /// It did not happen in time. The server stops when it comes to that.
    Timeout,
    /// A process can't stop itself so (rule G37).
    CallingSelf,
    /// The server does not heed this process, or the host refused the request.
    Refused(Error),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(reason) => write!(f, "the server ended with another reason: {reason}"),
            Self::Timeout => f.write_str("the server did not do it in time"),
            Self::CallingSelf => f.write_str("a process can't stop itself so"),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for ControlError {}

impl From<ControlError> for ExitReason {
    fn from(error: ControlError) -> Self {
        ExitReason::error(&alloc::format!("{error}"))
    }
}

/// Does what a message asks for, if it is one of these requests; `state` is what the server shows of its own.
pub(crate) fn hear(message: &Message, state: impl FnOnce() -> Option<Term>) -> Option<Heard> {
    let from = message.reply_to().filter(|_| message.payload.starts_with(MARK))?;
    let (_, request) = decode::<(Term, Request)>(&message.payload).ok()?;
    let from: Caller<Answer> = Caller::new(from);
    let (said, heard) = match request {
        _ if !heeds(from.pid()) => (Err(STRANGER.into()), Heard::Refused),
        Request::Stop(reason) => return Some(Heard::Stop(reason.into())),
        Request::Status => (Ok(state()), Heard::Shown),
    };
    answer(from, &said);
    Some(heard)
}

/// What those are told who are not heeded.
pub(crate) const STRANGER: &str = "a server heeds its ancestors and processes of its component";

/// Whether this process heeds that one. Not one that it has started itself, of another component: that may be one that it does not
/// trust.
pub(crate) fn heeds(from: Pid) -> bool {
    process::is_subject_to(from)
}

/// What an answer says, in words: that it was refused, or the state.
type Answer = Result<Option<Term>, String>;

fn ask(to: &Destination, asked: Request) -> Result<request::Request, ControlError> {
    if to.whereis() == Some(process::self_pid()) {
        return Err(ControlError::CallingSelf);
    }
    match request::send(to.clone(), &("regrow.sys", asked)) {
        Ok(sent) => Ok(sent),
        Err(Error::NoProc) => Err(ControlError::Exit(ExitReason::NoProc)),
        Err(error) => Err(ControlError::Refused(error)),
    }
}

fn refused(why: String) -> ControlError {
    ControlError::Refused(Error::Denied(why))
}

/// Has a server run `terminate` and end with `reason`, and waits until it has (`gen_server:stop/3`, rule G36).
///
/// # Errors
/// [`ControlError`]; after a timeout the request stays in force
pub fn stop(
    server: impl Into<Destination>,
    reason: ExitReason,
    timeout: Option<Duration>,
) -> Result<(), ControlError> {
    let sent = ask(&server.into(), Request::Stop(Reason::from(&reason)))?;
    match mailbox::wait_for(sent, timeout) {
        None => {
            sent.abandon();
            Err(ControlError::Timeout)
        }
        Some(Received::Down { reason: actual, .. }) if actual == reason => Ok(()),
        Some(Received::Down { reason, .. }) => Err(ControlError::Exit(reason)),
        Some(Received::Reply { payload, .. }) => {
            let answer: Option<Answer> = decode(&payload).ok();
            let why = answer.and_then(Result::err);
            Err(refused(why.unwrap_or_else(|| "the server does not stop on request".into())))
        }
        Some(_) => Err(ControlError::Timeout),
    }
}

/// What a server shows of its state ([`format_status`](crate::GenServer::format_status)); none, if it shows nothing
/// (`sys:get_state/1`, rules G44, Y2).
///
/// # Errors
/// [`ControlError`]
pub fn get_state(server: impl Into<Destination>) -> Result<Option<Term>, ControlError> {
    let sent = ask(&server.into(), Request::Status)?;
    match sent.receive::<Answer>(Some(super::CALL_TIMEOUT)) {
        Ok(Ok(state)) => Ok(state),
        Ok(Err(why)) => Err(refused(why)),
        Err(CallError::Down(reason)) => Err(ControlError::Exit(reason)),
        Err(CallError::Timeout) => Err(ControlError::Timeout),
        Err(CallError::Refused(error)) => Err(ControlError::Refused(error)),
        Err(other) => Err(refused(alloc::format!("it is no server: {other}"))),
    }
}

impl<S> ServerRef<S> {
    /// Has the server run `terminate` and end normally, and waits until it has, as long as it takes (`gen_server:stop/1`, rule G36).
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn stop(&self) -> Result<(), ControlError> {
        stop(self.destination().clone(), ExitReason::Normal, None)
    }

    /// As [`ServerRef::stop`], with another reason, and for so long.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn stop_with(&self, reason: ExitReason, timeout: Option<Duration>) -> Result<(), ControlError> {
        stop(self.destination().clone(), reason, timeout)
    }

    /// As [`get_state`].
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn get_state(&self) -> Result<Option<Term>, ControlError> {
        get_state(self.destination().clone())
    }
}
