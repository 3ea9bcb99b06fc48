//! Maps by keys that hold 64 random bits of the host's own: references, pids, blobs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The random bits are the hash: nobody chooses them.
#[derive(Default)]
pub(crate) struct OwnBits(u64);

impl Hasher for OwnBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u32(&mut self, _: u32) {}

    fn write_u64(&mut self, bits: u64) {
        self.0 ^= bits;
    }
}

pub(crate) type ByRandom<K, V> = HashMap<K, V, BuildHasherDefault<OwnBits>>;
