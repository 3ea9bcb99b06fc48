//! Match specifications over the entries of a registry, piece by piece: nothing is locked while they run (rule R13).

use std::borrow::Cow;
use std::sync::Arc;

use regrow_term::{Matcher, canonical, encode};

use crate::pid::Pid;
use crate::process::Context;
use crate::registry::client::good_key;
use crate::registry::{Registration, Registry, RegistryError};
use crate::runtime::Runtime;

/// What an entry holds, as a list of two: what the value pattern of a match specification is compared with.
fn pid_and_value(pid: Pid, value: &[u8]) -> Vec<u8> {
    let pid = encode(&pid.to_term()).unwrap_or_default();
    let mut both = vec![0x82];
    both.extend_from_slice(&canonical(&pid).unwrap_or(Cow::Borrowed(&pid)));
    both.extend_from_slice(value);
    both
}

/// Whether a match specification over key, and pid and value, matches an entry, and how much work it was to find out, in bytes; what
/// comes of it is appended to `result`.
fn matches(matcher: &Matcher, key: &[u8], entry: &Registration, result: &mut Vec<u8>) -> (bool, usize) {
    matcher.run_counted(key, &pid_and_value(entry.pid, &entry.value), result)
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
                let (matches, work) = matches(matcher, &key, &entry, result);
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

/// The registrations of a process under a key, on the way to be compared with a match specification and ended. Only the process
/// itself can change them meanwhile.
pub struct UnregisterMatch {
    registry: Arc<Registry>,
    key: Vec<u8>,
    own: std::vec::IntoIter<(u64, Registration)>,
    matched: Vec<u64>,
}

impl UnregisterMatch {
    /// Looks at the next one: how much work that was, in bytes; none when that was all.
    pub fn look(&mut self, matcher: &Matcher) -> Option<usize> {
        let (number, entry) = self.own.next()?;
        let (matches, work) = matches(matcher, &self.key, &entry, &mut Vec::new());
        self.matched.extend(matches.then_some(number));
        Some(self.key.len() + entry.value.len() + work)
    }

    /// Ends those that matched; how many.
    pub fn finish(self, context: &Context) -> u64 {
        let inner = &context.runtime().inner;
        let removed = self.registry.unregister(inner, context.pid(), &self.key, Some(self.matched));
        context.has_unregistered(&self.registry, removed);
        removed
    }
}

impl Runtime {
    /// A walk through the entries that a match specification over key, and pid and value, looks at.
    ///
    /// # Errors
    /// [`RegistryError::NoRegistry`]
    pub fn walk_registry(&self, registry: &str, matcher: &Matcher) -> Result<RegistryWalk, RegistryError> {
        let registry = self.inner.registries.get(registry)?;
        let only_key = matcher.only_key().map(<[u8]>::to_vec);
        let part = only_key.as_deref().map_or(0, |key| registry.part_of(key));
        let until = registry.next_number();
        let batch = Vec::new().into_iter();
        Ok(RegistryWalk { registry, part, from: 0, until, only_key, batch, last: None })
    }
}

impl Context {
    /// Begins to end those registrations of this process under a key that a match specification matches
    /// (`Registry.unregister_match/4`, rule R13).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unregister_match(&self, registry: &str, key: &[u8]) -> Result<UnregisterMatch, RegistryError> {
        let (registry, key) = (self.runtime().inner.registries.get(registry)?, good_key(key)?.into_owned());
        let part = registry.read(registry.part_of(&key));
        let own: Vec<_> = part.of_both(&key, self.pid()).map(|(at, entry)| (at, entry.clone())).collect();
        drop(part);
        Ok(UnregisterMatch { registry, key, own: own.into_iter(), matched: Vec::new() })
    }
}
