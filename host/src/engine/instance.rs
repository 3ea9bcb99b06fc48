//! The life of an instance: one process, one store, from its start argument to its exit reason.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::Bytes;
use regrow_otp::{Context, ExitReason, LimitExceeded, Resource};
use wasmtime::Store;

use crate::engine::bindings::{EntryCall, SavedState, StartArgument};
use crate::engine::catalog::{Catalog, Program};
use crate::engine::grants::Grants;
use crate::engine::host::convert;
use crate::engine::kept::Kept;
use crate::engine::start::{Argument, GuestLimits, StartGuest};
use crate::engine::state::{GuestState, Owner};
use crate::engine::store::{InTurns, Turns};
use crate::engine::ticker::Ticker;
use crate::engine::trap::{backtrace, exit_reason};
use crate::observe::GuestLog;

/// Handles of the component model that no entry of WASI's table belongs to.
const SPARE_HANDLES: u64 = 64;

/// A store whose fuel, if it runs on fuel, is read when it ends, however it ends: a process that is killed is just dropped.
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
        // Time was charged as it was used.
        let Ok(left) = self.store.get_fuel() else { return };
        let spent = u64::MAX - left;
        let on_host = self.store.data().work.reductions();
        self.context.settle_reductions(self.before.saturating_add(spent).saturating_add(on_host));
    }
}

