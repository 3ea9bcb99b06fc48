//! The life of an instance: one process, one store, from its start argument to its exit reason.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::Bytes;
use regrow_otp::supervisor::{StartChild, Started, Target, joined_arguments};
use regrow_otp::{
    Budget, Context, ExitReason, Limits, Pid, ProcessKind, Reference, Resource, Runtime, SpawnError,
    SpawnOptions, tightened,
};
use regrow_term::{Term, decode, encode};
use wasmtime::Store;

use crate::engine::bindings::{EntryCall, SavedState, StartArgument};
use crate::engine::catalog::{Catalog, Program};
use crate::engine::grants::Grants;
use crate::engine::host::convert;
use crate::engine::kept::KeptSpec;
use crate::engine::state::{GuestState, Owner};
use crate::engine::trap::{backtrace, exit_reason};
use crate::observe::GuestLog;

/// Handles of the component model that no entry of WASI's table belongs to.
const SPARE_HANDLES: u64 = 64;

/// What a guest process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestLimits {
    /// Bytes of linear memory.
    pub memory_bytes: u64,
    /// What its process may use.
    pub process: Limits,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, process: Limits::default() }
    }
}

impl GuestLimits {
    /// These, and no more than `own` where those are tighter than what their component may.
    pub(super) fn tightened_as(&self, own: &Self, of_component: &Self) -> Self {
        Self {
            memory_bytes: tightened(self.memory_bytes, own.memory_bytes, of_component.memory_bytes),
            process: self.process.tightened_as(&own.process, &of_component.process),
        }
    }
}

/// What a process is started with.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A term, to which more arguments can be added.
    Term(Term),
    /// An encoded term, as a guest has made it.
    Encoded(Bytes),
}

impl Argument {
    fn into_encoded(self) -> Vec<u8> {
        match self {
            // Only what can't be allocated can't be encoded.
            Self::Term(term) => encode(&term).unwrap_or_default(),
            Self::Encoded(bytes) => Vec::from(bytes),
        }
    }

    /// The term, if it is one.
    fn term(&self) -> Option<Term> {
        match self {
            Self::Term(term) => Some(term.clone()),
            Self::Encoded(bytes) => decode(bytes).ok(),
        }
    }
}

/// How to start a guest process: the `start` of a child specification.
#[derive(Clone)]
pub struct StartGuest {
    /// Where its component is found.
    pub catalog: Arc<Catalog>,
    /// What it runs.
    pub program: Arc<Program>,
    /// The entry.
    pub entry: Arc<str>,
    /// The argument.
    pub argument: Argument,
    /// The name that it is registered under.
    pub name: Option<String>,
    /// What it may use.
    pub limits: GuestLimits,
    /// What it may reach: no more than its component.
    pub grants: Arc<Grants>,
    /// What it and all that descend from it may use together, and the path that names that budget.
    pub budget: Option<(Arc<str>, Budget)>,
    /// What it is counted as while a supervisor keeps it, if a guest has made it.
    pub kept: Option<Arc<KeptSpec>>,
}

impl StartGuest {
    /// Spawns the process, with `options` for what is between it and its parent; its pid and its monitor.
    ///
    /// # Errors
    /// [`SpawnError`]
    pub fn spawn(
        &self,
        parent: &Context,
        options: SpawnOptions,
    ) -> Result<(Pid, Option<Reference>), SpawnError> {
        let options = SpawnOptions {
            kind: ProcessKind::Guest,
            component: Some(self.program.component.name().clone()),
            entry: Some(self.entry.clone()),
            name: self.name.clone(),
            limits: self.limits.process,
            budget: self.budget.clone(),
            ..options
        };
        let start = self.clone();
        parent.spawn(options, move |context| run(start, context))
    }
}

impl StartChild for StartGuest {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let acknowledges = self.program.component.entry(&self.entry).is_some_and(|entry| entry.acknowledges);
        let init_ack = acknowledges.then_some(ack);
        let (pid, _) = self.spawn(supervisor, SpawnOptions { link: true, init_ack, ..Default::default() })?;
        Ok(Started { pid, acknowledges })
    }

    fn target(&self) -> Option<Target> {
        let component = self.program.component.name().clone();
        Some(Target { component, entry: self.entry.clone() })
    }

    fn with_arguments(&self, before: &[Term], after: &[Term]) -> Option<Arc<dyn StartChild>> {
        let more = before.iter().chain(after).map(Term::weight).sum();
        let kept = self.kept.as_ref().map(|kept| kept.with_more(more));
        let argument = Argument::Term(joined_arguments(before, &self.argument.term()?, after));
        Some(Arc::new(Self { argument, kept, ..self.clone() }))
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        runtime.change_limits(pid, &self.limits.process);
        runtime.change_memory_limit(pid, self.limits.memory_bytes);
        if let Some((_, budget)) = &self.budget {
            runtime.change_budget(pid, budget);
        }
    }
}

/// A store whose fuel is read when it ends, however it ends: a process that is killed is just dropped.
struct Metered {
    store: Store<GuestState>,
    context: Context,
    /// What earlier instances of the process have used.
    before: u64,
}

