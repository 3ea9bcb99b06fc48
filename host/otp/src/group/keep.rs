//! The process that keeps a scope: it ends with it.

use std::sync::Arc;

use crate::budget::Budget;
use crate::keeper::{apply_to_keeper, keeper_options, start_keeper};
use crate::limits::Limits;
use crate::pid::{Pid, Reference};
use crate::process::{Context, SpawnError, SpawnOptions};
use crate::runtime::Runtime;
use crate::supervisor::{StartChild, Started};

/// Starts a process that keeps a scope until it is stopped: the groups outlive those who use them.
#[derive(Clone, Debug)]
pub struct StartScope {
    /// The scope's name.
    pub name: String,
    /// What its keeper may use. Memberships are charged to members.
    pub limits: Limits,
    /// A budget of its own, and the path that names it.
    pub budget: Option<(Arc<str>, Budget)>,
}

impl StartChild for StartScope {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let options =
            SpawnOptions { limits: self.limits, budget: self.budget.clone(), ..keeper_options("scope") };
        let name = self.name.clone();
        start_keeper(supervisor, options, ack, move |context| context.start_scope(&name))
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        apply_to_keeper(runtime, pid, &self.limits, self.budget.as_ref());
    }
}
