//! `[supervisor]` and its children, nested to any depth.

use std::collections::HashSet;
use std::time::Duration;

use regrow_otp::supervisor::{AutoShutdown, Restart, Shutdown, Strategy, SupFlags};
use regrow_term::Term;

use crate::manifest::component::{Limits, read_limits};
use crate::manifest::diagnostic::{Diagnostic, Located, Span};
use crate::manifest::reader::{Errors, Table, Value, to_term};

/// How deep supervisors may be nested: deeper trees are mistakes, and reading them must not exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Children that one `count` may make.
const MAX_COUNT: u64 = 10_000;

/// How long a start may take unless the manifest says otherwise.
const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(5);

/// A supervisor and its children, in start order.
#[derive(Clone, Debug, PartialEq)]
pub struct Supervisor {
    /// The name that it is registered under.
    pub name: Option<Located<String>>,
    /// How it behaves.
    pub flags: SupFlags,
    /// Its children.
    pub children: Vec<Child>,
    /// Where it stands.
    pub span: Span,
}

impl Supervisor {
    /// The registered names of the whole tree, in start order.
    pub fn names(&self) -> Box<dyn Iterator<Item = &Located<String>> + '_> {
        let children = self.children.iter().flat_map(|child| match &child.start {
            ChildStart::Worker { name, .. } => Box::new(name.iter()),
            ChildStart::Supervisor(nested) => nested.names(),
        });
        Box::new(self.name.iter().chain(children))
    }

    /// How many processes the tree has, this supervisor included.
    pub fn size(&self) -> u64 {
        1 + self.children.iter().map(Child::size).sum::<u64>()
    }
}

