//! A part of a registry: the entries of some of its keys, by key and by process.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use crate::holdings::Keeper;
use crate::pid::Pid;
use crate::registry::HashKeys;
use crate::small_map::SmallMap;
use crate::topic::is_pattern;

/// A process under a key, with the value that it gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The process.
    pub pid: Pid,
    /// The value, encoded.
    pub value: Bytes,
}

/// The entries of a key, in the order of their registration. Most keys have one.
enum Entries {
    One(u64, Registration),
    Many(BTreeMap<u64, Registration>),
}

/// What a process has in this part.
struct Owned {
    keeper: Arc<Keeper>,
    /// Its entries: their keys and numbers.
    entries: SmallMap<(Arc<[u8]>, u64), ()>,
}

pub(crate) struct Part {
    by_key: HashMap<Arc<[u8]>, Entries, HashKeys>,
    by_pid: HashMap<Pid, Owned, HashKeys>,
    /// The keys of all entries, by their numbers: a walk goes on from the last one that it has seen.
    by_number: BTreeMap<u64, Arc<[u8]>>,
    /// The registry is no more.
    pub(super) is_over: bool,
}

/// What an entry takes beside its key and its value.
const OVERHEAD: u64 = 192;

pub(super) fn weight(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64 + OVERHEAD
}

impl Entries {
    fn iter(&self) -> impl Iterator<Item = (u64, &Registration)> {
        let (one, many) = match self {
            Self::One(sequence, entry) => (Some((*sequence, entry)), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|(sequence, entry)| (*sequence, entry)))
    }

    fn from(&self, number: u64) -> impl Iterator<Item = (u64, &Registration)> {
        let (one, many) = match self {
            Self::One(of, entry) => (Some((*of, entry)).filter(|(of, _)| *of >= number), None),
            Self::Many(many) => (None, Some(many.range(number..))),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|(number, entry)| (*number, entry)))
    }

    fn get(&self, number: u64) -> Option<&Registration> {
        match self {
            Self::One(of, entry) => (*of == number).then_some(entry),
            Self::Many(many) => many.get(&number),
        }
    }

    fn get_mut(&mut self, sequence: u64) -> Option<&mut Registration> {
        match self {
            Self::One(of, entry) => (*of == sequence).then_some(entry),
            Self::Many(many) => many.get_mut(&sequence),
        }
    }

    fn insert(&mut self, sequence: u64, entry: Registration) {
        let Self::Many(many) = self else {
            let Self::One(first, before) = std::mem::replace(self, Self::Many(BTreeMap::new())) else {
                return;
            };
            *self = Self::Many(BTreeMap::from([(first, before), (sequence, entry)]));
            return;
        };
        many.insert(sequence, entry);
    }
}

