//! How a registry is started.

use alloc::string::String;
use alloc::vec::Vec;

use crate::registry::{Registry, RegistryError};
use crate::sys;

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
    /// [`RegistryEvent`](super::RegistryEvent).
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
