//! Linear memories in slots.

use std::sync::Arc;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use crate::engine::store::InstanceStore;
use crate::engine::store::class::Classes;
use crate::engine::store::pages::{Mapping, PAGE_BYTES};
use crate::engine::store::part::Part;
use crate::engine::store::pool::Slot;
use crate::engine::store::residence::InResidence;

/// What can't be accessed behind a memory. An access whose constant offset is within this needs one comparison.
pub(in crate::engine) const GUARD_BYTES: usize = PAGE_BYTES;

struct Memory {
    /// Before the slot: it is no part of its instance any more when the slot goes.
    in_residence: Option<InResidence>,
    slot: Slot<Mapping>,
    bytes: usize,
    classes: Arc<Classes<Mapping>>,
}

// SAFETY: the slot is of this memory alone, zeroed when it is taken; its start stays where it is until it grows. The guard
// behind `bytes` can't be accessed, and what is behind the guard can't be reached but through it: the engine compares with the length, but for offsets within the guard (`memory_guard_size`).
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.bytes
    }

    /// No more than there is: a growth within it may not move the memory, and moving it is the way out if the guard can't be
    /// moved.
    fn byte_capacity(&self) -> usize {
        self.bytes
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        let grown = new_size <= self.slot.capacity() && self.slot.grow(new_size, 0..new_size).is_ok();
        if !grown {
            let mut larger = self.classes.take(new_size)?;
            larger.copy_from(&self.slot)?;
            self.slot = larger;
        }
        self.bytes = new_size;
        if let Some(part) = &self.in_residence {
            part.change(Part::memory(self.slot.used()));
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot.start()
    }
}

// SAFETY: see `Memory`.
unsafe impl MemoryCreator for InstanceStore {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        // What the engine was configured with; compiled code relies on it.
        if reserved_size_in_bytes.is_some_and(|bytes| bytes > 0) || guard_size_in_bytes > GUARD_BYTES {
            return Err("the instance store reserves nothing for one memory".to_owned());
        }
        let slot = self.memories.take(minimum).map_err(|error| format!("no memory: {error}"))?;
        let in_residence = InResidence::of_current(Part::memory(slot.used()));
        Ok(Box::new(Memory { in_residence, slot, bytes: minimum, classes: self.memories.clone() }))
    }
}
