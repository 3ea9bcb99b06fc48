//! What people see of a running tree: the log and its crash reports. Sees only events.

mod burst;
mod guest_log;
mod logger;
mod report;
mod tail;

pub use guest_log::GuestLog;
pub use logger::{Level, Logger};
pub use report::Reporter;
