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
mod pid;
pub mod process;
pub mod registry;
pub mod request;
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
pub use table::Table;
