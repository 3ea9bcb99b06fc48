//! The wasmtime engines of a node, and what guests find when they import.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::engine::bindings::Guest;
use crate::engine::cache;
use crate::engine::host::wasi;
use crate::engine::memory::MAX_TABLE_ELEMENTS;
use crate::engine::state::GuestState;
use crate::engine::store::{InstanceStore, MEMORY_GUARD_BYTES, Paging};
use crate::engine::ticker::Ticker;

/// Live processes, at most.
pub const MAX_INSTANCES: u32 = 2_000_000;

/// Live instances on the engine for speed, at most: each takes about six of the kernel's mappings, of which a program has
/// 65,530.
pub(super) const MAX_FAST_INSTANCES: u32 = 10_300;

/// The wasm stack of a guest.
const MAX_WASM_STACK_BYTES: usize = 128 << 10;
const MAX_FAST_WASM_STACK_BYTES: usize = 512 << 10;

/// What the host's functions get on top of it: decoding a reason of a guest's takes most, 53 KiB, and without optimisation
/// 330 KiB.
const HOST_STACK_BYTES: usize = if cfg!(debug_assertions) { 512 << 10 } else { 112 << 10 };

/// The address space of a memory: the largest that a manifest may allow.
pub(crate) const MAX_MEMORY_BYTES: u64 = 4 << 30;

/// What an engine is good at: two of them compile differently and keep instances differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EngineKind {
    /// Very many processes: each pays for what it touches, and takes none of the kernel's mappings. Accesses to memory are
    /// compared with its length.
    #[default]
    Density,
    /// Processes that compute: each has four gibibytes of addresses, so that most accesses need no comparison, and its work
    /// is not counted but timed: a slice is up to a millisecond, and a reduction is a nanosecond. There can be ten thousand
    /// of them.
    Speed,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Density => "density",
            Self::Speed => "speed",
        })
    }
}

/// How long a process waits before it is paged out, unless an embedder says otherwise.
const PAGE_OUT_AFTER: Duration = Duration::from_secs(1);

/// What guests may import beside what every host offers.
type Define = dyn Fn(&mut Linker<GuestState>) -> wasmtime::Result<()> + Send + Sync;

/// wasmtime's engines with Regrow's settings, and the linkers that guests are instantiated from. Clones are the same.
#[derive(Clone)]
pub struct Engine(Arc<Engines>);

struct Engines {
    density: Variant,
    /// Made when the first component asks for it.
    speed: OnceLock<Variant>,
    define: Box<Define>,
    /// Places for components that are being compiled: each may use every core.
    compiling: Semaphore,
    more: Vec<String>,
}

/// One of the engines.
pub(super) struct Variant {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) linker: Linker<GuestState>,
    pub(super) runs: Runs,
}

/// How instances are kept and counted.
#[derive(Clone)]
pub(super) enum Runs {
    /// For density: in a store of ours, on fuel.
    InStore(InstanceStore),
    /// For speed: in wasmtime's pool, in slices of time.
    InPool(Arc<Ticker>),
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

    /// As [`Engine::new`], with another time than a second after which a process that waits is paged out: its memory and its
    /// stack, as far as they are not as in every other of its component, are packed in the host's heap until it has
    /// something to do. Only processes on the engine for density are, and only where the kernel says which pages a process has
    /// (`PAGEMAP_SCAN`, Linux 6.7). Less than two milliseconds count as two.
    ///
    /// # Errors
    /// [`EngineError`]
    pub fn paging_out_after(idle: Duration) -> Result<Self, EngineError> {
        Self::with(&[], idle, |_| Ok(()))
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
        add: impl Fn(&mut Linker<GuestState>) -> wasmtime::Result<()> + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        Self::with(packages, PAGE_OUT_AFTER, add)
    }

