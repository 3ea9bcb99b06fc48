//! A supervisor as it is to be started: flags and children.

use std::sync::Arc;

use crate::budget::Budget;
use crate::limits::Limits;
use crate::pid::{Pid, Reference};
use crate::process::{Context, ProcessKind, SpawnError, SpawnOptions};
use crate::runtime::Runtime;
use crate::supervisor::process::run;
use crate::supervisor::spec::{AutoShutdown, ChildSpec, Strategy, SupFlags};
use crate::supervisor::start::Arguments;
use crate::supervisor::start::{StartChild, Started};
use crate::supervisor::validate::{SpecError, check_flags, check_spec};

/// A supervisor as it is to be started.
#[derive(Clone, Debug)]
pub struct SupervisorSpec {
    pub(super) path: Arc<str>,
    pub(super) name: Option<String>,
    pub(super) flags: SupFlags,
    pub(super) budget: Option<Budget>,
    pub(super) children: Children,
}

/// The children of a supervisor.
#[derive(Clone, Debug)]
pub(super) enum Children {
    /// In start order.
    Static(Vec<ChildSpec>),
    /// Started from one template while the supervisor runs (`simple_one_for_one`).
    FromTemplate { template: ChildSpec, max_children: u64 },
    /// Started from any specification while the supervisor runs (a DynamicSupervisor).
    Dynamic { max_children: u64, extra_arguments: Arguments },
    /// One for each partition (a PartitionSupervisor).
    Partitions(Vec<ChildSpec>),
}

impl SupervisorSpec {
    /// A supervisor, after a check of its flags and children. `path` says where it stands in its tree, as
    /// `app/pool`; it is registered as `name` if there is one. Under `simple_one_for_one` the only child is the template
    /// (rules S8, S62).
    ///
    /// # Errors
    /// Every [`SpecError`] that there is.
    pub fn new(
        path: impl Into<Arc<str>>,
        name: Option<String>,
        flags: SupFlags,
        mut children: Vec<ChildSpec>,
    ) -> Result<Self, Vec<SpecError>> {
        let errors = check_spec(&flags, &children);
        if !errors.is_empty() {
            return Err(errors);
        }
        let children = match (flags.strategy, children.pop()) {
            (Strategy::SimpleOneForOne, Some(template)) => {
                Children::FromTemplate { template, max_children: u64::MAX }
            }
            (_, last) => {
                children.extend(last);
                Children::Static(children)
            }
        };
        Ok(Self { path: path.into(), name, flags, budget: None, children })
    }

    /// A supervisor whose children are started while it runs, each from a specification of its own (Elixir's
    /// `DynamicSupervisor`, rule DS1): one_for_one, without `auto_shutdown`. It has `max_children` at most; what it starts
    /// gets `extra_arguments` before its own.
    ///
    /// # Errors
    /// Every [`SpecError`] that there is.
    pub fn dynamic(
        path: impl Into<Arc<str>>,
        name: Option<String>,
        intensity: u32,
        period: std::time::Duration,
        max_children: Option<u64>,
        extra_arguments: impl Into<Arguments>,
    ) -> Result<Self, Vec<SpecError>> {
        let flags = SupFlags { intensity, period, ..SupFlags::default() };
        let errors = check_flags(&flags);
        if !errors.is_empty() {
            return Err(errors);
        }
        let children = Children::Dynamic {
            max_children: max_children.unwrap_or(u64::MAX),
            extra_arguments: extra_arguments.into(),
        };
        Ok(Self { path: path.into(), name, flags, budget: None, children })
    }