impl Child {
    fn size(&self) -> u64 {
        match &self.start {
            ChildStart::Worker { .. } => 1,
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
    },
    /// A supervisor.
    Supervisor(Supervisor),
}

const STRATEGIES: [(&str, Strategy); 3] = [
    ("one_for_one", Strategy::OneForOne),
    ("one_for_all", Strategy::OneForAll),
    ("rest_for_one", Strategy::RestForOne),
];

const RESTARTS: [(&str, Restart); 3] =
    [("permanent", Restart::Permanent), ("transient", Restart::Transient), ("temporary", Restart::Temporary)];

const AUTO_SHUTDOWNS: [(&str, AutoShutdown); 3] = [
    ("never", AutoShutdown::Never),
    ("any_significant", AutoShutdown::AnySignificant),
    ("all_significant", AutoShutdown::AllSignificant),
];

const SHUTDOWNS: [(&str, Shutdown); 2] =
    [("brutal_kill", Shutdown::BrutalKill), ("infinity", Shutdown::Infinity)];

pub(super) fn read_supervisor(table: Table<'_, '_>, depth: usize) -> Supervisor {
    let defaults = SupFlags::default();
    let period = table.integer("period_s", 1).map(Duration::from_secs);
    let intensity = table.integer("intensity", 0);
    let flags = SupFlags {
        strategy: table.word("strategy", &STRATEGIES).unwrap_or_default(),
        intensity: intensity.map_or(defaults.intensity, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        period: period.unwrap_or(defaults.period),
        auto_shutdown: table.word("auto_shutdown", &AUTO_SHUTDOWNS).unwrap_or_default(),
    };
    let name = table.string("name");
    let mut children = Vec::new();
    for value in table.list("children") {
        children.extend(read_child(value, depth, table.errors()));
    }
    let span = table.span();
    check_children(&flags, &children, table.errors());
    table.finish();
    Supervisor { name, flags, children, span }
}

/// What makes no sense in one child beside another, or beside its supervisor's flags (rules S5, S6).
fn check_children(flags: &SupFlags, children: &[Child], errors: &Errors) {
    let mut seen: HashSet<&str> = HashSet::new();
    for child in children {
        let (id, span) = (&child.id.value, child.id.span.clone());
        if !seen.insert(id) {
            errors.push(
                Diagnostic::new(span.clone(), format!("two children have the id {id:?}"), "the second one")
                    .help("ids are unique within a supervisor"),
            );
        }
        if child.significant && child.restart == Restart::Permanent {
            errors.push(
                Diagnostic::new(
                    span,
                    format!("{id:?} is significant and permanent"),
                    "it never ends for good",
                )
                .help("make it `restart = \"transient\"` or `\"temporary\"`"),
            );
        } else if child.significant && flags.auto_shutdown == AutoShutdown::Never {
            errors.push(
                Diagnostic::new(span, format!("{id:?} is significant without effect"), "it is significant")
                    .help(
                        "give its supervisor `auto_shutdown = \"any_significant\"` or `\"all_significant\"`",
                    ),
            );
        }
    }
}

/// One child, or `count` of them.
fn read_child(value: &Value<'_>, depth: usize, errors: &Errors) -> Vec<Child> {
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
        None => read_worker(&table),
    };
    let count = table.integer("count", 1).unwrap_or(1);
    let restart = table.word("restart", &RESTARTS).unwrap_or_default();
    let significant = table.boolean("significant").unwrap_or(false);
    let shutdown = read_shutdown(&table, supervises.is_some());
    let start_timeout = table.timeout("start_timeout_ms").unwrap_or(match &start {
        Some(ChildStart::Supervisor(_)) => None,
        _ => Some(DEFAULT_START_TIMEOUT),
    });
    let counted = table.get("count");
    if let Some(value) = counted.filter(|_| count > MAX_COUNT) {
        errors.push(Diagnostic::new(
            value.span(),
            "`count` is out of range",
            format!("expected a whole number from 1 to {MAX_COUNT}"),
        ));
    }
    table.finish();
    let (Some(id), Some(start)) = (id, start) else { return Vec::new() };
    let child = Child { id, start, restart, shutdown, significant, start_timeout };
    if let Some(value) = counted.filter(|_| count.saturating_mul(child.size()) > MAX_COUNT) {
        let message = format!("`count` makes more than {MAX_COUNT} processes");
        errors.push(Diagnostic::new(value.span(), message, format!("each has {} of them", child.size())));
        return vec![child];
    }
    if counted.is_some() {
        (1..=count.min(MAX_COUNT)).map(|n| numbered(&child, n)).collect()
    } else {
        vec![child]
    }
}

/// One of several like it: `-n` behind its id and its name.
fn numbered(child: &Child, n: u64) -> Child {
    let mut child = child.clone();
    child.id.value = format!("{}-{n}", child.id.value);
    if let ChildStart::Worker { name: Some(name), .. }
    | ChildStart::Supervisor(Supervisor { name: Some(name), .. }) = &mut child.start
    {
        name.value = format!("{}-{n}", name.value);
    }
    child
}

fn read_worker(table: &Table<'_, '_>) -> Option<ChildStart> {
    let component = table.required_string("component", "the component that it runs, or a `supervisor` table");
    let entry = table.required_string("entry", "the entry of the component that it runs");
    let name = table.string("name");
    // Without arguments an entry gets the empty list: in serde's encoding that is Rust's `()`.
    let args = table.get("args").map_or(Term::List(Vec::new()), |value| to_term(value, table.errors()));
    let limits = table.table("limits").map(read_limits).unwrap_or_default();
    Some(ChildStart::Worker { component: component?, entry: entry?, name, args, limits })
}

/// `shutdown = "brutal_kill"` or `"infinity"`, or `shutdown_ms = 5000`.
fn read_shutdown(table: &Table<'_, '_>, supervises: bool) -> Shutdown {
    let word = table.word("shutdown", &SHUTDOWNS);
    let timeout = table.timeout("shutdown_ms");
    if let (Some(_), Some(value)) = (word, table.get("shutdown_ms")) {
        table.errors().push(Diagnostic::new(
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
