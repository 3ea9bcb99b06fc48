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

pub use crate::component::{run_init, run_process, run_server};
