//! Timers: what is to happen at a point in time, ordered by that point.

mod chain;
#[cfg(test)]
mod tests;
mod wheel;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use slab::Slab;

use crate::budget::Charge;
use crate::by_random::ByRandom;
use crate::clock::Instant;
use crate::limits::Limits;
use crate::pid::{Destination, Pid, Reference};
use crate::received::Message;
use crate::sync::Mutex;
use crate::timer::chain::{Chain, Links};
pub(crate) use crate::timer::wheel::Key;
use crate::timer::wheel::Wheel;

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

#[derive(Clone, Copy)]
enum Entry {
    Wake(Pid),
    /// Where the timer is in the slab of timers.
    Deliver(u32),
}

/// A timer that runs, in the lists of the processes that it belongs to.
struct Running {
    key: Key,
    reference: Reference,
    timer: Timer,
    to: Links,
    by: Links,
}

fn to(running: &mut Running) -> &mut Links {
    &mut running.to
}

fn by(running: &mut Running) -> &mut Links {
    &mut running.by
}

/// The timers of a process.
#[derive(Default)]
struct OfProcess {
    /// Those that would reach it.
    to: Chain,
    /// Those that it created, and that may outlive it.
    by: Chain,
}

#[derive(Default)]
struct Entries {
    wheel: Wheel<Entry>,
    timers: Slab<Running>,
    by_reference: ByRandom<Reference, u32>,
    of_process: ByRandom<Pid, OfProcess>,
    orphans: HashMap<Component, Orphans>,
}

pub(crate) struct Timers {
    entries: Mutex<Entries>,
    /// Nanoseconds before which nothing is due, to look without locking. A stopped timer leaves it as it is: at worst
    /// somebody looks for nothing.
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
        let key = entries.wheel.insert(deadline, Entry::Wake(process));
        self.note(deadline);
        key
    }

    pub(crate) fn cancel_wake(&self, key: Key) {
        let mut entries = self.entries.lock();
        entries.wheel.remove(key);
        self.note_end(&entries);
    }

    pub(crate) fn start(&self, deadline: Instant, reference: Reference, timer: Timer) {
        let mut entries = self.entries.lock();
        entries.start(deadline, reference, timer);
        self.note(deadline);
    }

    /// Stops a timer; when it would have run out, and what it was (rule P57).
    pub(crate) fn cancel(&self, reference: Reference) -> Option<(Instant, Timer)> {
        let mut entries = self.entries.lock();
        let index = entries.by_reference.get(&reference).copied()?;
        let (due, timer) = entries.stop(index)?;
        self.note_end(&entries);
        Some((due, timer))
    }

    /// When a timer will run out (rule P58).
    pub(crate) fn read(&self, reference: Reference) -> Option<Instant> {
        let entries = self.entries.lock();
        let index = *entries.by_reference.get(&reference)?;
        entries.wheel.due(entries.timers.get(index as usize)?.key)
    }

    /// Removes the timers that would reach a process which has ended (rule P59); what they were.
    pub(crate) fn cancel_all_to(&self, destination: Pid) -> Vec<Timer> {
        let mut entries = self.entries.lock();
        let Some(chain) = entries.of_process.get(&destination).map(|of| of.to) else { return Vec::new() };
        let timers = chain.collect(&mut entries.timers, to);
        let timers = timers.into_iter().filter_map(|index| Some(entries.stop(index)?.1)).collect();
        self.note_end(&entries);
        timers
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().wheel.len()
    }

    /// The creator of timers has ended. What they take is its component's, up to what a process may have unless it is
    /// told otherwise; of those beyond the newest are removed.
    pub(crate) fn orphan(&self, creator: Pid, component: &Component) {
        let mut entries = self.entries.lock();
        let Some(chain) = entries.of_process.get(&creator).map(|of| of.by) else { return };
        for index in chain.collect(&mut entries.timers, by).into_iter().rev() {
            if !entries.adopt(index, component) {
                entries.stop(index);
            }
        }
        self.note_end(&entries);
    }

    /// Before when nothing is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let entries = self.entries.lock();
        self.note_next(&entries)
    }

    /// Whether something is due at `now`, or has to be moved nearer, without locking.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now.since_start().as_nanos() >= u128::from(self.earliest.load(Ordering::Acquire))
    }

    /// Takes the earliest entry, if it is due at `now`.
    pub(crate) fn pop_due(&self, now: Instant) -> Option<Due> {
        let mut entries = self.entries.lock();
        let due = entries.wheel.pop_due(now).and_then(|entry| match entry {
            Entry::Wake(pid) => Some(Due::Wake(pid)),
            Entry::Deliver(index) => {
                let (reference, timer) = entries.forget(index)?;
                Some(Due::Deliver(reference, timer))
            }
        });
        self.note_next(&entries);
        due
    }

    /// Something has been added. The lock is held.
    fn note(&self, deadline: Instant) {
        self.earliest.fetch_min(nanoseconds(deadline), Ordering::AcqRel);
    }

    /// Something has been removed.
    fn note_end(&self, entries: &Entries) {
        if entries.wheel.len() == 0 {
            self.earliest.store(NEVER, Ordering::Release);
        }
    }

    fn note_next(&self, entries: &Entries) -> Option<Instant> {
        let next = entries.wheel.next();
        self.earliest.store(next.map_or(NEVER, nanoseconds), Ordering::Release);
        next
    }
}

