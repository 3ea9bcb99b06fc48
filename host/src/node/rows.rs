//! Processes and children as they are shown.

use regrow_otp::supervisor::{ChildInfo, ChildState};
use regrow_otp::{BudgetUse, Pid, ProcessInfo, ProcessKind};

use crate::control::{Budget, ChildRow, Limits, ProcessDetails, ProcessRow, Refused, ResourceUse};
use crate::node::operator;

/// Characters of a reason that lists show.
const MAX_REASON_CHARS: usize = 200;

pub(super) fn child_row(child: &ChildInfo, above: &str) -> ChildRow {
    let runs = child.target.as_ref().map(|target| format!("{}.{}", target.component, target.entry));
    ChildRow {
        id: child.id.clone(),
        path: format!("{above}/{}", operator::last_of_path(child)),
        state: child.state.name().to_owned(),
        pid: child.state.pid().map(|pid| pid.to_string()),
        child_type: child.child_type.name().to_owned(),
        restart: child.restart.name().to_owned(),
        shutdown: child.shutdown.to_string(),
        significant: child.significant,
        runs,
        restarts: child.restarts,
        restart_in_ms: match child.state {
            ChildState::Restarting { after } => Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            _ => None,
        },
        last_exit: child
            .last_exit
            .as_ref()
            .map(|reason| reason.to_string().chars().take(MAX_REASON_CHARS).collect()),
    }
}

pub(super) fn row(info: &ProcessInfo) -> ProcessRow {
    let identity = &info.identity;
    let entry = identity.entry.as_deref().unwrap_or("process");
    let (kind, initial_call) = match identity.kind {
        ProcessKind::Guest => ("guest", format!("{}.{entry}", identity.component.as_deref().unwrap_or("?"))),
        ProcessKind::Native => ("native", entry.to_owned()),
        ProcessKind::Supervisor => ("supervisor", entry.to_owned()),
    };
    ProcessRow {
        pid: info.pid.to_string(),
        name: info.registered_name.clone(),
        label: info.label.clone(),
        kind: kind.to_owned(),
        initial_call,
        status: info.status.name().to_owned(),
        current_function: info.waiting.as_ref().map(|waiting| waiting.function().to_owned()),
        message_queue_len: info.message_queue_len as u64,
        reductions: info.reductions,
        memory_bytes: info.memory_bytes,
    }
}

pub(super) fn details(info: &ProcessInfo, budgets: &[BudgetUse]) -> ProcessDetails {
    let pids = |pids: &[Pid]| pids.iter().map(Pid::to_string).collect();
    let limits = &info.limits;
    ProcessDetails {
        row: row(info),
        parent: info.identity.parent.map(|pid| pid.to_string()),
        links: pids(&info.links),
        monitors: info.monitors.iter().map(ToString::to_string).collect(),
        monitored_by: pids(&info.monitored_by),
        trap_exit: info.trap_exit,
        wait_cycle: pids(&info.wait_cycle),
        refused: Refused {
            rejected: info.mailbox.rejected,
            dropped: info.mailbox.dropped,
            suspended: info.mailbox.suspended,
        },
        limits: Limits {
            memory_bytes: info.memory_limit_bytes,
            mailbox_messages: limits.mailbox_messages,
            mailbox_bytes: limits.mailbox_bytes,
            when_full: limits.when_full.name().to_owned(),
            message_bytes: limits.message_bytes,
            links: limits.links,
            monitors: limits.monitors,
            timers: limits.timers,
            children: limits.children,
            reductions: Some(limits.reductions).filter(|reductions| *reductions != u64::MAX),
            handles: limits.handles,
            log_lines_per_second: limits.log_lines_per_second,
            kept_bytes: limits.kept_bytes,
        },
        children: info.children,
        denied: info.denied,
        budgets: budgets.iter().map(budget).collect(),
    }
}

fn budget(budget: &BudgetUse) -> Budget {
    let resources = budget.resources.iter().map(|of| ResourceUse {
        resource: of.resource.name().to_owned(),
        used: of.used,
        allowed: of.allowed,
        refused: of.refused,
    });
    let cpu_ms = u64::try_from(budget.cpu.as_millis()).unwrap_or(u64::MAX);
    Budget { path: budget.path.clone(), share: budget.share, cpu_ms, resources: resources.collect() }
}
