//! Answers of a node, for people.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::control::{
    Budget, Change, ChangeKind, ChildRow, PlanReport, ProcessDetails, ProcessRow, Reply, TreeNode,
};

/// What an answer says, without the word that tells answers apart.
pub(super) fn payload(reply: &Reply) -> Value {
    match serde_json::to_value(reply) {
        Ok(Value::Object(object)) => object.into_iter().next().map_or(Value::Null, |(_, value)| value),
        _ => Value::Null,
    }
}

/// An answer as lines.
pub(super) fn text(reply: &Reply, color: bool) -> String {
    match reply {
        Reply::Processes(rows) => processes(rows),
        Reply::Tree(node) => tree(node),
        Reply::Process(details) => process(details),
        Reply::Children(rows) => children(rows),
        Reply::Started(Some(pid)) => format!("started {pid}"),
        Reply::Started(None) => "it had nothing to do, and has ended".to_owned(),
        Reply::Plan(report) => plan(report, color),
        Reply::Log(line) => line.clone(),
        Reply::Done => String::new(),
        Reply::Error(error) => error.to_string(),
    }
}

/// A table: the columns as wide as they need to be, numbers to the right.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let is_number = |column: usize| {
        rows.iter().all(|row| row[column].starts_with(|c: char| c.is_ascii_digit()) || row[column] == "-")
    };
    let right: Vec<bool> = (0..head.len()).map(|column| !rows.is_empty() && is_number(column)).collect();
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|word| (*word).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if right[column] {
                write!(line, "{cell:>width$}  ")
            } else {
                write!(line, "{cell:<width$}  ")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn or_dash(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "-".to_owned())
}

/// Bytes in a unit that fits.
fn bytes(count: u64) -> String {
    match count {
        0 => "-".to_owned(),
        n if n < 1 << 20 => format!("{} KiB", n.div_ceil(1 << 10)),
        n if n < 1 << 30 => format!("{:.1} MiB", n as f64 / f64::from(1 << 20)),
        n => format!("{:.1} GiB", n as f64 / f64::from(1 << 30)),
    }
}