/// Runs a guest's future and charges the time that it takes or, on fuel, the slices that it uses up: nobody can read the fuel
/// of a store that runs. One that may use no more ends.
async fn charged<T>(
    context: &Context,
    ticker: Option<&Ticker>,
    slice: u64,
    mut call: Pin<&mut impl Future<Output = (wasmtime::Result<T>, Option<Turns>)>>,
) -> wasmtime::Result<T> {
    poll_fn(|task| {
        let turn = ticker.map(Ticker::turn);
        let polled = call.as_mut().poll(task).map(|(result, _turns)| result);
        let used = match turn {
            Some(turn) => turn.reductions(),
            // It would go on if it could: a slice is over. One that waits for the operating system is woken later.
            None if polled.is_pending() && context.is_woken() && !context.is_waiting() => slice,
            None => return polled,
        };
        match context.charge_reductions(used) {
            Err(limit) if polled.is_pending() => Poll::Ready(Err(wasmtime::Error::new(limit))),
            _ => polled,
        }
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

/// A guest process, as long as it lives.
pub(super) struct Guest {
    catalog: Arc<Catalog>,
    program: Arc<Program>,
    entry: Arc<str>,
    /// What it is called in the log.
    name: Option<Box<str>>,
    grants: Arc<Grants>,
    limits: GuestLimits,
    /// What its first instance is started with.
    argument: Argument,
    /// What is kept for it over all its instances.
    kept: Arc<Kept>,
}

impl Guest {
    pub(super) fn of(start: &StartGuest) -> Box<Self> {
        Box::new(Self {
            catalog: start.catalog.clone(),
            program: start.program.clone(),
            entry: start.entry.clone(),
            name: start.name.as_deref().map(Box::from),
            grants: start.grants.clone(),
            limits: start.limits,
            argument: start.argument.clone(),
            kept: Arc::default(),
        })
    }
}

/// Runs a process from its beginning to its end: an instance, and another one whenever it has hibernated. What is kept over
/// the wait is small, and what is not is boxed: there are very many processes that hibernate.
pub(super) async fn run(mut guest: Box<Guest>, context: Context) -> ExitReason {
    context.meter().memory_limit_bytes.store(guest.limits.memory_bytes, Ordering::Relaxed);
    let mut saved = None;
    loop {
        let end = {
            let argument = start_argument(&mut guest, saved.take(), &context);
            Box::pin(run_instance(&guest, &context, argument)).await
        };
        match end {
            InstanceEnd::Process(reason) => return reason,
            InstanceEnd::Hibernates(state) => {
                // What the old instance held in its memory is gone with it.
                context.blobs_begin_anew(&state);
                saved = Some(state);
            }
        }
        let state_bytes = saved.as_ref().map_or(0, |state| state.len() as u64);
        let Err(limit) = hibernate(&context, state_bytes).await else { continue };
        return ExitReason::Limit(limit);
    }
}

/// What the next instance is started with: the argument of the process, or the state of the one before.
fn start_argument(guest: &mut Guest, saved: Option<Box<[u8]>>, context: &Context) -> Box<StartArgument> {
    let entry = guest.entry.to_string();
    Box::new(match saved {
        Some(state) => StartArgument::Resumed(SavedState { entry, state: state.into_vec() }),
        None => {
            let argument = std::mem::replace(&mut guest.argument, Argument::Encoded(Bytes::new()));
            let argument = argument.into_encoded();
            context.blobs_arrive(&argument);
            StartArgument::Spawned(EntryCall { entry, argument: argument.into() })
        }
    })
}

/// Waits until there is something in the mailbox, with so many bytes of state.
async fn hibernate(context: &Context, state_bytes: u64) -> Result<(), LimitExceeded> {
    let _kept = context.hold(Resource::Memory, state_bytes)?;
    context.meter().memory_bytes.store(state_bytes, Ordering::Relaxed);
    context.hibernate().await;
    Ok(())
}

async fn run_instance(guest: &Guest, context: &Context, argument: Box<StartArgument>) -> InstanceEnd {
    let name = guest.name.as_deref().unwrap_or(&guest.entry);
    let log = GuestLog::new(guest.catalog.logger().clone(), context.clone(), name);
    let argument_bytes = match &*argument {
        StartArgument::Spawned(call) => call.argument.len(),
        StartArgument::Resumed(saved) | StartArgument::Upgraded(saved) => saved.state.len(),
    };
    let pre = &guest.program.component.pre;
    let owner = Owner {
        context: context.clone(),
        program: guest.program.clone(),
        grants: guest.grants.clone(),
        catalog: guest.catalog.clone(),
        log: Arc::new(log),
    };
    let slice = guest.catalog.slice_reductions();
    let ticker = guest.program.component.ticker();
    let mut metered = Metered::new(
        Store::new(pre.engine(), GuestState::of(owner, slice, ticker.is_some(), guest.kept.clone())),
        context.clone(),
    );
    let store = &mut metered.store;
    store.limiter(|state| &mut state.memory);
    // Bytes that one host call may copy out of the guest: twice what a message may have, so that one that is too
    // large gets its error and does not end the guest. Nobody has a turn while they are copied.
    let message_bytes = usize::try_from(guest.limits.process.message_bytes).unwrap_or(usize::MAX);
    store.set_hostcall_fuel(message_bytes.saturating_mul(2).max(1 << 20));
    // The table behind them is the one that says which limit it was.
    let handles = guest.limits.process.handles.saturating_add(SPARE_HANDLES);
    store.set_max_component_handles(usize::try_from(handles).unwrap_or(usize::MAX));
    let call = async {
        // It is kept beside the memory for as long as the call lasts.
        store.data_mut().memory.hold(argument_bytes)?;
        if ticker.is_some() {
            Ticker::slice(store);
        } else {
            store.set_fuel(u64::MAX)?;
            store.fuel_async_yield_interval(Some(slice))?;
        }
        let instance = pre.instantiate_async(&mut *store).await?;
        context.meter().memory_bytes.store(store.data().memory.used(), Ordering::Relaxed);
        instance.call_run(&mut *store, &argument).await
    };
    let call = InTurns::new(guest.program.component.turns(), call, || context.is_waiting());
    let error = match charged(context, ticker, slice, pin!(call)).await {
        Ok(Ok(())) => return InstanceEnd::Process(ExitReason::Normal),
        Ok(Err(reason)) => return InstanceEnd::Process(convert::exit_reason_from_guest(reason)),
        Err(error) => error,
    };
    let error = match error.downcast::<Hibernate>() {
        Ok(Hibernate(state)) => return InstanceEnd::Hibernates(state),
        Err(error) => error,
    };
    let reason = exit_reason(&error, store.data().last_error(), guest.limits.process.handles);
    if matches!(reason, ExitReason::Limit(_)) {
        context.set_backtrace(backtrace(&error));
    }
    InstanceEnd::Process(reason)
}
