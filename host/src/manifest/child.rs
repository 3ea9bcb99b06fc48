//! `[[supervisor.children]]`: the children of supervisors.

use std::time::Duration;

use regrow_otp::Budget;
use regrow_otp::supervisor::{Backoff, MAX_CHILD_ID_BYTES, OverIntensity, Restart, Shutdown};
use regrow_term::Term;

use crate::manifest::component::{Grants, Limits, read_budget, read_grants, read_limits};
use crate::manifest::diagnostic::{Diagnostic, Located};
use crate::manifest::reader::{Reading, Table, Value, to_term};
use crate::manifest::service::{Service, read_service};
use crate::manifest::supervisor::{Supervisor, read_supervisor};

/// How deep supervisors may be nested: deeper trees are mistakes, and reading them must not exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Processes that one `count`, or the partitions of a supervisor, may make.
pub(super) const MAX_CHILDREN: u64 = 1_000_000;

/// How long a start may take unless the manifest says otherwise.
const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(5);

impl Child {
    /// How many processes it begins with.
    pub(super) fn size(&self) -> u64 {
        match &self.start {
            ChildStart::Worker { .. } | ChildStart::Service(_) => 1,
            ChildStart::Supervisor(nested) => nested.size(),
        }
    }
}

/// A child of a supervisor.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// What its supervisor calls it.
    pub id: Located<String>,
    /// What it runs.
    pub start: ChildStart,
    /// When it is restarted.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end its supervisor.
    pub significant: bool,
    /// How long its start may take; none is for ever.
    pub start_timeout: Option<Duration>,
    /// How long its restarts wait.
    pub backoff: Option<Backoff>,
    /// What becomes of it when it is restarted too often.
    pub over_intensity: OverIntensity,
    /// What it and all below it may use together.
    pub budget: Option<Budget>,
}

/// What a child runs.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildStart {
    /// An entry of a component.
    Worker {
        /// Which component.
        component: Located<String>,
        /// Which entry.
        entry: Located<String>,
        /// The name that it is registered under.
        name: Option<Located<String>>,
        /// What it is started with.
        args: Term,
        /// Limits of its own.
        limits: Limits,
        /// What it may reach, if that is less than its component may.
        grants: Option<Box<Grants>>,
    },
    /// A supervisor.
    Supervisor(Supervisor),
    /// A process of the host's that keeps something for others.
    Service(Service),
}

const SHUTDOWNS: [(&str, Shutdown); 2] =
    [("brutal_kill", Shutdown::BrutalKill), ("infinity", Shutdown::Infinity)];

/// One child, or `count` of them.
pub(super) fn read_child(value: &Value<'_>, depth: usize, errors: &Reading<'_>) -> Vec<Child> {
    let Some(table) = Table::of(value, "children", errors) else { return Vec::new() };
    let id = table.required_string("id", "what the supervisor calls this child");
    let supervises = table.get("supervisor");
    let start = match supervises {
        Some(nested) if depth >= MAX_DEPTH => {
            let message = format!("supervisors are nested more than {MAX_DEPTH} deep");
            errors.push(Diagnostic::new(nested.span(), message, "this one is too deep"));
            None
        }
        Some(nested) => Table::of(nested, "supervisor", errors)
            .map(|table| ChildStart::Supervisor(read_supervisor(table, depth + 1))),
        None => read_service(&table).unwrap_or_else(|| read_worker(&table)),
    };
    let count = table.integer("count", 1).unwrap_or(1);
    let restart = table.word("restart", &Restart::ALL).unwrap_or_default();
    let significant = table.boolean("significant").unwrap_or(false);
    let shutdown = read_shutdown(&table, supervises.is_some());
    let start_timeout = table.timeout("start_timeout_ms").unwrap_or(match &start {
        Some(ChildStart::Supervisor(_)) => None,
        _ => Some(DEFAULT_START_TIMEOUT),
    });
    let counted = table.get("count");
    if let Some(value) = counted.filter(|_| count > MAX_CHILDREN) {
        errors.push(Diagnostic::new(
            value.span(),
            "`count` is out of range",
            format!("expected a whole number from 1 to {MAX_CHILDREN}"),
        ));
    }
    let backoff = read_backoff(&table);
    let over_intensity = table.word("over_intensity", &OverIntensity::ALL).unwrap_or_default();
    let budget = table.table("budget").map(read_budget);
    table.finish();
    let (Some(id), Some(start)) = (id, start) else { return Vec::new() };
    // The longest of those that there will be.
    let longest = if counted.is_some() { numbered_name(&id.value, count) } else { id.value.clone() };
    check_id(&Located { value: longest, span: id.span.clone() }, errors);
    let child =
        Child { id, start, restart, shutdown, significant, start_timeout, backoff, over_intensity, budget };
    if let Some(value) =
        counted.filter(|_| count <= MAX_CHILDREN && count.saturating_mul(child.size()) > MAX_CHILDREN)
    {
        let message = format!("`count` makes more than {MAX_CHILDREN} processes");
        errors.push(Diagnostic::new(value.span(), message, format!("each has {} of them", child.size())));
        return vec![child];
    }
    if counted.is_some() {
        (1..=count.min(MAX_CHILDREN)).map(|n| numbered(&child, n)).collect()
    } else {
        vec![child]
    }
}

