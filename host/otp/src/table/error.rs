use std::fmt;

use regrow_term::MatchSpecError;

use crate::exit_reason::LimitExceeded;
use crate::names::MAX_NAME_BYTES;
use crate::table::{Access, MAX_KEY_BYTES};

/// Why something was not done to a table, which is as it was. In OTP they are all `badarg`, or `system_limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// There is no such table, or no more (rule E21).
    NoTable,
    /// Only the owner may do it (rule E3).
    NotOwner(Access),
    /// Another table has the name (rule E4).
    NameTaken,
    /// The name is empty, longer than [`MAX_NAME_BYTES`], or has control characters.
    BadName,
    /// The table is not a named one.
    NotNamed,
    /// There is no such key (rules E9, E10, E13).
    NoKey,
    /// The value has no such element, or what is there can't be replaced (rules E9, E10).
    NoElement,
    /// What is to be counted is no integer, or would become one that has no encoding (rule E10).
    NotAnInteger,
    /// Tables of this kind can't do it (rule E10).
    WrongKind,
    /// A key or a value is no term, or is nested too deeply.
    BadTerm(String),
    /// The key is longer than [`MAX_KEY_BYTES`]; how long.
    KeyTooLong(usize),
    /// The match specification makes no sense.
    BadMatchSpec(String),
    /// The continuation is none of this table.
    BadContinuation,
    /// The process that should own or inherit it has ended.
    NoProc,
    /// The process has the table already (rule E19).
    OwnAlready,
    /// The owner of the table, or a budget around it, has no room for more (rule E24).
    Limit(LimitExceeded),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => f.write_str("there is no such table"),
            Self::NotOwner(Access::Private) => f.write_str("the table is private to its owner"),
            Self::NotOwner(Access::Protected) => f.write_str("only its owner writes to the table"),
            Self::NotOwner(Access::Public) => f.write_str("only its owner may do that with the table"),
            Self::NameTaken => f.write_str("another table has the name"),
            Self::BadName => {
                write!(f, "the name of a table has 1 to {MAX_NAME_BYTES} bytes without control characters")
            }
            Self::NotNamed => f.write_str("the table has no name"),
            Self::NoKey => f.write_str("the table has no such key"),
            Self::NoElement => f.write_str("the value has no such element"),
            Self::NotAnInteger => {
                f.write_str("the element is no integer, or its sum is none of 64 bits with a sign")
            }
            Self::WrongKind => f.write_str("that is not for tables of this kind"),
            Self::BadTerm(why) => f.write_str(why),
            Self::KeyTooLong(len) => write!(f, "a key has at most {MAX_KEY_BYTES} bytes, this one {len}"),
            Self::BadMatchSpec(why) => write!(f, "the match specification makes no sense: {why}"),
            Self::BadContinuation => f.write_str("the continuation is none of this table"),
            Self::NoProc => f.write_str("the process has ended"),
            Self::OwnAlready => f.write_str("the process has the table already"),
            Self::Limit(limit) => write!(f, "{limit}"),
        }
    }
}

impl std::error::Error for TableError {}

impl From<LimitExceeded> for TableError {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

impl From<MatchSpecError> for TableError {
    fn from(error: MatchSpecError) -> Self {
        Self::BadMatchSpec(error.to_string())
    }
}
