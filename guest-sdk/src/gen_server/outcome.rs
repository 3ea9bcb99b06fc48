//! What callbacks of a server say: what is answered, and what follows.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use serde::Serialize;

use crate::exit_reason::ExitReason;
use crate::gen_server::GenServer;

/// How `init` went.
pub enum Init<S> {
    /// The server runs.
    Started(S),
    /// The server runs, and its starter has been told, when this follows.
    Then(S, Next<S>),
    /// There is nothing to do.
    Ignore,
    /// It can't run, and ends with this reason.
    Stop(ExitReason),
    /// It can't run, which its starter is told; it ends normally, so that nobody writes a crash report (`{error, Reason}`, rule G3).
    Error(ExitReason),
}

/// What follows a callback.
pub enum Next<S> {
    /// The next message.
    NoReply,
    /// The next message, or [`GenServer::handle_timeout`] if none comes within this time (rule G26).
    Timeout(Duration),
    /// Hibernation until the next message, if the server is one that hibernates.
    Hibernate,
    /// This function, before any message (`{continue, Continue}`, rule G28).
    Continue(Box<dyn FnOnce(&mut S) -> Self>),
    /// The end.
    Stop(ExitReason),
}

/// What follows a call of a server `S` that is answered with `R`.
pub enum CallResult<S: GenServer, R = <S as GenServer>::Reply> {
    /// This answer.
    Reply(R),
    /// The answer comes later: [`Caller::reply`](super::Caller::reply).
    NoReply,
    /// This answer, after `terminate`; then the end.
    Stop(ExitReason, R),
    /// The end; the caller learns the reason.
    StopNoReply(ExitReason),
    /// This answer, if any, and what follows.
    Then(Option<R>, Next<S>),
}

/// This answer.
pub fn reply<S: GenServer, R>(answer: R) -> CallResult<S, R> {
    CallResult::Reply(answer)
}

impl<S> Init<S> {
    /// A started server, with what follows.
    #[must_use]
    pub fn then(self, next: Next<S>) -> Self {
        match self {
            Self::Started(server) | Self::Then(server, _) => Self::Then(server, next),
            other => other,
        }
    }

    /// A started server that does this when its starter has been told: what takes long need not be waited for.
    #[must_use]
    pub fn continue_with(self, function: impl FnOnce(&mut S) -> Next<S> + 'static) -> Self {
        self.then(Next::continue_with(function))
    }

    /// A started server that gives up waiting for its first message after this time.
    #[must_use]
    pub fn timeout(self, after: Duration) -> Self {
        self.then(Next::Timeout(after))
    }
}

impl<S> Next<S> {
    /// This function, before any message.
    pub fn continue_with(function: impl FnOnce(&mut S) -> Self + 'static) -> Self {
        Self::Continue(Box::new(function))
    }
}

impl<S: GenServer, R> CallResult<S, R> {
    /// This answer, if it is one, and what follows it.
    #[must_use]
    pub fn then(self, next: Next<S>) -> Self {
        let answer = match self {
            Self::Reply(answer) | Self::Stop(_, answer) => Some(answer),
            Self::Then(answer, _) => answer,
            Self::NoReply | Self::StopNoReply(_) => None,
        };
        match (answer, next) {
            (Some(answer), Next::Stop(reason)) => Self::Stop(reason, answer),
            (None, Next::Stop(reason)) => Self::StopNoReply(reason),
            (answer, next) => Self::Then(answer, next),
        }
    }

    /// As this one, and the server gives up waiting for another message after this time.
    #[must_use]
    pub fn timeout(self, after: Duration) -> Self {
        self.then(Next::Timeout(after))
    }

    /// As this one, and the server hibernates.
    #[must_use]
    pub fn hibernate(self) -> Self {
        self.then(Next::Hibernate)
    }

    /// As this one; then this function, before any message.
    #[must_use]
    pub fn continue_with(self, function: impl FnOnce(&mut S) -> Next<S> + 'static) -> Self {
        self.then(Next::continue_with(function))
    }

    /// As this one, and the server ends: `terminate` runs before the answer is sent (rule G17).
    #[must_use]
    pub fn stop(self, reason: ExitReason) -> Self {
        self.then(Next::Stop(reason))
    }

    /// With the answer in another form.
    pub(crate) fn map<T>(self, change: impl FnOnce(R) -> T) -> CallResult<S, T> {
        match self {
            Self::Reply(answer) => CallResult::Reply(change(answer)),
            Self::NoReply => CallResult::NoReply,
            Self::Stop(reason, answer) => CallResult::Stop(reason, change(answer)),
            Self::StopNoReply(reason) => CallResult::StopNoReply(reason),
            Self::Then(answer, next) => CallResult::Then(answer.map(change), next),
        }
    }
}

impl<S> fmt::Debug for Next<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReply => f.write_str("NoReply"),
            Self::Timeout(after) => f.debug_tuple("Timeout").field(after).finish(),
            Self::Hibernate => f.write_str("Hibernate"),
            Self::Continue(_) => f.write_str("Continue"),
            Self::Stop(reason) => f.debug_tuple("Stop").field(reason).finish(),
        }
    }
}

/// What a method that serves a request may return, in place of a [`CallResult`]: the answer alone.
#[doc(hidden)]
pub trait IntoCallResult<S: GenServer<Reply = super::AnyReply>> {
    fn into_call_result(self) -> CallResult<S>;
}

impl<S: GenServer<Reply = super::AnyReply>, R: Serialize> IntoCallResult<S> for R {
    fn into_call_result(self) -> CallResult<S> {
        CallResult::Reply(super::AnyReply::of(&self))
    }
}

impl<S: GenServer<Reply = super::AnyReply>, R: Serialize> IntoCallResult<S> for CallResult<S, R> {
    fn into_call_result(self) -> CallResult<S> {
        self.map(|answer| super::AnyReply::of(&answer))
    }
}

/// What a method without an answer may return, in place of [`Next`]: nothing.
#[doc(hidden)]
pub trait IntoNext<S> {
    fn into_next(self) -> Next<S>;
}

impl<S> IntoNext<S> for () {
    fn into_next(self) -> Next<S> {
        Next::NoReply
    }
}

impl<S> IntoNext<S> for Next<S> {
    fn into_next(self) -> Next<S> {
        self
    }
}

/// What a method that makes a server may return, in place of [`Init`]: the server, or why there is none.
#[doc(hidden)]
pub trait IntoInit<S> {
    fn into_init(self) -> Init<S>;
}

impl<S: GenServer> IntoInit<S> for S {
    fn into_init(self) -> Init<S> {
        Init::Started(self)
    }
}

impl<S: GenServer> IntoInit<S> for Init<S> {
    fn into_init(self) -> Init<S> {
        self
    }
}

impl<S: GenServer, E: Into<ExitReason>> IntoInit<S> for Result<S, E> {
    fn into_init(self) -> Init<S> {
        match self {
            Ok(server) => Init::Started(server),
            Err(error) => Init::Stop(error.into()),
        }
    }
}
