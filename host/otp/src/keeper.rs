//! Processes of the host's that keep something for others: a table, a registry, a scope of groups. It is there as long as they are.

use std::fmt::Display;
use std::sync::Arc;

use crate::budget::Budget;
use crate::exit_reason::ExitReason;
use crate::limits::Limits;
use crate::pid::{Pid, Reference};
use crate::process::{Context, ProcessKind, SpawnError, SpawnOptions};
use crate::received::InitAck;
use crate::runtime::Runtime;
use crate::supervisor::Started;

/// How a keeper of something is spawned.
pub(crate) fn keeper_options(what: &str) -> SpawnOptions {
    SpawnOptions {
        kind: ProcessKind::Native,
        entry: Some(what.into()),
        link: true,
        ..SpawnOptions::default()
    }
}

/// Starts a keeper as the child of a supervisor: `open` makes what it keeps.
pub(crate) fn start_keeper<T, E: Display>(
    supervisor: &Context,
    options: SpawnOptions,
    ack: Reference,
    open: impl FnOnce(&Context) -> Result<T, E> + Send + 'static,
) -> Result<Started, SpawnError> {
    let options = SpawnOptions { init_ack: Some(ack), ..options };
    let (pid, _) = supervisor.spawn(options, move |context| async move {
        if let Err(error) = open(&context) {
            let reason = ExitReason::error(error.to_string());
            context.init_ack(InitAck::Error(reason));
            return ExitReason::Normal;
        }
        context.init_ack(InitAck::Started);
        keep(context).await
    })?;
    Ok(Started { pid, acknowledges: true })
}

/// Nobody has anything to say to it.
pub(crate) async fn keep(context: Context) -> ExitReason {
    loop {
        context.receive(None).await;
    }
}

/// Gives a keeper other limits, and its budget others.
pub(crate) fn apply_to_keeper(
    runtime: &Runtime,
    pid: Pid,
    limits: &Limits,
    budget: Option<&(Arc<str>, Budget)>,
) {
    runtime.change_limits(pid, limits);
    if let Some((_, budget)) = budget {
        runtime.change_budget(pid, budget);
    }
}
