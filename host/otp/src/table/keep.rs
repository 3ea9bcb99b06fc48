//! A child of a supervisor that keeps a table for others.

use std::sync::Arc;

use crate::budget::Budget;
use crate::keeper::{apply_to_keeper, keeper_options, start_keeper};
use crate::limits::Limits;
use crate::pid::{Pid, Reference};
use crate::process::{Context, SpawnError, SpawnOptions};
use crate::runtime::Runtime;
use crate::supervisor::{StartChild, Started};
use crate::table::TableOptions;

/// Starts a process that makes a table and keeps it until it is stopped: the table outlives those who use it.
#[derive(Clone, Debug)]
pub struct StartTable {
    /// The table.
    pub options: TableOptions,
    /// What its keeper may use; `kept_bytes` is what the table may take.
    pub limits: Limits,
    /// A budget of its own, and the path that names it.
    pub budget: Option<(Arc<str>, Budget)>,
}

impl StartChild for StartTable {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let options =
            SpawnOptions { limits: self.limits, budget: self.budget.clone(), ..keeper_options("table") };
        let table = TableOptions { is_kept: true, ..self.options.clone() };
        start_keeper(supervisor, options, ack, move |context| context.create_table(table))
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        apply_to_keeper(runtime, pid, &self.limits, self.budget.as_ref());
    }
}
