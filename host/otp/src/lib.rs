//! Erlang/OTP's processes and supervisors as a pure core.
//!
//! Nothing here knows wasm, an async runtime, files or sockets; time, randomness and threads come from
//! outside. A process is a future with an inbox ([`Context`] is what it can do); a [`Runtime`] is the set of
//! processes of a node. Worker threads drive it in production, a [`Simulator`] with a seed and a virtual
//! clock in tests.
//!
//! ```
//! use regrow_otp::{ExitReason, SpawnOptions, testing};
//!
//! let mut simulator = testing::simulator(1);
//! simulator.runtime().spawn(SpawnOptions::default(), |process| async move {
//!     let child = process.spawn(SpawnOptions { link: true, ..Default::default() }, |_| async {
//!         ExitReason::error("oh no")
//!     });
//!     process.set_trap_exit(true);
//!     let exit = process.receive(None).await;
//!     assert_eq!(exit.unwrap().kind(), "exit");
//!     assert!(child.is_ok());
//!     ExitReason::Normal
//! }).unwrap();
//! simulator.run();
//! assert_eq!(simulator.runtime().process_count(), 0);
//! ```
//!
//! The rule numbers in comments and test names are those of the project's catalogue of OTP's semantics.

mod alias;
mod balance;
mod blob;
mod budget;
mod by_random;
mod clock;
mod event;
mod exit_reason;
mod garbage;
mod group;
mod holdings;
mod info;
mod keeper;
mod limits;
mod link;
mod mailbox;
mod monitor;
mod names;
mod per_second;
mod pid;
mod process;
mod process_table;
mod random;
mod received;
mod registry;
mod runtime;
mod scheduler;
mod signal;
mod simulator;
mod small_map;
pub mod supervisor;
mod sync;
mod table;
pub mod testing;
mod timer;
mod topic;
mod worker;

pub use alias::{AliasMode, MonitorAlias};
pub use balance::Balance;
pub use blob::{Blob, BlobError, BlobHash, CarriedBlobs, MAX_BLOBS_IN_PAYLOAD, MAX_HELD_BLOBS};
pub use budget::{Budget, BudgetUse, Charge, DEFAULT_SHARE, MAX_SHARE, Resource, ResourceUse};
pub use clock::{Clock, Instant, SystemClock, VirtualClock};
pub use event::{Decision, Event, EventSink, Exited, ReportKind, SignalWork, SupervisorReport, Waiter};
pub use exit_reason::{ExitReason, LimitExceeded, LimitKind, MAX_REASON_BYTES, WasmTrap};
pub use group::{
    GroupError, MAX_GROUP_BYTES, MAX_GROUP_MONITORS, MAX_MEMBERSHIPS, MAX_MEMBERSHIPS_IN_ALL, StartScope,
};
pub use info::{InfoItem, InfoTooLarge, MAX_INFO_ENTRIES, ProcessInfo};
pub use limits::{Limits, WhenFull, tightened};
pub use monitor::MonitorOptions;
pub use names::{MAX_NAME_BYTES, RegisterError, check_name};
pub use per_second::PerSecond;
pub use pid::{Destination, Pid, Reference, ReplyTo};
pub use process::{
    CallError, Context, Flag, FlagError, Identity, LastReceived, LinkError, MailboxCounters, Meter,
    ProcessKind, SendError, SignalError, SpawnError, SpawnOptions, StartOutcome, TimerError, Waiting,
    yield_now,
};
pub use random::{RandomSource, SplitMix64};
pub use received::{InitAck, Message, MessageKind, Received, SystemKind, SystemMessage};
pub use registry::{
    Listing, MAX_PARTITIONS, MAX_REGISTRATIONS, MAX_REGISTRATIONS_IN_ALL, Registration, RegistryError,
    RegistryKind, RegistryOptions, RegistryWalk, StartRegistry, UnregisterMatch, Via,
};
pub use regrow_term::BlobId;
pub use runtime::{HOST, Runtime, RuntimeConfig, Surroundings};
pub use scheduler::Status;
pub use signal::{Envelope, ExitDecision, decide_exit, decide_link_exit};
pub use simulator::Simulator;
pub use table::{
    Access, CounterUpdate, Cursor, ElementUpdate, Heir, KnownTable, MAX_CHANGED_BYTES, MAX_CHANGES,
    MAX_KEY_BYTES, MAX_ROWS_PER_KEY, Row, Scan, ScanAction, Scanned, StartTable, TableError, TableHandle,
    TableId, TableInfo, TableKind, TableOptions,
};
pub use topic::{Broadcast, MAX_TOPIC_BYTES, Topic};
pub use worker::Workers;
