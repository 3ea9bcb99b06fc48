//! What a supervisor says of its children.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::de::DeserializeOwned;

use crate::pid::Pid;
use crate::supervisor::child_spec::{Restart, Shutdown};

/// A child that was started.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningChild {
    /// Its process.
    pub pid: Pid,
    pub(crate) info: Option<Vec<u8>>,
}

impl RunningChild {
    /// What it gave to [`process::init_ack_with`](crate::process::init_ack_with), if it did, and if it is a `T`.
    pub fn info<T: DeserializeOwned>(&self) -> Option<T> {
        regrow_term::decode(self.info.as_ref()?).ok()
    }
}

/// How a child is named.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildName {
    /// What its supervisor calls it.
    Id(String),
    /// Its process, the last one if it is being restarted: of dynamic children.
    Pid(Pid),
}

impl From<&str> for ChildName {
    fn from(id: &str) -> Self {
        Self::Id(id.into())
    }
}

impl From<Pid> for ChildName {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It has a process.
    Running(Pid),
    /// Its start has not been acknowledged yet.
    Starting(Pid),
    /// It has none.
    Stopped,
    /// It will be restarted, after this time.
    Restarting(Duration),
    /// It was restarted too often, and waits for [`SupervisorRef::restart_child`](super::SupervisorRef::restart_child).
    Parked,
}

/// What is known about a child.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildInfo {
    /// What its supervisor calls it.
    pub id: String,
    /// What it is doing.
    pub state: ChildState,
    /// The process that it had last: a dynamic child is named by it while it is restarted or parked.
    pub last_pid: Option<Pid>,
    /// Whether it is a supervisor.
    pub is_supervisor: bool,
    /// When it is restarted.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end its supervisor.
    pub significant: bool,
    /// The component that it runs.
    pub component: Option<String>,
    /// The entry of that.
    pub entry: Option<String>,
    /// How often it has been restarted.
    pub restarts: u64,
}

/// How many children a supervisor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ChildCounts {
    /// Specifications.
    pub specs: u64,
    /// Live children.
    pub active: u64,
    /// Supervisors among them, alive or not.
    pub supervisors: u64,
    /// Workers among them, alive or not.
    pub workers: u64,
    /// Children that are parked.
    pub parked: u64,
}
