//! Slots of one size, cut from large mappings.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::store::pages::{PAGE_BYTES, Pages};

/// Addresses that are reserved at once. The kernel allows some 65,000 mappings, and 128 TiB of addresses.
const CHUNK_BYTES: usize = 32 << 30;

/// Bytes that are made accessible at once: it is a system call, and in some settings counts as memory.
const COMMIT_BYTES: usize = 32 << 20;

/// Pages of one slot that stay resident when it is given back: as many as a small process touches.
const MAX_KEPT: usize = 32;

/// Pages of all free slots together that stay resident: 64 MiB.
const MAX_WARM: usize = (64 << 20) / PAGE_BYTES;

/// How many pages of free slots are resident, over all pools of a store.
#[derive(Default)]
pub(super) struct Warm(AtomicUsize);

impl Warm {
    fn is_too_much(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MAX_WARM
    }
}

/// Slots of one size.
pub(super) struct Pool<P> {
    slot_bytes: usize,
    guard_bytes: usize,
    warm: Arc<Warm>,
    state: Mutex<State<P>>,
}

struct State<P> {
    /// All zeros, with pages that take memory; the last that came back is the first to go.
    warm: VecDeque<Free<P>>,
    /// All zeros, without.
    cold: Vec<Place<P>>,
    chunk: Option<Arc<Chunk<P>>>,
    /// Where the slots begin in the chunk that have never been handed out, and what of it is accessible.
    fresh: usize,
    committed: usize,
}

pub(super) struct Chunk<P> {
    pub(super) pages: P,
    bytes: usize,
}

/// A slot that is nobody's, and all zeros but for its guard.
struct Free<P> {
    place: Place<P>,
    /// What its last owner may have written to.
    used: Range<usize>,
    /// Pages of that which take memory.
    kept: usize,
}

/// A part of a chunk, which is of whoever has this.
struct Place<P> {
    chunk: Arc<Chunk<P>>,
    offset: usize,
    /// Where its guard is, from its own beginning.
    guard: Option<usize>,
    /// Whether the operating system has refused to move the guard: there may be another one somewhere.
    is_broken: bool,
}

/// A slot, until this is dropped. It is all zeros when it is taken.
pub(super) struct Slot<P: Pages> {
    pool: Arc<Pool<P>>,
    /// None only while it is being dropped.
    place: Option<Place<P>>,
    /// What its owner may have written to: this is zeroed before it is anybody else's.
    used: Range<usize>,
}

impl<P: Pages> Pool<P> {
    /// Slots of so many bytes, with guards of so many; both are whole pages.
    pub(super) fn new(slot_bytes: usize, guard_bytes: usize, warm: Arc<Warm>) -> Self {
        debug_assert!(slot_bytes.is_multiple_of(PAGE_BYTES) && guard_bytes.is_multiple_of(PAGE_BYTES));
        let state = State { warm: VecDeque::new(), cold: Vec::new(), chunk: None, fresh: 0, committed: 0 };
        Self { slot_bytes, guard_bytes, warm, state: Mutex::new(state) }
    }

    /// The size of a slot, its guard included.
    pub(super) fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot that is all zeros, with its guard at `guard`. Its owner may write to `used` of it.
    ///
    /// # Errors
    /// What the operating system has to say.
    pub(super) fn take(self: &Arc<Self>, guard: usize, used: Range<usize>) -> io::Result<Slot<P>> {
        let place = {
            let mut state = self.state();
            if let Some(Free { place, kept, .. }) = state.warm.pop_back() {
                self.warm.0.fetch_sub(kept, Ordering::Relaxed);
                place
            } else if let Some(place) = state.cold.pop() {
                place
            } else {
                self.fresh(&mut state)?
            }
        };
        let mut slot = Slot { pool: self.clone(), place: Some(place), used };
        slot.set_guard(guard)?;
        Ok(slot)
    }

    fn fresh(&self, state: &mut State<P>) -> io::Result<Place<P>> {
        let ends = |chunk: &Arc<Chunk<P>>| state.fresh + self.slot_bytes > chunk.bytes;
        let chunk = match state.chunk.clone().filter(|chunk| !ends(chunk)) {
            Some(chunk) => chunk,
            None => {
                let bytes = CHUNK_BYTES.max(self.slot_bytes);
                let chunk = Arc::new(Chunk { pages: P::reserve(bytes)?, bytes });
                (state.fresh, state.committed) = (0, 0);
                state.chunk.insert(chunk).clone()
            }
        };
        let end = state.fresh + self.slot_bytes;
        if end > state.committed {
            let until = (state.committed + COMMIT_BYTES).max(end).min(chunk.bytes);
            chunk.pages.commit(state.committed..until)?;
            state.committed = until;
        }
        let offset = std::mem::replace(&mut state.fresh, end);
        Ok(Place { chunk, offset, guard: None, is_broken: false })
    }

