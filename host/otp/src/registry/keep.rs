//! The process that keeps a registry: it ends with it.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, RwLock};

use crate::budget::Budget;
use crate::exit_reason::{ExitReason, LimitExceeded, LimitKind};
use crate::keeper::{apply_to_keeper, keep, keeper_options, start_keeper};
use crate::limits::Limits;
use crate::names::check_name;
use crate::pid::{Pid, Reference};
use crate::process::{Context, SpawnError, SpawnOptions};
use crate::registry::lock::Locks;
use crate::registry::part::Part;
use crate::registry::{HashKeys, MAX_PARTITIONS, Registry, RegistryError, RegistryOptions};
use crate::runtime::{Inner, Runtime};
use crate::supervisor::{StartChild, Started};

/// Listeners of a registry: each is told of every registration.
const MAX_LISTENERS: usize = 16;

/// What a part of an empty registry is charged with.
const PART_BYTES: u64 = 256;

/// Starts a process that keeps a registry until it is stopped.
#[derive(Clone, Debug)]
pub struct StartRegistry {
    /// The registry.
    pub options: RegistryOptions,
    /// What its keeper may use. Entries are charged to those who are registered.
    pub limits: Limits,
    /// A budget of its own, and the path that names it.
    pub budget: Option<(Arc<str>, Budget)>,
}

impl StartChild for StartRegistry {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let options =
            SpawnOptions { limits: self.limits, budget: self.budget.clone(), ..keeper_options("registry") };
        let registry = self.options.clone();
        start_keeper(supervisor, options, ack, move |context| {
            context.runtime().inner.open_registry(registry, context.pid())
        })
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        apply_to_keeper(runtime, pid, &self.limits, self.budget.as_ref());
    }
}

impl Context {
    /// Starts a registry, in a process of its own that is linked to this one (`Registry.start_link/1`); that process.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn start_registry(&self, options: RegistryOptions) -> Result<Pid, RegistryError> {
        let inner = &self.runtime().inner;
        if let Ok(other) = inner.registries.get(&options.name) {
            return Err(RegistryError::NameTaken(other.keeper));
        }
        check(&options)?;
        let (keeper, _) = self.spawn(keeper_options("registry"), keep).map_err(|error| match error {
            SpawnError::Limit(limit) => RegistryError::Limit(limit),
            SpawnError::Name(_) | SpawnError::Via(_) => RegistryError::BadName,
        })?;
        inner.open_registry(options, keeper).inspect_err(|_| {
            self.unlink(keeper);
            self.exit_process(keeper, ExitReason::Kill);
        })?;
        Ok(keeper)
    }
}

fn check(options: &RegistryOptions) -> Result<(), RegistryError> {
    if !(1..=MAX_PARTITIONS).contains(&options.partitions) {
        return Err(RegistryError::BadPartitions);
    }
    if options.listeners.len() > MAX_LISTENERS {
        let (limit, allowed) = (LimitKind::Registrations, MAX_LISTENERS as u64);
        let requested = options.listeners.len() as u64;
        return Err(RegistryError::Limit(LimitExceeded { limit, allowed, requested }));
    }
    let mut names = std::iter::once(&options.name).chain(&options.listeners);
    names.try_for_each(|name| check_name(name)).map_err(|_| RegistryError::BadName)
}

impl Inner {
    /// Makes a registry that ends with its keeper.
    fn open_registry(&self, options: RegistryOptions, keeper: Pid) -> Result<(), RegistryError> {
        check(&options)?;
        let process = self.table.get(keeper).ok_or(RegistryError::NoRegistry)?;
        let listeners: usize =
            options.listeners.iter().map(|listener| listener.len() + size_of::<String>()).sum();
        let bytes = options.partitions as u64 * PART_BYTES + (options.name.len() + listeners) as u64;
        process.holdings().keeper.charge(bytes)?;
        let hash_keys = HashKeys(self.random_u64(), self.random_u64());
        let parts = (0..options.partitions).map(|_| RwLock::new(Part::new(hash_keys)));
        let registry = Arc::new(Registry {
            name: options.name.into(),
            kind: options.kind,
            keeper,
            starter: process.identity.parent,
            listeners: options.listeners,
            is_over: AtomicBool::new(false),
            own_bytes: bytes,
            hash_keys,
            parts: parts.collect(),
            locks: Locks::default(),
            sequence: AtomicU64::new(0),
            patterns: AtomicU64::new(0),
        });
        process.state.lock().heeds_only_parent = true;
        let kept = process.hold(|held| {
            self.registries.insert(&registry)?;
            held.registries_kept.push(registry.clone());
            Ok(())
        });
        kept.unwrap_or(Err(RegistryError::NoRegistry))
            .inspect_err(|_| process.holdings().keeper.release(bytes))
    }
}
