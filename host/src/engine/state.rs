//! What the host keeps beside each instance.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use regrow_otp::{Context, KnownTable, Pid, TableError, TableHandle, TableId};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::sockets::tcp::TcpSocket;
use wasmtime_wasi::p2::bindings::sockets::udp::UdpSocket;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::engine::catalog::{Catalog, Program};
use crate::engine::descriptors;
use crate::engine::grants::{Grants, Wasi};
use crate::engine::kept::Kept;
use crate::engine::memory::MemoryLimiter;
use crate::engine::start::GuestLimits;
use crate::engine::stdio::GuestOutput;
use crate::engine::work::Work;
use crate::observe::GuestLog;

/// The process that an instance is.
pub(super) struct Owner {
    pub(super) context: Context,
    pub(super) program: Arc<Program>,
    /// What this process may reach: what its component may, or less.
    pub(super) grants: Arc<Grants>,
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
    /// The names that are being looked up, by the handles of their answers.
    resolving: Vec<(u32, String)>,
    /// What is kept over all instances of the process.
    pub(super) kept: Arc<Kept>,
    /// The table that it used last.
    known_table: Option<KnownTable>,
}

/// Names that a process may look up at once.
const MAX_LOOKUPS: usize = 256;

/// What a component may use while it describes itself.
const DESCRIBE_MEMORY_BYTES: u64 = 64 << 20;
pub(super) const DESCRIBE_SLICE: u64 = 20_000;

impl GuestState {
    pub(super) fn outside_any_process() -> Self {
        Self {
            owner: None,
            grants: Arc::default(),
            output: GuestOutput::new(Arc::new(GuestLog::discard())),
            memory: MemoryLimiter::fixed(DESCRIBE_MEMORY_BYTES),
            work: Work::new(DESCRIBE_SLICE, false),
            wasi: None,
            resolving: Vec::new(),
            kept: Arc::default(),
            known_table: None,
        }
    }

    pub(super) fn of(owner: Owner, slice_reductions: u64, is_timed: bool, kept: Arc<Kept>) -> Self {
        Self {
            grants: owner.grants.clone(),
            output: GuestOutput::new(owner.log.clone()),
            memory: MemoryLimiter::of(owner.context.clone()),
            work: Work::new(slice_reductions, is_timed),
            wasi: None,
            resolving: Vec::new(),
            kept,
            known_table: None,
            owner: Some(owner),
        }
    }

    /// The process; an error that traps while a component describes itself.
    pub(super) fn owner(&self) -> wasmtime::Result<&Owner> {
        self.owner.as_ref().ok_or_else(outside)
    }

    pub(super) fn context(&self) -> wasmtime::Result<&Context> {
        Ok(&self.owner()?.context)
    }

    /// The process that calls; none while a component describes itself.
    pub fn pid(&self) -> Option<Pid> {
        self.owner.as_ref().map(|owner| owner.context.pid())
    }

    /// What it may reach.
    pub(super) fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// Makes known that the process was refused something.
    pub(super) fn denied(&self, grant: &'static str, what: &str) {
        if let Some(owner) = &self.owner {
            owner.context.denied(grant, what);
        }
    }

    /// Whether the guest may take a descriptor of the system's; that it may not is made known.
    pub(super) fn may_take_descriptor(&self) -> bool {
        self.owner.as_ref().is_none_or(|owner| descriptors::may_take(&owner.context))
    }

    /// Charges what a host call has moved beside its arguments, and yields if a slice is spent. It is no moment for signals:
    /// what was begun, is ended.
    pub(super) async fn charge_moved(&mut self, bytes: usize) {
        let context = self.owner.as_ref().map(|owner| &owner.context);
        self.work.spend(context, bytes).await;
    }

    /// Whether a name may be looked up.
    pub(super) fn may_resolve(&mut self, name: &str) -> bool {
        self.grants.dns.iter().any(|pattern| pattern.matches(name)) || self.wasi().network.names(name)
    }

    /// Whether its budget had handles for it.
    pub(super) fn has_handles(&mut self) -> bool {
        self.wasi().has_handles
    }

    /// Whether another name may be looked up in this second, by this process and those of its outermost budget: each takes
    /// a thread of the host's for as long as the network likes.
    pub(super) fn may_look_up_now(&mut self) -> bool {
        let Some(owner) = &self.owner else { return false };
        let now = owner.context.runtime().now().since_start().as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.kept.may_look_up(now) && owner.catalog.may_look_up(owner.context.outermost_budget(), now)
    }

    /// A name is being looked up; its addresses will come by that handle.
    pub(super) fn resolving(&mut self, stream: u32, name: String) {
        self.resolving.retain(|(other, _)| *other != stream);
        if self.resolving.len() < MAX_LOOKUPS {
            self.resolving.push((stream, name));
        }
    }

    /// An address has been found.
    pub(super) fn resolved(&mut self, stream: u32, address: IpAddr) {
        if let Some((_, name)) = self.resolving.iter().find(|(other, _)| *other == stream) {
            let name = name.clone();
            self.wasi().network.pin(&name, address);
        }
    }

    /// What of the system's the guest has open that would be gone with its instance.
    pub(super) fn open_handle(&mut self) -> Option<&'static str> {
        let wasi = self.wasi.as_mut()?;
        wasi.resources.iter_mut().find_map(|handle| {
            if let Some(Descriptor::File(_)) = handle.downcast_ref() {
                return Some("a file");
            }
            (handle.is::<TcpSocket>() || handle.is::<UdpSocket>()).then_some("a socket")
        })
    }

    fn wasi(&mut self) -> &mut Wasi {
        let (grants, output, kept) = (&self.grants, &self.output, &self.kept);
        let process = self.owner.as_ref().map(|owner| &owner.context);
        self.wasi.get_or_insert_with(|| Box::new(Wasi::new(grants, kept.network(grants), output, process)))
    }

    /// A table; it is remembered, so that it is at hand when the same is used again.
    pub(super) fn known_table(
        &mut self,
        id: TableId,
    ) -> wasmtime::Result<Result<TableHandle<'_>, TableError>> {
        let Self { owner, known_table, .. } = self;
        let Some(Owner { context, .. }) = owner else { return Err(outside()) };
        if known_table.as_ref().is_none_or(|known| known.id() != id) {
            match context.find_table(id) {
                Ok(found) => *known_table = Some(found),
                Err(error) => return Ok(Err(error)),
            }
        }
        let known = known_table.as_ref().map(|known| context.known_table(known));
        Ok(known.ok_or(TableError::NoTable))
    }

    /// What the guest printed to its standard error last.
    pub(super) fn last_error(&self) -> String {
        self.output.last_error()
    }

    /// Charges a host call that moves so many bytes, and lets the signals that have arrived take effect: a
    /// process that was killed does not return from it.
    pub(super) async fn charge(&mut self, bytes: usize) -> wasmtime::Result<Context> {
        Ok(self.charged(bytes).await?.clone())
    }

    /// As [`charge`](Self::charge), for what happens most often.
    pub(super) async fn charged(&mut self, bytes: usize) -> wasmtime::Result<&Context> {
        let Some(Owner { context, .. }) = &self.owner else { return self.context() };
        context.meter().memory_bytes.store(self.memory.used(), Ordering::Relaxed);
        self.work.spend(Some(context), bytes).await;
        context.checkpoint().await;
        Ok(context)
    }
}

fn outside() -> wasmtime::Error {
    wasmtime::format_err!("`describe` may not call the host")
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.resources }
    }
}
