use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use regrow_term::{DecodeError, EncodeError, Term};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::blob::BlobError;
use crate::error::{Error, LimitExceeded};
use crate::group::GroupError;
use crate::mailbox::CallError;
use crate::registry::RegistryError;
use crate::table::TableError;
use crate::task::TaskError;

/// Why a process ended, or is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It finished.
    Normal,
    /// Ended in order.
    Shutdown,
    /// Ended in order, with something to say.
    ShutdownWith(Term),
    /// As a signal: can't be trapped.
    Kill,
    /// It was killed.
    Killed,
    /// There was no such process.
    NoProc,
    /// The connection to its node was lost.
    NoConnection,
    /// It trapped or panicked.
    Trap(WasmTrap),
    /// It went over one of its limits.
    Limit(LimitExceeded),
    /// It ended itself with an error.
    Error(Term),
    /// Any other term.
    Other(Term),
}

/// A wasm trap, or a panic.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WasmTrap {
    /// The kind: `unreachable`, `stack-overflow`, … or `panic`.
    pub code: String,
    /// What was said about it.
    pub message: String,
    /// Where in the source a panic happened.
    pub location: Option<String>,
    /// The functions on the stack, innermost first.
    pub backtrace: Vec<String>,
}

impl ExitReason {
    /// An error that any serializable value describes.
    pub fn error<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::Error(term_of(value))
    }

    /// Any other value as a reason.
    pub fn other<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::Other(term_of(value))
    }

    /// The error as the type that it was made from.
    pub fn error_as<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::Error(term) | Self::Other(term) | Self::ShutdownWith(term) => term.to_value().ok(),
            _ => None,
        }
    }

    /// Whether supervisors and logs take this for an orderly end.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }
}

fn term_of<T: Serialize + ?Sized>(value: &T) -> Term {
    Term::of(value).unwrap_or_else(|_| Term::from("(a value without encoding)"))
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(term) => write!(f, "shutdown({term})"),
            Self::Kill => f.write_str("kill"),
            Self::Killed => f.write_str("killed"),
            Self::NoProc => f.write_str("noproc"),
            Self::NoConnection => f.write_str("noconnection"),
            Self::Trap(trap) => write!(f, "trap({}): {}", trap.code, trap.message),
            Self::Limit(limit) => write!(f, "limit({limit})"),
            Self::Error(term) => write!(f, "error({term})"),
            Self::Other(term) => write!(f, "{term}"),
        }
    }
}

impl core::error::Error for ExitReason {}

macro_rules! error_reasons {
    ($($error:ty),*) => {$(
        impl From<$error> for ExitReason {
            fn from(error: $error) -> Self {
                Self::Error(Term::Text(error.to_string()))
            }
        }
    )*};
}

error_reasons!(
    Error,
    DecodeError,
    EncodeError,
    CallError,
    TableError,
    GroupError,
    RegistryError,
    BlobError,
    TaskError
);

#[cfg(feature = "std")]
error_reasons!(std::io::Error);
