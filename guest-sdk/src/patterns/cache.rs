//! A cache: what is in it gets old, and is not more than there may be.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::patterns::cache::{Cache, CacheServer, Options};
//!
//! regrow_sdk::component! {
//!     "cache-server" => server CacheServer,
//! }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let options = Options { ttl: Duration::from_secs(60), size: 2 };
//!     let capitals: Cache<String, String> = Cache::start_link(options)?;
//!     capitals.put(&"France".to_owned(), &"Paris".to_owned())?;
//!     assert_eq!(capitals.get(&"France".to_owned())?.as_deref(), Some("Paris"));
//!     let looked_up = capitals.get_or_insert(&"Japan".to_owned(), || "Tokyo".to_owned())?;
//!     assert_eq!(looked_up, "Tokyo");
//!     // There is room for two: the one that was not used for longest goes.
//!     capitals.get(&"France".to_owned())?;
//!     capitals.put(&"Peru".to_owned(), &"Lima".to_owned())?;
//!     assert_eq!(capitals.get(&"Japan".to_owned())?, None);
//!     regrow_sdk::patterns::sleep(Duration::from_secs(60));
//!     assert_eq!(capitals.get(&"France".to_owned())?, None, "it is too old");
//!     Ok(())
//! });
//! # }
//! ```
//!
//! Everything goes through one process. Where many read at once, a [table](crate::table) is faster: the gallery has such a cache.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use core::marker::PhantomData;
use core::time::Duration;

use regrow_term::Term;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::gen_server::StartError;
use crate::mailbox::CallError;
use crate::pid::Destination;
use crate::process::SpawnOptions;
use crate::timer;

/// How old entries get, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// How old.
    pub ttl: Duration,
    /// How many at most; without any, nothing is kept.
    pub size: usize,
}

/// What is in a cache: its core. Its time is that of any clock that goes forward.
#[derive(Clone, Debug)]
pub struct Entries<K, V> {
    options: Options,
    by_key: BTreeMap<K, Entry<V>>,
    /// When each was last used: the first of them goes first.
    by_use: BTreeMap<u64, K>,
    /// In the order in which they get too old.
    by_age: BTreeMap<(Duration, u64), K>,
    uses: u64,
    /// How often something was found, and how often not.
    pub hits: u64,
    /// How often something was looked for that was not there.
    pub misses: u64,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    used: u64,
    age: (Duration, u64),
}

impl<K: Ord + Clone, V> Entries<K, V> {
    /// None yet.
    pub fn new(options: Options) -> Self {
        let (by_key, by_use, by_age) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { options, by_key, by_use, by_age, uses: 0, hits: 0, misses: 0 }
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// What there is under a key.
    pub fn get(&mut self, key: &K, now: Duration) -> Option<&V> {
        self.expire(now);
        let used = self.next_use();
        let Some(entry) = self.by_key.get_mut(key) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        if let Some(key) = self.by_use.remove(&entry.used) {
            self.by_use.insert(used, key);
        }
        entry.used = used;
        Some(&entry.value)
    }

    /// Puts something under a key; what was not used for longest goes if there is no room.
    pub fn put(&mut self, key: K, value: V, now: Duration) {
        self.expire(now);
        self.remove(&key);
        if self.options.size == 0 {
            return;
        }
        if self.by_key.len() >= self.options.size
            && let Some((_, oldest)) = self.by_use.first_key_value()
        {
            self.remove(&oldest.clone());
        }
        let used = self.next_use();
        let age = (now.saturating_add(self.options.ttl), used);
        self.by_use.insert(used, key.clone());
        self.by_age.insert(age, key.clone());
        self.by_key.insert(key, Entry { value, used, age });
    }

    /// Takes something out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.by_key.remove(key)?;
        self.by_use.remove(&entry.used);
        self.by_age.remove(&entry.age);
        Some(entry.value)
    }

    /// Forgets what is too old.
    pub fn expire(&mut self, now: Duration) {
        while let Some((&(until, _), key)) = self.by_age.first_key_value()
            && until <= now
        {
            self.remove(&key.clone());
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

/// How a cache does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// How many entries there are.
    pub size: usize,
    /// How often something was found.
    pub hits: u64,
    /// How often something was looked for that was not there.
    pub misses: u64,
}

/// A cache that several processes use: `"cache-server" => server CacheServer`. [`Cache`] is its typed client.
pub struct CacheServer(Entries<Term, Term>);

#[crate::server]
impl CacheServer {
    #[init]
    fn empty(options: Options) -> Self {
        Self(Entries::new(options))
    }

    /// What there is under a key.
    #[call]
    fn get(&mut self, key: Term) -> Option<Term> {
        self.0.get(&key, timer::monotonic_time()).cloned()
    }

    /// Puts something under a key.
    #[cast]
    fn put(&mut self, key: Term, value: Term) {
        self.0.put(key, value, timer::monotonic_time());
    }

    /// Takes something out.
    #[cast]
    fn delete(&mut self, key: Term) {
        self.0.remove(&key);
    }

    /// How it does.
    #[call]
    fn statistics(&mut self) -> Statistics {
        self.0.expire(timer::monotonic_time());
        Statistics { size: self.0.len(), hits: self.0.hits, misses: self.0.misses }
    }
}

/// A running cache, for keys and values of a type.
pub struct Cache<K, V> {
    server: CacheServerClient,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { server: self.server.clone(), types: PhantomData }
    }
}

fn term<T: Serialize>(value: &T) -> Result<Term, CallError> {
    Term::of(value).map_err(|error| CallError::Refused(Error::BadArgument(error.to_string())))
}

impl<K: Serialize, V: Serialize + DeserializeOwned> Cache<K, V> {
    /// Starts one, linked to this process.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn start_link(options: Options) -> Result<Self, StartError> {
        Ok(Self { server: CacheServer::start_link(options)?, types: PhantomData })
    }

    /// Starts one as `spawn` says.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn start_with(options: Options, spawn: &SpawnOptions) -> Result<Self, StartError> {
        Ok(Self { server: CacheServer::start_with(options, spawn)?, types: PhantomData })
    }

    /// The cache that is, or is registered as, `to`.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self { server: CacheServerClient::new(to), types: PhantomData }
    }

    /// What there is under a key.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn get(&self, key: &K) -> Result<Option<V>, CallError> {
        let Some(found) = self.server.get(term(key)?)? else { return Ok(None) };
        found.to_value().map(Some).map_err(CallError::Decode)
    }

    /// Puts something under a key.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn put(&self, key: &K, value: &V) -> Result<(), CallError> {
        self.server.put(term(key)?, term(value)?).map_err(CallError::Refused)
    }

    /// Takes something out.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn delete(&self, key: &K) -> Result<(), CallError> {
        self.server.delete(term(key)?).map_err(CallError::Refused)
    }

    /// What there is under a key, or what `make` makes, which is put there. Two processes that find nothing at the same time both make
    /// something.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn get_or_insert(&self, key: &K, make: impl FnOnce() -> V) -> Result<V, CallError> {
        if let Some(found) = self.get(key)? {
            return Ok(found);
        }
        let made = make();
        self.put(key, &made)?;
        Ok(made)
    }

    /// How it does.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn statistics(&self) -> Result<Statistics, CallError> {
        self.server.statistics()
    }
}
