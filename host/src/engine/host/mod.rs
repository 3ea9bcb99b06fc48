//! One thin adapter per WIT interface: convert, check the grant, call `otp`, convert back.

mod authority;
mod blob;
pub(super) mod convert;
mod group;
mod log;
mod mailbox;
mod names;
mod process;
mod registry;
mod supervisor;
mod table;
mod timer;
mod topic;
pub(super) mod wasi;

use crate::engine::bindings::regrow::otp::types;
use crate::engine::state::GuestState;

impl types::Host for GuestState {}
