//! What people see of a running tree: the log and its crash reports. Sees only events.

mod burst;
mod dropped;
mod guest_log;
mod logger;
mod queue;
mod report;
mod tail;

pub use guest_log::GuestLog;
pub use logger::{Level, Logger};
pub use report::Reporter;