impl Part {
    pub(super) fn new(hash_keys: HashKeys) -> Self {
        let (by_key, by_pid) = (HashMap::with_hasher(hash_keys), HashMap::with_hasher(hash_keys));
        Self { by_key, by_pid, by_number: BTreeMap::new(), is_over: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// The entries of a key, and their numbers.
    pub(super) fn of_key(&self, key: &[u8]) -> impl Iterator<Item = (u64, &Registration)> {
        self.by_key.get(key).into_iter().flat_map(Entries::iter)
    }

    /// The keys of a process, and the numbers of its entries.
    pub(super) fn of_pid(&self, pid: Pid) -> impl Iterator<Item = (u64, &Arc<[u8]>)> {
        let owned = self.by_pid.get(&pid).into_iter();
        owned.flat_map(|owned| owned.entries.iter().map(|((key, number), ())| (*number, key)))
    }

    /// Entries from a number on, in the order of their registration.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &Arc<[u8]>, &Registration)> {
        self.by_number.range(number..).filter_map(|(number, key)| {
            let entry = self.by_key.get(key)?.get(*number)?;
            Some((*number, key, entry))
        })
    }

    /// Entries of a key from a number on.
    pub(super) fn of_key_from(&self, key: &[u8], number: u64) -> impl Iterator<Item = (u64, &Registration)> {
        self.by_key.get(key).into_iter().flat_map(move |entries| entries.from(number))
    }

    /// The numbers of the entries of a process under a key, from one on.
    pub(super) fn numbers_of_both(&self, key: &[u8], pid: Pid, from: u64) -> impl Iterator<Item = u64> {
        let known = self.by_key.get_key_value(key).map(|(key, _)| key);
        let owned = known.zip(self.by_pid.get(&pid)).into_iter();
        owned.flat_map(move |(key, owned)| {
            let from = owned.entries.from(&(key.clone(), from));
            from.take_while(move |((of, _), ())| of == key).map(|((_, number), ())| *number)
        })
    }

    /// The entries of a process under a key.
    pub(super) fn of_both(&self, key: &[u8], pid: Pid) -> impl Iterator<Item = (u64, &Registration)> {
        let entries = self.by_key.get(key);
        let numbers = self.numbers_of_both(key, pid, 0);
        numbers.filter_map(move |number| Some((number, entries?.get(number)?)))
    }

    /// Puts in an entry that its process has been charged for.
    pub(super) fn insert(&mut self, number: u64, key: Arc<[u8]>, entry: Registration, keeper: &Arc<Keeper>) {
        let owned = self.by_pid.entry(entry.pid);
        let owned = owned.or_insert_with(|| Owned { keeper: keeper.clone(), entries: SmallMap::default() });
        owned.entries.insert((key.clone(), number), ());
        self.by_number.insert(number, key.clone());
        match self.by_key.get_mut(&key) {
            Some(entries) => entries.insert(number, entry),
            None => {
                self.by_key.insert(key, Entries::One(number, entry));
            }
        }
    }

    /// Takes out an entry and gives back what it was charged with.
    pub(super) fn remove(&mut self, number: u64, key: &[u8], pid: Pid) -> Option<Registration> {
        let (key, entry) = self.remove_by_key(number, key)?;
        if let Some(owned) = self.by_pid.get_mut(&pid) {
            owned.keeper.release(weight(&key, &entry.value));
            owned.entries.remove(&(key, number));
            if owned.entries.len() == 0 {
                self.by_pid.remove(&pid);
            }
        }
        Some(entry)
    }

    fn remove_by_key(&mut self, number: u64, key: &[u8]) -> Option<(Arc<[u8]>, Registration)> {
        let entries = self.by_key.get_mut(key)?;
        let (entry, is_empty) = match entries {
            Entries::One(of, _) if *of != number => return None,
            Entries::One(_, entry) => (entry.clone(), true),
            Entries::Many(many) => {
                let entry = many.remove(&number)?;
                (entry, many.is_empty())
            }
        };
        if is_empty {
            self.by_key.remove(key);
        }
        Some((self.by_number.remove(&number)?, entry))
    }

    /// Gives an entry another value, which its process is charged for.
    ///
    /// # Errors
    /// [`crate::LimitExceeded`]
    pub(super) fn replace(
        &mut self,
        number: u64,
        key: &[u8],
        value: Bytes,
    ) -> Result<bool, crate::exit_reason::LimitExceeded> {
        let Some(entry) = self.by_key.get_mut(key).and_then(|entries| entries.get_mut(number)) else {
            return Ok(false);
        };
        if let Some(owned) = self.by_pid.get(&entry.pid) {
            let (new, old) = (value.len() as u64, entry.value.len() as u64);
            match new.checked_sub(old) {
                Some(more) => owned.keeper.charge(more)?,
                None => owned.keeper.release(old - new),
            }
        }
        entry.value = value;
        Ok(true)
    }

    /// Takes out all that a process has; how many of the keys are patterns.
    pub(super) fn forget(&mut self, pid: Pid) -> u64 {
        let Some(Owned { keeper, entries }) = self.by_pid.remove(&pid) else { return 0 };
        let mut patterns = 0;
        for ((key, number), ()) in entries.iter() {
            if let Some((_, entry)) = self.remove_by_key(*number, key) {
                keeper.release(weight(key, &entry.value));
                patterns += u64::from(is_pattern(key));
            }
        }
        patterns
    }

    /// The registry is no more: nobody is registered in it. What there is to be dropped.
    pub(super) fn end(&mut self) -> Self {
        let mut empty = Self::new(*self.by_key.hasher());
        empty.is_over = true;
        std::mem::replace(self, empty)
    }

    /// Drops some of the entries, and gives back what they were charged with; how many are left.
    pub(crate) fn drop_some(&mut self, at_most: usize) -> usize {
        for _ in 0..at_most {
            let first = self.from(0).next().map(|(number, key, entry)| (number, key.clone(), entry.pid));
            let Some((number, key, pid)) = first else { break };
            self.remove(number, &key, pid);
        }
        self.len()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.drop_some(usize::MAX);
    }
}
