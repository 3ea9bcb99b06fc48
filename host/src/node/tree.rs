//! From a manifest's tree to specifications of supervisors and children.

use std::path::Path;
use std::sync::Arc;

use regrow_otp::supervisor::{ChildSpec, ChildType, StartChild, SupervisorSpec, joined_arguments};
use regrow_term::Term;

use crate::engine::{Argument, Catalog, Contents, DirGrant, Grants, GuestLimits, StartGuest};
use crate::manifest::{self, ChildStart, SupervisorKind};

/// Where the programs are found that a tree runs.
pub(super) struct TreeBuilder<'a> {
    /// What processes spawn from.
    pub(super) catalog: &'a Arc<Catalog>,
    /// The programs of this version of the application.
    pub(super) contents: &'a Contents,
}

impl TreeBuilder<'_> {
    /// The supervisor that stands at `path`, with all that is below it.
    pub(super) fn supervisor(&self, spec: &manifest::Supervisor, path: &str) -> SupervisorSpec {
        let name = spec.name.as_ref().map(|name| name.value.clone());
        let mut children = spec.children.iter().map(|child| self.child(child, path));
        let built = match &spec.kind {
            SupervisorKind::Static => SupervisorSpec::new(path, name, spec.flags.clone(), children.collect()),
            SupervisorKind::Template { max_children } => {
                SupervisorSpec::new(path, name, spec.flags.clone(), children.collect())
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
                let (template, name) = (spec.children.first(), name.unwrap_or_default());
                match template.zip(children.next()) {
                    Some((template, built)) => {
                        let partition =
                            |number| ChildSpec { start: self.partition(template, number), ..built.clone() };
                        SupervisorSpec::partitioned(path, name, spec.flags.clone(), count, partition)
                    }
                    None => unreachable!("the manifest was checked: there is a template"),
                }
            }
        };
        built.unwrap_or_else(|errors| unreachable!("the manifest was checked: {errors:?}"))
    }

    fn child(&self, child: &manifest::Child, path: &str) -> ChildSpec {
        let id = child.id.value.clone();
        let spec = match &child.start {
            ChildStart::Supervisor(nested) => {
                let nested = self.supervisor(nested, &format!("{path}/{id}"));
                ChildSpec { child_type: ChildType::Supervisor, ..ChildSpec::worker(id, Arc::new(nested)) }
            }
            ChildStart::Worker { .. } => ChildSpec::worker(id, self.worker(&child.start, None)),
        };
        ChildSpec {
            restart: child.restart,
            shutdown: child.shutdown,
            significant: child.significant,
            start_timeout: child.start_timeout,
            backoff: child.backoff,
            over_intensity: child.over_intensity,
            ..spec
        }
    }

    fn partition(&self, template: &manifest::Child, number: usize) -> Arc<dyn StartChild> {
        self.worker(&template.start, Some(number))
    }

    /// A worker; one of a partition has the number of that behind its arguments and its name.
    fn worker(&self, start: &ChildStart, partition: Option<usize>) -> Arc<dyn StartChild> {
        let ChildStart::Worker { component, entry, name, args, limits: own } = start else {
            unreachable!("the manifest was checked: this is a worker")
        };
        let Some(program) = self.contents.get(&component.value) else {
            unreachable!("the manifest was checked: the component is there")
        };
        let name = name.as_ref().map(|name| name.value.clone());
        let (name, argument) = match partition {
            Some(number) => (
                name.map(|name| format!("{name}-{number}")),
                joined_arguments(&[], args, &[Term::from(number as u64)]),
            ),
            None => (name, args.clone()),
        };
        Arc::new(StartGuest {
            catalog: self.catalog.clone(),
            limits: limits(&program.limits, own),
            program: program.clone(),
            entry: entry.value.as_str().into(),
            argument: Argument::Term(argument),
            name,
        })
    }
}

pub(super) fn grants(spec: &manifest::Grants, folder: &Path) -> Grants {
    let dirs = spec.dirs.iter().map(|dir| DirGrant {
        host: folder.join(&dir.host.value),
        guest: dir.guest.clone(),
        write: dir.write,
    });
    Grants {
        dirs: dirs.collect(),
        env: spec.env.clone(),
        stdio: spec.stdio,
        spawn: spec.spawn.iter().map(|name| name.value.clone()).collect(),
        supervise: spec.supervise.iter().map(|name| name.value.clone()).collect(),
        start_children: spec.start_children.iter().map(|name| name.value.clone()).collect(),
        signal: spec.signal,
    }
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
    limits.process.when_full = spec.when_full.unwrap_or(limits.process.when_full);
    limits
}
