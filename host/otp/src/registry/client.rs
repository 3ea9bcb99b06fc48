//! What processes do with registries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use regrow_term::{Term, canonical, encode};

use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::holdings::{Held, Keeper};
use crate::limits::check;
use crate::pid::{Pid, Reference};
use crate::process::{Context, LinkError, Process};
use crate::received::{SystemKind, SystemMessage};
use crate::registry::part::{Part, weight};
use crate::registry::{Registered, Registration, Registry, RegistryError, RegistryKind, Via};
use crate::runtime::{Inner, Runtime};
use crate::signal::Signal;
use crate::table::MAX_KEY_BYTES;
use crate::topic::is_pattern;

/// How often a process may be registered under one key.
pub const MAX_REGISTRATIONS: usize = 1_000;

/// How often a process may be registered in all registries together: its end takes all of that along at once.
pub const MAX_REGISTRATIONS_IN_ALL: u64 = 10_000;

/// The most partitions that a registry may have.
pub const MAX_PARTITIONS: usize = 64;

pub(super) fn good_key(key: &[u8]) -> Result<Cow<'_, [u8]>, RegistryError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(RegistryError::KeyTooLong(key.len()));
    }
    good_term(key)
}

fn good_term(term: &[u8]) -> Result<Cow<'_, [u8]>, RegistryError> {
    canonical(term).map_err(|error| RegistryError::BadTerm(error.to_string()))
}

impl Held {
    /// What the process has in a registry. What it had in those that are no more is forgotten.
    pub(super) fn in_registry(&mut self, registry: &Arc<Registry>) -> &mut Registered {
        let known = self.registries.iter().position(|known| Arc::ptr_eq(&known.registry, registry));
        let at = known.unwrap_or_else(|| {
            self.registries.retain(|known| !known.registry.is_over.load(Ordering::Acquire));
            let registry = registry.clone();
            self.registries.push(Registered { registry, entries: 0, parts: 0, locks: BTreeMap::new() });
            self.registries.len() - 1
        });
        &mut self.registries[at]
    }

    /// One registration more; whether it is the first in that registry.
    fn note_registered(&mut self, registry: &Arc<Registry>, key: &[u8]) -> Result<bool, LimitExceeded> {
        let requested = self.registries.iter().map(|known| known.entries).sum::<u64>() + 1;
        check(LimitKind::Registrations, MAX_REGISTRATIONS_IN_ALL, requested)?;
        let registered = self.in_registry(registry);
        registered.entries += 1;
        registered.parts |= 1 << registry.part_of(key);
        Ok(registered.entries == 1)
    }

    pub(super) fn tidy_registries(&mut self) {
        self.registries.retain(|known| known.entries > 0 || !known.locks.is_empty());
    }
}

impl Registry {
    /// Registers a process that can't end meanwhile, and that has been linked to the keeper.
    fn register(
        &self,
        inner: &Inner,
        process: &Process,
        key: Arc<[u8]>,
        value: Bytes,
    ) -> Result<(), RegistryError> {
        let part = self.part_of(&key);
        let keeper = &process.holdings().keeper;
        keeper.charge(weight(&key, &value))?;
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let refused = loop {
            let mut guard = self.write(part);
            if guard.is_over {
                break RegistryError::NoRegistry;
            }
            let holder = guard.of_key(&key).next().map(|(number, entry)| (number, entry.pid));
            match holder.filter(|_| self.kind == RegistryKind::Unique) {
                None if guard.numbers_of_both(&key, process.pid, 0).count() >= MAX_REGISTRATIONS => {
                    let (limit, allowed) = (LimitKind::Registrations, MAX_REGISTRATIONS as u64);
                    let requested = allowed + 1;
                    break RegistryError::Limit(LimitExceeded { limit, allowed, requested });
                }
                None => {
                    self.patterns.fetch_add(u64::from(is_pattern(&key)), Ordering::Relaxed);
                    let entry = Registration { pid: process.pid, value: value.clone() };
                    guard.insert(number, key.clone(), entry, keeper);
                    self.tell(inner, &SystemKind::KeyRegistered, &key, process.pid, Some(&value));
                    return Ok(());
                }
                Some((_, pid)) if pid == process.pid => break RegistryError::AlreadyRegistered(pid),
                Some((number, pid)) => {
                    // Who has received a fatal signal does not keep a key from its successor (rule R2).
                    drop(guard);
                    if inner.is_alive(pid) {
                        break RegistryError::AlreadyRegistered(pid);
                    }
                    if self.write(part).remove(number, &key, pid).is_some() {
                        self.patterns.fetch_sub(u64::from(is_pattern(&key)), Ordering::Relaxed);
                    }
                }
            }
        };
        keeper.release(weight(&key, &value));
        Err(refused)
    }

