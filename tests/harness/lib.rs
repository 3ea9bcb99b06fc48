//! What the tests of whole nodes share: a node made from a few lines of manifest, a native process to talk to
//! its guests, and its events and log to wait for. Nothing here sleeps.

pub mod fuzz;
mod guests;
mod node;
pub mod raw;
pub mod report;
mod scenario;
mod services;
mod supervision;

pub use guests::{Guest, guest_folder, guests};
pub use node::{TestNode, bench_node, engine, manifest_node};
pub use regrow_testing::{Ended, Pending, SharedLog, block_on, run_native};
pub use scenario::{Trace, play_by_guests, play_natively};
pub use services::play_services;
pub use supervision::play_supervision;
