//! How a guest process is started: the `start` of a child specification.

use std::sync::Arc;

use bytes::Bytes;
use regrow_otp::supervisor::{StartChild, Started, Target, joined_arguments};
use regrow_otp::{
    Budget, Context, Limits, Pid, ProcessKind, Reference, Runtime, SpawnError, SpawnOptions, Via, tightened,
};
use regrow_term::{Term, decode, encode};

use crate::engine::catalog::{Catalog, Program};
use crate::engine::grants::Grants;
use crate::engine::instance::{Guest, run};
use crate::engine::kept::KeptSpec;

/// What a guest process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestLimits {
    /// Bytes of linear memory.
    pub memory_bytes: u64,
    /// What its process may use.
    pub process: Limits,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, process: Limits::default() }
    }
}

impl GuestLimits {
    /// These, and no more than `own` where those are tighter than what their component may.
    pub(super) fn tightened_as(&self, own: &Self, of_component: &Self) -> Self {
        Self {
            memory_bytes: tightened(self.memory_bytes, own.memory_bytes, of_component.memory_bytes),
            process: self.process.tightened_as(&own.process, &of_component.process),
        }
    }
}

/// What a process is started with.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A term, to which more arguments can be added.
    Term(Term),
    /// An encoded term, as a guest has made it.
    Encoded(Bytes),
}

impl Argument {
    pub(super) fn into_encoded(self) -> Bytes {
        match self {
            // Only what can't be allocated can't be encoded.
            Self::Term(term) => encode(&term).unwrap_or_default().into(),
            Self::Encoded(bytes) => bytes,
        }
    }

    /// The term, if it is one.
    fn term(&self) -> Option<Term> {
        match self {
            Self::Term(term) => Some(term.clone()),
            Self::Encoded(bytes) => decode(bytes).ok(),
        }
    }
}

/// A key of a registry under which a process is registered before it runs, and its encoded value.
pub(super) type NamedBy = Box<(Arc<Via>, Bytes)>;

/// How to start a guest process: the `start` of a child specification.
#[derive(Clone)]
pub struct StartGuest {
    /// Where its component is found.
    pub catalog: Arc<Catalog>,
    /// What it runs.
    pub program: Arc<Program>,
    /// The entry.
    pub entry: Arc<str>,
    /// The argument.
    pub argument: Argument,
    /// The name that it is registered under.
    pub name: Option<String>,
    /// The key under which it is registered.
    pub via: Option<NamedBy>,
    /// What it may use.
    pub limits: GuestLimits,
    /// What it may reach: no more than its component.
    pub grants: Arc<Grants>,
    /// What it and all that descend from it may use together, and the path that names that budget.
    pub budget: Option<Box<(Arc<str>, Budget)>>,
    /// What it is counted as while a supervisor keeps it, if a guest has made it.
    pub kept: Option<Arc<KeptSpec>>,
}

impl StartGuest {
    /// Spawns the process, with `options` for what is between it and its parent; its pid and its monitor.
    ///
    /// # Errors
    /// [`SpawnError`]
    pub fn spawn(
        &self,
        parent: &Context,
        options: SpawnOptions,
    ) -> Result<(Pid, Option<Reference>), SpawnError> {
        let options = SpawnOptions {
            kind: ProcessKind::Guest,
            component: Some(self.program.component.name().clone()),
            entry: Some(self.entry.clone()),
            name: self.name.clone(),
            via: self.via.as_deref().cloned(),
            limits: self.limits.process,
            budget: self.budget.as_deref().cloned(),
            ..options
        };
        let guest = Guest::of(self);
        parent.spawn(options, move |context| run(guest, context))
    }
}

impl StartChild for StartGuest {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let acknowledges = self.program.component.entry(&self.entry).is_some_and(|entry| entry.acknowledges);
        let init_ack = acknowledges.then_some(ack);
        let (pid, _) = self.spawn(supervisor, SpawnOptions { link: true, init_ack, ..Default::default() })?;
        Ok(Started { pid, acknowledges })
    }

    fn target(&self) -> Option<Target> {
        let component = self.program.component.name().clone();
        Some(Target { component, entry: self.entry.clone() })
    }

    fn with_arguments(&self, before: &[Term], after: &[Term]) -> Option<Arc<dyn StartChild>> {
        let weight = || before.iter().chain(after).map(Term::weight).sum();
        let kept = self.kept.as_ref().map(|kept| kept.with_more(weight()));
        let argument = Argument::Term(joined_arguments(before, &self.argument.term()?, after));
        Some(Arc::new(Self { argument, kept, ..self.clone() }))
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        runtime.change_limits(pid, &self.limits.process);
        runtime.change_memory_limit(pid, self.limits.memory_bytes);
        if let Some((_, budget)) = self.budget.as_deref() {
            runtime.change_budget(pid, budget);
        }
    }
}