    /// Takes out entries of a process, those of some numbers or all; how many.
    pub(super) fn unregister(&self, inner: &Inner, pid: Pid, key: &[u8], numbers: Option<Vec<u64>>) -> u64 {
        let mut part = self.write(self.part_of(key));
        let numbers = numbers.unwrap_or_else(|| part.numbers_of_both(key, pid, 0).collect());
        let removed = numbers.into_iter().filter_map(|number| part.remove(number, key, pid)).count() as u64;
        if removed > 0 {
            self.patterns.fetch_sub(if is_pattern(key) { removed } else { 0 }, Ordering::Relaxed);
            self.tell(inner, &SystemKind::KeyUnregistered, key, pid, None);
        }
        removed
    }

    /// Tells the listeners, while nobody else can change what there is under the key (rule R14).
    fn tell(&self, inner: &Inner, kind: &SystemKind, key: &[u8], pid: Pid, value: Option<&[u8]>) {
        if self.listeners.is_empty() {
            return;
        }
        let mut payload = vec![if value.is_some() { 0x83 } else { 0x82 }];
        payload.extend(encode(&Term::from(&*self.name)).unwrap_or_default());
        payload.extend_from_slice(key);
        payload.extend_from_slice(value.unwrap_or_default());
        let payload = inner.carrying(Bytes::from(payload));
        for listener in self.listeners.iter().filter_map(|name| inner.names.whereis(name)) {
            let (kind, payload) = (kind.clone(), payload.clone());
            let system = SystemMessage { kind, reference: Reference(0), from: pid, payload };
            inner.send(listener, Signal::System(system));
        }
    }

    /// A process has ended: it is registered no more (rule R6), has no locks, and waits for none (rule R16).
    fn forget(&self, inner: &Inner, pid: Pid, parts: u64, locks: &BTreeMap<Arc<[u8]>, u64>) {
        for part in (0..self.parts.len()).filter(|part| parts & 1 << part != 0) {
            let patterns = self.write(part).forget(pid);
            self.patterns.fetch_sub(patterns, Ordering::Relaxed);
        }
        for (key, place) in locks {
            self.locks.leave(inner, key, *place);
        }
    }

    /// It is no more. What there is to be dropped.
    fn end(&self, inner: &Inner) -> Vec<Part> {
        self.is_over.store(true, Ordering::Release);
        let parts = (0..self.parts.len()).map(|part| self.write(part).end()).collect();
        self.locks.end(inner);
        parts
    }
}

impl Runtime {
    /// The keys of a process, encoded, each as often as it is registered under it, in that order (rule R9).
    ///
    /// # Errors
    /// [`RegistryError::NoRegistry`]
    pub fn registered_keys(&self, registry: &str, pid: Pid) -> Result<Vec<Vec<u8>>, RegistryError> {
        let registry = self.inner.registries.get(registry)?;
        let mut keys: Vec<(u64, Arc<[u8]>)> = Vec::new();
        for part in 0..registry.parts.len() {
            let part = registry.read(part);
            keys.extend(part.of_pid(pid).map(|(number, key)| (number, key.clone())));
        }
        keys.sort_by_key(|(number, _)| *number);
        Ok(keys.into_iter().map(|(_, key)| key.to_vec()).collect())
    }

    /// The values of a process under a key, in the order of their registration (rule R9).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn registered_values(
        &self,
        registry: &str,
        key: &[u8],
        pid: Pid,
    ) -> Result<Vec<Bytes>, RegistryError> {
        let (registry, key) = (self.inner.registries.get(registry)?, good_key(key)?);
        let part = registry.read(registry.part_of(&key));
        Ok(part.of_both(&key, pid).map(|(_, entry)| entry.value.clone()).collect())
    }

    /// How many entries there are (`Registry.count/1`).
    ///
    /// # Errors
    /// [`RegistryError::NoRegistry`]
    pub fn registry_len(&self, registry: &str) -> Result<usize, RegistryError> {
        let registry = self.inner.registries.get(registry)?;
        Ok((0..registry.parts.len()).map(|part| registry.read(part).len()).sum())
    }

    /// What kind of a registry it is, and who keeps it.
    ///
    /// # Errors
    /// [`RegistryError::NoRegistry`]
    pub fn registry_info(&self, registry: &str) -> Result<(RegistryKind, Pid), RegistryError> {
        let registry = self.inner.registries.get(registry)?;
        Ok((registry.kind, registry.keeper))
    }

    /// The living process that is registered under a key of a registry with unique keys (rule R6).
    pub fn whereis_via(&self, via: &Via) -> Option<Pid> {
        self.inner.whereis_via(via).filter(|pid| self.is_alive(*pid))
    }

    /// As [`Runtime::whereis_via`], of a registry that can have such a process.
    ///
    /// # Errors
    /// [`RegistryError::NoRegistry`], [`RegistryError::WrongKind`]
    pub fn whereis_key(&self, via: &Via) -> Result<Option<Pid>, RegistryError> {
        match self.registry_info(&via.registry)? {
            (RegistryKind::Unique, _) => Ok(self.whereis_via(via)),
            (RegistryKind::Duplicate, _) => Err(RegistryError::WrongKind),
        }
    }
}

