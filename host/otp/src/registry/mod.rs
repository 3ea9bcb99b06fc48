//! Registries: processes by keys that any term can be (Elixir's `Registry`, rules R1 to R17).
//!
//! A registry belongs to a process that keeps it, and ends with it. Each entry belongs to the process that is registered, which
//! is charged for it, is linked to the registry's keeper while it has one, and takes all of them along at its end.

mod client;
mod error;
mod keep;
mod listing;
mod lock;
mod part;
mod select;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use regrow_term::{Term, decode};
use siphasher::sip::SipHasher13;

pub use self::client::{MAX_PARTITIONS, MAX_REGISTRATIONS, MAX_REGISTRATIONS_IN_ALL};
pub use self::error::RegistryError;
pub use self::keep::StartRegistry;
pub use self::listing::Listing;
pub(crate) use self::part::Part;
pub use self::part::Registration;
pub use self::select::{RegistryWalk, UnregisterMatch};
use crate::pid::Pid;
use crate::registry::lock::Locks;

/// How many processes may be registered under a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RegistryKind {
    /// One: the key stands for it, and can be used as a name (rules R1, R11).
    #[default]
    Unique,
    /// Any number, each as often as it likes (rule R3).
    Duplicate,
}

/// What a registry is to be.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Its name: everybody finds it under it.
    pub name: String,
    /// How many processes may be registered under a key.
    pub kind: RegistryKind,
    /// In how many parts it is, each behind a lock of its own: 1 to [`MAX_PARTITIONS`]. They behave as one (rule R15).
    pub partitions: usize,
    /// Registered names of processes that are told of registrations and of their ends, but not of the ends of processes (rule
    /// R14).
    pub listeners: Vec<String>,
}

impl RegistryOptions {
    /// In how many parts a registry is, unless it is told otherwise.
    pub const PARTITIONS: usize = 16;

    /// A registry of that name and kind, without listeners.
    pub fn new(name: impl Into<String>, kind: RegistryKind) -> Self {
        Self { name: name.into(), kind, partitions: Self::PARTITIONS, listeners: Vec::new() }
    }
}

/// A key of a registry with unique keys, as a name of the process that is registered under it
/// (`{via, Registry, {Registry, Key}}`).
#[derive(Clone, PartialEq, Eq)]
pub struct Via {
    /// The registry's name.
    pub registry: String,
    /// The key, encoded.
    pub key: Bytes,
}

impl Via {
    /// The name as a term, in the form in which the SDK encodes it in messages.
    pub fn to_term(&self) -> Term {
        let registry = Term::from(&*self.registry);
        let fields = [("registry", registry), ("key", decode(&self.key).unwrap_or(Term::Null))];
        Term::Map(fields.into_iter().map(|(name, value)| (Term::from(name), value)).collect())
    }
}

impl std::fmt::Display for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match decode::<Term>(&self.key) {
            Ok(key) => write!(f, "{}[{key}]", self.registry),
            Err(_) => write!(f, "{}[no term]", self.registry),
        }
    }
}

impl std::fmt::Debug for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The registries of a runtime, by their names.
#[derive(Default)]
pub(crate) struct Registries(RwLock<HashMap<Arc<str>, Arc<Registry>>>);

pub(crate) struct Registry {
    name: Arc<str>,
    kind: RegistryKind,
    keeper: Pid,
    /// Who started it: he is linked to the keeper, whether he is registered or not.
    starter: Option<Pid>,
    listeners: Vec<String>,
    /// It is no more. Read without a lock; each part says so, too, to whoever has locked it.
    is_over: AtomicBool,
    /// What its keeper is charged with for it.
    own_bytes: u64,
    hash_keys: HashKeys,
    parts: Box<[RwLock<Part>]>,
    locks: Locks,
    /// Numbers entries: those of a key are in the order of their registration.
    sequence: AtomicU64,
    /// How many entries are for all topics with a beginning.
    patterns: AtomicU64,
}

/// What a process has in a registry.
pub(crate) struct Registered {
    pub(crate) registry: Arc<Registry>,
    /// How many entries.
    entries: u64,
    /// In which parts it has or had some, a bit for each.
    parts: u64,
    /// Keys that it has locked, or waits for, and its places in their lines.
    locks: BTreeMap<Arc<[u8]>, u64>,
}

/// Hashes that guests can't foresee, and that are the same when a simulation is played again.
#[derive(Clone, Copy)]
struct HashKeys(u64, u64);

impl BuildHasher for HashKeys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

impl Registries {
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Registry>, RegistryError> {
        let registries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        registries.get(name).cloned().ok_or(RegistryError::NoRegistry)
    }

    fn insert(&self, registry: &Arc<Registry>) -> Result<(), RegistryError> {
        let mut registries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = registries.get(&registry.name) {
            return Err(RegistryError::NameTaken(other.keeper));
        }
        registries.insert(registry.name.clone(), registry.clone());
        Ok(())
    }

    fn remove(&self, name: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Registry {
    fn part_of(&self, key: &[u8]) -> usize {
        let mut hasher = self.hash_keys.build_hasher();
        hasher.write(key);
        (hasher.finish() >> 32) as usize % self.parts.len()
    }

    fn read(&self, part: usize) -> std::sync::RwLockReadGuard<'_, Part> {
        self.parts[part].read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries of a key from a number on, and before another one: `at_most` so many, with their numbers.
    pub(crate) fn some_of_key(
        &self,
        key: &[u8],
        from: u64,
        until: u64,
        at_most: usize,
    ) -> Vec<(u64, Registration)> {
        let part = self.read(self.part_of(key));
        let entries = part.of_key_from(key, from).take_while(|(number, _)| *number < until).take(at_most);
        entries.map(|(number, entry)| (number, entry.clone())).collect()
    }

    /// The number of the next registration.
    pub(crate) fn next_number(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// Whether somebody is subscribed to all topics with a beginning.
    pub(crate) fn has_patterns(&self) -> bool {
        self.patterns.load(Ordering::Relaxed) > 0
    }

    fn write(&self, part: usize) -> std::sync::RwLockWriteGuard<'_, Part> {
        self.parts[part].write().unwrap_or_else(PoisonError::into_inner)
    }
}
