//! The programs of an application: what its processes can run.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use regrow_otp::PerSecond;

use crate::engine::component::Component;
use crate::engine::grants::Grants;
use crate::engine::start::GuestLimits;
use crate::observe::Logger;

/// A component as an application uses it: with its grants and limits.
pub struct Program {
    /// The component.
    pub component: Arc<Component>,
    /// What its processes may reach.
    pub grants: Arc<Grants>,
    /// What each of its processes may use.
    pub limits: GuestLimits,
}

/// The programs of an application, by the names of their components. They can be replaced while processes run: what is
/// spawned from then on runs the new ones.
pub struct Catalog {
    contents: RwLock<Contents>,
    logger: Logger,
    /// Names that were looked up, by outermost budgets: who belongs to none shares one, too.
    lookups: Mutex<HashMap<Option<Arc<str>>, PerSecond>>,
}

/// Names that all processes of an outermost budget may look up in a second.
const LOOKUPS_PER_SECOND: u64 = 20;

/// Budgets whose look-ups are counted apart; more than manifests have.
const MAX_COUNTED: usize = 10_000;

/// What is in a catalog.
#[derive(Clone)]
pub struct Contents {
    programs: HashMap<Arc<str>, Arc<Program>>,
    slice_reductions: u64,
    /// Names that belong to children of the tree: no guest takes them while their child is being restarted.
    reserved: HashSet<String>,
}

impl Contents {
    /// These programs, whose processes use so many reductions in a turn. Guests can't register the `reserved` names.
    pub fn new(programs: Vec<Program>, slice_reductions: u64, reserved: HashSet<String>) -> Self {
        let named = programs.into_iter().map(|program| (program.component.name().clone(), Arc::new(program)));
        Self { programs: named.collect(), slice_reductions, reserved }
    }

    /// The program that runs the component of that name.
    pub fn get(&self, component: &str) -> Option<&Arc<Program>> {
        self.programs.get(component)
    }
}

impl Catalog {
    /// A catalog whose processes log to `logger`.
    pub fn new(contents: Contents, logger: Logger) -> Self {
        Self { contents: RwLock::new(contents), logger, lookups: Mutex::default() }
    }

    /// Where its processes log.
    pub(super) fn logger(&self) -> &Logger {
        &self.logger
    }

    /// Whether a process of that budget may look up another name at `now`, in nanoseconds since the runtime's start.
    pub(super) fn may_look_up(&self, budget: Option<Arc<str>>, now: u64) -> bool {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if lookups.len() >= MAX_COUNTED {
            lookups.clear();
        }
        lookups.entry(budget).or_default().take(LOOKUPS_PER_SECOND, now)
    }

    /// Reductions that a process uses in a turn.
    pub(super) fn slice_reductions(&self) -> u64 {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).slice_reductions
    }

    /// Whether a name belongs to a child of the tree.
    pub fn is_reserved(&self, name: &str) -> bool {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).reserved.contains(name)
    }

    /// The program that runs the component of that name.
    pub fn get(&self, component: &str) -> Option<Arc<Program>> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).get(component).cloned()
    }

    /// Puts other programs in place of these, which are returned.
    pub fn replace(&self, contents: Contents) -> Contents {
        std::mem::replace(&mut *self.contents.write().unwrap_or_else(PoisonError::into_inner), contents)
    }
}
