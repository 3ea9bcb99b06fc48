//! GenServer: a process that serves requests one at a time, after OTP's `gen_server`.
//!
//! ```
//! use regrow_sdk::gen_server::{self, CallResult, Init, Next, ServerRef};
//! use regrow_sdk::{ExitReason, GenServer, ReplyTo};
//!
//! struct Counter(u64);
//!
//! impl GenServer for Counter {
//!     type Argument = u64;
//!     type Call = ();
//!     type Reply = u64;
//!     type Cast = u64;
//!
//!     fn init(start: u64) -> Init<Self> {
//!         Init::Started(Counter(start))
//!     }
//!
//!     fn handle_call(&mut self, _: (), _: ReplyTo) -> CallResult<u64> {
//!         CallResult::Reply(self.0)
//!     }
//!
//!     fn handle_cast(&mut self, by: u64) -> Next {
//!         self.0 += by;
//!         Next::Continue
//!     }
//! }
//!
//! regrow_sdk::component! {
//!     /// Counts.
//!     "counter" => server Counter,
//! }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let counter: ServerRef<Counter> = gen_server::start_link("counter", &40, &Default::default())?;
//!     counter.cast(&2)?;
//!     assert_eq!(counter.call(&())?, 42);
//!     Ok(())
//! });
//! # }
//! ```

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use regrow_term::decode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::mailbox::{self, CallError, Message, MessageKind, Received};
use crate::pid::{Destination, Pid, ReplyTo};
use crate::process::{self, InitResult, SpawnOptions, Spawned, Started};

/// How long a call waits unless told otherwise (rule G9).
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A server: a state and what requests do to it. The requests are served strictly one at a time, in the order
/// of the mailbox.
pub trait GenServer: Sized {
    /// What it is started with.
    type Argument: DeserializeOwned;
    /// Requests that are answered.
    type Call: Serialize + DeserializeOwned;
    /// Their answers.
    type Reply: Serialize + DeserializeOwned;
    /// Requests that are not answered.
    type Cast: Serialize + DeserializeOwned;

    /// Makes the state. The starter waits for this.
    fn init(argument: Self::Argument) -> Init<Self>;

    /// Serves a request. Who asked may be answered later, or by another process:
    /// [`mailbox::reply`] to `from`.
    fn handle_call(&mut self, request: Self::Call, from: ReplyTo) -> CallResult<Self::Reply>;

    /// Serves a request that needs no answer.
    fn handle_cast(&mut self, request: Self::Cast) -> Next {
        let _ = request;
        log::warn!("a cast was dropped: this server has no handle_cast");
        Next::Continue
    }

    /// Takes whatever else arrives.
    fn handle_info(&mut self, info: Received) -> Next {
        log::warn!("an unexpected message was dropped: {}", info.kind());
        Next::Continue
    }

    /// Cleans up: when a callback stops the server, or when its parent ends while it traps exits. Not when it
    /// panics or is killed.
    fn terminate(&mut self, reason: &ExitReason) {
        let _ = reason;
    }
}

/// A server that can give its instance back while it has nothing to do: its state is kept as bytes, and the next message finds
/// a fresh instance. Whoever calls it does not notice.
pub trait Hibernate: GenServer {
    /// What is kept of it.
    type State: Serialize + DeserializeOwned;

    /// What is to be kept.
    fn save(&self) -> Self::State;

    /// The server, from what was kept.
    fn restore(state: Self::State) -> Self;

    /// After how long without a message it hibernates (`hibernate_after`); none, unless a callback says so
    /// ([`Next::Hibernate`]).
    fn hibernate_after(&self) -> Option<Duration> {
        None
    }
}

/// How `init` went.
#[derive(Debug)]
pub enum Init<S> {
    /// The server runs.
    Started(S),
    /// There is nothing to do.
    Ignore,
    /// It can't run.
    Stop(ExitReason),
}

/// What follows a call.
#[derive(Debug)]
pub enum CallResult<R> {
    /// This answer.
    Reply(R),
    /// This answer, and then hibernation, if the server is one that hibernates.
    ReplyAndHibernate(R),
    /// The answer comes later.
    NoReply,
    /// This answer, after `terminate`; then the end.
    Stop(ExitReason, R),
    /// The end; the caller learns the reason.
    StopNoReply(ExitReason),
}

