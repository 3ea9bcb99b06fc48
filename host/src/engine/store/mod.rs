//! Where instances live: linear memories and stacks of very many processes in few large mappings of the kernel's.
//!
//! A mapping is cut into slots of one size ([`pool`]); a memory or a stack takes a slot, and gives it back when its process
//! ends. What a process has not touched costs nothing but address space. A slot that comes back is zeroed before it is free
//! again, so that nobody ever sees another's bytes, and stays resident if it is small: the next process has no page
//! faults. A process that waits for long is paged out ([`residence`]). Behind a memory and below a stack is a guard, a page that can't be accessed: a marker in the page table, not a
//! mapping of its own ([`pages`]).

mod class;
mod memory;
mod packed;
mod pager;
mod pages;
mod part;
mod pool;
mod residence;
mod stack;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::engine::store::class::Classes;
use crate::engine::store::pager::Pager;
use crate::engine::store::pages::Mapping;
use crate::engine::store::pool::{Pool, Warm};

pub(super) use memory::GUARD_BYTES as MEMORY_GUARD_BYTES;
pub use pager::Paging;
pub(super) use residence::{Image, InTurns, Turns};

/// Memories and stacks for a wasmtime engine: its `MemoryCreator` and its `StackCreator`. Clones are the same.
#[derive(Clone)]
pub(super) struct InstanceStore {
    memories: Arc<Classes<Mapping>>,
    stacks: Arc<Pool<Mapping>>,
    pager: Arc<Pager>,
}

impl InstanceStore {
    /// A store for stacks of so many bytes, each of which a guard comes on top of. Who waits for as long as `idle` is paged
    /// out.
    pub(super) fn new(stack_bytes: usize, idle: Duration) -> Self {
        let warm = Arc::new(Warm::default());
        Self {
            memories: Arc::new(Classes::new(memory::GUARD_BYTES, warm.clone())),
            stacks: Arc::new(Pool::new(stack_bytes + stack::GUARD_BYTES, stack::GUARD_BYTES, warm)),
            pager: Arc::new(Pager::new(idle)),
        }
    }

    /// How often processes were paged out, and in again.
    pub(super) fn paging(&self) -> Paging {
        self.pager.counters()
    }

    /// The turns of a process to come, whose memories are compared with `image` when it is paged out.
    pub(super) fn turns(&self, image: Arc<Image>) -> Turns {
        Turns::new(self.pager.clone(), image)
    }
}
