//! Supervisors, started and managed at run time, after OTP's `supervisor` and Elixir's `DynamicSupervisor` and
//! `PartitionSupervisor`. They run in the host: whatever a guest does, their strategies hold.
//!
//! On a host, what is started as a child must be among the component's grants (`start_children`), and a supervisor that
//! somebody else has started, too (`supervise`).
//!
//! ```
//! use regrow_sdk::gen_server::ServerRef;
//! use regrow_sdk::supervisor::{ChildSpec, Supervisor};
//! # use regrow_sdk::gen_server::{CallResult, Caller, Init};
//! # use regrow_sdk::{GenServer, ReplyTo};
//! # struct Counter(u64);
//! # impl GenServer for Counter {
//! #     type Argument = u64;
//! #     type Call = ();
//! #     type Reply = u64;
//! #     type Cast = ();
//! #     fn init(start: u64) -> Init<Self> { Init::Started(Counter(start)) }
//! #     fn handle_call(&mut self, _: (), _: Caller<u64>) -> CallResult<Self> { CallResult::Reply(self.0) }
//! # }
//! # regrow_sdk::component! { "counter" => server Counter }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! let counters = Supervisor::new()
//!     .child(ChildSpec::worker("first", "counter").argument(&1u64).named("first"))
//!     .child(ChildSpec::worker("second", "counter").argument(&2u64).transient())
//!     .start_link()?;
//! let third = ChildSpec::worker("third", "counter").argument(&3u64);
//! let third = counters.start_child(&third)?.expect("it runs").pid;
//! assert_eq!(ServerRef::<Counter>::new(third).call(&())?, 3);
//! assert_eq!(counters.count_children()?.active, 3);
//! # Ok(())
//! # });
//! # }
//! ```

mod child_spec;
mod children;
mod definition;
mod error;
mod reference;

pub use child_spec::{Backoff, ChildSpec, Restart, Shutdown};
pub use children::{ChildCounts, ChildInfo, ChildName, ChildState, RunningChild};
pub(crate) use definition::Children;
pub use definition::{AutoShutdown, Strategy, Supervisor};
pub use error::SupervisorError;
pub use reference::{SupervisorRef, partition};
