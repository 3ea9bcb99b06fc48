//! What a process keeps in the host, beside what is in its own memory. It ends with the process, and is charged while it lasts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::blob::HeldBlobs;
use crate::budget::{Account, Resource};
use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::group::Scope;
use crate::process::Process;
use crate::registry::{Registered, Registry};
use crate::sync::Mutex;
use crate::table::TableId;

/// Who is charged for what a process keeps: its own limit, and the budgets around it.
pub(crate) struct Keeper {
    used: AtomicU64,
    allowed: AtomicU64,
    account: Option<Arc<Account>>,
}

impl Keeper {
    /// Charges `bytes` more, or nothing if there is no room for them.
    pub(crate) fn charge(&self, bytes: u64) -> Result<(), LimitExceeded> {
        let allowed = self.allowed.load(Ordering::Relaxed);
        let charged = self.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= allowed)
        });
        if let Err(used) = charged {
            let requested = used.saturating_add(bytes);
            return Err(LimitExceeded { limit: LimitKind::KeptBytes, allowed, requested });
        }
        if let Some(account) = &self.account {
            account.charge(Resource::Memory, bytes).inspect_err(|_| {
                self.used.fetch_sub(bytes, Ordering::AcqRel);
            })?;
        }
        Ok(())
    }

    /// Gives back what was charged.
    pub(crate) fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
        if let Some(account) = &self.account {
            account.release(Resource::Memory, bytes);
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }
}

/// What a process keeps.
pub(crate) struct Holdings {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) held: Mutex<Held>,
}

#[derive(Default)]
pub(crate) struct Held {
    /// Its tables.
    pub(crate) tables: Vec<TableId>,
    /// How often it has fixed tables, whoever owns them.
    pub(crate) fixed: BTreeMap<TableId, u64>,
    /// Scopes of process groups that it has started.
    pub(crate) scopes_started: Vec<Arc<Scope>>,
    /// Scopes in which it is a member of a group, or wants to know of changes, or did.
    pub(crate) scopes: Vec<Arc<Scope>>,
    /// Registries that it keeps.
    pub(crate) registries_kept: Vec<Arc<Registry>>,
    /// Registries in which it is registered, or has locked keys.
    pub(crate) registries: Vec<Registered>,
    /// Blobs that it holds, and that it has made.
    pub(crate) blobs: HeldBlobs,
}

impl Held {
    /// There is something in that scope to be released.
    pub(crate) fn note_scope(&mut self, scope: &Arc<Scope>) {
        if !self.scopes.iter().any(|known| Arc::ptr_eq(known, scope)) {
            // Those that are no more are forgotten when they have become many.
            if self.scopes.len() >= 64 && self.scopes.len().is_power_of_two() {
                self.scopes.retain(|known| !known.is_over());
            }
            self.scopes.push(scope.clone());
        }
    }
}

impl Holdings {
    fn of(process: &Process) -> Box<Self> {
        let keeper = Keeper {
            used: AtomicU64::new(0),
            allowed: AtomicU64::new(process.limits.kept_bytes()),
            account: process.account.clone(),
        };
        Box::new(Self { keeper: Arc::new(keeper), held: Mutex::default() })
    }
}

impl Process {
    /// What it keeps. Most processes keep nothing, and have no room for it.
    pub(crate) fn holdings(&self) -> &Holdings {
        self.holdings.get_or_init(|| Holdings::of(self))
    }

    /// Changes what it holds; none if it has ended, or is about to: what it holds has been released, then.
    pub(crate) fn hold<T>(&self, change: impl FnOnce(&mut Held) -> T) -> Option<T> {
        let mut held = self.holdings().held.lock();
        (!self.has_let_go()).then(|| change(&mut held))
    }

    /// Other limits from now on.
    pub(crate) fn change_kept_bytes(&self, allowed: u64) {
        if let Some(holdings) = self.holdings.get() {
            holdings.keeper.allowed.store(allowed, Ordering::Relaxed);
        }
    }
}
