//! Where instances live: linear memories and stacks of very many processes in few large mappings of the kernel's.
//!
//! A mapping is cut into slots of one size ([`pool`]); a memory or a stack takes a slot, and gives it back when its process
//! ends. What a process has not touched costs nothing but address space. A slot that comes back is zeroed before it is free
//! again, so that nobody ever sees another's bytes, and stays resident if it is small: the next process has no page
//! faults. Behind a memory and below a stack is a guard, a page that can't be accessed: a marker in the page table, not a
//! mapping of its own ([`pages`]).

mod class;
mod memory;
mod pages;
mod pool;
mod stack;

use std::sync::Arc;

use crate::engine::store::class::Classes;
use crate::engine::store::pages::Mapping;
use crate::engine::store::pool::{Pool, Warm};

pub(super) use memory::GUARD_BYTES as MEMORY_GUARD_BYTES;

/// Memories and stacks for a wasmtime engine: its `MemoryCreator` and its `StackCreator`. Clones are the same.
#[derive(Clone)]
pub(super) struct InstanceStore {
    memories: Arc<Classes<Mapping>>,
    stacks: Arc<Pool<Mapping>>,
}

impl InstanceStore {
    /// A store for stacks of so many bytes, each of which a guard comes on top of.
    pub(super) fn new(stack_bytes: usize) -> Self {
        let warm = Arc::new(Warm::default());
        Self {
            memories: Arc::new(Classes::new(memory::GUARD_BYTES, warm.clone())),
            stacks: Arc::new(Pool::new(stack_bytes + stack::GUARD_BYTES, stack::GUARD_BYTES, warm)),
        }
    }
}