    fn with(
        packages: &[&str],
        page_out_after: Duration,
        add: impl Fn(&mut Linker<GuestState>) -> wasmtime::Result<()> + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let store = InstanceStore::new(MAX_WASM_STACK_BYTES + HOST_STACK_BYTES, page_out_after);
        let wasmtime = wasmtime::Engine::new(&density_config(&store)).map_err(EngineError)?;
        let density = Variant::new(wasmtime, Runs::InStore(store), &add).map_err(EngineError)?;
        let more = packages.iter().map(|package| (*package).to_owned()).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self(Arc::new(Engines {
            density,
            speed: OnceLock::new(),
            define: Box::new(add),
            compiling: Semaphore::new(cores),
            more,
        })))
    }

    /// How often processes have been paged out so far, and in again.
    pub fn paging(&self) -> Paging {
        match &self.0.density.runs {
            Runs::InStore(store) => store.paging(),
            Runs::InPool(_) => Paging::default(),
        }
    }

    /// The engine of that kind.
    pub(super) fn variant(&self, kind: EngineKind) -> wasmtime::Result<&Variant> {
        let Engines { density, speed, define, .. } = &*self.0;
        match (kind, speed.get()) {
            (EngineKind::Density, _) => Ok(density),
            (EngineKind::Speed, Some(speed)) => Ok(speed),
            (EngineKind::Speed, None) => {
                let wasmtime = wasmtime::Engine::new(&speed_config())?;
                let ticker = Arc::new(Ticker::start(wasmtime.clone())?);
                let made = Variant::new(wasmtime, Runs::InPool(ticker), define)?;
                Ok(speed.get_or_init(|| made))
            }
        }
    }

    /// Waits for a place to compile in.
    pub(super) async fn place_to_compile(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.0.compiling.acquire().await
    }

    /// What guests may import beside what every host offers.
    pub(super) fn more_imports(&self) -> &[String] {
        &self.0.more
    }
}

impl Variant {
    fn new(wasmtime: wasmtime::Engine, runs: Runs, define: &Define) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&wasmtime);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.allow_shadowing(true);
        wasi::add_to_linker(&mut linker)?;
        linker.allow_shadowing(false);
        Guest::add_to_linker::<_, HasSelf<GuestState>>(&mut linker, |state| state)?;
        define(&mut linker)?;
        Ok(Self { wasmtime, linker, runs })
    }
}

/// What all engines have in common.
fn config(max_wasm_stack_bytes: usize) -> Config {
    let mut config = Config::new();
    config
        // The component model's addresses have 32 bits.
        .wasm_memory64(false)
        // Backtraces say the names of functions, and no more is looked up for them: killing a process makes one, too.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(64))
        .max_wasm_stack(max_wasm_stack_bytes)
        .async_stack_size(max_wasm_stack_bytes + HOST_STACK_BYTES)
        .concurrency_support(false)
        .cache(cache::open());
    config
}

/// Memories and stacks of very many processes in few mappings: see [`store`](crate::engine::store).
fn density_config(store: &InstanceStore) -> Config {
    let mut config = config(MAX_WASM_STACK_BYTES);
    config
        .consume_fuel(true)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .with_host_memory(Arc::new(store.clone()))
        .with_host_stack(Arc::new(store.clone()))
        // A memory's data are copied when it is made; sharing them would take mappings of its own.
        .memory_init_cow(false)
        .memory_reservation(0)
        .memory_reservation_for_growth(0)
        .memory_guard_size(MEMORY_GUARD_BYTES as u64)
        .guard_before_linear_memory(false)
        .memory_may_move(true);
    config
}

/// Whole address spaces from wasmtime's pool.
fn speed_config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_FAST_INSTANCES)
        .total_core_instances(MAX_FAST_INSTANCES * 4)
        .total_memories(MAX_FAST_INSTANCES)
        .total_tables(MAX_FAST_INSTANCES * 4)
        .table_elements(MAX_TABLE_ELEMENTS)
        .total_stacks(MAX_FAST_INSTANCES)
        .max_memory_size(MAX_MEMORY_BYTES as usize)
        .max_core_instances_per_component(16)
        .max_memories_per_component(1)
        .max_tables_per_component(16);
    let mut config = config(MAX_FAST_WASM_STACK_BYTES);
    config.epoch_interruption(true).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
