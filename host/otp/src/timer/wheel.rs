//! A hierarchical timing wheel: starting and stopping cost the same however many entries there are, and most timers are
//! stopped (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987).
//!
//! Time goes in ticks of 2^16 ns. An entry whose tick has not come lies in a slot of the level of the highest digit, to base
//! 64, in which its tick differs from the present one; when that slot's time comes, its entries go down a level. Those whose
//! tick has come are near: they lie in a map that orders them to the nanosecond, so that a wheel hands out what an ordered
//! map would, in the same order.

use std::collections::BTreeMap;

use slab::Slab;

use super::chain::{Chain, Links};
use crate::clock::Instant;

const TICK_BITS: u32 = 16;
const DIGIT_BITS: u32 = 6;
const DIGITS: usize = 1 << DIGIT_BITS;
/// With the bits of a tick, all of the 64 bits of a time.
const LEVELS: usize = 8;
/// How many entries go down a level at a time: meanwhile, everybody else waits for the wheel.
const DOWN_AT_ONCE: usize = 256;

/// Names an entry. One that is gone is never taken for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    index: u32,
    sequence: u64,
}

/// Entries with the time at which each is due.
pub(super) struct Wheel<T> {
    entries: Slab<Node<T>>,
    slots: Box<[Chain]>,
    /// Which slots of a level have entries, a bit for each.
    occupied: [u64; LEVELS],
    /// The slot whose time has come, and whose entries are on their way down.
    descending: Option<usize>,
    /// Entries whose tick has come. Of those that are due at the same moment the oldest is first.
    near: BTreeMap<(Instant, u64), u32>,
    /// The tick up to which all slots have been emptied.
    present: u64,
    next_sequence: u64,
}

struct Node<T> {
    due: Instant,
    sequence: u64,
    place: Place,
    links: Links,
    what: T,
}

#[derive(Clone, Copy)]
enum Place {
    Near,
    Slot(u16),
}

fn nanoseconds(instant: Instant) -> u64 {
    u64::try_from(instant.since_start().as_nanos()).unwrap_or(u64::MAX)
}

fn tick(instant: Instant) -> u64 {
    nanoseconds(instant) >> TICK_BITS
}

fn digit(tick: u64, level: usize) -> usize {
    (tick >> (level as u32 * DIGIT_BITS)) as usize % DIGITS
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self {
            entries: Slab::new(),
            slots: vec![Chain::default(); LEVELS * DIGITS].into(),
            occupied: [0; LEVELS],
            descending: None,
            near: BTreeMap::new(),
            present: 0,
            next_sequence: 0,
        }
    }
}

fn links<T>(node: &mut Node<T>) -> &mut Links {
    &mut node.links
}

impl<T> Wheel<T> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn insert(&mut self, due: Instant, what: T) -> Key {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let node = Node { due, sequence, place: Place::Near, links: Links::default(), what };
        // More than four thousand million of them have no room in any machine's memory.
        let index = self.entries.insert(node) as u32;
        self.place(index);
        Key { index, sequence }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<(Instant, T)> {
        self.due(key)?;
        Some(self.take(key.index))
    }

    /// When an entry is due.
    pub(super) fn due(&self, key: Key) -> Option<Instant> {
        let node = self.entries.get(key.index as usize)?;
        (node.sequence == key.sequence).then_some(node.due)
    }

    /// When there is something to do, be it that entries have to go down a level; nothing is due before.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.descending.is_some() {
            return Some(at_tick(self.present));
        }
        let near = self.near.first_key_value().map(|((due, _), _)| *due);
        near.or_else(|| self.first_slot().map(|(_, _, start)| at_tick(start)))
    }

    /// Takes the entry that has been due for the longest time, if it is due at `now`. None also if there is more to do first:
    /// then [`Wheel::next`] is not after `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        if !self.advance(tick(now)) {
            return None;
        }
        let (&(due, _), &index) = self.near.first_key_value()?;
        (due <= now).then(|| self.take(index).1)
    }

    /// Empties the slots whose time has come by `now`, unless there are too many entries in them for one go.
    fn advance(&mut self, now: u64) -> bool {
        let mut left = DOWN_AT_ONCE;
        loop {
            if let Some(slot) = self.descending {
                while let Some(index) = self.slots[slot].first() {
                    let Some(less) = left.checked_sub(1) else { return false };
                    left = less;
                    self.slots[slot].unlink(&mut self.entries, index, links);
                    self.place(index);
                }
                self.descending = None;
            }
            let first = self.first_slot().filter(|(_, _, start)| *start <= now);
            let Some((level, digit, start)) = first else { break };
            self.present = start;
            self.occupied[level] &= !(1 << digit);
            self.descending = Some(level * DIGITS + digit);
        }
        self.present = self.present.max(now);
        true
    }

    /// The slot whose time comes first: its level, its digit, and its first tick. What is on a level shares all higher digits
    /// with the present, so nothing on a higher level is earlier.
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|occupied| *occupied != 0)?;
        let digit = self.occupied[level].trailing_zeros() as usize;
        let bits = level as u32 * DIGIT_BITS;
        let higher = self.present >> bits >> DIGIT_BITS << DIGIT_BITS;
        Some((level, digit, (higher | digit as u64) << bits))
    }

    fn place(&mut self, index: u32) {
        let node = &mut self.entries[index as usize];
        let tick = tick(node.due);
        if tick <= self.present {
            node.place = Place::Near;
            self.near.insert((node.due, node.sequence), index);
            return;
        }
        let level = ((tick ^ self.present).ilog2() / DIGIT_BITS) as usize;
        let digit = digit(tick, level);
        let slot = level * DIGITS + digit;
        node.place = Place::Slot(slot as u16);
        self.occupied[level] |= 1 << digit;
        self.slots[slot].push(&mut self.entries, index, links);
    }

    fn take(&mut self, index: u32) -> (Instant, T) {
        let node = &self.entries[index as usize];
        match node.place {
            Place::Near => {
                self.near.remove(&(node.due, node.sequence));
            }
            Place::Slot(slot) => {
                let slot = usize::from(slot);
                self.slots[slot].unlink(&mut self.entries, index, links);
                if self.slots[slot].is_empty() {
                    self.occupied[slot / DIGITS] &= !(1 << (slot % DIGITS));
                }
            }
        }
        let node = self.entries.remove(index as usize);
        (node.due, node.what)
    }
}

fn at_tick(tick: u64) -> Instant {
    Instant::from_start(std::time::Duration::from_nanos(tick << TICK_BITS))
}
