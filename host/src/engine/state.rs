//! What the host keeps beside each instance.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use regrow_otp::{Context, Pid};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::engine::catalog::{Catalog, Program};
use crate::engine::grants::Grants;
use crate::engine::instance::{GuestLimits, MAX_HANDLES};
use crate::engine::memory::MemoryLimiter;
use crate::engine::stdio::GuestOutput;
use crate::engine::work::Work;
use crate::observe::GuestLog;

/// The process that an instance is.
pub(super) struct Owner {
    pub(super) context: Context,
    pub(super) program: Arc<Program>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) log: Arc<GuestLog>,
}

impl Owner {
    /// What the process may use now.
    pub(super) fn limits(&self) -> GuestLimits {
        let memory_bytes = self.context.meter().memory_limit_bytes.load(Ordering::Relaxed);
        GuestLimits { memory_bytes, process: self.context.limits() }
    }
}

/// What the host keeps of a guest process: the data of its store. To functions that a program adds to the linker it says
/// who calls.
pub struct GuestState {
    /// None while a component describes itself, outside any process.
    owner: Option<Owner>,
    grants: Arc<Grants>,
    output: GuestOutput,
    pub(super) memory: MemoryLimiter,
    pub(super) work: Work,
    /// Made when the guest first asks: most processes never do.
    wasi: Option<Box<Wasi>>,
}

struct Wasi {
    context: WasiCtx,
    resources: ResourceTable,
}

/// What a component may use while it describes itself.
const DESCRIBE_MEMORY_BYTES: u64 = 64 << 20;

impl GuestState {
    pub(super) fn outside_any_process() -> Self {
        Self {
            owner: None,
            grants: Arc::default(),
            output: GuestOutput::new(Arc::new(GuestLog::discard())),
            memory: MemoryLimiter::fixed(DESCRIBE_MEMORY_BYTES),
            work: Work::new(),
            wasi: None,
        }
    }

    pub(super) fn of(owner: Owner) -> Self {
        Self {
            grants: owner.program.grants.clone(),
            output: GuestOutput::new(owner.log.clone()),
            memory: MemoryLimiter::of(owner.context.clone()),
            work: Work::new(),
            wasi: None,
            owner: Some(owner),
        }
    }

    /// The process; an error that traps while a component describes itself.
    pub(super) fn owner(&self) -> wasmtime::Result<&Owner> {
        self.owner.as_ref().ok_or_else(|| wasmtime::format_err!("`describe` may not call the host"))
    }

    pub(super) fn context(&self) -> wasmtime::Result<&Context> {
        Ok(&self.owner()?.context)
    }

    /// The process that calls; none while a component describes itself.
    pub fn pid(&self) -> Option<Pid> {
        self.owner.as_ref().map(|owner| owner.context.pid())
    }

    /// What the guest printed to its standard error last.
    pub(super) fn last_error(&self) -> String {
        self.output.last_error()
    }

    /// Charges a host call that moves so many bytes, and lets the signals that have arrived take effect: a
    /// process that was killed does not return from it.
    pub(super) async fn charge(&mut self, bytes: usize) -> wasmtime::Result<Context> {
        let context = self.context()?.clone();
        context.meter().memory_bytes.store(self.memory.used(), Ordering::Relaxed);
        self.work.spend(&context, bytes).await;
        context.checkpoint().await;
        Ok(context)
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (grants, output) = (&self.grants, &self.output);
        let wasi = self.wasi.get_or_insert_with(|| {
            // A folder that has vanished since the node looked at it is not there for the guest either.
            let context = grants.wasi(output).unwrap_or_else(|_| WasiCtx::builder().build());
            let mut resources = ResourceTable::new();
            resources.set_max_capacity(MAX_HANDLES);
            Box::new(Wasi { context, resources })
        });
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.resources }
    }
}
