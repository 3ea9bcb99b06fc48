//! A child of a supervisor that keeps a table for others.

use std::sync::Arc;

use crate::budget::Budget;
use crate::exit_reason::ExitReason;
use crate::limits::Limits;
use crate::pid::{Pid, Reference};
use crate::process::{Context, ProcessKind, SpawnError, SpawnOptions};
use crate::received::InitAck;
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
        let spawn = SpawnOptions {
            kind: ProcessKind::Native,
            entry: Some("table".into()),
            link: true,
            init_ack: Some(ack),
            limits: self.limits,
            budget: self.budget.clone(),
            ..SpawnOptions::default()
        };
        let options = self.options.clone();
        let keeper = move |context: Context| async move {
            if let Err(error) = context.create_table(options) {
                let reason = ExitReason::error(error.to_string());
                context.init_ack(InitAck::Error(reason));
                return ExitReason::Normal;
            }
            context.init_ack(InitAck::Started);
            loop {
                // Nobody has anything to say to it.
                context.receive(None).await;
            }
        };
        let (pid, _) = supervisor.spawn(spawn, keeper)?;
        Ok(Started { pid, acknowledges: true })
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        runtime.change_limits(pid, &self.limits);
        if let Some((_, budget)) = &self.budget {
            runtime.change_budget(pid, budget);
        }
    }
}
