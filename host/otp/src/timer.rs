//! Timers: what is to happen at a point in time, ordered by that point.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::budget::Charge;
use crate::clock::Instant;
use crate::limits::Limits;
use crate::pid::{Destination, Pid, Reference};
use crate::received::Message;
use crate::sync::Mutex;

/// A timer that delivers a message.
#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) destination: Destination,
    pub(crate) load: Load,
    /// Who started it, and is charged for it while it lives.
    pub(crate) creator: Pid,
    /// Who is charged when the creator has ended: the component that it ran.
    pub(crate) orphan_of: Option<Component>,
    /// The place that it takes in its creator's budget.
    #[expect(dead_code, reason = "it counts until it is dropped")]
    pub(crate) charge: Option<Charge>,
}

/// The component of a guest; none for native processes.
pub(crate) type Component = Option<Arc<str>>;

/// What the timers of a component's ended processes take: they outlive their creators (rule P61), but there can't be
/// any number of them.
#[derive(Clone, Copy, Default)]
struct Orphans {
    count: u64,
    bytes: u64,
}

/// What a timer delivers.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// A timer message with this payload.
    Timer(Bytes),
    /// A message of the timer's creator. One to the creator itself has its room reserved.
    Message { message: Message, reserved: bool },
}

impl Load {
    pub(crate) fn payload(&self) -> &Bytes {
        match self {
            Self::Timer(payload) => payload,
            Self::Message { message, .. } => &message.payload,
        }
    }
}

/// What has become due.
#[expect(clippy::large_enum_variant, reason = "it lives for a moment")]
pub(crate) enum Due {
    Wake(Pid),
    Deliver(Reference, Timer),
}

/// The place of one entry. Ties in time are broken by age, so that a simulation is deterministic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key(Instant, u64);

enum Entry {
    Wake(Pid),
    Deliver(Reference),
}

#[derive(Default)]
struct Entries {
    by_time: BTreeMap<Key, Entry>,
    timers: HashMap<Reference, (Key, Timer)>,
    by_destination: BTreeSet<(Pid, Reference)>,
    /// Those that may outlive their creator.
    by_creator: BTreeSet<(Pid, Reference)>,
    orphans: HashMap<Component, Orphans>,
    next_sequence: u64,
}

pub(crate) struct Timers {
    entries: Mutex<Entries>,
    /// Nanoseconds of the earliest entry, to look without locking.
    earliest: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Default for Timers {
    fn default() -> Self {
        Self { entries: Mutex::default(), earliest: AtomicU64::new(NEVER) }
    }
}

impl Timers {
    /// Has `process` polled at `deadline`.
    pub(crate) fn wake_at(&self, deadline: Instant, process: Pid) -> Key {
        let mut entries = self.entries.lock();
        let key = entries.insert(deadline, Entry::Wake(process));
        self.note_earliest(&entries);
        key
    }

    pub(crate) fn cancel_wake(&self, key: Key) {
        let mut entries = self.entries.lock();
        entries.by_time.remove(&key);
        self.note_earliest(&entries);
    }

    pub(crate) fn start(&self, deadline: Instant, reference: Reference, timer: Timer) {
        let mut entries = self.entries.lock();
        let key = entries.insert(deadline, Entry::Deliver(reference));
        if let Destination::Pid(pid) = timer.destination {
            entries.by_destination.insert((pid, reference));
        }
        if timer.destination != Destination::Pid(timer.creator) {
            entries.by_creator.insert((timer.creator, reference));
        }
        entries.timers.insert(reference, (key, timer));
        self.note_earliest(&entries);
    }

    /// Stops a timer; when it would have run out, and what it was (rule P57).
    pub(crate) fn cancel(&self, reference: Reference) -> Option<(Instant, Timer)> {
        let mut entries = self.entries.lock();
        let (key, timer) = entries.remove_timer(reference)?;
        entries.by_time.remove(&key);
        self.note_earliest(&entries);
        Some((key.0, timer))
    }

