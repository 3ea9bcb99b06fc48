//! A running server, for its clients.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::GenServer;
use crate::mailbox::{self, CallError, Received};
use crate::pid::{Destination, Pid};
use crate::request::{self, Collection, NextResponse, Request};
use crate::timer;

/// How long a call waits unless told otherwise (rule G9).
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A running server of type `S`. It can be sent to other processes.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ServerRef<S> {
    to: Destination,
    timeout: Option<Duration>,
    #[serde(skip)]
    server: PhantomData<fn() -> S>,
}

impl<S> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone(), ..*self }
    }
}

/// The same destination.
impl<S> PartialEq for ServerRef<S> {
    fn eq(&self, other: &Self) -> bool {
        self.to == other.to
    }
}

impl<S> fmt::Debug for ServerRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerRef").field(&self.to).finish()
    }
}

impl<S> ServerRef<S> {
    /// The server that is, or is registered as, `to`.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self { to: to.into(), timeout: Some(CALL_TIMEOUT), server: PhantomData }
    }

    /// This server, whose calls wait up to `timeout`; none is for ever.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }

    /// The server's process at this moment, if there is one.
    pub fn pid(&self) -> Option<Pid> {
        self.to.whereis()
    }

    /// Where its requests go.
    pub fn destination(&self) -> &Destination {
        &self.to
    }

    /// A request whose answer is of type `R`.
    #[doc(hidden)]
    pub fn call_for<Q: Serialize, R: DeserializeOwned>(&self, request: &Q) -> Result<R, CallError> {
        mailbox::call(self.to.clone(), request, self.timeout)
    }

    /// A request whose answer will be of type `R`.
    pub(crate) fn cast_for<Q: Serialize>(&self, request: &Q) -> Result<(), Error> {
        match mailbox::cast(self.to.clone(), request) {
            Err(Error::NoProc) => Ok(()),
            sent => sent,
        }
    }

    #[doc(hidden)]
    pub fn send_request_for<Q: Serialize, R>(&self, request: &Q) -> Result<Response<R>, Error> {
        Ok(Response { request: request::send(self.to.clone(), request)?, answer: PhantomData })
    }
}

impl<S: GenServer> ServerRef<S>
where
    S::Reply: DeserializeOwned,
{
    /// Asks, and waits up to [`CALL_TIMEOUT`], unless [`ServerRef::with_timeout`] has said otherwise. A server that dies is known at
    /// once.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn call(&self, request: &S::Call) -> Result<S::Reply, CallError> {
        self.call_for(request)
    }

    /// As [`ServerRef::call`], and waits up to `timeout`.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn call_timeout(&self, request: &S::Call, timeout: Option<Duration>) -> Result<S::Reply, CallError> {
        mailbox::call(self.to.clone(), request, timeout)
    }

    /// Asks, and does not wait (`send_request/2`, rule G39).
    ///
    /// # Errors
    /// As [`request::send`].
    pub fn send_request(&self, request: &S::Call) -> Result<Response<S::Reply>, Error> {
        self.send_request_for(request)
    }
}

impl<S: GenServer> ServerRef<S> {
    /// Asks for something that is not answered. Nobody learns of it if the server is not there (rule G23).
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Limit`]
    pub fn cast(&self, request: &S::Cast) -> Result<(), Error> {
        self.cast_for(request)
    }
}

/// An answer of type `R` that is still to come. When it is dropped, the answer comes to the mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Response<R> {
    request: Request,
    answer: PhantomData<fn() -> R>,
}

impl<R> Response<R> {
    /// The request, for a [`Collection`].
    pub fn request(self) -> Request {
        self.request
    }
}

impl<R: DeserializeOwned> Response<R> {
    /// Waits for the answer. None after `timeout`; then it can still be waited for (`wait_response/2`, rule G40).
    pub fn wait(&self, timeout: Option<Duration>) -> Option<Result<R, CallError>> {
        self.request.wait(timeout)
    }

    /// Waits for the answer, and gives up after `timeout`: one that comes later vanishes (`receive_response/2`, rule G40).
    ///
    /// # Errors
    /// [`CallError`]
    pub fn receive(self, timeout: Option<Duration>) -> Result<R, CallError> {
        self.request.receive(timeout)
    }

    /// Whether something that was received is the answer, and if so, which (`check_response/2`, rule G41). Never waits.
    ///
    /// # Errors
    /// What was received, if it is something else.
    #[expect(clippy::result_large_err, reason = "what was received goes back to its receiver")]
    pub fn check(&self, received: Received) -> Result<Result<R, CallError>, Received> {
        self.request.check(received)
    }
}

/// Waits for all of these answers, up to `timeout` together; they come in the order of the requests. Nothing comes later.
pub fn receive_all<R: DeserializeOwned>(
    responses: impl IntoIterator<Item = Result<Response<R>, Error>>,
    timeout: Option<Duration>,
) -> Vec<Result<R, CallError>> {
    let until = timeout.map(|timeout| timer::monotonic_time().saturating_add(timeout));
    let mut waiting: Collection<usize> = Collection::new();
    let mut answers = Vec::new();
    for response in responses {
        let number = answers.len();
        answers.push(Err(match response {
            Ok(sent) => {
                // References are all different.
                let _ = waiting.add(sent.request, number);
                CallError::Timeout
            }
            Err(Error::NoProc) => CallError::Down(ExitReason::NoProc),
            Err(error) => CallError::Refused(error),
        }));
    }
    loop {
        let left = until.map(|until| until.saturating_sub(timer::monotonic_time()));
        match waiting.receive(left) {
            NextResponse::Response { label, response } => answers[label] = response,
            NextResponse::Timeout | NextResponse::NoRequest => return answers,
            NextResponse::Refused(error) => {
                for (sent, number) in waiting.iter() {
                    sent.abandon();
                    answers[*number] = Err(CallError::Refused(error.clone()));
                }
                return answers;
            }
        }
    }
}

/// Asks several servers at once, and waits for all of them up to `timeout` together (`multi_call/4`, rule G43): their answers, in the
/// order of the servers. With a client that was made for a server: [`receive_all`].
pub fn multi_call<S: GenServer>(
    servers: &[ServerRef<S>],
    request: &S::Call,
    timeout: Option<Duration>,
) -> Vec<Result<S::Reply, CallError>>
where
    S::Reply: DeserializeOwned,
{
    receive_all(servers.iter().map(|server| server.send_request(request)), timeout)
}

/// Asks several servers for something that is not answered (`abcast/2`, rule G43). Nobody learns which of them are there.
pub fn abcast<S: GenServer>(servers: &[ServerRef<S>], request: &S::Cast) {
    for server in servers {
        if let Err(error) = server.cast(request) {
            log::warn!("a cast to {:?} was not sent: {error}", server.to);
        }
    }
}
