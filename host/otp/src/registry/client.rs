//! What processes do with registries.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use regrow_term::{Matcher, Term, canonical, encode};

use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::holdings::{Held, Keeper};
use crate::pid::{Pid, Reference};
use crate::process::{Context, LinkError, Process};
use crate::received::{SystemKind, SystemMessage};
use crate::registry::part::weight;
use crate::registry::{Registered, Registration, Registry, RegistryError, RegistryKind, Via};
use crate::runtime::{Inner, Runtime};
use crate::signal::Signal;
use crate::table::MAX_KEY_BYTES;
use crate::topic::is_pattern;

/// How often a process may be registered under one key.
pub const MAX_REGISTRATIONS: usize = 1_000;

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
            self.registries.push(Registered { registry, entries: 0, parts: 0, locks: Vec::new() });
            self.registries.len() - 1
        });
        &mut self.registries[at]
    }

    pub(super) fn tidy_registries(&mut self) {
        self.registries.retain(|known| known.entries > 0 || !known.locks.is_empty());
    }
}

/// What an entry holds, as a list of two: what the value pattern of a match specification is compared with.
fn pid_and_value(pid: Pid, value: &[u8]) -> Vec<u8> {
    let pid = encode(&pid.to_term()).unwrap_or_default();
    let mut both = vec![0x82];
    both.extend_from_slice(&canonical(&pid).unwrap_or(Cow::Borrowed(&pid)));
    both.extend_from_slice(value);
    both
}

/// Whether a match specification over key, and pid and value, matches an entry; what comes of it is appended to `result`.
fn matches(matcher: &Matcher, key: &[u8], entry: &Registration, result: &mut Vec<u8>) -> bool {
    matches_counted(matcher, key, entry, result).0
}

