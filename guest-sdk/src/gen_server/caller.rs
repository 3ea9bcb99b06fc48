//! Whom a server answers, and with what.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use regrow_term::{EncodeError, encode};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::pid::{Pid, ReplyTo};
use crate::sys;

/// What a server answers: any value that can be encoded.
pub trait Answer {
    /// The answer, encoded.
    ///
    /// # Errors
    /// [`EncodeError`]
    fn to_payload(&self) -> Result<Vec<u8>, EncodeError>;
}

impl<T: Serialize> Answer for T {
    fn to_payload(&self) -> Result<Vec<u8>, EncodeError> {
        encode(self)
    }
}

/// The answer of a server whose requests have answers of different types: each method knows its own.
#[doc(hidden)]
#[derive(Debug)]
pub struct AnyReply(Result<Vec<u8>, EncodeError>);

impl AnyReply {
    pub(crate) fn of<T: Serialize>(answer: &T) -> Self {
        Self(encode(answer))
    }
}

impl Answer for AnyReply {
    fn to_payload(&self) -> Result<Vec<u8>, EncodeError> {
        self.0.clone()
    }
}

/// Who waits for an answer of type `R` (`From` of `gen_server`). It can be kept, and sent to another process, which then answers.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Caller<R> {
    to: ReplyTo,
    #[serde(skip)]
    answer: PhantomData<fn(R)>,
}

impl<R> Caller<R> {
    pub(crate) fn new(to: ReplyTo) -> Self {
        Self { to, answer: PhantomData }
    }

    /// The process that waits.
    pub fn pid(&self) -> Pid {
        self.to.pid()
    }

    /// The caller, who waits for an answer of another type.
    #[doc(hidden)]
    pub fn of<T>(self) -> Caller<T> {
        Caller::new(self.to)
    }
}

impl<R: Answer> Caller<R> {
    /// Answers. Nothing happens if the caller does not wait any more, nor the second time (rules G14, G16).
    ///
    /// # Errors
    /// [`Error::Limit`] (the answer is too large)
    pub fn reply(&self, answer: &R) -> Result<(), Error> {
        sys::reply(self.to, answer.to_payload().map_err(|error| Error::BadArgument(error.to_string()))?)
    }
}

impl<R> Clone for Caller<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Caller<R> {}

impl<R> From<Caller<R>> for ReplyTo {
    fn from(caller: Caller<R>) -> Self {
        caller.to
    }
}

impl<R> fmt::Debug for Caller<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.to).finish()
    }
}
