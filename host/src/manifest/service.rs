//! Children that are processes of the host's: they keep something for others, which outlives its users.

use std::collections::HashSet;

use regrow_otp::{MAX_NAME_BYTES, MAX_PARTITIONS, RegistryKind, RegistryOptions, TableKind, check_name};

use crate::manifest::child::ChildStart;
use crate::manifest::component::{Limits, read_limits};
use crate::manifest::diagnostic::{Diagnostic, Located};
use crate::manifest::reader::{Reading, Table};

/// What a process of the host's keeps for others: `table = { name = "sessions", kind = "ordered_set" }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The name under which everybody finds it who has a grant.
    pub name: Located<String>,
    /// What it is.
    pub kind: ServiceKind,
    /// The limits of the process that keeps it.
    pub limits: Limits,
}

/// What is kept for others.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceKind {
    /// A table: `table = { name, kind }`.
    Table(TableKind),
    /// A registry: `registry = { name, kind, partitions, listeners }`.
    Registry {
        /// How many processes may be registered under a key.
        kind: RegistryKind,
        /// In how many parts it is.
        partitions: usize,
        /// Names of processes that are told of registrations.
        listeners: Vec<Located<String>>,
    },
    /// A scope of process groups: `groups = { name }`.
    Groups,
}

const TABLE_KINDS: [(&str, TableKind); 4] = [
    ("set", TableKind::Set),
    ("ordered_set", TableKind::OrderedSet),
    ("bag", TableKind::Bag),
    ("duplicate_bag", TableKind::DuplicateBag),
];

const REGISTRY_KINDS: [(&str, RegistryKind); 2] =
    [("unique", RegistryKind::Unique), ("duplicate", RegistryKind::Duplicate)];

impl ServiceKind {
    /// What it is called.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Table(_) => "table",
            Self::Registry { .. } => "registry",
            Self::Groups => "scope of process groups",
        }
    }
}

/// The service that a child is, if it is one; none inside if something is wrong about it.
pub(super) fn read_service(child: &Table<'_, '_>) -> Option<Option<ChildStart>> {
    let (name, kind) = if let Some(table) = child.table("table") {
        let name = table.required_string("name", "the name under which the table is found");
        let kind = table.word("kind", &TABLE_KINDS).unwrap_or_default();
        table.finish();
        (name, ServiceKind::Table(kind))
    } else if let Some(table) = child.table("registry") {
        let name = table.required_string("name", "the name under which the registry is found");
        let kind = table.word("kind", &REGISTRY_KINDS).unwrap_or_default();
        let partitions = read_partitions(&table);
        let listeners = table.strings("listeners");
        table.finish();
        (name, ServiceKind::Registry { kind, partitions, listeners })
    } else {
        let table = child.table("groups")?;
        let name = table.required_string("name", "the name of the scope");
        table.finish();
        (name, ServiceKind::Groups)
    };
    let limits = child.table("limits").map(read_limits).unwrap_or_default();
    Some(name.map(|name| ChildStart::Service(Service { name, kind, limits })))
}

fn read_partitions(table: &Table<'_, '_>) -> usize {
    let partitions = table.integer("partitions", 1);
    let count = partitions.and_then(|count| usize::try_from(count).ok());
    if let Some(value) = table.get("partitions")
        && count.is_some_and(|count| count > MAX_PARTITIONS)
    {
        let label = format!("expected a whole number from 1 to {MAX_PARTITIONS}");
        table.reading().push(Diagnostic::new(value.span(), "`partitions` is out of range", label));
    }
    count.unwrap_or(RegistryOptions::PARTITIONS)
}

/// Names of services: well-formed, and of those of one kind each only once in the whole tree.
pub(super) fn check_services<'a>(services: impl Iterator<Item = &'a Service>, errors: &Reading<'_>) {
    let mut seen = HashSet::new();
    for Service { name, kind, .. } in services {
        let what = kind.word();
        let listeners = match kind {
            ServiceKind::Registry { listeners, .. } => listeners.as_slice(),
            ServiceKind::Table(_) | ServiceKind::Groups => &[],
        };
        for name in listeners.iter().filter(|name| check_name(&name.value).is_err()) {
            let message = format!("{:?} is no name for a process", name.value);
            let label = format!("expected 1 to {MAX_NAME_BYTES} bytes without control characters");
            errors.push(Diagnostic::new(name.span.clone(), message, label));
        }
        if check_name(&name.value).is_err() {
            let message = format!("{:?} is no name for a {what}", name.value);
            let label = format!("expected 1 to {MAX_NAME_BYTES} bytes without control characters");
            errors.push(Diagnostic::new(name.span.clone(), message, label));
        }
        if !seen.insert((what, name.value.clone())) {
            let message = format!("the {what} {:?} is declared twice", name.value);
            errors.push(Diagnostic::new(name.span.clone(), message, "the second time"));
        }
    }
}