/// A moment that is representable is not never.
fn nanoseconds(instant: Instant) -> u64 {
    u64::try_from(instant.since_start().as_nanos()).unwrap_or(NEVER).min(NEVER - 1)
}

impl Entries {
    fn start(&mut self, deadline: Instant, reference: Reference, timer: Timer) {
        let (destination, creator) = (timer.destination.pid(), timer.creator);
        let place = self.timers.vacant_entry();
        let index = place.key() as u32;
        let key = self.wheel.insert(deadline, Entry::Deliver(index));
        place.insert(Running { key, reference, timer, to: Links::default(), by: Links::default() });
        self.by_reference.insert(reference, index);
        if let Some(pid) = destination {
            self.of_process.entry(pid).or_default().to.push(&mut self.timers, index, to);
        }
        if destination != Some(creator) {
            self.of_process.entry(creator).or_default().by.push(&mut self.timers, index, by);
        }
    }

    fn stop(&mut self, index: u32) -> Option<(Instant, Timer)> {
        let key = self.timers.get(index as usize)?.key;
        let (due, _) = self.wheel.remove(key)?;
        Some((due, self.forget(index)?.1))
    }

    /// Removes a timer that is in the wheel no more.
    fn forget(&mut self, index: u32) -> Option<(Reference, Timer)> {
        let Running { timer, .. } = self.timers.get(index as usize)?;
        let (destination, creator) = (timer.destination.pid(), timer.creator);
        if let Some(pid) = destination {
            self.unlink(pid, index, |of| &mut of.to, to);
        }
        if destination != Some(creator) {
            self.unlink(creator, index, |of| &mut of.by, by);
        }
        let Running { reference, timer, .. } = self.timers.try_remove(index as usize)?;
        self.by_reference.remove(&reference);
        if let Some(component) = &timer.orphan_of
            && let Some(charged) = self.orphans.get_mut(component)
        {
            charged.count -= 1;
            charged.bytes -= timer.load.payload().len() as u64;
            if charged.count == 0 {
                self.orphans.remove(component);
            }
        }
        Some((reference, timer))
    }

    fn unlink(
        &mut self,
        pid: Pid,
        index: u32,
        chain: fn(&mut OfProcess) -> &mut Chain,
        links: fn(&mut Running) -> &mut Links,
    ) {
        let Some(of_process) = self.of_process.get_mut(&pid) else { return };
        chain(of_process).unlink(&mut self.timers, index, links);
        if of_process.to.is_empty() && of_process.by.is_empty() {
            self.of_process.remove(&pid);
        }
    }

    /// Charges a component for a timer whose creator has ended; false if it has too many of them.
    fn adopt(&mut self, index: u32, component: &Component) -> bool {
        let Some(Running { timer, .. }) = self.timers.get_mut(index as usize) else { return false };
        let limits = Limits::default();
        let charged = self.orphans.get(component).copied().unwrap_or_default();
        let bytes = charged.bytes + timer.load.payload().len() as u64;
        if charged.count >= limits.timers || bytes > limits.mailbox_bytes {
            return false;
        }
        self.orphans.insert(component.clone(), Orphans { count: charged.count + 1, bytes });
        timer.orphan_of = Some(component.clone());
        true
    }
}
