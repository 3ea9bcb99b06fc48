//! Locks on keys: one process at a time, in the order in which they came (`Registry.lock/3`, rule R16).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::holdings::Keeper;
use crate::pid::{Pid, Reference};
use crate::process::Context;
use crate::received::{SystemKind, SystemMessage};
use crate::registry::client::good_key;
use crate::registry::{Registry, RegistryError};
use crate::runtime::Inner;
use crate::signal::Signal;
use crate::sync::Mutex;

/// What a lock takes beside its key.
const OVERHEAD: u64 = 128;

#[derive(Default)]
pub(super) struct Locks(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    /// Who wants which key, in the order in which they came; the first of them has it.
    by_key: BTreeMap<Arc<[u8]>, BTreeMap<u64, Claim>>,
    next_place: u64,
}

/// Who wants a key for himself.
struct Claim {
    pid: Pid,
    /// What the process waits for.
    reference: Reference,
    keeper: Arc<Keeper>,
}

impl Claim {
    fn grant(&self, inner: &Inner) {
        let (reference, from) = (self.reference, self.pid);
        let system = SystemMessage { kind: SystemKind::KeyLocked, reference, from, payload: Bytes::new() };
        inner.send(self.pid, Signal::System(system));
    }
}

fn weight(key: &[u8]) -> u64 {
    key.len() as u64 + OVERHEAD
}

impl Locks {
    /// Puts a process into the line; its place, and whether it is the first there.
    fn claim(&self, key: Arc<[u8]>, claim: Claim) -> (u64, bool) {
        let mut lines = self.0.lock();
        lines.next_place += 1;
        let place = lines.next_place;
        let line = lines.by_key.entry(key).or_default();
        line.insert(place, claim);
        (place, line.len() == 1)
    }

    /// Takes the process at a place out of the line: if it was the first, the next one has the lock.
    pub(super) fn leave(&self, inner: &Inner, key: &[u8], place: u64) {
        let mut lines = self.0.lock();
        let Some(line) = lines.by_key.get_mut(key) else { return };
        let was_first = line.keys().next() == Some(&place);
        if let Some(claim) = line.remove(&place) {
            claim.keeper.release(weight(key));
        }
        match line.values().next() {
            Some(next) if was_first => next.grant(inner),
            Some(_) => {}
            None => drop(lines.by_key.remove(key)),
        }
    }

    /// The registry is no more: whoever waits goes on.
    pub(super) fn end(&self, inner: &Inner) {
        for (key, line) in std::mem::take(&mut self.0.lock().by_key) {
            line.values().skip(1).for_each(|claim| claim.grant(inner));
            line.values().for_each(|claim| claim.keeper.release(weight(&key)));
        }
    }
}

impl Context {
    /// Waits until this process has a key of a registry for itself, until [`Context::unlock_key`] or its end (rule R16). The key
    /// need not be one that anybody is registered under.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::NoRegistry`] also if it ends meanwhile
    pub async fn lock_key(&self, registry: &str, key: &[u8]) -> Result<(), RegistryError> {
        let registry = self.runtime().inner.registries.get(registry)?;
        let key: Arc<[u8]> = good_key(key)?.into();
        let holdings = self.process().holdings();
        if holdings.held.lock().in_registry(&registry).locks.contains_key(&key) {
            return Err(RegistryError::LockedAlready);
        }
        let reference = self.new_reference();
        let claim = Claim { pid: self.pid(), reference, keeper: holdings.keeper.clone() };
        holdings.keeper.charge(weight(&key)).inspect_err(|_| holdings.held.lock().tidy_registries())?;
        // Nobody but this process changes what it holds of locks, and it is not about to end.
        let (place, is_first) = registry.locks.claim(key.clone(), claim);
        holdings.held.lock().in_registry(&registry).locks.insert(key.clone(), place);
        if !is_first {
            self.receive_answer(reference, None).await;
        }
        if registry.is_over.load(Ordering::Acquire) {
            self.leave_line(&registry, &key);
            return Err(RegistryError::NoRegistry);
        }
        Ok(())
    }

    /// Lets the next one have a key. False if this process had not locked it.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unlock_key(&self, registry: &str, key: &[u8]) -> Result<bool, RegistryError> {
        let (registry, key) = (self.runtime().inner.registries.get(registry)?, good_key(key)?);
        Ok(self.leave_line(&registry, &key))
    }

    /// Whether this process was in the line.
    fn leave_line(&self, registry: &Arc<Registry>, key: &[u8]) -> bool {
        let mut held = self.process().holdings().held.lock();
        let place = held.in_registry(registry).locks.remove(key);
        held.tidy_registries();
        drop(held);
        if let Some(place) = place {
            registry.locks.leave(&self.runtime().inner, key, place);
        }
        place.is_some()
    }
}
