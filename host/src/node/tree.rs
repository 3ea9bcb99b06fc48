//! From a manifest's tree to specifications of supervisors and children.

use std::sync::Arc;

use regrow_otp::supervisor::{ChildSpec, ChildType, StartChild, SupervisorSpec, joined_arguments};
use regrow_otp::{Access, Budget, RegistryOptions, StartRegistry, StartScope, StartTable, TableOptions};
use regrow_term::Term;

use crate::engine::{
    Argument, Catalog, Contents, DirGrant, Grants, GuestLimits, NamePattern, NetPattern, StartGuest,
};
use crate::manifest::{self, ChildStart, Diagnostic, Located, Service, ServiceKind, SupervisorKind};
use crate::node::folders::Folders;

/// Where the programs are found that a tree runs.
pub(super) struct TreeBuilder<'a> {
    /// Where granted folders are found.
    pub(super) folders: Folders,
    /// What processes spawn from.
    pub(super) catalog: &'a Arc<Catalog>,
    /// The programs of this version of the application.
    pub(super) contents: &'a Contents,
}

impl TreeBuilder<'_> {
    /// The supervisor that stands at `path`, with all that is below it.
    ///
    /// # Errors
    /// Why it can't be: something that the manifest's own checks have let through.
    pub(super) fn supervisor(
        &self,
        spec: &manifest::Supervisor,
        path: &str,
    ) -> Result<SupervisorSpec, String> {
        let name = spec.name.as_ref().map(|name| name.value.clone());
        let children = spec.children.iter().map(|child| self.child(child, path));
        let children: Vec<ChildSpec> = children.collect::<Result<_, _>>()?;
        let built = match &spec.kind {
            SupervisorKind::Static => SupervisorSpec::new(path, name, spec.flags.clone(), children),
            SupervisorKind::Template { max_children } => {
                SupervisorSpec::new(path, name, spec.flags.clone(), children)
                    .map(|built| built.max_children(max_children.unwrap_or(u64::MAX)))
            }
            SupervisorKind::Dynamic { max_children, extra_arguments } => SupervisorSpec::dynamic(
                path,
                name,
                spec.flags.intensity,
                spec.flags.period,
                *max_children,
                extra_arguments.clone(),
            ),
            SupervisorKind::Partitions(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                let name = name.unwrap_or_default();
                let template = spec.children.first().zip(children.first());
                let (template, built) = template.ok_or_else(|| format!("{path} has no template"))?;
                let starts = (0..count).map(|number| {
                    let budget =
                        template.budget.clone().map(|budget| (format!("{path}/{number}").into(), budget));
                    self.worker(&template.start, Some(number), budget)
                });
                let starts: Vec<_> = starts.collect::<Result<_, _>>()?;
                let partition = |number: usize| ChildSpec { start: starts[number].clone(), ..built.clone() };
                SupervisorSpec::partitioned(path, name, spec.flags.clone(), count, partition)
            }
        };
        built.map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            format!("{path}: {}", errors.join("; "))
        })
    }

    fn child(&self, child: &manifest::Child, path: &str) -> Result<ChildSpec, String> {
        let id = child.id.value.clone();
        let spec = match &child.start {
            ChildStart::Supervisor(nested) => {
                let nested = self.supervisor(nested, &format!("{path}/{id}"))?.budget(child.budget.clone());
                ChildSpec { child_type: ChildType::Supervisor, ..ChildSpec::worker(id, Arc::new(nested)) }
            }
            ChildStart::Service(service) => {
                let budget = child.budget.clone().map(|budget| (format!("{path}/{id}").into(), budget));
                ChildSpec::worker(id, start_service(service, budget))
            }
            ChildStart::Worker { .. } => {
                let budget = child.budget.clone().map(|budget| (format!("{path}/{id}").into(), budget));
                ChildSpec::worker(id, self.worker(&child.start, None, budget)?)
            }
        };
        Ok(ChildSpec {
            restart: child.restart,
            shutdown: child.shutdown,
            significant: child.significant,
            start_timeout: child.start_timeout,
            backoff: child.backoff.map(Box::new),
            over_intensity: child.over_intensity,
            ..spec
        })
    }

    /// A worker; one of a partition has the number of that behind its arguments and its name.
    fn worker(
        &self,
        start: &ChildStart,
        partition: Option<usize>,
        budget: Option<(Arc<str>, Budget)>,
    ) -> Result<Arc<dyn StartChild>, String> {
        let ChildStart::Worker { component, entry, name, args, limits: own, grants: narrowed } = start else {
            return Err("a partition is a worker".to_owned());
        };
        let program = self.contents.get(&component.value);
        let program = program.ok_or_else(|| format!("there is no component {:?}", component.value))?;
        let name = name.as_ref().map(|name| name.value.clone());
        let (name, argument) = match partition {
            Some(number) => (
                name.map(|name| format!("{name}-{number}")),
                joined_arguments(&[], args, &[Term::from(number as u64)]),
            ),
            None => (name, args.clone()),
        };
        Ok(Arc::new(StartGuest {
            catalog: self.catalog.clone(),
            limits: limits(&program.limits, own),
            grants: match narrowed {
                Some(spec) => Arc::new(program.grants.intersection(&grants(spec, &self.folders).0)),
                None => program.grants.clone(),
            },
            budget: budget.map(Box::new),
            kept: None,
            program: program.clone(),
            entry: entry.value.as_str().into(),
            argument: Argument::Term(argument),
            name,
            via: None,
        }))
    }
}

