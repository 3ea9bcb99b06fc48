//! Requests that are not waited for at once (`gen_server:send_request/2` and its relatives).
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::request::{self, Collection, NextResponse};
//! use regrow_sdk::{mailbox, process};
//!
//! /// Answers each number with its square.
//! fn square(_: ()) -> Result<(), regrow_sdk::ExitReason> {
//!     while let Some(message) = mailbox::receive_message(None) {
//!         let number: u64 = message.decode()?;
//!         if let Some(from) = message.reply_to() {
//!             mailbox::reply(from, &(number * number))?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! regrow_sdk::component! { "square" => process square }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let mut requests: Collection<u64> = Collection::new();
//!     for number in 1..=3u64 {
//!         let server = process::spawn("square", &(), &Default::default())?.pid;
//!         requests.add(request::send(server, &number)?, number).expect("a new request");
//!     }
//!     let mut sum = 0;
//!     while let NextResponse::Response { label, response } = requests.receive(Some(Duration::from_secs(5))) {
//!         let square: u64 = response?;
//!         assert_eq!(square, label * label);
//!         sum += square;
//!     }
//!     assert_eq!(sum, 14);
//!     Ok(())
//! });
//! # }
//! ```

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::mailbox::{CallError, Received, decode_answer, payload};
use crate::pid::{Destination, Reference};
use crate::sys;

/// A request whose answer has not been taken. Dropping it changes nothing: the answer comes to the mailbox.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Request(Reference);

impl From<Request> for Reference {
    fn from(request: Request) -> Self {
        request.0
    }
}

/// Sends a request and does not wait for its answer. For room in the server's mailbox it waits as
/// [`mailbox::send`](crate::mailbox::send) does.
///
/// # Errors
/// [`Error::Full`], [`Error::Limit`], [`Error::BadArgument`] (the process itself)
pub fn send<Q: Serialize + ?Sized>(to: impl Into<Destination>, request: &Q) -> Result<Request, Error> {
    sys::send_request(to.into(), payload(request)?).map(Request)
}

impl Request {
    /// Waits for the answer. None after `timeout`; then the request can still be waited for (`wait_response/2`,
    /// rule G40).
    pub fn wait<A: DeserializeOwned>(self, timeout: Option<Duration>) -> Option<Result<A, CallError>> {
        sys::wait_for(self.0, timeout).map(response)
    }

    /// Waits for the answer, and gives up after `timeout`: one that comes later vanishes (`receive_response/2`,
    /// rule G40).
    ///
    /// # Errors
    /// [`CallError`]
    pub fn receive<A: DeserializeOwned>(self, timeout: Option<Duration>) -> Result<A, CallError> {
        match self.wait(timeout) {
            Some(answer) => answer,
            // What arrived at the last moment counts.
            None => self.abandon().map_or(Err(CallError::Timeout), response),
        }
    }

    /// Whether something that was received is the answer, and if so, which (`check_response/2`, rule G41). Never waits.
    ///
    /// # Errors
    /// What was received, if it is something else.
    #[expect(clippy::result_large_err, reason = "what was received goes back to its receiver")]
    pub fn check<A: DeserializeOwned>(self, received: Received) -> Result<Result<A, CallError>, Received> {
        match &received {
            Received::Reply { reference, .. } | Received::Down { reference, .. } if *reference == self.0 => {
                Ok(response(received))
            }
            _ => Err(received),
        }
    }

    /// Stops waiting: a late answer vanishes. One that has arrived is returned.
    pub fn abandon(self) -> Option<Received> {
        sys::abandon(self.0)
    }
}

fn response<A: DeserializeOwned>(received: Received) -> Result<A, CallError> {
    match received {
        Received::Reply { payload, .. } => decode_answer(&payload),
        Received::Down { reason, .. } => Err(CallError::Down(reason)),
        other => Err(CallError::NotUnderstood(other.kind().into())),
    }
}

