//! Registries (Elixir's `Registry`): processes by keys of any type.
//!
//! ```
//! # use regrow_sdk::{registry::Registry, process::{self, SpawnOptions}, mailbox};
//! # fn greeter(_: ()) { mailbox::receive(None); }
//! # regrow_sdk::component! { "greeter" => process greeter }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! // A registry ends with the process that started it: best one that is declared in the manifest.
//! let sessions: Registry<(String, u32), String> = Registry::start_unique("sessions")?;
//! sessions.register(&("ann".into(), 7), &"idle".into())?;
//! assert_eq!(sessions.lookup(&("ann".into(), 7))?, [(process::self_pid(), "idle".into())]);
//! sessions.update_value(&("ann".into(), 7), |_| "busy".into())?;
//! assert_eq!(sessions.values(&("ann".into(), 7), process::self_pid())?, ["busy"]);
//!
//! // A key is a name wherever a pid is one.
//! let ben = sessions.via(&("ben".into(), 1))?;
//! process::spawn("greeter", &(), &SpawnOptions::link().via(ben.clone()))?;
//! assert!(ben.whereis().is_some());
//! mailbox::send(ben, &"hello")?;
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! An entry belongs to the process that is registered, counts as its memory (`kept_bytes`), and is gone before anybody hears of its end.
//! A process is linked to the registry while it is registered. On a host, registries take the grant `registries`.

mod error;
mod event;
mod options;
mod via;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use regrow_term::{decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::error::RegistryError;
pub use self::event::RegistryEvent;
pub use self::options::{Kind, RegistryOptions};
pub use self::via::{NamedBy, Via};
use crate::pid::Pid;
use crate::sys;
use crate::table::{MAX_KEY_BYTES, MatchSpec};

/// A registry of processes under keys `K` with values `V`. What is in it is only known when it is read, so that a registry of other
/// types gives [`RegistryError::Decode`].
pub struct Registry<K, V> {
    name: String,
    types: PhantomData<fn(K) -> (K, V)>,
}

impl<K, V> Clone for Registry<K, V> {
    fn clone(&self) -> Self {
        Self::named(&self.name)
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.name).finish()
    }
}

impl<K, V> Registry<K, V> {
    /// The registry of that name, whoever has started it.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), types: PhantomData }
    }

    /// Starts a registry with unique keys, in a process that is linked to this one.
    ///
    /// # Errors
    /// [`RegistryError::NameTaken`], [`RegistryError::BadName`], [`RegistryError::Limit`], [`RegistryError::Denied`]
    pub fn start_unique(name: &str) -> Result<Self, RegistryError> {
        RegistryOptions::new(name, Kind::Unique).start()
    }

    /// Starts a registry with duplicate keys, in a process that is linked to this one.
    ///
    /// # Errors
    /// As [`Registry::start_unique`].
    pub fn start_duplicate(name: &str) -> Result<Self, RegistryError> {
        RegistryOptions::new(name, Kind::Duplicate).start()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many entries there are (`Registry.count/1`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn count(&self) -> Result<u64, RegistryError> {
        sys::registry::count(&self.name)
    }

    /// What a match specification gives for the entries that it matches (`Registry.select/2`), in no order. Their value is a list of
    /// the pid and the value.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::Limit`] of more than 10,000
    pub fn select<T: DeserializeOwned>(&self, spec: &MatchSpec) -> Result<Vec<T>, RegistryError> {
        let found = sys::registry::select(&self.name, &encode(spec)?)?;
        found.iter().map(|result| Ok(decode(result)?)).collect()
    }

    /// How many entries a match specification matches (`Registry.count_select/2`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn count_select(&self, spec: &MatchSpec) -> Result<u64, RegistryError> {
        sys::registry::select_count(&self.name, &encode(spec)?)
    }
}

