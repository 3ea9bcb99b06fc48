//! How a pool is made up.

use alloc::string::String;
use core::time::Duration;

use regrow_term::Term;
use serde::{Deserialize, Serialize};

use crate::supervisor::ChildSpec;

/// How a pool is made up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    pub(super) component: Option<String>,
    pub(super) entry: String,
    pub(super) argument: Term,
    pub(super) size: u32,
    pub(super) overflow: u32,
    pub(super) queue: usize,
    pub(super) job_timeout: Option<Duration>,
}

impl Options {
    /// So many workers, each of which runs what this child would, with its argument; 1,000 may wait for one. When they are started anew is the
    /// pool's affair, and they have no names.
    ///
    /// # Panics
    /// If the child's argument has no encoding.
    pub fn of(size: u32, worker: ChildSpec) -> Self {
        let argument = worker.argument.expect("an argument that can be encoded");
        let argument = regrow_term::decode(&argument).expect("what has been encoded");
        let ChildSpec { component, entry, .. } = worker;
        Self { component, entry, argument, size, overflow: 0, queue: 1_000, job_timeout: None }
    }

    /// This pool, with so many more workers while all others are at work.
    #[must_use]
    pub fn overflow(self, overflow: u32) -> Self {
        Self { overflow, ..self }
    }

    /// This pool, in whose line so many may wait.
    #[must_use]
    pub fn queue(self, queue: usize) -> Self {
        Self { queue, ..self }
    }

    /// This pool, whose workers are killed when a job takes longer.
    #[must_use]
    pub fn job_timeout(self, each: Duration) -> Self {
        Self { job_timeout: Some(each), ..self }
    }
}
