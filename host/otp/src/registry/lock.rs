//! Locks on keys: one process at a time, in the order in which they came (`Registry.lock/3`, rule R16).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::holdings::Keeper;
use crate::pid::{Pid, Reference};
use crate::process::Context;
use crate::received::{SystemKind, SystemMessage};
use crate::registry::RegistryError;
use crate::registry::client::good_key;
use crate::runtime::Inner;
use crate::signal::Signal;
use crate::sync::Mutex;

/// What a lock takes beside its key.
const OVERHEAD: u64 = 128;

#[derive(Default)]
pub(super) struct Locks(Mutex<HashMap<Arc<[u8]>, VecDeque<Claim>>>);

/// Who wants a key for himself; the first of them has it.
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
    /// Puts a process into the line; whether it is the first there.
    fn claim(&self, key: Arc<[u8]>, claim: Claim) -> Result<bool, RegistryError> {
        let mut locks = self.0.lock();
        let line = locks.entry(key).or_default();
        if line.iter().any(|other| other.pid == claim.pid) {
            return Err(RegistryError::LockedAlready);
        }
        line.push_back(claim);
        Ok(line.len() == 1)
    }

    /// Takes a process out of the line: if it was the first, the next one has the lock. Whether it was in it.
    pub(super) fn forget(&self, inner: &Inner, key: &[u8], pid: Pid) -> bool {
        let mut locks = self.0.lock();
        let Some(line) = locks.get_mut(key) else { return false };
        let Some(at) = line.iter().position(|claim| claim.pid == pid) else { return false };
        if let Some(claim) = line.remove(at) {
            claim.keeper.release(weight(key));
        }
        match line.front() {
            Some(next) if at == 0 => next.grant(inner),
            Some(_) => {}
            None => drop(locks.remove(key)),
        }
        true
    }

    /// The registry is no more: whoever waits goes on.
    pub(super) fn end(&self, inner: &Inner) {
        for (key, line) in std::mem::take(&mut *self.0.lock()) {
            line.iter().skip(1).for_each(|claim| claim.grant(inner));
            line.iter().for_each(|claim| claim.keeper.release(weight(&key)));
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
        let inner = &self.runtime().inner;
        let registry = inner.registries.get(registry)?;
        let key: Arc<[u8]> = good_key(key)?.into();
        let holdings = self.process().holdings();
        let reference = self.new_reference();
        let claim = Claim { pid: self.pid(), reference, keeper: holdings.keeper.clone() };
        holdings.keeper.charge(weight(&key))?;
        holdings.held.lock().in_registry(&registry).locks.push(key.clone());
        let is_first = registry.locks.claim(key.clone(), claim).inspect_err(|_| {
            holdings.keeper.release(weight(&key));
            // Of two that are equal either may go.
            self.forget_lock(&registry, &key);
        })?;
        if !is_first {
            self.receive_answer(reference, None).await;
        }
        if registry.is_over.load(Ordering::Acquire) {
            registry.locks.forget(inner, &key, self.pid());
            self.forget_lock(&registry, &key);
            return Err(RegistryError::NoRegistry);
        }
        Ok(())
    }

    /// Lets the next one have a key. False if this process had not locked it.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unlock_key(&self, registry: &str, key: &[u8]) -> Result<bool, RegistryError> {
        let inner = &self.runtime().inner;
        let (registry, key) = (inner.registries.get(registry)?, good_key(key)?);
        let unlocked = registry.locks.forget(inner, &key, self.pid());
        self.forget_lock(&registry, &key);
        Ok(unlocked)
    }

    fn forget_lock(&self, registry: &Arc<super::Registry>, key: &[u8]) {
        let mut held = self.process().holdings().held.lock();
        let locks = &mut held.in_registry(registry).locks;
        if let Some(at) = locks.iter().position(|of| &**of == key) {
            locks.swap_remove(at);
        }
        held.tidy_registries();
    }
}