/// What follows a cast or another message.
#[derive(Debug)]
pub enum Next {
    /// The next message.
    Continue,
    /// Hibernation until the next message, if the server is one that hibernates.
    Hibernate,
    /// The end.
    Stop(ExitReason),
}

/// A running server of type `S`.
pub struct ServerRef<S> {
    to: Destination,
    server: PhantomData<fn() -> S>,
}

impl<S> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        Self::new(self.to.clone())
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
        Self { to: to.into(), server: PhantomData }
    }

    /// The server's process, if it was started by this reference's maker.
    pub fn pid(&self) -> Option<Pid> {
        match &self.to {
            Destination::Pid(pid) => Some(*pid),
            Destination::Name(name) => crate::registry::whereis(name),
        }
    }
}

impl<S: GenServer> ServerRef<S> {
    /// Asks, and waits up to [`CALL_TIMEOUT`].
    ///
    /// # Errors
    /// [`CallError`]
    pub fn call(&self, request: &S::Call) -> Result<S::Reply, CallError> {
        self.call_timeout(request, Some(CALL_TIMEOUT))
    }

    /// Asks, and waits up to `timeout`. A server that dies is known at once.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn call_timeout(&self, request: &S::Call, timeout: Option<Duration>) -> Result<S::Reply, CallError> {
        mailbox::call(self.to.clone(), request, timeout)
    }

    /// Asks without waiting. Nobody learns of it if the server is not there (rule G23).
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Limit`]
    pub fn cast(&self, request: &S::Cast) -> Result<(), Error> {
        match mailbox::cast(self.to.clone(), request) {
            Err(Error::NoProc) => Ok(()),
            sent => sent,
        }
    }
}

/// Why a server was not started.
#[derive(Clone, Debug, PartialEq)]
pub enum StartError {
    /// Its `init` said that there is nothing to do.
    Ignore,
    /// It could not run.
    Failed(ExitReason),
    /// Its `init` took too long.
    Timeout,
    /// The host refused it; [`Error::NameTaken`] is `already_started`.
    Refused(Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("the server has nothing to do"),
            Self::Failed(reason) => write!(f, "the server could not start: {reason}"),
            Self::Timeout => f.write_str("the server did not start in time"),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<StartError> for ExitReason {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Failed(reason) => reason,
            other => ExitReason::error(&alloc::format!("{other}")),
        }
    }
}

/// Starts a server from an entry of this component, linked to this process, and waits for its `init`.
///
/// # Errors
/// [`StartError`]
pub fn start_link<S: GenServer>(
    entry: &str,
    argument: &S::Argument,
    options: &SpawnOptions,
) -> Result<ServerRef<S>, StartError>
where
    S::Argument: Serialize,
{
    start(entry, argument, &SpawnOptions { link: true, ..options.clone() })
}

/// Starts a server as `options` say, and waits for its `init`.
///
/// # Errors
/// [`StartError`]
pub fn start<S: GenServer>(
    entry: &str,
    argument: &S::Argument,
    options: &SpawnOptions,
) -> Result<ServerRef<S>, StartError>
where
    S::Argument: Serialize,
{
    match process::start(entry, argument, options, None).map_err(StartError::Refused)? {
        Started::Started(Spawned { pid, .. }) => Ok(ServerRef::new(pid)),
        Started::Ignore => Err(StartError::Ignore),
        Started::Failed(reason) => Err(StartError::Failed(reason)),
        Started::Timeout => Err(StartError::Timeout),
    }
}

/// How a server hibernates.
struct Hibernation<S> {
    after: fn(&S) -> Option<Duration>,
    /// Returns only if it fails.
    hibernate: fn(&S) -> Error,
}

impl<S: Hibernate> Hibernation<S> {
    const OF_SERVER: Self =
        Self { after: S::hibernate_after, hibernate: |server| process::hibernate(&server.save()) };
}

/// A server from its start to its end.
pub(crate) fn run<S: GenServer>(argument: S::Argument) -> Result<(), ExitReason> {
    start_up::<S>(argument, None)
}

/// As [`run`], for a server that hibernates.
pub(crate) fn run_hibernating<S: Hibernate>(argument: S::Argument) -> Result<(), ExitReason> {
    start_up(argument, Some(Hibernation::<S>::OF_SERVER))
}

/// A server that has hibernated, to its end.
pub(crate) fn resume<S: Hibernate>(state: S::State) -> Result<(), ExitReason> {
    serve_all(S::restore(state), Some(Hibernation::OF_SERVER))
}

fn start_up<S: GenServer>(
    argument: S::Argument,
    hibernation: Option<Hibernation<S>>,
) -> Result<(), ExitReason> {
    let server = match S::init(argument) {
        Init::Started(server) => server,
        Init::Ignore => {
            process::init_ack(InitResult::Ignore);
            return Ok(());
        }
        Init::Stop(reason) => {
            process::init_ack(InitResult::Error(reason.clone()));
            return ended(reason);
        }
    };
    process::init_ack(InitResult::Started);
    serve_all(server, hibernation)
}

/// The server's loop.
fn serve_all<S: GenServer>(mut server: S, hibernation: Option<Hibernation<S>>) -> Result<(), ExitReason> {
    let parent = process::parent();
    let hibernate = |server: &S| {
        if let Some(hibernation) = &hibernation {
            let error = (hibernation.hibernate)(server);
            log::warn!("the server goes on and does not hibernate: {error}");
        }
    };
    // One that has just failed to is not tried again before something has come.
    let mut may_hibernate = true;
    loop {
        let idle = hibernation.as_ref().filter(|_| may_hibernate);
        let idle = idle.and_then(|hibernation| (hibernation.after)(&server));
        let Some(received) = mailbox::receive(idle) else {
            hibernate(&server);
            may_hibernate = false;
            continue;
        };
        may_hibernate = true;
        let next = match received {
            // Rule G32: the parent's end is the server's, whatever the reason.
            Received::Exit { from, reason } if Some(from) == parent => Next::Stop(reason),
            Received::Message(message) => serve(&mut server, message),
            other => server.handle_info(other),
        };
        match next {
            Next::Continue => {}
            Next::Hibernate => hibernate(&server),
            Next::Stop(reason) => {
                server.terminate(&reason);
                return ended(reason);
            }
        }
    }
}

fn serve<S: GenServer>(server: &mut S, message: Message) -> Next {
    match message.kind {
        MessageKind::Call(from) => match decode(&message.payload) {
            Ok(request) => called(server, request, from),
            Err(error) => misfit(&message, &error),
        },
        MessageKind::Cast => match decode(&message.payload) {
            Ok(request) => server.handle_cast(request),
            Err(error) => misfit(&message, &error),
        },
        MessageKind::Info => server.handle_info(Received::Message(message)),
    }
}

/// No client may end a server by sending what it does not understand.
fn misfit(message: &Message, error: &regrow_term::DecodeError) -> Next {
    log::warn!("a request of {} was not understood: {error}", message.from);
    if let Some(from) = message.reply_to() {
        mailbox::reply_not_understood(from);
    }
    Next::Continue
}

fn called<S: GenServer>(server: &mut S, request: S::Call, from: ReplyTo) -> Next {
    let answer = |reply: S::Reply| {
        if let Err(error) = mailbox::reply(from, &reply) {
            log::error!("an answer to {} was not sent: {error}", from.pid());
        }
    };
    match server.handle_call(request, from) {
        CallResult::Reply(reply) => {
            answer(reply);
            Next::Continue
        }
        CallResult::ReplyAndHibernate(reply) => {
            answer(reply);
            Next::Hibernate
        }
        CallResult::NoReply => Next::Continue,
        CallResult::StopNoReply(reason) => Next::Stop(reason),
        CallResult::Stop(reason, reply) => {
            // Rule G17: terminate first, then the answer, then the end.
            server.terminate(&reason);
            answer(reply);
            process::exit(reason)
        }
    }
}

fn ended(reason: ExitReason) -> Result<(), ExitReason> {
    if reason == ExitReason::Normal { Ok(()) } else { Err(reason) }
}
