//! Sizes of memories.

use std::io;
use std::sync::Arc;

use crate::engine::store::pages::Pages;
use crate::engine::store::pool::{Pool, Slot, Warm};

/// The smallest slot: a lean guest's memory and its guard.
const SMALLEST: usize = 256 << 10;

/// Sizes between one power of two and the next: a slot is at most a quarter larger than it needs to be.
const STEPS: usize = 4;

/// Powers of two, up to slots for 4 GiB of memory.
const DOUBLINGS: usize = 15;

/// A pool for each size.
pub(super) struct Classes<P> {
    pools: Vec<Arc<Pool<P>>>,
    guard_bytes: usize,
}

/// The size of the class with that number: 4, 5, 6, 7, 8, 10, 12, 14, … times 64 KiB.
fn slot_bytes(class: usize) -> usize {
    (SMALLEST + SMALLEST / STEPS * (class % STEPS)) << (class / STEPS)
}

impl<P: Pages> Classes<P> {
    /// Pools whose slots end with guards of so many bytes.
    pub(super) fn new(guard_bytes: usize, warm: Arc<Warm>) -> Self {
        let pool = |class| Arc::new(Pool::new(slot_bytes(class), guard_bytes, warm.clone()));
        Self { pools: (0..DOUBLINGS * STEPS).map(pool).collect(), guard_bytes }
    }

    /// A slot for a memory of so many bytes, its guard behind them.
    ///
    /// # Errors
    /// What the operating system has to say; `OutOfMemory` for what is larger than any memory.
    pub(super) fn take(&self, bytes: usize) -> io::Result<Slot<P>> {
        let fits = |pool: &&Arc<Pool<P>>| pool.slot_bytes() - self.guard_bytes >= bytes;
        let pool = self.pools.iter().find(fits).ok_or(io::ErrorKind::OutOfMemory)?;
        pool.take(bytes, 0..bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_at_most_a_quarter_larger_than_the_next_smaller() {
        assert_eq!([0, 1, 4, 5].map(slot_bytes), [256 << 10, 320 << 10, 512 << 10, 640 << 10]);
        for class in 1..DOUBLINGS * STEPS {
            assert!(slot_bytes(class) > slot_bytes(class - 1));
            assert!(slot_bytes(class) * 4 <= slot_bytes(class - 1) * 5);
        }
        assert!(slot_bytes(DOUBLINGS * STEPS - 1) > 4 << 30);
    }
}