impl Metered {
    fn new(store: Store<GuestState>, context: Context) -> Self {
        let before = context.meter().reductions.load(Ordering::Relaxed);
        Self { store, context, before }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let spent = u64::MAX - self.store.get_fuel().unwrap_or(u64::MAX);
        let on_host = self.store.data().work.reductions();
        self.context.settle_reductions(self.before.saturating_add(spent).saturating_add(on_host));
    }
}

/// Runs a guest's future and counts the slices that it uses up: nobody can read the fuel of a store that runs. One that may
/// use no more ends.
async fn counting_slices<T>(
    context: &Context,
    slice: u64,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    poll_fn(|task| {
        let polled = call.as_mut().poll(task);
        // It would go on if it could: a slice is over. One that waits for the operating system is woken later.
        if polled.is_pending()
            && context.is_woken()
            && !context.is_waiting()
            && let Err(limit) = context.charge_reductions(slice)
        {
            return Poll::Ready(Err(wasmtime::Error::new(limit)));
        }
        polled
    })
    .await
}

/// The guest gives its instance back, from inside a host call: unwinds it. The process goes on with this state.
#[derive(Debug)]
pub(super) struct Hibernate(pub(super) Box<[u8]>);

impl fmt::Display for Hibernate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hibernate")
    }
}

impl std::error::Error for Hibernate {}

/// How an instance ended.
enum InstanceEnd {
    /// And its process with it.
    Process(ExitReason),
    /// The process waits for its next message, with this state.
    Hibernates(Box<[u8]>),
}

/// Runs a process from its beginning to its end: an instance, and another one whenever it has hibernated.
async fn run(mut start: StartGuest, context: Context) -> ExitReason {
    context.meter().memory_limit_bytes.store(start.limits.memory_bytes, Ordering::Relaxed);
    // The process has these, or whoever keeps its specification.
    (start.budget, start.kept) = (None, None);
    let argument = std::mem::replace(&mut start.argument, Argument::Encoded(Bytes::new())).into_encoded();
    let mut argument = StartArgument::Spawned(EntryCall { entry: start.entry.to_string(), argument });
    loop {
        // Boxed: a process that hibernates keeps no room for an instance.
        let state = match Box::pin(run_instance(&start, &context, argument)).await {
            InstanceEnd::Process(reason) => return reason,
            InstanceEnd::Hibernates(state) => state,
        };
        let kept = match context.hold(Resource::Memory, state.len() as u64) {
            Ok(kept) => kept,
            Err(limit) => return ExitReason::Limit(limit),
        };
        context.meter().memory_bytes.store(state.len() as u64, Ordering::Relaxed);
        context.hibernate().await;
        drop(kept);
        argument =
            StartArgument::Resumed(SavedState { entry: start.entry.to_string(), state: state.into_vec() });
    }
}

async fn run_instance(start: &StartGuest, context: &Context, argument: StartArgument) -> InstanceEnd {
    let name = start.name.clone().unwrap_or_else(|| start.entry.to_string());
    let log = GuestLog::new(start.catalog.logger().clone(), context.clone(), &name);
    let argument_bytes = match &argument {
        StartArgument::Spawned(call) => call.argument.len(),
        StartArgument::Resumed(saved) | StartArgument::Upgraded(saved) => saved.state.len(),
    };
    let pre = &start.program.component.pre;
    let owner = Owner {
        context: context.clone(),
        program: start.program.clone(),
        grants: start.grants.clone(),
        catalog: start.catalog.clone(),
        log: Arc::new(log),
    };
    let slice = start.catalog.slice_reductions();
    let mut metered = Metered::new(Store::new(pre.engine(), GuestState::of(owner, slice)), context.clone());
    let store = &mut metered.store;
    store.limiter(|state| &mut state.memory);
    // Bytes that one host call may copy out of the guest: twice what a message may have, so that one that is too
    // large gets its error and does not end the guest. Nobody has a turn while they are copied.
    let message_bytes = usize::try_from(start.limits.process.message_bytes).unwrap_or(usize::MAX);
    store.set_hostcall_fuel(message_bytes.saturating_mul(2).max(1 << 20));
    // The table behind them is the one that says which limit it was.
    let handles = start.limits.process.handles.saturating_add(SPARE_HANDLES);
    store.set_max_component_handles(usize::try_from(handles).unwrap_or(usize::MAX));
    let call = async {
        // It is kept beside the memory for as long as the call lasts.
        store.data_mut().memory.hold(argument_bytes)?;
        store.set_fuel(u64::MAX)?;
        store.fuel_async_yield_interval(Some(slice))?;
        let guest = pre.instantiate_async(&mut *store).await?;
        context.meter().memory_bytes.store(store.data().memory.used(), Ordering::Relaxed);
        guest.call_run(&mut *store, &argument).await
    };
    let error = match counting_slices(context, slice, call).await {
        Ok(Ok(())) => return InstanceEnd::Process(ExitReason::Normal),
        Ok(Err(reason)) => return InstanceEnd::Process(convert::exit_reason_from_guest(reason)),
        Err(error) => error,
    };
    let error = match error.downcast::<Hibernate>() {
        Ok(Hibernate(state)) => return InstanceEnd::Hibernates(state),
        Err(error) => error,
    };
    let reason = exit_reason(&error, store.data().last_error(), start.limits.process.handles);
    if matches!(reason, ExitReason::Limit(_)) {
        context.set_backtrace(backtrace(&error));
    }
    InstanceEnd::Process(reason)
}
