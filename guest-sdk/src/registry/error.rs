//! What goes wrong with registries.

use alloc::string::{String, ToString};
use core::fmt;

use regrow_term::{DecodeError, EncodeError};

use crate::error::LimitExceeded;
use crate::pid::Pid;

/// Why something was not done in a registry, which is as it was.
#[derive(Clone, Debug, PartialEq)]
pub enum RegistryError {
    /// There is no such registry, or no more.
    NoRegistry,
    /// There is such a registry; who keeps it.
    NameTaken(Pid),
    /// A name has 1 to 255 bytes without control characters.
    BadName,
    /// A registry has 1 to 64 partitions.
    BadPartitions,
    /// This process is registered under the key.
    AlreadyRegistered(Pid),
    /// This process is not registered under the key.
    NotRegistered,
    /// A key or a value can't be encoded, or is nested too deeply.
    BadTerm(String),
    /// The key has more than 65,536 bytes; how many.
    KeyTooLong(u64),
    /// A topic has 1 to 255 bytes, and a `*` only at the end of a pattern.
    BadTopic,
    /// Registries of this kind can't do it.
    WrongKind,
    /// The match specification makes no sense.
    BadMatchSpec(String),
    /// The process has locked the key, or waits for it.
    LockedAlready,
    /// The process has no room for more, or there is more to be listed than 10,000.
    Limit(LimitExceeded),
    /// The process has no grant for it.
    Denied(String),
    /// A key or a value is of another type than this registry's.
    Decode(DecodeError),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRegistry => f.write_str("there is no such registry"),
            Self::NameTaken(keeper) => write!(f, "there is such a registry; {keeper} keeps it"),
            Self::BadName => f.write_str("a name has 1 to 255 bytes without control characters"),
            Self::BadPartitions => f.write_str("a registry has 1 to 64 partitions"),
            Self::AlreadyRegistered(pid) => write!(f, "{pid} is registered under the key"),
            Self::NotRegistered => f.write_str("this process is not registered under the key"),
            Self::BadTerm(why) => f.write_str(why),
            Self::KeyTooLong(len) => write!(f, "a key has at most 65536 bytes, this one {len}"),
            Self::BadTopic => {
                f.write_str("a topic has 1 to 255 bytes, and a `*` only at the end of a pattern")
            }
            Self::WrongKind => f.write_str("that is not for registries of this kind"),
            Self::BadMatchSpec(why) => write!(f, "the match specification makes no sense: {why}"),
            Self::LockedAlready => f.write_str("the process has locked the key, or waits for it"),
            Self::Limit(limit) => write!(f, "over a limit: {limit}"),
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::Decode(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for RegistryError {}

impl From<EncodeError> for RegistryError {
    fn from(error: EncodeError) -> Self {
        Self::BadTerm(error.to_string())
    }
}

impl From<DecodeError> for RegistryError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}
