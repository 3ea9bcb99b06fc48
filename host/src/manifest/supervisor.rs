//! `[supervisor]`, nested to any depth.

use std::collections::HashSet;
use std::time::Duration;

use regrow_otp::supervisor::{AutoShutdown, OverIntensity, Restart, Strategy, SupFlags};
use regrow_term::Term;

use crate::manifest::child::{Child, ChildStart, MAX_CHILDREN, read_child};
use crate::manifest::diagnostic::{Diagnostic, Located, Span};
use crate::manifest::reader::{Reading, Table, Value, to_term};
use crate::manifest::service::Service;

/// A supervisor and its children, in start order.
#[derive(Clone, Debug, PartialEq)]
pub struct Supervisor {
    /// The name that it is registered under.
    pub name: Option<Located<String>>,
    /// How it behaves.
    pub flags: SupFlags,
    /// How its children come about.
    pub kind: SupervisorKind,
    /// Its children, or the template of those that are to come.
    pub children: Vec<Child>,
    /// Where it stands.
    pub span: Span,
}

/// How the children of a supervisor come about.
#[derive(Clone, Debug, PartialEq)]
pub enum SupervisorKind {
    /// They are started with it, in order.
    Static,
    /// From a template, while it runs (`strategy = "simple_one_for_one"`).
    Template {
        /// How many, at most.
        max_children: Option<u64>,
    },
    /// From any specification, while it runs (`strategy = "dynamic"`).
    Dynamic {
        /// How many, at most.
        max_children: Option<u64>,
        /// What they get before their own arguments.
        extra_arguments: Vec<Term>,
    },
    /// One for each partition, from a template (`partitions = 4`).
    Partitions(u64),
}

impl Supervisor {
    /// The registered names of the whole tree, in start order.
    pub fn names(&self) -> Vec<Located<String>> {
        let mut names: Vec<Located<String>> = self.name.iter().cloned().collect();
        for child in &self.children {
            match (&child.start, &self.kind) {
                (ChildStart::Worker { name: Some(name), .. }, SupervisorKind::Partitions(count)) => {
                    let numbered =
                        |n| Located { value: format!("{}-{n}", name.value), span: name.span.clone() };
                    names.extend((0..*count).map(numbered));
                }
                (ChildStart::Worker { name, .. }, _) => names.extend(name.clone()),
                (ChildStart::Supervisor(nested), _) => names.extend(nested.names()),
                (ChildStart::Service(_), _) => {}
            }
        }
        names
    }

    /// The registered names of the supervisors of the whole tree.
    pub(super) fn supervisor_names(&self) -> Vec<String> {
        let nested = self.children.iter().flat_map(|child| match &child.start {
            ChildStart::Supervisor(nested) => nested.supervisor_names(),
            ChildStart::Worker { .. } | ChildStart::Service(_) => Vec::new(),
        });
        self.name.iter().map(|name| name.value.clone()).chain(nested).collect()
    }

    /// The components that the children of the whole tree run.
    pub fn components(&self) -> HashSet<&str> {
        let mut components = HashSet::new();
        for child in &self.children {
            match &child.start {
                ChildStart::Worker { component, .. } => {
                    components.insert(component.value.as_str());
                }
                ChildStart::Supervisor(nested) => components.extend(nested.components()),
                ChildStart::Service(_) => {}
            }
        }
        components
    }

    /// What the host's processes in the whole tree keep for others.
    pub(super) fn services(&self) -> Vec<&Service> {
        let mut services = Vec::new();
        for child in &self.children {
            match &child.start {
                ChildStart::Service(service) => services.push(service),
                ChildStart::Supervisor(nested) => services.extend(nested.services()),
                ChildStart::Worker { .. } => {}
            }
        }
        services
    }

    /// How many processes the tree begins with, this supervisor included.
    pub fn size(&self) -> u64 {
        let children: u64 = self.children.iter().map(Child::size).sum();
        match self.kind {
            SupervisorKind::Static => children.saturating_add(1),
            SupervisorKind::Partitions(count) => children.saturating_mul(count).saturating_add(1),
            SupervisorKind::Template { .. } | SupervisorKind::Dynamic { .. } => 1,
        }
    }
}

/// A strategy as manifests name it: OTP's, and Elixir's dynamic supervisor.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Otp(Strategy),
    Dynamic,
}

const STRATEGIES: [(&str, Word); 5] = [
    ("one_for_one", Word::Otp(Strategy::OneForOne)),
    ("one_for_all", Word::Otp(Strategy::OneForAll)),
    ("rest_for_one", Word::Otp(Strategy::RestForOne)),
    ("simple_one_for_one", Word::Otp(Strategy::SimpleOneForOne)),
    ("dynamic", Word::Dynamic),
];

/// Restarts within five seconds that a dynamic or a partition supervisor allows unless it is told otherwise.
const ELIXIR_INTENSITY: u32 = 3;