    /// A supervisor with one child for each of `partitions` (Elixir's `PartitionSupervisor`, rules PS1, PS3): `child`
    /// makes the one of each, whose id becomes the partition's number. [`Runtime::partition`] finds the child for a key.
    ///
    /// # Errors
    /// Every [`SpecError`] that there is.
    pub fn partitioned(
        path: impl Into<Arc<str>>,
        name: String,
        flags: SupFlags,
        partitions: usize,
        child: impl Fn(usize) -> ChildSpec,
    ) -> Result<Self, Vec<SpecError>> {
        let flags = SupFlags { strategy: Strategy::OneForOne, auto_shutdown: AutoShutdown::Never, ..flags };
        let children: Vec<ChildSpec> = (0..partitions)
            .map(|partition| ChildSpec { id: partition.to_string(), ..child(partition) })
            .collect();
        let mut errors = check_spec(&flags, &children);
        if partitions == 0 {
            errors.push(SpecError::NoPartitions);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let children = Children::Partitions(children);
        Ok(Self { path: path.into(), name: Some(name), flags, budget: None, children })
    }

    /// This supervisor, with so many children at most, if they are dynamic.
    #[must_use]
    pub fn max_children(mut self, most: u64) -> Self {
        if let Children::FromTemplate { max_children, .. } | Children::Dynamic { max_children, .. } =
            &mut self.children
        {
            *max_children = most;
        }
        self
    }

    /// This supervisor, without the static children of these ids.
    #[must_use]
    pub fn without(mut self, ids: &std::collections::HashSet<String>) -> Self {
        if let Children::Static(children) = &mut self.children {
            children.retain(|child| !ids.contains(&child.id));
        }
        self
    }

    /// This supervisor, with a budget for itself and everything below it.
    #[must_use]
    pub fn budget(self, budget: Option<Budget>) -> Self {
        Self { budget, ..self }
    }

    /// Where it stands in its tree.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name that it is registered under.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How it behaves.
    pub fn flags(&self) -> &SupFlags {
        &self.flags
    }

    /// Its static children, in start order, or its template.
    pub fn child_specs(&self) -> &[ChildSpec] {
        match &self.children {
            Children::Static(children) | Children::Partitions(children) => children,
            Children::FromTemplate { template, .. } => std::slice::from_ref(template),
            Children::Dynamic { .. } => &[],
        }
    }

    /// Starts this supervisor as the root of a tree. It stops when the host sends it an exit signal.
    ///
    /// # Errors
    /// [`SpawnError`]
    pub fn start_root(&self, runtime: &Runtime) -> Result<Pid, SpawnError> {
        let spec = self.clone();
        runtime.spawn(self.spawn_options(), move |context| run(spec, context))
    }

    /// How its process is spawned. What children say must never end it: its own limits are none.
    pub fn spawn_options(&self) -> SpawnOptions {
        let unlimited = Limits {
            links: u64::MAX,
            monitors: u64::MAX,
            timers: u64::MAX,
            children: u64::MAX,
            ..Limits::default()
        };
        SpawnOptions {
            kind: ProcessKind::Supervisor,
            entry: Some(self.path.clone()),
            name: self.name.clone(),
            link: true,
            trap_exit: true,
            limits: unlimited,
            budget: self.budget.clone().map(|budget| (self.path.clone(), budget)),
            ..SpawnOptions::default()
        }
    }

    /// Spawns it as a child of the process of `context`, as `options` say, which come from
    /// [`SupervisorSpec::spawn_options`].
    ///
    /// # Errors
    /// [`SpawnError`]
    pub fn spawn(
        &self,
        context: &Context,
        options: SpawnOptions,
    ) -> Result<(Pid, Option<Reference>), SpawnError> {
        let spec = self.clone();
        context.spawn(options, move |context| run(spec, context))
    }
}

impl StartChild for SupervisorSpec {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let options = SpawnOptions { init_ack: Some(ack), ..self.spawn_options() };
        let (pid, _) = self.spawn(supervisor, options)?;
        Ok(Started { pid, acknowledges: true })
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        if let Some(budget) = &self.budget {
            runtime.change_budget(pid, budget);
        }
    }

    fn as_supervisor(&self) -> Option<&SupervisorSpec> {
        Some(self)
    }
}