/// Requests with labels, whose answers are taken in the order in which they come (`reqids_new/0` and its relatives,
/// rule G42).
#[derive(Clone, Debug)]
pub struct Collection<L> {
    labels: BTreeMap<Reference, L>,
}

impl<L> Default for Collection<L> {
    fn default() -> Self {
        Self { labels: BTreeMap::new() }
    }
}

/// A request that is in the collection already; here it is again, with its new label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Duplicate<L>(pub Request, pub L);

impl<L> fmt::Display for Duplicate<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request is in the collection already")
    }
}

impl<L: fmt::Debug> core::error::Error for Duplicate<L> {}

/// What a collection of requests has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum NextResponse<L, A> {
    /// An answer, which is the next.
    Response {
        /// The label of its request.
        label: L,
        /// The answer.
        response: Result<A, CallError>,
    },
    /// None came in time.
    Timeout,
    /// The host refuses to wait for so many at once.
    Refused(Error),
    /// There is no request to wait for.
    NoRequest,
}

impl<L> Collection<L> {
    /// A collection without requests.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many requests are waited for.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether no request is waited for.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The requests, with their labels.
    pub fn iter(&self) -> impl Iterator<Item = (Request, &L)> {
        self.labels.iter().map(|(reference, label)| (Request(*reference), label))
    }

    /// Adds a request.
    ///
    /// # Errors
    /// [`Duplicate`] (`badarg`)
    pub fn add(&mut self, request: Request, label: L) -> Result<(), Duplicate<L>> {
        if self.labels.contains_key(&request.0) {
            return Err(Duplicate(request, label));
        }
        self.labels.insert(request.0, label);
        Ok(())
    }

    /// Takes a request out; its label. It can still be waited for.
    pub fn remove(&mut self, request: Request) -> Option<L> {
        self.labels.remove(&request.0)
    }

    /// Waits for the next answer, whose request leaves the collection. After a timeout all requests stay
    /// (`wait_response/3`).
    pub fn wait<A: DeserializeOwned>(&mut self, timeout: Option<Duration>) -> NextResponse<L, A> {
        if self.labels.is_empty() {
            return NextResponse::NoRequest;
        }
        let references: Vec<Reference> = self.labels.keys().copied().collect();
        match sys::wait_for_any(&references, timeout) {
            Ok(Some(received)) => self.response(received),
            Ok(None) => NextResponse::Timeout,
            Err(error) => NextResponse::Refused(error),
        }
    }

    /// Waits for the next answer, whose request leaves the collection. After a timeout all requests are given up, and
    /// the collection is empty (`receive_response/3`).
    pub fn receive<A: DeserializeOwned>(&mut self, timeout: Option<Duration>) -> NextResponse<L, A> {
        let next = self.wait(timeout);
        if matches!(next, NextResponse::Timeout) {
            for (reference, _) in core::mem::take(&mut self.labels) {
                sys::abandon(reference);
            }
        }
        next
    }

    /// Whether something that was received answers one of the requests, and if so, which (`check_response/3`). Never
    /// waits.
    ///
    /// # Errors
    /// What was received, if it is something else.
    #[expect(clippy::result_large_err, reason = "what was received goes back to its receiver")]
    pub fn check<A: DeserializeOwned>(&mut self, received: Received) -> Result<NextResponse<L, A>, Received> {
        match &received {
            Received::Reply { reference, .. } | Received::Down { reference, .. }
                if self.labels.contains_key(reference) =>
            {
                Ok(self.response(received))
            }
            _ => Err(received),
        }
    }

    fn response<A: DeserializeOwned>(&mut self, received: Received) -> NextResponse<L, A> {
        let reference = match &received {
            Received::Reply { reference, .. } | Received::Down { reference, .. } => *reference,
            _ => return NextResponse::Timeout,
        };
        match self.labels.remove(&reference) {
            Some(label) => NextResponse::Response { label, response: response(received) },
            None => NextResponse::Timeout,
        }
    }
}
