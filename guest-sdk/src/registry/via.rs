//! Keys as names of processes.

use alloc::string::String;
use alloc::vec::Vec;

use regrow_term::{Term, decode, encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pid::{Destination, Pid};
use crate::sys;

/// A key of a registry with unique keys, as a name of the process that is registered under it
/// (`{via, Registry, {Registry, Key}}`). [`Registry::via`](super::Registry::via) makes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Via {
    pub(crate) registry: String,
    /// Encoded.
    #[serde(serialize_with = "as_term", deserialize_with = "from_term")]
    pub(crate) key: Vec<u8>,
}

fn as_term<S: Serializer>(key: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    decode::<Term>(key).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

fn from_term<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    encode(&Term::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

impl Via {
    /// The living process that is registered under the key.
    pub fn whereis(&self) -> Option<Pid> {
        sys::registry::whereis(self).ok().flatten()
    }
}

impl From<Via> for Destination {
    fn from(via: Via) -> Self {
        Self::Via(via)
    }
}

/// A key under which a process is to be registered before it runs, and the value. A [`Via`] is one with the value `()`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedBy {
    pub(crate) via: Via,
    /// Encoded.
    pub(crate) value: Vec<u8>,
}

impl From<Via> for NamedBy {
    fn from(via: Via) -> Self {
        // Nothing can go wrong about nothing.
        Self { via, value: encode(&()).unwrap_or_default() }
    }
}
