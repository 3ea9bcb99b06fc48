//! The backend on a real host: the imports of the WIT package `regrow:otp`.

pub(crate) mod api;
pub(crate) mod blob;
mod convert;
pub(crate) mod group;
#[cfg(not(feature = "std"))]
mod memory;
pub(crate) mod registry;
pub(crate) mod supervisor;
pub(crate) mod table;

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::ExitReason;
use crate::component::Component;

/// The generated bindings.
#[allow(missing_docs, unused_qualifications, unreachable_pub)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "guest",
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "regrow_sdk::sys::bindings",
    });
}

use bindings::regrow::otp::types as wit;
pub use bindings::{Guest, StartArgument, export};

/// What `run` returns in the WIT.
pub type WitExitReason = wit::ExitReason;

/// What `describe` returns in the WIT.
pub type Entries = Vec<bindings::Entry>;

/// `run` of a component.
///
/// # Errors
/// The reason, if the process did not end normally.
pub fn run(component: &Component, start: StartArgument) -> Result<(), WitExitReason> {
    let result = match start {
        StartArgument::Spawned(call) => component.run(&call.entry, &call.argument),
        StartArgument::Resumed(saved) => component.resume(&saved.entry, &saved.state),
        StartArgument::Upgraded(_) => Err(ExitReason::error("this component can't be upgraded")),
    };
    result.map_err(Into::into)
}

/// `describe` of a component.
pub fn describe(component: &Component) -> Entries {
    let entries = component.entries.iter().map(|entry| bindings::Entry {
        name: entry.name.to_string(),
        documentation: entry.documentation(),
        acknowledges: true,
    });
    entries.collect()
}