/// Ids are parts of paths.
fn check_id(id: &Located<String>, errors: &Reading<'_>) {
    if id.value.len() > MAX_CHILD_ID_BYTES || id.value.chars().any(|c| c.is_control() || c == '/') {
        let label =
            format!("expected at most {MAX_CHILD_ID_BYTES} bytes without control characters and slashes");
        errors.push(Diagnostic::new(id.span.clone(), "this is no id for a child", label));
    }
}

/// `backoff_ms = 500` for the same wait each time, or `backoff = { initial_ms = 100, max_ms = 10_000 }`.
fn read_backoff(table: &Table<'_, '_>) -> Option<Backoff> {
    let constant = table.integer("backoff_ms", 1).map(|ms| Backoff::constant(Duration::from_millis(ms)));
    let Some(growing) = table.table("backoff") else { return constant };
    let (span, errors) = (growing.span(), growing.reading());
    if constant.is_some() {
        errors.push(Diagnostic::new(
            span.clone(),
            "`backoff` and `backoff_ms` exclude each other",
            "leave one of them out",
        ));
    }
    let ms = |key| growing.integer(key, 1).map(Duration::from_millis);
    let (initial, max) = (ms("initial_ms"), ms("max_ms"));
    if initial.is_none() && growing.get("initial_ms").is_none() {
        growing.missing("initial_ms", "the wait before the first restart");
    }
    if max.is_none() && growing.get("max_ms").is_none() {
        growing.missing("max_ms", "the longest wait");
    }
    let (factor, jitter) = (growing.float("factor"), growing.float("jitter"));
    let reset_after = ms("reset_after_ms");
    growing.finish();
    let backoff = Backoff::exponential(initial?, max?);
    let backoff = Backoff {
        factor: factor.unwrap_or(backoff.factor),
        jitter: jitter.unwrap_or(0.0),
        reset_after: reset_after.unwrap_or(backoff.reset_after),
        ..backoff
    };
    if let Some(error) = backoff.error() {
        errors.push(Diagnostic::new(span, "this back-off makes no sense", error));
        return None;
    }
    Some(backoff)
}

/// One of several like it: `-n` behind its id and its name.
fn numbered(child: &Child, n: u64) -> Child {
    let mut child = child.clone();
    child.id.value = numbered_name(&child.id.value, n);
    if let ChildStart::Worker { name: Some(name), .. }
    | ChildStart::Supervisor(Supervisor { name: Some(name), .. })
    | ChildStart::Service(Service { name, .. }) = &mut child.start
    {
        name.value = numbered_name(&name.value, n);
    }
    child
}

fn numbered_name(name: &str, n: u64) -> String {
    format!("{name}-{n}")
}

fn read_worker(table: &Table<'_, '_>) -> Option<ChildStart> {
    let component = table.required_string(
        "component",
        "the component that it runs, or a table `supervisor`, `table`, `registry` or `groups`",
    );
    let entry = table.required_string("entry", "the entry of the component that it runs");
    let name = table.string("name");
    // Without arguments an entry gets the empty list: in serde's encoding that is Rust's `()`.
    let args = table.get("args").map_or(Term::List(Vec::new()), |value| to_term(value, table.reading()));
    let limits = table.table("limits").map(read_limits).unwrap_or_default();
    let grants = table.table("grants").map(|table| Box::new(read_grants(table)));
    Some(ChildStart::Worker { component: component?, entry: entry?, name, args, limits, grants })
}

/// `shutdown = "brutal_kill"` or `"infinity"`, or `shutdown_ms = 5000`.
fn read_shutdown(table: &Table<'_, '_>, supervises: bool) -> Shutdown {
    let word = table.word("shutdown", &SHUTDOWNS);
    let timeout = table.timeout("shutdown_ms");
    if let (Some(_), Some(value)) = (word, table.get("shutdown_ms")) {
        table.reading().push(Diagnostic::new(
            value.span(),
            "`shutdown` and `shutdown_ms` exclude each other",
            "leave one of them out",
        ));
    }
    match (word, timeout) {
        (Some(word), _) => word,
        (None, Some(None)) => Shutdown::Infinity,
        (None, Some(Some(timeout))) => Shutdown::Timeout(timeout),
        (None, None) if supervises => Shutdown::Infinity,
        (None, None) => Shutdown::Timeout(Duration::from_secs(5)),
    }
}
