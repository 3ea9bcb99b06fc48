//! What listeners are told.

use alloc::string::String;

use regrow_term::decode;
use serde::de::DeserializeOwned;

use crate::mailbox::Received;
use crate::pid::Pid;

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryEvent<K, V> {
    /// A process has been registered.
    Registered {
        /// The registry's name.
        registry: String,
        /// The key.
        key: K,
        /// The process.
        pid: Pid,
        /// The value.
        value: V,
    },
    /// A process has ended its registrations under a key.
    Unregistered {
        /// The registry's name.
        registry: String,
        /// The key.
        key: K,
        /// The process.
        pid: Pid,
    },
}

impl<K: DeserializeOwned, V: DeserializeOwned> RegistryEvent<K, V> {
    /// The event that a message tells of, if it does, and key and value are of those types.
    pub fn of(received: &Received) -> Option<Self> {
        let Received::System { kind, payload, from, .. } = received else { return None };
        match kind.as_str() {
            "key-registered" => {
                let (registry, key, value) = decode(payload).ok()?;
                Some(Self::Registered { registry, key, pid: *from, value })
            }
            "key-unregistered" => {
                let (registry, key) = decode(payload).ok()?;
                Some(Self::Unregistered { registry, key, pid: *from })
            }
            _ => None,
        }
    }
}
