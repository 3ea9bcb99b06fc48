//! The entries of some keys, piece by piece.

use std::sync::Arc;

use crate::registry::client::good_key;
use crate::registry::{Registration, Registry, RegistryError};
use crate::runtime::Runtime;

/// The entries of some keys, in the order of the keys and of their registration, that were there when the listing began and still are.
pub struct Listing {
    registry: Arc<Registry>,
    keys: std::vec::IntoIter<Vec<u8>>,
    key: Option<Vec<u8>>,
    /// The number of the registration from which on it goes on, and of the first that came too late.
    from: u64,
    until: u64,
}

impl Listing {
    pub(crate) fn new(registry: Arc<Registry>, keys: Vec<Vec<u8>>) -> Self {
        let (until, mut keys) = (registry.next_number(), keys.into_iter());
        Self { registry, key: keys.next(), keys, from: 0, until }
    }

    /// How many keys are still to be looked at.
    pub fn keys(&self) -> usize {
        self.keys.len() + usize::from(self.key.is_some())
    }

    /// The next of them, `at_most` so many; none at the end.
    pub fn next_some(&mut self, at_most: usize) -> Vec<Registration> {
        while let Some(key) = &self.key {
            let entries = self.registry.some_of_key(key, self.from, self.until, at_most);
            self.from = entries.last().map_or(0, |(number, _)| number + 1);
            if entries.len() < at_most {
                (self.key, self.from) = (self.keys.next(), 0);
            }
            if !entries.is_empty() {
                return entries.into_iter().map(|(_, entry)| entry).collect();
            }
        }
        Vec::new()
    }
}

impl Runtime {
    /// The entries of a key, in the order of their registration (rule R9).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn list_key(&self, registry: &str, key: &[u8]) -> Result<Listing, RegistryError> {
        let (registry, key) = (self.inner.registries.get(registry)?, good_key(key)?.into_owned());
        Ok(Listing::new(registry, vec![key]))
    }

    /// The first entries of a key, `at_most` so many of them.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn lookup_key(
        &self,
        registry: &str,
        key: &[u8],
        at_most: usize,
    ) -> Result<Vec<Registration>, RegistryError> {
        Ok(self.list_key(registry, key)?.next_some(at_most))
    }
}