fn processes(rows: &[ProcessRow]) -> String {
    let cells = |row: &ProcessRow| {
        vec![
            row.pid.clone(),
            or_dash(&row.name.clone().or(row.label.clone())),
            row.initial_call.clone(),
            row.current_function.clone().unwrap_or_else(|| row.status.clone()),
            row.message_queue_len.to_string(),
            row.reductions.to_string(),
            bytes(row.memory_bytes),
        ]
    };
    let head = ["PID", "NAME", "RUNS", "IN", "QUEUE", "REDUCTIONS", "MEMORY"];
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn state(child: &ChildRow) -> String {
    match (child.state.as_str(), &child.pid) {
        ("running", Some(pid)) => pid.clone(),
        ("starting", Some(pid)) => format!("starting {pid}"),
        ("restarting", _) => format!("restarting in {} ms", child.restart_in_ms.unwrap_or(0)),
        (state, _) => state.to_owned(),
    }
}

fn children(rows: &[ChildRow]) -> String {
    let cells = |row: &ChildRow| {
        vec![
            row.path.clone(),
            state(row),
            row.child_type.clone(),
            or_dash(&row.runs),
            row.restart.clone(),
            row.shutdown.clone(),
            row.restarts.to_string(),
            or_dash(&row.last_exit),
        ]
    };
    let head = ["CHILD", "STATE", "TYPE", "RUNS", "RESTART", "SHUTDOWN", "RESTARTS", "LAST EXIT"];
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn tree(root: &TreeNode) -> String {
    let mut text = format!("{} {}\n", root.child.id, state(&root.child));
    branches(&root.children, "", &mut text);
    text
}

fn branches(nodes: &[TreeNode], indent: &str, text: &mut String) {
    for (index, node) in nodes.iter().enumerate() {
        let last = index + 1 == nodes.len();
        let (branch, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let child = &node.child;
        let _ = write!(text, "{indent}{branch}{} {}", child.id, state(child));
        if let Some(runs) = &child.runs {
            let _ = write!(text, " {runs}");
        }
        let _ = match child.restarts {
            0 => Ok(()),
            1 => write!(text, ", restarted once"),
            more => write!(text, ", restarted {more} times"),
        };
        if let (Some(exit), true) = (&child.last_exit, child.state != "running") {
            let _ = write!(text, ", ended with {exit}");
        }
        text.push('\n');
        branches(&node.children, &format!("{indent}{below}"), text);
    }
}

fn process(details: &ProcessDetails) -> String {
    let (row, limits, refused) = (&details.row, &details.limits, &details.refused);
    let list = |items: &[String]| if items.is_empty() { "-".to_owned() } else { items.join(" ") };
    let fields = [
        ("pid", row.pid.clone()),
        ("registered_name", or_dash(&row.name)),
        ("label", or_dash(&row.label)),
        ("initial_call", row.initial_call.clone()),
        ("status", row.status.clone()),
        ("current_function", or_dash(&row.current_function)),
        ("parent", or_dash(&details.parent)),
        ("message_queue_len", row.message_queue_len.to_string()),
        ("links", list(&details.links)),
        ("monitors", list(&details.monitors)),
        ("monitored_by", list(&details.monitored_by)),
        ("trap_exit", details.trap_exit.to_string()),
        ("wait_cycle", list(&details.wait_cycle)),
        ("reductions", of(row.reductions, limits.reductions)),
        ("children", of(details.children, Some(limits.children))),
        ("denied", details.denied.to_string()),
        ("memory", format!("{} of {}", bytes(row.memory_bytes), bytes(limits.memory_bytes))),
        (
            "mailbox",
            format!(
                "{} messages, {}, {}",
                limits.mailbox_messages,
                bytes(limits.mailbox_bytes),
                limits.when_full
            ),
        ),
        (
            "refused",
            format!(
                "{} rejected, {} dropped, {} suspended",
                refused.rejected, refused.dropped, refused.suspended
            ),
        ),
        ("limits", format!("{} links, {} monitors, {} timers", limits.links, limits.monitors, limits.timers)),
    ];
    let budgets = details.budgets.iter().map(|budget| ("budget", shown_budget(budget)));
    let lines = fields.into_iter().chain(budgets).map(|(name, value)| format!("{name:<18} {value}\n"));
    lines.collect()
}

fn of(used: u64, allowed: Option<u64>) -> String {
    allowed.map_or(used.to_string(), |allowed| format!("{used} of {allowed}"))
}

/// What is limited, or in use.
fn shown_budget(budget: &Budget) -> String {
    let shown = budget.resources.iter().filter(|of| of.allowed.is_some() || of.used > 0);
    let shown = shown.map(|resource| {
        let refused =
            if resource.refused > 0 { format!(" ({} refused)", resource.refused) } else { String::new() };
        format!("{} {}{refused}", of(resource.used, resource.allowed), resource.resource)
    });
    let shown: Vec<String> = shown.collect();
    format!("{}: share {}, {} ms of CPU; {}", budget.path, budget.share, budget.cpu_ms, shown.join(", "))
}

fn plan(report: &PlanReport, color: bool) -> String {
    let mut text = String::new();
    for change in &report.changes {
        line(change, color, &mut text);
    }
    let (add, update, replace, remove) = report.counts();
    let done = if report.applied { "Applied" } else { "Plan" };
    let _ = match report.changes.is_empty() {
        true => writeln!(text, "No changes: what runs is what the manifest says."),
        false => writeln!(
            text,
            "{done}: {add} to start, {update} to change in place, {replace} to replace, {remove} to stop."
        ),
    };
    text
}

fn line(change: &Change, color: bool, text: &mut String) {
    let (sign, words, tint) = match change.kind {
        ChangeKind::Add => ("  +", "is started", AnsiColor::Green),
        ChangeKind::Update => ("  ~", "is changed in place", AnsiColor::Yellow),
        ChangeKind::Replace => ("-/+", "is stopped and started anew", AnsiColor::Magenta),
        ChangeKind::Remove => ("  -", "is stopped and forgotten", AnsiColor::Red),
    };
    let style = if color { tint.on_default() } else { Style::new() };
    let _ = writeln!(text, "{style}{sign}{style:#} {} {words}", change.path);
    for detail in &change.details {
        let _ = writeln!(text, "      {detail}");
    }
}
