//! So many in a second: lines of the log, refusals that are told, names that are looked up.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many there were in the present second.
#[derive(Default, Debug)]
pub struct PerSecond {
    second: AtomicU64,
    count: AtomicU64,
}

impl PerSecond {
    /// Takes one of `most` in a second, at `now`, in nanoseconds since the runtime's start. False if there are no more.
    pub fn take(&self, most: u64, now: u64) -> bool {
        let second = now / 1_000_000_000;
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.count.store(0, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed) < most
    }
}
