//! What stands between the SDK and the host: the only module that names the WIT package, and a native backend
//! with the same functions on `regrow-otp`.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::*;
#[cfg(target_family = "wasm")]
pub(crate) use wasm::api::*;
#[cfg(target_family = "wasm")]
pub use wasm::{Entries, Guest, StartArgument, WitExitReason, bindings, describe, export, run};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::{blob, group, registry, supervisor, table};

/// Rounds up: a timer that has not run out has something left.
pub(crate) fn whole_milliseconds(duration: core::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

pub use crate::component::{
    resume_process, resume_server, run_each, run_hibernating, run_init, run_machine, run_map, run_process,
    run_server, run_source, run_stage, run_task,
};
