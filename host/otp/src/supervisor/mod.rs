//! Supervisors: processes whose body decides by tables and acts in one place.
//!
//! What a supervisor decides stands in pure functions: [`after_exit`] (restart type × exit reason),
//! [`RestartWindow`] (intensity), and the [`machine`](self) that turns events into actions. The process around
//! it only translates messages into events and carries the actions out.

mod decision;
mod intensity;
mod machine;
mod process;
mod spec;

pub use decision::{Fate, after_exit, ends_supervisor};
pub use intensity::RestartWindow;
pub use process::SupervisorSpec;
pub use spec::{
    AutoShutdown, ChildSpec, ChildType, Restart, Shutdown, SpecError, StartChild, Started, Strategy,
    SupFlags, check_spec,
};
