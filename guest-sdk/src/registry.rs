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

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use regrow_term::{DecodeError, EncodeError, Term, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::LimitExceeded;
use crate::mailbox::Received;
use crate::pid::{Destination, Pid};
use crate::sys;
use crate::table::{MAX_KEY_BYTES, MatchSpec};

/// How many processes may be registered under a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// One: the key can be used as its name.
    #[default]
    Unique,
    /// Any number, each as often as it likes.
    Duplicate,
}

/// What a registry is to be. The default partitions are 16.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) partitions: Option<u32>,
    pub(crate) listeners: Vec<String>,
}

impl RegistryOptions {
    /// A registry of that name and kind.
    pub fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.into(), kind, partitions: None, listeners: Vec::new() }
    }

    /// This registry, in so many parts, each behind a lock of its own: 1 to 64. They behave as one.
    #[must_use]
    pub fn partitions(self, partitions: u32) -> Self {
        Self { partitions: Some(partitions), ..self }
    }

    /// This registry, which tells the process of that name of registrations and of their ends, but not of ends of processes. See
    /// [`RegistryEvent`].
    #[must_use]
    pub fn listener(mut self, name: &str) -> Self {
        self.listeners.push(name.into());
        self
    }

    /// Starts it, in a process that is linked to this one (`Registry.start_link/1`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn start<K, V>(&self) -> Result<Registry<K, V>, RegistryError> {
        sys::registry::start(self)?;
        Ok(Registry::named(&self.name))
    }
}

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

/// A key of a registry with unique keys, as a name of the process that is registered under it
/// (`{via, Registry, {Registry, Key}}`). [`Registry::via`] makes it.
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