impl<K: Serialize, V> Registry<K, V> {
    /// Ends all registrations of this process under a key (`Registry.unregister/2`). Nothing happens if there are none.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unregister(&self, key: &K) -> Result<(), RegistryError> {
        sys::registry::unregister(&self.name, &encoded_key(key)?)
    }

    /// Ends those of them that a match specification matches, as [`Registry::select`] does; how many
    /// (`Registry.unregister_match/4`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unregister_match(&self, key: &K, spec: &MatchSpec) -> Result<u64, RegistryError> {
        sys::registry::unregister_match(&self.name, &encoded_key(key)?, &encode(spec)?)
    }

    /// The key as a name, of a registry with unique keys.
    ///
    /// # Errors
    /// [`RegistryError::BadTerm`]
    pub fn via(&self, key: &K) -> Result<Via, RegistryError> {
        Ok(Via { registry: self.name.clone(), key: encoded_key(key)? })
    }

    /// The living process that is registered under a unique key (`Registry.whereis_name/1`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn whereis(&self, key: &K) -> Result<Option<Pid>, RegistryError> {
        sys::registry::whereis(&self.via(key)?)
    }

    /// Does something while this process has a key for itself (`Registry.lock/3`): others that want it wait, in the order in which they
    /// came. If this process ends meanwhile, the next one has its turn. Nobody need be registered under the key.
    ///
    /// # Errors
    /// [`RegistryError`]; what was done is lost if the registry ends meanwhile
    pub fn lock<T>(&self, key: &K, body: impl FnOnce() -> T) -> Result<T, RegistryError> {
        let key = encoded_key(key)?;
        sys::registry::lock(&self.name, &key)?;
        let result = body();
        sys::registry::unlock(&self.name, &key)?;
        Ok(result)
    }
}

impl<K: Serialize, V: Serialize> Registry<K, V> {
    /// Registers this process under a key (`Registry.register/3`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn register(&self, key: &K, value: &V) -> Result<(), RegistryError> {
        sys::registry::register(&self.name, &encoded_key(key)?, &encode(value)?)
    }

    /// The key as a name for a process that is yet to be spawned, with its value.
    ///
    /// # Errors
    /// [`RegistryError::BadTerm`]
    pub fn via_with(&self, key: &K, value: &V) -> Result<NamedBy, RegistryError> {
        Ok(NamedBy { via: self.via(key)?, value: encode(value)? })
    }
}

impl<K: Serialize, V: DeserializeOwned> Registry<K, V> {
    /// Who is registered under a key, in the order of their registration (`Registry.lookup/2`).
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::Limit`] of more than 10,000
    pub fn lookup(&self, key: &K) -> Result<Vec<(Pid, V)>, RegistryError> {
        let found = sys::registry::lookup(&self.name, &encoded_key(key)?)?;
        found.into_iter().map(|(pid, value)| Ok((pid, decode(&value)?))).collect()
    }

    /// Does something with those who are registered under a key, if there are any (`Registry.dispatch/3`). All partitions are one: it
    /// is done once.
    ///
    /// # Errors
    /// As [`Registry::lookup`].
    pub fn dispatch(&self, key: &K, body: impl FnOnce(Vec<(Pid, V)>)) -> Result<(), RegistryError> {
        let entries = self.lookup(key)?;
        if !entries.is_empty() {
            body(entries);
        }
        Ok(())
    }

    /// The values of a process under a key (`Registry.values/3`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn values(&self, key: &K, pid: Pid) -> Result<Vec<V>, RegistryError> {
        let found = sys::registry::values(&self.name, &encoded_key(key)?, pid)?;
        found.iter().map(|value| Ok(decode(value)?)).collect()
    }
}

impl<K: Serialize, V: Serialize + DeserializeOwned> Registry<K, V> {
    /// Gives this process's registration under a unique key another value; the new one and the old one
    /// (`Registry.update_value/3`).
    ///
    /// # Errors
    /// [`RegistryError::NotRegistered`], [`RegistryError::WrongKind`] of duplicate keys, [`RegistryError`]
    pub fn update_value(&self, key: &K, update: impl FnOnce(&V) -> V) -> Result<(V, V), RegistryError> {
        let encoded = encoded_key(key)?;
        let own = sys::registry::values(&self.name, &encoded, crate::process::self_pid())?;
        let old: V = decode(own.first().ok_or(RegistryError::NotRegistered)?)?;
        let new = update(&old);
        // Nobody else can change it meanwhile.
        sys::registry::update_value(&self.name, &encoded, &encode(&new)?)?;
        Ok((new, old))
    }
}

impl<K: DeserializeOwned, V> Registry<K, V> {
    /// The keys of a process, each as often as it is registered under it, in that order (`Registry.keys/2`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn keys(&self, pid: Pid) -> Result<Vec<K>, RegistryError> {
        let found = sys::registry::keys(&self.name, pid)?;
        found.iter().map(|key| Ok(decode(key)?)).collect()
    }
}

/// A key that is too long does not even go to the host.
fn encoded_key<K: Serialize>(key: &K) -> Result<Vec<u8>, RegistryError> {
    let key = encode(key)?;
    if key.len() > MAX_KEY_BYTES { Err(RegistryError::KeyTooLong(key.len() as u64)) } else { Ok(key) }
}
