//! WASI's functions whose refusals must be seen, or whose work must be charged: they are defined over those of
//! `wasmtime-wasi`, and call them.

mod files;
mod sockets;
mod streams;

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::cli::WasiCliView as _;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::cli::environment;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::random::{insecure, random};

use crate::engine::grants::MAX_RANDOM_BYTES;
use crate::engine::state::GuestState;

type Store<'a> = StoreContextMut<'a, GuestState>;

/// Defines functions that are charged as host calls before they do what `wasmtime-wasi` does, as if they moved so many
/// bytes: what is given for all of them, and for some what follows `moves`.
macro_rules! charged {
    ($instance:ident, $view:ident, $result:ident, $each:expr;
     $($name:literal: $function:path, ($($argument:ident: $type:ty),*) $(moves $bytes:expr)?;)+) => {
        $($instance.func_wrap_async($name, |mut store: Store<'_>, ($($argument,)*): ($($type,)*)| {
            Box::new(async move {
                let state = store.data_mut();
                state.charge_moved($each $(+ $bytes)?).await;
                let result = $function($view!(state), $($argument),*);
                Ok((state.$result(result)?,))
            })
        })?;)+
    };
}
use charged;

/// Defines these functions in a linker that has WASI's already and lets them be shadowed.
pub(in crate::engine) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    files::add_to_linker(linker)?;
    sockets::add_to_linker(linker)?;
    streams::add_to_linker(linker)?;
    add_random(linker)?;
    add_clocks(linker)?;
    let mut environment = linker.instance("wasi:cli/environment@0.2.12")?;
    environment.func_wrap_async("get-environment", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            let variables = environment::Host::get_environment(&mut store.data_mut().cli())?;
            let bytes = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
            store.data_mut().charge_moved(bytes).await;
            Ok((variables,))
        })
    })?;
    environment.func_wrap_async("get-arguments", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            let arguments = environment::Host::get_arguments(&mut store.data_mut().cli())?;
            store.data_mut().charge_moved(arguments.iter().map(String::len).sum()).await;
            Ok((arguments,))
        })
    })
}

fn add_random(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let mut secure = linker.instance("wasi:random/random@0.2.12")?;
    secure.func_wrap_async("get-random-bytes", |mut store: Store<'_>, (len,): (u64,)| {
        Box::new(async move {
            let state = store.data_mut();
            state.check_random()?;
            state.charge_random(len).await;
            Ok((random::Host::get_random_bytes(&mut state.ctx().ctx.random(), len)?,))
        })
    })?;
    secure.func_wrap_async("get-random-u64", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            let state = store.data_mut();
            state.check_random()?;
            state.charge_random(8).await;
            Ok((random::Host::get_random_u64(&mut state.ctx().ctx.random())?,))
        })
    })?;
    let mut insecure = linker.instance("wasi:random/insecure@0.2.12")?;
    insecure.func_wrap_async("get-insecure-random-bytes", |mut store: Store<'_>, (len,): (u64,)| {
        Box::new(async move {
            let state = store.data_mut();
            state.charge_random(len).await;
            Ok((insecure::Host::get_insecure_random_bytes(&mut state.ctx().ctx.random(), len)?,))
        })
    })
}

impl GuestState {
    /// There is no error that it could return: the guest traps.
    fn check_random(&mut self) -> wasmtime::Result<()> {
        if self.grants().random || self.pid().is_none() {
            return Ok(());
        }
        self.denied("random", "secure random numbers");
        Err(wasmtime::format_err!("denied: `random` is not among the grants"))
    }

    /// A random byte takes as long as many that are copied.
    async fn charge_random(&mut self, len: u64) {
        const PRICE: u64 = 8;
        let bytes = len.min(MAX_RANDOM_BYTES).saturating_mul(PRICE);
        self.charge_moved(usize::try_from(bytes).unwrap_or(usize::MAX)).await;
    }
}

fn add_clocks(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let mut monotonic = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    monotonic.func_wrap_async("now", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            store.data_mut().charge_moved(0).await;
            Ok((monotonic_clock::Host::now(&mut store.data_mut().clocks())?,))
        })
    })?;
    let mut wall = linker.instance("wasi:clocks/wall-clock@0.2.12")?;
    wall.func_wrap_async("now", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            store.data_mut().charge_moved(0).await;
            Ok((wall_clock::Host::now(&mut store.data_mut().clocks())?,))
        })
    })
}
