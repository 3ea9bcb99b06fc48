//! Supervisors: processes whose body decides by tables and acts in one place.
//!
//! What a supervisor decides stands in pure functions: [`after_exit`] (restart type × exit reason), [`at_restart`] and
//! [`RestartWindow`] (intensity), [`ends_supervisor`] (automatic shutdown), [`is_expected_end`], [`Backoff`], and the
//! [`machine`](self) that turns events into actions. The process around it only translates messages into events and
//! carries the actions out.
//!
//! [`SupervisorSpec`] says what a supervisor is; [`start_child`] and the other functions are what can be done to one that
//! runs.

mod backoff;
mod client;
mod decision;
mod definition;
mod intensity;
mod machine;
mod partition;
mod process;
mod request;
mod spec;
mod start;
mod validate;

pub use backoff::Backoff;
pub use client::{
    configure, count_children, delete_child, get_child_spec, get_template, glance_at_children, resize,
    restart_child, start_child, start_from_template, terminate_child, which_children,
};
pub use decision::{Fate, Verdict, after_exit, at_restart, ends_supervisor, is_expected_end};
pub use definition::SupervisorSpec;
pub use intensity::RestartWindow;
pub(crate) use partition::PartitionTable;
pub use partition::partition_hash;
pub use request::{
    ChildCounts, ChildInfo, ChildName, ChildState, ManagementError, StartedChild, SupervisorRequest,
    SupervisorResponse,
};
pub use spec::{AutoShutdown, ChildSpec, ChildType, OverIntensity, Restart, Shutdown, Strategy, SupFlags};
pub use start::{Arguments, StartChild, Started, Target, failed_child, joined_arguments};
pub use validate::{MAX_CHILD_ID_BYTES, SpecError, check_spec};
