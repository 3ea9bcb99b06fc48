//! One thin adapter per WIT interface: convert, check the grant, call `otp`, convert back.

pub(super) mod convert;
mod log;
mod mailbox;
mod process;
mod registry;
mod supervisor;
mod timer;

use crate::engine::bindings::regrow::otp::types;
use crate::engine::state::GuestState;

impl types::Host for GuestState {}
