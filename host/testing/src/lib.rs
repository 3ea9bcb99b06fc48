//! Real guests on a node within a test: the counterpart of `regrow_sdk::testing`, which has no host, no sandbox and no real time.
//!
//! ```no_run
//! use regrow_testing::TestNode;
//!
//! # fn main() -> Result<(), String> {
//! // Compiles the guests of the manifest where they changed, and starts its tree.
//! let node = TestNode::start("regrow.toml")?;
//! let greeting: String = node.call("greeter", &("greet", "Ada"))?;
//! assert_eq!(greeting, "Hello, Ada!");
//! // Crash a child, and wait until it has regrown.
//! let old = node.await_name("greeter");
//! let new = node.kill("greeter");
//! assert_ne!(old, new);
//! assert!(node.log().contains("killed"));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here sleeps: what is waited for are events of the node.

mod events;
mod log;
mod native;
mod node;

use std::time::Duration;

pub use log::SharedLog;
pub use native::{Pending, run_native};
pub use node::{Ended, Options, TestNode, block_on};

/// No test takes that long: it is what a hang turns into.
const HANG: Duration = Duration::from_secs(120);