impl Context {
    /// Registers this process under a key, with a value (`Registry.register/3`, rules R1 to R4): it is linked to the keeper of the
    /// registry while it is registered (rule R7).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn register_key(&self, registry: &str, key: &[u8], value: &[u8]) -> Result<(), RegistryError> {
        let inner = &self.runtime().inner;
        let registry = inner.registries.get(registry)?;
        let (key, value) =
            (Arc::from(good_key(key)?), inner.carrying(Bytes::copy_from_slice(&good_term(value)?)));
        let process = self.process();
        // Before its entry is there: whoever sees that finds the link.
        let first = process.hold(|held| held.note_registered(&registry, &key));
        let linked = match first.ok_or(RegistryError::NoRegistry)?? {
            true => self.link(registry.keeper),
            false => Ok(()),
        };
        let done = match linked {
            Ok(()) => registry.register(inner, process, key, value),
            Err(LinkError::Limit(limit)) => Err(limit.into()),
            Err(_) => Err(RegistryError::NoRegistry),
        };
        if done.is_err() {
            self.has_unregistered(&registry, 1);
        }
        done
    }

    /// Ends all registrations of this process under a key (`Registry.unregister/2`, rule R8).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unregister_key(&self, registry: &str, key: &[u8]) -> Result<(), RegistryError> {
        let inner = &self.runtime().inner;
        let (registry, key) = (inner.registries.get(registry)?, good_key(key)?);
        let removed = registry.unregister(inner, self.pid(), &key, None);
        self.has_unregistered(&registry, removed);
        Ok(())
    }

    /// Gives this process's registration under a unique key another value (`Registry.update_value/3`, rule R10); nobody else can
    /// change it meanwhile.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn update_registered(&self, registry: &str, key: &[u8], value: &[u8]) -> Result<(), RegistryError> {
        let registry = self.runtime().inner.registries.get(registry)?;
        let (key, value) = (good_key(key)?, good_term(value)?);
        if registry.kind != RegistryKind::Unique {
            return Err(RegistryError::WrongKind);
        }
        let mut part = registry.write(registry.part_of(&key));
        let own = part.numbers_of_both(&key, self.pid(), 0).next();
        part.replace(
            own.ok_or(RegistryError::NotRegistered)?,
            &key,
            self.carrying(Bytes::copy_from_slice(&value)),
        )?;
        Ok(())
    }

    /// Some entries of this process are gone: with the last one goes the link.
    pub(super) fn has_unregistered(&self, registry: &Arc<Registry>, entries: u64) {
        if entries == 0 {
            return;
        }
        let mut held = self.process().holdings().held.lock();
        let registered = held.in_registry(registry);
        registered.entries = registered.entries.saturating_sub(entries);
        let was_last = registered.entries == 0;
        held.tidy_registries();
        drop(held);
        if was_last && registry.starter != Some(self.pid()) {
            self.unlink(registry.keeper);
        }
    }
}

impl Inner {
    pub(crate) fn whereis_via(&self, via: &Via) -> Option<Pid> {
        let registry = self.registries.get(&via.registry).ok()?;
        if registry.kind != RegistryKind::Unique {
            return None;
        }
        let key = good_key(&via.key).ok()?;
        let part = registry.read(registry.part_of(&key));
        part.of_key(&key).next().map(|(_, entry)| entry.pid)
    }

    /// Registers a process that has not begun to run under a key of a registry with unique keys (rule R11).
    pub(crate) fn register_via(
        &self,
        via: &Via,
        value: &[u8],
        process: &Process,
    ) -> Result<(), RegistryError> {
        let registry = self.registries.get(&via.registry)?;
        if registry.kind != RegistryKind::Unique {
            return Err(RegistryError::WrongKind);
        }
        let (key, value) =
            (Arc::<[u8]>::from(good_key(&via.key)?), Bytes::copy_from_slice(&good_term(value)?));
        let value = self.carrying(value);
        registry.register(self, process, Arc::clone(&key), value)?;
        if process.hold(|held| held.note_registered(&registry, &key)).is_none() {
            registry.forget(self, process.pid, 1 << registry.part_of(&key), &BTreeMap::new());
        }
        process.state.lock().links.on_link(registry.keeper);
        self.send(registry.keeper, Signal::Link { from: process.pid });
        Ok(())
    }

    /// The process has ended that kept a registry: it is no more. What there is to be dropped.
    pub(crate) fn end_registry(&self, registry: &Registry, keeper: &Keeper) -> Vec<Part> {
        self.registries.remove(&registry.name);
        keeper.release(registry.own_bytes);
        registry.end(self)
    }

    /// A process has ended: it is registered nowhere any more.
    pub(crate) fn leave_all_registries(&self, pid: Pid, registered: &[Registered]) {
        for Registered { registry, parts, locks, .. } in registered {
            registry.forget(self, pid, *parts, locks);
        }
    }
}