pub(super) fn read_supervisor(table: Table<'_, '_>, depth: usize) -> Supervisor {
    let defaults = SupFlags::default();
    let word = table.word("strategy", &STRATEGIES).unwrap_or(Word::Otp(Strategy::OneForOne));
    let period = table.integer("period_s", 1).map(Duration::from_secs);
    let intensity = table.integer("intensity", 0);
    // Elixir's supervisors have a default of their own (rule S1).
    let elixir = word == Word::Dynamic || table.get("partitions").is_some();
    let default_intensity = if elixir { ELIXIR_INTENSITY } else { defaults.intensity };
    let flags = SupFlags {
        strategy: match word {
            Word::Otp(strategy) => strategy,
            Word::Dynamic => Strategy::OneForOne,
        },
        intensity: intensity.map_or(default_intensity, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        period: period.unwrap_or(defaults.period),
        auto_shutdown: table.word("auto_shutdown", &AutoShutdown::ALL).unwrap_or_default(),
    };
    let name = table.string("name");
    let kind = read_kind(&table, word, name.is_some());
    let mut children = Vec::new();
    for value in table.list("children") {
        children.extend(read_child(value, depth, table.reading()));
    }
    let span = table.span();
    check_kind(&table, &flags, &kind, &children);
    check_children(&flags, &children, table.reading());
    table.finish();
    Supervisor { name, flags, kind, children, span }
}

fn read_kind(table: &Table<'_, '_>, word: Word, named: bool) -> SupervisorKind {
    let (max, extra) = (table.get("max_children"), table.get("extra_args"));
    let partitions = table.get("partitions");
    let misplaced = |value: Option<&Value<'_>>, key: &str, needs: &str| {
        if let Some(value) = value {
            let message = format!("`{key}` has no meaning here");
            table.reading().push(Diagnostic::new(value.span(), message, format!("it belongs to {needs}")));
        }
    };
    match word {
        Word::Dynamic => {
            misplaced(partitions, "partitions", "`strategy = \"one_for_one\"`");
            let extra_arguments = extra.map(|value| match to_term(value, table.reading()) {
                Term::List(terms) => terms,
                single => vec![single],
            });
            SupervisorKind::Dynamic {
                max_children: table.integer("max_children", 0),
                extra_arguments: extra_arguments.unwrap_or_default(),
            }
        }
        Word::Otp(Strategy::SimpleOneForOne) => {
            misplaced(partitions, "partitions", "`strategy = \"one_for_one\"`");
            misplaced(extra, "extra_args", "`strategy = \"dynamic\"`");
            SupervisorKind::Template { max_children: table.integer("max_children", 0) }
        }
        Word::Otp(strategy) => {
            misplaced(max, "max_children", "`strategy = \"dynamic\"` and `\"simple_one_for_one\"`");
            misplaced(extra, "extra_args", "`strategy = \"dynamic\"`");
            let Some(value) = partitions else { return SupervisorKind::Static };
            if strategy != Strategy::OneForOne {
                misplaced(Some(value), "partitions", "`strategy = \"one_for_one\"`");
            }
            if !named {
                table.missing("name", "partitions are found by the name of their supervisor");
            }
            SupervisorKind::Partitions(read_partitions(table, value))
        }
    }
}

/// A number, or as many as the machine has cores (rule PS1).
fn read_partitions(table: &Table<'_, '_>, value: &Value<'_>) -> u64 {
    if value.get_ref().as_str() == Some("cores") {
        return std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    }
    let count = table.integer("partitions", 1).unwrap_or(1);
    if count > MAX_CHILDREN {
        table.reading().push(Diagnostic::new(
            value.span(),
            "`partitions` is out of range",
            format!("expected \"cores\" or a whole number from 1 to {MAX_CHILDREN}"),
        ));
        return 1;
    }
    count
}

/// What makes no sense in how children come about.
fn check_kind(table: &Table<'_, '_>, flags: &SupFlags, kind: &SupervisorKind, children: &[Child]) {
    let value = |key| table.get(key).map_or(table.span(), |value| value.span());
    let error = |span, message: &str, label: &str| {
        table.reading().push(Diagnostic::new(span, message, label));
    };
    match kind {
        SupervisorKind::Static => {}
        SupervisorKind::Dynamic { .. } if !children.is_empty() => error(
            value("children"),
            "a dynamic supervisor has no children in the manifest",
            "they are started while it runs",
        ),
        SupervisorKind::Template { .. } | SupervisorKind::Partitions(_) if children.len() != 1 => {
            let message = "this supervisor needs exactly one child, the template of all";
            error(value("children"), message, &format!("there are {}", children.len()));
        }
        SupervisorKind::Template { .. } | SupervisorKind::Partitions(_)
            if !matches!(children[0].start, ChildStart::Worker { .. }) =>
        {
            let what = match &children[0].start {
                ChildStart::Service(service) => service.kind.word(),
                _ => "supervisor",
            };
            error(children[0].id.span.clone(), "a template is a worker", &format!("this is a {what}"));
        }
        SupervisorKind::Template { .. }
            if matches!(&children[0].start, ChildStart::Worker { name: Some(_), .. }) =>
        {
            error(children[0].id.span.clone(), "a template has no name", "all its children would have it");
        }
        _ => {}
    }
    if *kind != SupervisorKind::Static && flags.auto_shutdown != AutoShutdown::Never {
        let message = "`auto_shutdown` has no meaning here";
        error(value("auto_shutdown"), message, "it belongs to static children");
    }
}

/// What makes no sense in one child beside another, or beside its supervisor's flags (rules S5, S6).
fn check_children(flags: &SupFlags, children: &[Child], errors: &Reading<'_>) {
    let mut seen: HashSet<&str> = HashSet::new();
    let grouped = matches!(flags.strategy, Strategy::OneForAll | Strategy::RestForOne);
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
        if child.over_intensity == OverIntensity::Park && grouped {
            errors.push(
                Diagnostic::new(
                    child.id.span.clone(),
                    format!("{id:?} can't be parked"),
                    "its siblings are restarted with it",
                )
                .help("use `strategy = \"one_for_one\"`, or `over_intensity = \"give_up\"`"),
            );
        }
    }
}