/// As [`matches`], with the work that was done.
fn matches_counted(
    matcher: &Matcher,
    key: &[u8],
    entry: &Registration,
    result: &mut Vec<u8>,
) -> (bool, usize) {
    matcher.run_counted(key, &pid_and_value(entry.pid, &entry.value), result)
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
                None if guard.count_of_both(&key, process.pid) >= MAX_REGISTRATIONS => {
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

    /// Takes out entries of a process; how many.
    fn unregister(&self, inner: &Inner, pid: Pid, key: &[u8], wanted: impl Fn(&Registration) -> bool) -> u64 {
        let mut part = self.write(self.part_of(key));
        let mut removed = 0;
        for (number, entry) in part.of_both(key, pid) {
            if wanted(&entry) && part.remove(number, key, pid).is_some() {
                removed += 1;
            }
        }
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
    fn forget(&self, inner: &Inner, pid: Pid, parts: u64, locks: &[Arc<[u8]>]) {
        for part in (0..self.parts.len()).filter(|part| parts & 1 << part != 0) {
            let keys = self.write(part).forget(pid);
            let patterns = keys.iter().filter(|key| is_pattern(key)).count() as u64;
            self.patterns.fetch_sub(patterns, Ordering::Relaxed);
        }
        for key in locks {
            self.locks.forget(inner, key, pid);
        }
    }

    /// It is no more.
    fn end(&self, inner: &Inner) {
        self.is_over.store(true, Ordering::Release);
        (0..self.parts.len()).for_each(|part| self.write(part).end());
        self.locks.end(inner);
    }
}

/// A walk through the entries of a registry. Those that are there all the time are seen exactly once.
pub struct RegistryWalk {
    registry: Arc<Registry>,
    part: usize,
    /// The number from which on entries are still to be looked at, and the first that came after the walk began.
    from: u64,
    until: u64,
    only_key: Option<Vec<u8>>,
    /// A few of them: the part is not locked while they are looked at.
    batch: std::vec::IntoIter<(Arc<[u8]>, Registration)>,
    /// What was looked at last: what comes of it may stand for what it holds.
    last: Option<Registration>,
}

impl RegistryWalk {
    /// Takes the next entries; false at the end.
    fn fill(&mut self) -> bool {
        const AT_ONCE: usize = 64;
        while self.part < self.registry.parts.len() {
            let part = self.registry.read(self.part);
            let mut next = self.from;
            let mut take = |number: u64| {
                next = number + 1;
                number < self.until
            };
            let batch: Vec<_> = match &self.only_key {
                Some(key) => {
                    let of_key = part.of_key_from(key, self.from).take_while(|(number, _)| take(*number));
                    of_key
                        .take(AT_ONCE)
                        .map(|(_, entry)| (Arc::from(key.as_slice()), entry.clone()))
                        .collect()
                }
                None => {
                    let all = part.from(self.from).take_while(|(number, ..)| take(*number));
                    all.take(AT_ONCE).map(|(_, key, entry)| (key.clone(), entry.clone())).collect()
                }
            };
            drop(part);
            self.from = next;
            if !batch.is_empty() {
                self.batch = batch.into_iter();
                return true;
            }
            self.from = 0;
            self.part = if self.only_key.is_some() { usize::MAX } else { self.part + 1 };
        }
        false
    }

    /// Looks at the next entry: how much work that was, in bytes; none at the end. If it matches, what comes of it is appended to
    /// `result`, and `matched` is true then (rule R13).
    pub fn look(&mut self, matcher: &Matcher, result: &mut Vec<u8>, matched: &mut bool) -> Option<usize> {
        loop {
            if let Some((key, entry)) = self.batch.next() {
                let (matches, work) = matches_counted(matcher, &key, &entry, result);
                *matched = matches;
                let len = key.len() + entry.value.len() + work;
                self.last = Some(entry);
                return Some(len);
            }
            if !self.fill() {
                return None;
            }
        }
    }
}

impl Runtime {
    /// The entries of a key, `at_most` so many of them, in the order of their registration (rule R9).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn lookup_key(
        &self,
        registry: &str,
        key: &[u8],
        at_most: usize,
    ) -> Result<Vec<Registration>, RegistryError> {
        let (registry, key) = (self.inner.registries.get(registry)?, good_key(key)?);
        let part = registry.read(registry.part_of(&key));
        Ok(part.of_key(&key).map(|(_, entry)| entry.clone()).take(at_most).collect())
    }

    /// How many entries a key has.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn count_key(&self, registry: &str, key: &[u8]) -> Result<usize, RegistryError> {
        let (registry, key) = (self.inner.registries.get(registry)?, good_key(key)?);
        Ok(registry.read(registry.part_of(&key)).count(&key))
    }

    /// The keys of a process, encoded, `at_most` so many, each as often as it is registered under it, in that order (rule R9).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn registered_keys(
        &self,
        registry: &str,
        pid: Pid,
        at_most: usize,
    ) -> Result<Vec<Vec<u8>>, RegistryError> {
        let registry = self.inner.registries.get(registry)?;
        let mut keys: Vec<(u64, Arc<[u8]>)> = Vec::new();
        for part in 0..registry.parts.len() {
            let part = registry.read(part);
            keys.extend(part.of_pid(pid).take(at_most).map(|(number, key)| (number, key.clone())));
        }
        keys.sort_by_key(|(number, _)| *number);
        Ok(keys.into_iter().take(at_most).map(|(_, key)| key.to_vec()).collect())
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
        let own = registry.read(registry.part_of(&key)).of_both(&key, pid);
        Ok(own.into_iter().map(|(_, entry)| entry.value).collect())
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

    /// A walk through the entries that a match specification over key, and pid and value, looks at.
    ///
    /// # Errors
    /// [`RegistryError::NoRegistry`]
    pub fn walk_registry(&self, registry: &str, matcher: &Matcher) -> Result<RegistryWalk, RegistryError> {
        let registry = self.inner.registries.get(registry)?;
        let only_key = matcher.only_key().map(<[u8]>::to_vec);
        let part = only_key.as_deref().map_or(0, |key| registry.part_of(key));
        let until = registry.sequence.load(Ordering::Relaxed);
        let batch = Vec::new().into_iter();
        Ok(RegistryWalk { registry, part, from: 0, until, only_key, batch, last: None })
    }

    /// The living process that is registered under a key of a registry with unique keys (rule R6).
    pub fn whereis_via(&self, via: &Via) -> Option<Pid> {
        self.inner.whereis_via(via).filter(|pid| self.is_alive(*pid))
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
        let first = process.hold(|held| {
            let registered = held.in_registry(&registry);
            registered.entries += 1;
            registered.parts |= 1 << registry.part_of(&key);
            registered.entries == 1
        });
        let linked = match first {
            Some(true) => self.link(registry.keeper),
            Some(false) => Ok(()),
            None => return Err(RegistryError::NoRegistry),
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
        let removed = registry.unregister(inner, self.pid(), &key, |_| true);
        self.has_unregistered(&registry, removed);
        Ok(())
    }

    /// Ends those registrations of this process under a key that a match specification matches (`Registry.unregister_match/4`, rule
    /// R13); how many.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unregister_match(
        &self,
        registry: &str,
        key: &[u8],
        matcher: &Matcher,
    ) -> Result<u64, RegistryError> {
        let inner = &self.runtime().inner;
        let (registry, key) = (inner.registries.get(registry)?, good_key(key)?);
        let wanted = |entry: &Registration| matches(matcher, &key, entry, &mut Vec::new());
        let removed = registry.unregister(inner, self.pid(), &key, wanted);
        self.has_unregistered(&registry, removed);
        Ok(removed)
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
        let own = part.of_both(&key, self.pid());
        let (number, _) = own.first().ok_or(RegistryError::NotRegistered)?;
        part.replace(*number, &key, self.carrying(Bytes::copy_from_slice(&value)))?;
        Ok(())
    }

    /// Some entries of this process are gone: with the last one goes the link.
    fn has_unregistered(&self, registry: &Arc<Registry>, entries: u64) {
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
        let (key, value) = (Arc::from(good_key(&via.key)?), Bytes::copy_from_slice(&good_term(value)?));
        let value = self.carrying(value);
        let part = registry.part_of(&key);
        registry.register(self, process, key, value)?;
        let noted = process.hold(|held| {
            let registered = held.in_registry(&registry);
            registered.entries += 1;
            registered.parts |= 1 << part;
        });
        if noted.is_none() {
            registry.forget(self, process.pid, 1 << part, &[]);
        }
        process.state.lock().links.on_link(registry.keeper);
        self.send(registry.keeper, Signal::Link { from: process.pid });
        Ok(())
    }

    /// A process has ended: it is registered nowhere any more, and what it kept is no more.
    pub(crate) fn leave_all_registries(
        &self,
        pid: Pid,
        keeper: &Keeper,
        kept: &[Arc<Registry>],
        registered: &[Registered],
    ) {
        for registry in kept {
            self.registries.remove(&registry.name);
            registry.end(self);
            keeper.release(registry.own_bytes);
        }
        for Registered { registry, parts, locks, .. } in registered {
            registry.forget(self, pid, *parts, locks);
        }
    }
}
