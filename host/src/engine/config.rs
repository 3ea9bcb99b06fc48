//! The wasmtime engine of a node, and what guests find when they import.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::engine::bindings::Guest;
use crate::engine::cache;
use crate::engine::host::wasi;
use crate::engine::memory::MAX_TABLE_ELEMENTS;
use crate::engine::state::GuestState;

/// Live instances, at most: each takes a stack, a memory and about three core instances of the pool. More would
/// end at the kernel's limit of 65,530 mappings per process.
pub const MAX_INSTANCES: u32 = 10_300;

/// The wasm stack of a guest, and what the host's functions get on top of it.
const MAX_WASM_STACK_BYTES: usize = 512 << 10;
const HOST_STACK_BYTES: usize = 512 << 10;

/// The address space of a memory: the largest that a manifest may allow.
pub(crate) const MAX_MEMORY_BYTES: u64 = 4 << 30;

/// A wasmtime engine with Regrow's settings, and the linker that guests are instantiated from. Clones are the same.
#[derive(Clone)]
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) linker: Arc<Linker<GuestState>>,
    /// Places for components that are being compiled: each may use every core.
    pub(super) compiling: Arc<Semaphore>,
    /// What guests may import beside what every host offers.
    pub(super) more: Arc<[String]>,
}

/// The engine can't be set up on this machine.
#[derive(Debug)]
pub struct EngineError(wasmtime::Error);

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the wasm engine can't be set up: {:#}", self.0)
    }
}

impl std::error::Error for EngineError {}

impl Engine {
    /// Sets the engine up. Compiled components are kept in wasmtime's cache, so that the next start is quick.
    ///
    /// # Errors
    /// [`EngineError`], if the operating system refuses the address space.
    pub fn new() -> Result<Self, EngineError> {
        Self::with_host_functions(&[], |_| Ok(()))
    }

    /// As [`Engine::new`], with more for guests to import: `add` defines it in the linker, and `packages` are the
    /// beginnings of the names of its interfaces (`example:sensors/`), so that other unknown imports are still refused by
    /// name when a component is loaded.
    ///
    /// What `add` defines runs on the fibers of guests, holds up a worker for as long as it takes, and must not panic on
    /// what guests give it. It is not charged as work.
    ///
    /// # Errors
    /// [`EngineError`], also if `add` fails.
    pub fn with_host_functions(
        packages: &[&str],
        add: impl FnOnce(&mut Linker<GuestState>) -> wasmtime::Result<()>,
    ) -> Result<Self, EngineError> {
        Self::build(packages, add).map_err(EngineError)
    }

    fn build(
        packages: &[&str],
        add: impl FnOnce(&mut Linker<GuestState>) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<Self> {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(MAX_INSTANCES)
            .total_core_instances(MAX_INSTANCES * 4)
            .total_memories(MAX_INSTANCES)
            .total_tables(MAX_INSTANCES * 4)
            .table_elements(MAX_TABLE_ELEMENTS)
            .total_stacks(MAX_INSTANCES)
            .max_memory_size(MAX_MEMORY_BYTES as usize)
            .max_core_instances_per_component(16)
            .max_memories_per_component(1)
            .max_tables_per_component(16);
        let mut config = Config::new();
        config
            .consume_fuel(true)
            .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(64))
            .max_wasm_stack(MAX_WASM_STACK_BYTES)
            .async_stack_size(MAX_WASM_STACK_BYTES + HOST_STACK_BYTES)
            .concurrency_support(false)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        config.cache(cache::open());
        let wasmtime = wasmtime::Engine::new(&config)?;
        let mut linker = Linker::new(&wasmtime);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.allow_shadowing(true);
        wasi::add_to_linker(&mut linker)?;
        linker.allow_shadowing(false);
        Guest::add_to_linker::<_, HasSelf<GuestState>>(&mut linker, |state| state)?;
        add(&mut linker)?;
        let more = packages.iter().map(|package| (*package).to_owned()).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let compiling = Arc::new(Semaphore::new(cores));
        Ok(Self { wasmtime, linker: Arc::new(linker), compiling, more })
    }
}
