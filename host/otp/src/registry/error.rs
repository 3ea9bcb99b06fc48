use std::fmt;

use regrow_term::MatchSpecError;

use crate::exit_reason::LimitExceeded;
use crate::names::MAX_NAME_BYTES;
use crate::pid::Pid;
use crate::registry::MAX_PARTITIONS;
use crate::table::MAX_KEY_BYTES;
use crate::topic::MAX_TOPIC_BYTES;

/// Why something was not done in a registry, which is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryError {
    /// There is no such registry, or no more (rule R17).
    NoRegistry,
    /// Another registry has the name; who keeps it.
    NameTaken(Pid),
    /// The name of a registry or of a listener is empty, longer than [`MAX_NAME_BYTES`], or has control characters.
    BadName,
    /// A registry has 1 to [`MAX_PARTITIONS`] partitions.
    BadPartitions,
    /// A process is registered under the key (rule R1).
    AlreadyRegistered(Pid),
    /// The process has not registered itself under the key (rule R10).
    NotRegistered,
    /// A key or a value is no term, or is nested too deeply.
    BadTerm(String),
    /// The key is longer than [`MAX_KEY_BYTES`]; how long.
    KeyTooLong(usize),
    /// A topic has 1 to [`MAX_TOPIC_BYTES`] bytes, and a `*` only at its end.
    BadTopic,
    /// Registries of this kind can't do it (rules R10, R11).
    WrongKind,
    /// The match specification makes no sense (rule R13).
    BadMatchSpec(String),
    /// The process has locked the key already, and would wait for itself.
    LockedAlready,
    /// The process has no room for more: `kept_bytes`, `links`, or a budget.
    Limit(LimitExceeded),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRegistry => f.write_str("there is no such registry"),
            Self::NameTaken(keeper) => write!(f, "there is such a registry; {keeper} keeps it"),
            Self::BadName => {
                write!(f, "the name of a registry has 1 to {MAX_NAME_BYTES} bytes without control characters")
            }
            Self::BadPartitions => write!(f, "a registry has 1 to {MAX_PARTITIONS} partitions"),
            Self::AlreadyRegistered(pid) => write!(f, "{pid} is registered under the key"),
            Self::NotRegistered => f.write_str("the process is not registered under the key"),
            Self::BadTerm(why) => f.write_str(why),
            Self::KeyTooLong(len) => write!(f, "a key has at most {MAX_KEY_BYTES} bytes, this one {len}"),
            Self::BadTopic => {
                write!(f, "a topic has 1 to {MAX_TOPIC_BYTES} bytes, and a `*` only at the end of a pattern")
            }
            Self::WrongKind => f.write_str("that is not for registries of this kind"),
            Self::BadMatchSpec(why) => write!(f, "the match specification makes no sense: {why}"),
            Self::LockedAlready => f.write_str("the process has locked the key, or waits for it"),
            Self::Limit(limit) => write!(f, "{limit}"),
        }
    }
}

impl std::error::Error for RegistryError {}

impl From<LimitExceeded> for RegistryError {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

impl From<MatchSpecError> for RegistryError {
    fn from(error: MatchSpecError) -> Self {
        Self::BadMatchSpec(error.to_string())
    }
}
