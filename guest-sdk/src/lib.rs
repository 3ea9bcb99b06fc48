//! The SDK for guests of Regrow: what a process can do, in safe, typed Rust.
//!
//! A guest is a crate that becomes a component with named entries; each process runs one of them.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::{ExitReason, Pid, mailbox, process};
//!
//! /// Doubles the numbers that it is called with, until somebody sends it a plain message.
//! fn doubler(_: ()) -> Result<(), ExitReason> {
//!     while let Some(message) = mailbox::receive_message(None) {
//!         let Some(from) = message.reply_to() else { break };
//!         let number: u64 = message.decode()?;
//!         mailbox::reply(from, &(number * 2))?;
//!     }
//!     Ok(())
//! }
//!
//! regrow_sdk::component! {
//!     /// Doubles numbers.
//!     "doubler" => process doubler,
//! }
//!
//! # fn main() {
//! // Off wasm, the same code runs on native processes: logic can be tested without a host.
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let doubler = process::spawn("doubler", &(), &process::SpawnOptions::default())?.pid;
//!     let answer: u64 = mailbox::call(doubler, &21u64, Some(Duration::from_secs(5)))?;
//!     assert_eq!(answer, 42);
//!     mailbox::send(doubler, &"stop")?;
//!     Ok(())
//! });
//! # }
//! ```
#![cfg_attr(all(not(feature = "std"), target_family = "wasm"), no_std)]

extern crate alloc;
// What the macros make names the crate by its name.
extern crate self as regrow_sdk;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod blob;
mod component;
mod error;
mod exit_reason;
pub mod gen_server;
pub mod group;
mod logging;
pub mod mailbox;
pub mod names;
mod panic;
pub mod patterns;
mod pid;
pub mod process;
pub mod registry;
pub mod request;
pub mod stage;
pub mod state_machine;
pub mod supervisor;
#[doc(hidden)]
pub mod sys;
pub mod table;
pub mod task;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod timer;
pub mod topic;

pub use component::{Body, Component, Entry, EntryResult};
pub use error::{Error, LimitExceeded};
pub use exit_reason::{ExitReason, WasmTrap};
pub use gen_server::GenServer;
#[cfg(all(not(feature = "std"), target_family = "wasm"))]
pub use panic::report as report_panic;
pub use pid::{Destination, MonitorRef, Pid, Reference, ReplyTo, TimerRef};
pub use registry::{Registry, Via};
pub use regrow_term::{DecodeError, EncodeError, Term, decode, encode};
pub use state_machine::StateMachine;
pub use table::Table;

/// Makes a type a [`GenServer`] from its methods, with a client that has a method for each request.
///
/// In the `impl` block
/// - `#[init]` makes the server: a function without `self`, that returns `Self`, an [`Init`](gen_server::Init), or a `Result`;
/// - `#[call]` serves requests that are answered: what it returns is the answer, or a [`CallResult`](gen_server::CallResult)`<Self,
///   Answer>` that also says what follows. One whose last argument is a [`Caller`](gen_server::Caller)`<Answer>` answers later;
/// - `#[cast]` serves requests that are not answered; it returns nothing, or a [`Next`](gen_server::Next)`<Self>`, as do
/// - `#[info]`, which takes plain messages of its argument's type, or, with a [`Received`](mailbox::Received), whatever else arrives;
/// - `#[timeout]`: nothing has come in time;
/// - `#[terminate]` cleans up, and gets the [`ExitReason`];
/// - `#[status]` returns what is shown of the state.
///
/// Methods without such a mark stay what they are. For `Counter` there are then `Counter::start_link` and `Counter::start_with`,
/// which take what `#[init]` takes, and `CounterClient`, which can do what the server serves: `increment` for `increment`, and
/// `send_increment`, which does not wait. The component's entry is called `counter` (`WordCount`: `word-count`). On the wire a request is its name, `"reset"`, or, with arguments, a map, `{"increment": {"by": 2}}`: other
/// languages can ask, too. `#[server(entry = "other", client = Other)]` changes the names. See [`gen_server`] for an example.
pub use regrow_sdk_macros::server;

/// Makes a value an agent (Elixir's `Agent`): its public methods become requests to a process that has the value.
///
/// Methods with `&self` are Elixir's `get`, those with `&mut self` `update` and `get_and_update`; `#[cast]` ones are not waited for.
/// Code does not travel from process to process: where Elixir sends a function to the agent, the function is a method here, and
/// what it would capture is an argument. The value is what it starts with, and so must be serializable.
///
/// ```
/// use regrow_sdk::agent;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Numbers(Vec<u64>);
///
/// #[agent]
/// impl Numbers {
///     pub fn sum(&self) -> u64 {
///         self.0.iter().sum()
///     }
///
///     pub fn push(&mut self, number: u64) {
///         self.0.push(number);
///     }
///
///     pub fn pop(&mut self) -> Option<u64> {
///         self.0.pop()
///     }
/// }
///
/// regrow_sdk::component! { "numbers" => agent Numbers }
///
/// # fn main() {
/// regrow_sdk::testing::run(&COMPONENT, || {
///     let numbers = Numbers::default().start_link()?;
///     numbers.push(40)?;
///     numbers.push(2)?;
///     assert_eq!(numbers.sum()?, 42);
///     assert_eq!(numbers.pop()?, Some(2));
///     Ok(())
/// });
/// # }
/// ```
pub use regrow_sdk_macros::agent;