    /// Takes back a place that is all zeros, of which `kept` pages take memory. If those of all free places are too many, as
    /// many are given up, by those of this pool that have been free for longest: whoever comes next gets one that is warm.
    fn give_back(&self, place: Place<P>, used: Range<usize>, kept: usize) {
        if kept == 0 {
            self.state().cold.push(place);
            return;
        }
        self.warm.0.fetch_add(kept, Ordering::Relaxed);
        self.state().warm.push_back(Free { place, used, kept });
        let mut given_up = 0;
        while given_up < kept && self.warm.is_too_much() {
            let Some(Free { place, used, kept }) = self.state().warm.pop_front() else { return };
            self.warm.0.fetch_sub(kept, Ordering::Relaxed);
            given_up += kept;
            // SAFETY: the slot is nobody's while it is in no list, and the guard is outside of what was used.
            let emptied = unsafe { place.chunk.pages.zero(place.within(used), 0) };
            if emptied.is_ok() {
                self.state().cold.push(place);
            }
        }
    }
}

impl<P: Pages> Place<P> {
    fn within(&self, range: Range<usize>) -> Range<usize> {
        self.offset + range.start..self.offset + range.end
    }
}

impl<P: Pages> Slot<P> {
    fn place(&self) -> &Place<P> {
        self.place.as_ref().expect("it is taken only when the slot is dropped")
    }

    /// Where it begins.
    pub(super) fn start(&self) -> *mut u8 {
        let place = self.place();
        place.chunk.pages.start().wrapping_add(place.offset)
    }

    /// What its owner may write to: where that is in which chunk.
    pub(super) fn used(&self) -> (Arc<Chunk<P>>, Range<usize>) {
        let place = self.place();
        (place.chunk.clone(), place.within(self.used.clone()))
    }

    /// The size of it, without its guard.
    pub(super) fn capacity(&self) -> usize {
        self.pool.slot_bytes - self.pool.guard_bytes
    }

    fn check(&self, range: &Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.pool.slot_bytes, "{range:?}");
    }

    /// Moves the guard to `guard`. What is there must not have been used.
    fn set_guard(&mut self, guard: usize) -> io::Result<()> {
        let size = self.pool.guard_bytes;
        self.check(&(guard..guard + size));
        let place = self.place.as_mut().expect("it is taken only when the slot is dropped");
        if place.is_broken {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if place.guard == Some(guard) {
            return Ok(());
        }
        place.is_broken = true;
        let new = place.within(guard..guard + size);
        // SAFETY: it is within the slot, which nobody else has.
        unsafe { place.chunk.pages.guard(new.clone())? };
        if let Some(old) = place.guard {
            let old = place.within(old..old + size);
            // SAFETY: as above.
            unsafe { place.chunk.pages.unguard(old.clone())? };
            if new.end < old.start {
                // What an earlier owner has touched beyond: all zeros, but it takes memory that nobody counts.
                // SAFETY: as above.
                unsafe { place.chunk.pages.zero(new.end..old.start, 0)? };
            }
        }
        place.guard = Some(guard);
        place.is_broken = false;
        Ok(())
    }

    /// Lets the owner write to `used`, beyond what he could already, with the guard at `guard`.
    ///
    /// # Errors
    /// What the operating system has to say; what could be used can be used.
    pub(super) fn grow(&mut self, guard: usize, used: Range<usize>) -> io::Result<()> {
        self.check(&used);
        debug_assert!(used.start <= self.used.start && self.used.end <= used.end);
        self.set_guard(guard)?;
        self.used = used;
        Ok(())
    }

    /// Copies what was used of another slot to the same places in this one, which is all zeros.
    pub(super) fn copy_from(&mut self, other: &Self) -> io::Result<()> {
        self.check(&other.used);
        let (from, to) = (other.place(), self.place());
        let range = from.within(other.used.clone());
        // SAFETY: both ranges are within slots that nobody else has.
        unsafe { from.chunk.pages.copy(range, &to.chunk.pages, to.offset + other.used.start) }
    }
}

impl<P: Pages> Drop for Slot<P> {
    fn drop(&mut self) {
        let Some(place) = self.place.take().filter(|place| !place.is_broken) else { return };
        let range = place.within(self.used.clone());
        // SAFETY: it is within the slot, which nobody uses any more, and the guard is outside of what was used.
        let zeroed = unsafe { place.chunk.pages.zero(range, MAX_KEPT) };
        // What can't be zeroed is nobody's for ever.
        if let Ok(kept) = zeroed {
            self.pool.give_back(place, self.used.clone(), kept);
        }
    }
}

#[cfg(test)]
mod tests;
