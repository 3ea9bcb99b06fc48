//! How a child comes to life: what a child specification's `start` is.

use std::sync::Arc;

use regrow_term::{Term, encode};

use crate::blob::CarriedBlobs;
use crate::exit_reason::ExitReason;
use crate::pid::{Pid, Reference};
use crate::process::{Context, SpawnError};
use crate::runtime::Runtime;
use crate::supervisor::definition::SupervisorSpec;

/// Starts a child process.
pub trait StartChild: Send + Sync {
    /// Spawns the child, linked to `supervisor`, and returns without waiting for it. A child that acknowledges
    /// its start does so under `ack`.
    ///
    /// # Errors
    /// [`SpawnError`]
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError>;

    /// The component and the entry that it runs, if it is a guest: for listings, and for whoever may start only some.
    fn target(&self) -> Option<Target> {
        None
    }

    /// The supervisor that it starts, if it starts one.
    fn as_supervisor(&self) -> Option<&SupervisorSpec> {
        None
    }

    /// This start with more arguments: those `before` its own (`extra_arguments` of a DynamicSupervisor, rule DS4) and
    /// those `after` (of `start_child` under `simple_one_for_one`, rule S62). None if it takes no arguments.
    fn with_arguments(&self, before: &[Term], after: &[Term]) -> Option<Arc<dyn StartChild>> {
        let _ = (before, after);
        None
    }

    /// Applies to a process that an older version of this start has spawned what of this one can be applied while
    /// it runs.
    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        let _ = (runtime, pid);
    }
}

/// A child process that has been spawned.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// The process.
    pub pid: Pid,
    /// Whether it will acknowledge its start; otherwise it counts as started at once.
    pub acknowledges: bool,
}

/// What a guest runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The component.
    pub component: Arc<str>,
    /// Its entry.
    pub entry: Arc<str>,
}

/// Arguments that are added to those of a child, and the blobs that they refer to.
#[derive(Clone, Default)]
pub struct Arguments {
    pub(super) terms: Vec<Term>,
    pub(super) blobs: CarriedBlobs,
}

impl Arguments {
    /// Arguments that hold what they refer to.
    pub fn of(context: &Context, terms: Vec<Term>) -> Self {
        let blobs = context.blobs_in(&encode(&terms).unwrap_or_default());
        Self { terms, blobs }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// Arguments that refer to nothing.
impl From<Vec<Term>> for Arguments {
    fn from(terms: Vec<Term>) -> Self {
        Self { terms, blobs: CarriedBlobs::default() }
    }
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.terms.fmt(f)
    }
}

/// Arguments with more of them: what is started takes one term, which is a list then. A term that is no list counts
/// as a list of one.
pub fn joined_arguments(before: &[Term], own: &Term, after: &[Term]) -> Term {
    let own = match own {
        Term::List(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    Term::List([before, own, after].concat())
}

const FAILED_TO_START_CHILD: &str = "failed_to_start_child";

/// Why a supervisor could not start, `{shutdown, {failed_to_start_child, Id, Reason}}` (rule S13).
pub(super) fn failed_start(child: &str, reason: &ExitReason) -> ExitReason {
    let words = vec![Term::from(FAILED_TO_START_CHILD), Term::from(child), reason.to_term()];
    ExitReason::ShutdownWith(Arc::new(Term::List(words)))
}

/// The child at which a start failed, if that is what `reason` says: its ids from the supervisor that ended with `reason`
/// down, and its own reason.
pub fn failed_child(reason: &ExitReason) -> Option<(Vec<String>, Term)> {
    let mut term = reason.to_term();
    let mut ids = Vec::new();
    while let Some((id, inner)) = failed_child_of(&term) {
        ids.push(id);
        term = inner;
    }
    if ids.is_empty() { None } else { Some((ids, term)) }
}

fn failed_child_of(reason: &Term) -> Option<(String, Term)> {
    let Term::List(outer) = reason else { return None };
    let [Term::Text(shutdown), Term::List(inner)] = outer.as_slice() else { return None };
    let [Term::Text(failed), Term::Text(id), reason] = inner.as_slice() else { return None };
    let says_so = shutdown == "shutdown" && failed == FAILED_TO_START_CHILD;
    says_so.then(|| (id.clone(), reason.clone()))
}