/// The process that keeps something for others.
fn start_service(service: &Service, budget: Option<(Arc<str>, Budget)>) -> Arc<dyn StartChild> {
    let limits = limits(&GuestLimits::default(), &service.limits).process;
    let name = service.name.value.clone();
    match &service.kind {
        ServiceKind::Table(kind) => {
            let options = TableOptions {
                name: Some(name),
                kind: *kind,
                access: Access::Public,
                ..TableOptions::default()
            };
            Arc::new(StartTable { options, limits, budget })
        }
        ServiceKind::Registry { kind, partitions, listeners } => {
            let listeners = listeners.iter().map(|name| name.value.clone()).collect();
            let options = RegistryOptions { name, kind: *kind, partitions: *partitions, listeners };
            Arc::new(StartRegistry { options, limits, budget })
        }
        ServiceKind::Groups => Arc::new(StartScope { name, limits, budget }),
    }
}

/// What a manifest grants, and what is wrong about its patterns.
pub(super) fn grants(spec: &manifest::Grants, folders: &Folders) -> (Grants, Vec<Diagnostic>) {
    let mut errors = Vec::new();
    let dirs = spec.dirs.iter().map(|dir| {
        let (host, folder) = folders.open(&dir.host.value);
        DirGrant { host, guest: dir.guest.clone(), write: dir.write, folder }
    });
    let names = |located: &[Located<String>]| located.iter().map(|name| name.value.clone()).collect();
    let grants = Grants {
        dirs: dirs.collect(),
        env: spec.env.clone(),
        args: spec.args.clone(),
        stdio: spec.stdio,
        clocks: spec.clocks,
        random: spec.random,
        tcp: patterns("tcp", &spec.tcp, NetPattern::parse, &mut errors),
        udp: patterns("udp", &spec.udp, NetPattern::parse, &mut errors),
        dns: patterns("dns", &spec.dns, NamePattern::parse_host, &mut errors),
        spawn: names(&spec.spawn),
        register: patterns("register", &spec.register, NamePattern::parse, &mut errors),
        lookup: patterns("lookup", &spec.lookup, NamePattern::parse, &mut errors),
        tables: patterns("tables", &spec.tables, NamePattern::parse, &mut errors),
        groups: patterns("groups", &spec.groups, NamePattern::parse, &mut errors),
        registries: patterns("registries", &spec.registries, NamePattern::parse, &mut errors),
        list_processes: spec.list_processes,
        supervise: names(&spec.supervise),
        start_children: names(&spec.start_children),
        signal: spec.signal,
    };
    (grants, errors)
}

fn patterns<T>(
    key: &str,
    texts: &[Located<String>],
    parse: impl Fn(&str) -> Result<T, String>,
    errors: &mut Vec<Diagnostic>,
) -> Vec<T> {
    let parsed = texts.iter().filter_map(|text| {
        let wrong = |why| {
            Diagnostic::new(text.span.clone(), format!("{:?} is no pattern for `{key}`", text.value), why)
        };
        parse(&text.value).map_err(|why| errors.push(wrong(why))).ok()
    });
    parsed.collect()
}

pub(super) fn limits(base: &GuestLimits, spec: &manifest::Limits) -> GuestLimits {
    let mut limits = *base;
    let set = |limit: &mut u64, value: Option<u64>| *limit = value.unwrap_or(*limit);
    set(&mut limits.memory_bytes, spec.memory_bytes);
    set(&mut limits.process.mailbox_messages, spec.mailbox_messages);
    set(&mut limits.process.mailbox_bytes, spec.mailbox_bytes);
    set(&mut limits.process.message_bytes, spec.message_bytes);
    set(&mut limits.process.links, spec.links);
    set(&mut limits.process.monitors, spec.monitors);
    set(&mut limits.process.timers, spec.timers);
    set(&mut limits.process.children, spec.children);
    set(&mut limits.process.reductions, spec.reductions);
    set(&mut limits.process.handles, spec.handles);
    set(&mut limits.process.log_lines_per_second, spec.log_lines_per_second);
    set(&mut limits.process.kept_bytes, spec.kept_bytes);
    limits.process.when_full = spec.when_full.unwrap_or(limits.process.when_full);
    limits
}