    /// When a timer will run out (rule P58).
    pub(crate) fn read(&self, reference: Reference) -> Option<Instant> {
        self.entries.lock().timers.get(&reference).map(|(key, _)| key.0)
    }

    /// Removes the timers that would reach a process which has ended (rule P59); what they were.
    pub(crate) fn cancel_all_to(&self, destination: Pid) -> Vec<Timer> {
        let mut entries = self.entries.lock();
        let first = (destination, Reference(0));
        let last = (destination, Reference(u64::MAX));
        let references: Vec<_> = entries.by_destination.range(first..=last).map(|(_, r)| *r).collect();
        let mut timers = Vec::with_capacity(references.len());
        for reference in references {
            if let Some((key, timer)) = entries.remove_timer(reference) {
                entries.by_time.remove(&key);
                timers.push(timer);
            }
        }
        self.note_earliest(&entries);
        timers
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().by_time.len()
    }

    /// The creator of timers has ended. What they take is its component's, up to what a process may have unless it is
    /// told otherwise; those beyond are removed.
    pub(crate) fn orphan(&self, creator: Pid, component: &Component) {
        let limits = Limits::default();
        let mut entries = self.entries.lock();
        let (first, last) = ((creator, Reference(0)), (creator, Reference(u64::MAX)));
        let references: Vec<_> = entries.by_creator.range(first..=last).map(|(_, r)| *r).collect();
        for reference in references {
            let Entries { timers, orphans, .. } = &mut *entries;
            let Some((_, timer)) = timers.get_mut(&reference) else { continue };
            let charged = orphans.entry(component.clone()).or_default();
            let bytes = charged.bytes + timer.load.payload().len() as u64;
            if charged.count < limits.timers && bytes <= limits.mailbox_bytes {
                *charged = Orphans { count: charged.count + 1, bytes };
                timer.orphan_of = Some(component.clone());
            } else if let Some((key, _)) = entries.remove_timer(reference) {
                entries.by_time.remove(&key);
            }
        }
        self.note_earliest(&entries);
    }

    /// When the next entry is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.entries.lock().by_time.first_key_value().map(|(key, _)| key.0)
    }

    /// Whether something is due at `now`, without locking.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now.since_start().as_nanos() >= u128::from(self.earliest.load(Ordering::Acquire))
    }

    /// Takes the earliest entry, if it is due at `now`.
    pub(crate) fn pop_due(&self, now: Instant) -> Option<Due> {
        let mut entries = self.entries.lock();
        let first = entries.by_time.first_entry().filter(|first| first.key().0 <= now)?;
        let due = match first.remove() {
            Entry::Wake(pid) => Some(Due::Wake(pid)),
            Entry::Deliver(reference) => {
                entries.remove_timer(reference).map(|(_, timer)| Due::Deliver(reference, timer))
            }
        };
        self.note_earliest(&entries);
        due
    }

    fn note_earliest(&self, entries: &Entries) {
        let earliest = entries
            .by_time
            .first_key_value()
            .map_or(NEVER, |(key, _)| u64::try_from(key.0.since_start().as_nanos()).unwrap_or(NEVER - 1));
        self.earliest.store(earliest, Ordering::Release);
    }
}

impl Entries {
    fn insert(&mut self, deadline: Instant, entry: Entry) -> Key {
        let key = Key(deadline, self.next_sequence);
        self.next_sequence += 1;
        self.by_time.insert(key, entry);
        key
    }

    fn remove_timer(&mut self, reference: Reference) -> Option<(Key, Timer)> {
        let (key, timer) = self.timers.remove(&reference)?;
        if let Destination::Pid(pid) = timer.destination {
            self.by_destination.remove(&(pid, reference));
        }
        self.by_creator.remove(&(timer.creator, reference));
        if let Some(component) = &timer.orphan_of
            && let Some(charged) = self.orphans.get_mut(component)
        {
            charged.count -= 1;
            charged.bytes -= timer.load.payload().len() as u64;
            if charged.count == 0 {
                self.orphans.remove(component);
            }
        }
        Some((key, timer))
    }
}
