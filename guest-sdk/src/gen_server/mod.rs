//! GenServer: a process that serves requests one at a time, after OTP's `gen_server`.
//!
//! ```
//! use regrow_sdk::server;
//!
//! struct Counter {
//!     count: u64,
//! }
//!
//! #[server]
//! impl Counter {
//!     #[init]
//!     fn new(start: u64) -> Self {
//!         Counter { count: start }
//!     }
//!
//!     #[call]
//!     fn increment(&mut self, by: u64) -> u64 {
//!         self.count += by;
//!         self.count
//!     }
//!
//!     #[cast]
//!     fn reset(&mut self) {
//!         self.count = 0;
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
//!     let counter = Counter::start_link(40)?;
//!     assert_eq!(counter.increment(2)?, 42);
//!     counter.reset()?;
//!     assert_eq!(counter.increment(1)?, 1);
//!     Ok(())
//! });
//! # }
//! ```
//!
//! [`server`](macro@crate::server) makes the messages, the dispatch and the client (`CounterClient`) from the methods. Whoever wants to
//! name the messages himself implements [`GenServer`]:
//!
//! ```
//! use regrow_sdk::gen_server::{self, CallResult, Caller, GenServer, Init, Next, ServerRef, reply};
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
//!     fn handle_call(&mut self, _: (), _: Caller<u64>) -> CallResult<Self> {
//!         reply(self.0)
//!     }
//!
//!     fn handle_cast(&mut self, by: u64) -> Next<Self> {
//!         self.0 += by;
//!         Next::NoReply
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
//!     counter.stop()?;
//!     Ok(())
//! });
//! # }
//! ```
//!
//! What OTP's servers get as `{continue, _}` and as closures are functions of the same instance here: [`Next::continue_with`].

mod caller;
pub(crate) mod control;
mod outcome;
mod reference;
mod serve;
mod start;

use core::time::Duration;

use regrow_term::Term;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::caller::{Answer, AnyReply, Caller};
pub use self::control::{ControlError, get_state, stop};
pub use self::outcome::{CallResult, Init, IntoCallResult, IntoInit, IntoNext, Next, reply};
pub use self::reference::{CALL_TIMEOUT, Response, ServerRef, abcast, multi_call, receive_all};
pub(crate) use self::serve::{answer, ended, failed, ignored, misfit, resume, run, run_hibernating};
pub(crate) use self::start::started;
pub use self::start::{StartError, start, start_link, start_monitor};
use crate::exit_reason::ExitReason;
use crate::mailbox::{self, Received};

/// A server: a state and what requests do to it. The requests are served strictly one at a time, in the order
/// of the mailbox. [`server`](macro@crate::server) implements it for you.
pub trait GenServer: Sized {
    /// What it is started with.
    type Argument: DeserializeOwned;
    /// Requests that are answered.
    type Call: Serialize + DeserializeOwned;
    /// Their answers.
    type Reply: Answer;
    /// Requests that are not answered.
    type Cast: Serialize + DeserializeOwned;

    /// Makes the state. The starter waits for this.
    fn init(argument: Self::Argument) -> Init<Self>;

    /// Serves a request. Who asked may be answered later, or by another process: [`Caller::reply`].
    fn handle_call(&mut self, request: Self::Call, from: Caller<Self::Reply>) -> CallResult<Self>;

    /// Serves a request that needs no answer.
    fn handle_cast(&mut self, request: Self::Cast) -> Next<Self> {
        let _ = request;
        log::warn!("a cast was dropped: this server has no handle_cast");
        Next::NoReply
    }

    /// Takes whatever else arrives.
    fn handle_info(&mut self, info: Received) -> Next<Self> {
        mailbox::unexpected(&info);
        Next::NoReply
    }

    /// Nothing has come within [`Next::Timeout`] (OTP's `handle_info(timeout, State)`).
    fn handle_timeout(&mut self) -> Next<Self> {
        log::warn!("nothing came in time, and this server has no handle_timeout");
        Next::NoReply
    }

    /// Cleans up: when a callback stops the server, when it is asked to stop, or when its parent ends while it traps exits. Not when it
    /// panics or is killed.
    fn terminate(&mut self, reason: &ExitReason) {
        let _ = reason;
    }

    /// What it shows of its state, to [`get_state`] and in the log when it ends badly (`format_status/1`, rule G44): nothing,
    /// unless you say so.
    fn format_status(&self) -> Option<Term> {
        None
    }
}

/// Requests of a kind that a server does not have: there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nothing {}

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

    /// What was kept by another version of the component, as what this one keeps (`code_change/3`).
    ///
    /// # Errors
    /// The reason with which the server ends; that is so unless you implement this.
    fn code_change(old: Term) -> Result<Self::State, ExitReason> {
        Err(ExitReason::error(&alloc::format!("there is no code_change for the state {}", old.preview(100))))
    }
}
