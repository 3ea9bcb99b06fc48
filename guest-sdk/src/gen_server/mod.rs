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

mod serve;

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::mailbox::{self, CallError, Received};
use crate::pid::{Destination, Pid, ReplyTo};
use crate::process::{self, SpawnOptions, Spawned, Started};
pub(crate) use serve::{resume, run, run_hibernating};

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
        self.to.whereis()
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
