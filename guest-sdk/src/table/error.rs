//! What goes wrong with tables.

use alloc::string::{String, ToString};
use core::fmt;

use regrow_term::{DecodeError, EncodeError};

use crate::error::LimitExceeded;
use crate::table::Access;

/// Why something was not done to a table, which is as it was. In Erlang most are `badarg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// There is no such table, or no more.
    NoTable,
    /// Only its owner may: it has this access. `Public` where it takes the owner anyway.
    NotOwner(Access),
    /// Another table has the name.
    NameTaken,
    /// A name has 1 to 255 bytes without control characters.
    BadName,
    /// The table has no name.
    NotNamed,
    /// There is no such key.
    NoKey,
    /// The value has no such element.
    NoElement,
    /// What is to be counted is no integer, or the sum is beyond 64 bits.
    NotAnInteger,
    /// That is not for tables of this kind.
    WrongKind,
    /// Something is no term, or is nested too deeply; why.
    BadTerm(String),
    /// The key has so many bytes; 65,536 are allowed.
    KeyTooLong(u64),
    /// The match specification makes no sense; why.
    BadMatchSpec(String),
    /// The continuation is none of this table.
    BadContinuation,
    /// The process has ended.
    NoProc,
    /// The process has the table already.
    OwnAlready,
    /// The owner of the table has no room for more, or it is more than fits into a message.
    Limit(LimitExceeded),
    /// The process has no grant for it.
    Denied(String),
    /// What is in the table is of another type.
    Decode(DecodeError),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => f.write_str("there is no such table"),
            Self::NotOwner(Access::Private) => f.write_str("the table is private to its owner"),
            Self::NotOwner(Access::Protected) => f.write_str("only its owner writes to the table"),
            Self::NotOwner(Access::Public) => f.write_str("only its owner may do that with the table"),
            Self::NameTaken => f.write_str("another table has the name"),
            Self::BadName => f.write_str("the name of a table has 1 to 255 bytes without control characters"),
            Self::NotNamed => f.write_str("the table has no name"),
            Self::NoKey => f.write_str("the table has no such key"),
            Self::NoElement => f.write_str("the value has no such element"),
            Self::NotAnInteger => f.write_str("the element is no integer, or its sum is beyond 64 bits"),
            Self::WrongKind => f.write_str("that is not for tables of this kind"),
            Self::BadTerm(why) => f.write_str(why),
            Self::KeyTooLong(len) => write!(f, "a key has at most 65536 bytes, this one {len}"),
            Self::BadMatchSpec(why) => write!(f, "the match specification makes no sense: {why}"),
            Self::BadContinuation => f.write_str("the continuation is none of this table"),
            Self::NoProc => f.write_str("the process has ended"),
            Self::OwnAlready => f.write_str("the process has the table already"),
            Self::Limit(limit) => write!(f, "over a limit: {limit}"),
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::Decode(error) => write!(f, "what is in the table is of another type: {error}"),
        }
    }
}

impl core::error::Error for TableError {}

impl From<DecodeError> for TableError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for TableError {
    fn from(error: EncodeError) -> Self {
        Self::BadTerm(error.to_string())
    }
}
