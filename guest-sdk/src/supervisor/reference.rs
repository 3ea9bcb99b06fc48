//! Supervisors that run: what can be done to them.

use alloc::vec::Vec;

use serde::Serialize;

use crate::mailbox::payload;
use crate::pid::{Destination, Pid};
use crate::supervisor::child_spec::ChildSpec;
use crate::supervisor::children::{ChildCounts, ChildInfo, ChildName, RunningChild};
use crate::supervisor::error::SupervisorError;
use crate::sys;

type Answer<T> = Result<T, SupervisorError>;

/// A running supervisor. What is asked of it waits as long as it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct SupervisorRef {
    to: Destination,
}

impl SupervisorRef {
    /// The supervisor that is, or is registered as, `to`.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self { to: to.into() }
    }

    /// The supervisor's process, if it is there.
    pub fn pid(&self) -> Option<Pid> {
        self.to.whereis()
    }

    /// Starts a child behind the others. None: it had nothing to do.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn start_child(&self, spec: &ChildSpec) -> Answer<Option<RunningChild>> {
        sys::supervisor::start_child(self.to.clone(), spec)
    }

    /// Starts another child from the template, with one more argument behind its own.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn start_from_template<A: Serialize + ?Sized>(&self, argument: &A) -> Answer<Option<RunningChild>> {
        sys::supervisor::start_from_template(self.to.clone(), alloc::vec![payload(argument)?])
    }

    /// Stops a child and waits for its end.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn terminate_child(&self, child: impl Into<ChildName>) -> Answer<()> {
        sys::supervisor::terminate_child(self.to.clone(), child.into())
    }

    /// Starts a child that does not run, or resumes one that is parked.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn restart_child(&self, child: impl Into<ChildName>) -> Answer<Option<RunningChild>> {
        sys::supervisor::restart_child(self.to.clone(), child.into())
    }

    /// Forgets a child that does not run.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn delete_child(&self, child: impl Into<ChildName>) -> Answer<()> {
        sys::supervisor::delete_child(self.to.clone(), child.into())
    }

    /// The children, in reverse start order.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn which_children(&self) -> Answer<Vec<ChildInfo>> {
        sys::supervisor::which_children(self.to.clone())
    }

    /// How many children there are.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn count_children(&self) -> Answer<ChildCounts> {
        sys::supervisor::count_children(self.to.clone())
    }

    /// Changes how many partitions are used; how many were before.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn resize(&self, partitions: u32) -> Answer<u32> {
        sys::supervisor::resize(self.to.clone(), partitions)
    }
}

/// The child that a key belongs to, of the supervisor that [`Supervisor::partitioned`](super::Supervisor::partitioned)
/// has started under that name: an integer is taken modulo the number of partitions, anything else is hashed.
///
/// # Errors
/// [`SupervisorError::NoProc`] (also while that child is being restarted), [`SupervisorError::NoPartitions`]
pub fn partition<K: Serialize + ?Sized>(supervisor: &str, key: &K) -> Result<Pid, SupervisorError> {
    sys::supervisor::partition(supervisor, payload(key)?)
}
