//! Stacks of fibers in slots.

use std::ops::Range;

use wasmtime::{StackCreator, StackMemory};

use crate::engine::store::InstanceStore;
use crate::engine::store::pages::Mapping;
use crate::engine::store::part::Part;
use crate::engine::store::pool::Slot;
use crate::engine::store::residence::InResidence;

/// What can't be accessed below a stack. The engine's checks end a guest long before; this is for functions of the host's,
/// some of which have frames of more than a page.
pub(super) const GUARD_BYTES: usize = 16 << 10;

struct Stack {
    /// Before the slot: it is no part of its instance any more when the slot goes.
    _in_residence: Option<InResidence>,
    slot: Slot<Mapping>,
}

// SAFETY: the slot is of this stack alone, whole pages, zeroed when it is taken, and its guard, at its lower end, can't be
// accessed.
unsafe impl StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        self.slot.start().wrapping_add(GUARD_BYTES + self.slot.capacity())
    }

    fn range(&self) -> Range<usize> {
        let start = self.slot.start().addr() + GUARD_BYTES;
        start..start + self.slot.capacity()
    }

    fn guard_range(&self) -> Range<*mut u8> {
        let start = self.slot.start();
        start..start.wrapping_add(GUARD_BYTES)
    }
}

// SAFETY: see `Stack`.
unsafe impl StackCreator for InstanceStore {
    fn new_stack(&self, size: usize, _zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let whole = self.stacks.slot_bytes();
        if size + GUARD_BYTES > whole {
            return Err(wasmtime::format_err!("stacks of {size} bytes, and the store is for {whole}"));
        }
        let slot = self.stacks.take(0, GUARD_BYTES..whole)?;
        Ok(Box::new(Stack { _in_residence: InResidence::of_current(Part::stack(slot.used())), slot }))
    }
}
