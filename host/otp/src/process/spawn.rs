//! Bringing a process to life.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::balance::Totals;
use crate::budget::{Account, Budget, Resource};
use crate::event::Event;
use crate::exit_reason::{ExitReason, LimitExceeded, LimitKind};
use crate::limits::{Limits, check};
use crate::monitor::Held;
use crate::names::RegisterError;
use crate::pid::{Pid, Reference};
use crate::process::{Context, Identity, Process, ProcessKind, State};
use crate::process_table::Places;
use crate::registry::{RegistryError, Via};
use crate::runtime::Runtime;

/// How a process is brought to life. The default is a native process with neither name, link nor monitor.
#[derive(Clone, Debug, Default)]
pub struct SpawnOptions {
    /// What it is.
    pub kind: ProcessKind,
    /// The component that it runs, if it is a guest.
    pub component: Option<Arc<str>>,
    /// The entry of the component, or another word for what it runs.
    pub entry: Option<Arc<str>>,
    /// The name to register it under before it runs.
    pub name: Option<String>,
    /// The key to register it under before it runs, and its encoded value.
    pub via: Option<(Arc<Via>, Bytes)>,
    /// Whether it is linked to its spawner from the first moment (`spawn_link`, rule P2).
    pub link: bool,
    /// Whether its spawner monitors it from the first moment (`spawn_monitor`, rule P2).
    pub monitor: bool,
    /// Whether its spawner waits for word of its start; the reference under which it comes.
    pub init_ack: Option<Reference>,
    /// Whether it traps exits from the first moment.
    pub trap_exit: bool,
    /// What it may use.
    pub limits: Limits,
    /// What it and all that descend from it may use together, and the path by which people know that budget. None: it
    /// belongs to its spawner's.
    pub budget: Option<(Arc<str>, Budget)>,
}

/// Why a process was not spawned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// A limit of the spawner or of the node.
    Limit(LimitExceeded),
    /// The name can't be registered; [`RegisterError::NameTaken`] is `already_started` (rule G6).
    Name(RegisterError),
    /// It can't be registered under the key; [`RegistryError::AlreadyRegistered`] is `already_started` (rule R11).
    Via(RegistryError),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "{limit}"),
            Self::Name(error) => write!(f, "{error}"),
            Self::Via(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for SpawnError {}

impl Runtime {
    /// Spawns a process that nobody is the parent of. Links, monitors and acknowledgements need a parent and
    /// are ignored.
    ///
    /// # Errors
    /// [`SpawnError`]
    pub fn spawn<F, B>(&self, options: SpawnOptions, body: F) -> Result<Pid, SpawnError>
    where
        F: FnOnce(Context) -> B + Send + 'static,
        B: Future<Output = ExitReason> + Send + 'static,
    {
        self.create(None, options, body).map(|(pid, _)| pid)
    }

    fn create<F, B>(
        &self,
        parent: Option<&Process>,
        options: SpawnOptions,
        body: F,
    ) -> Result<(Pid, Option<Reference>), SpawnError>
    where
        F: FnOnce(Context) -> B + Send + 'static,
        B: Future<Output = ExitReason> + Send + 'static,
    {
        let account = parent.and_then(|parent| parent.account.clone());
        let owns_account = options.budget.is_some();
        let account = match &options.budget {
            Some((path, budget)) => Some(Account::new(path.clone(), budget, account)),
            None => account,
        };
        let held = account.as_ref().map(|account| account.hold(Resource::Processes, 1)).transpose();
        let place = held.map_err(SpawnError::Limit)?;
        let child = parent.map(|parent| Child::reserve(parent, &options)).transpose();
        let child = child.map_err(SpawnError::Limit)?;
        let link = parent.filter(|_| options.link).map(|parent| parent.pid);
        let monitor = parent.filter(|_| options.monitor).map(|_| self.inner.new_reference());
        let starter = parent.zip(options.init_ack).map(|(parent, reference)| (parent.pid, reference));
        let identity = Identity {
            kind: options.kind,
            component: options.component,
            entry: options.entry,
            parent: parent.map(|parent| parent.pid),
        };

        let build = |pid| {
            let mut state = State::new(pid, &identity, &options.limits);
            state.trap_exit = options.trap_exit;
            link.into_iter().for_each(|peer| state.links.on_link(peer));
            if let (Some(parent), Some(reference)) = (parent, monitor) {
                state.monitors.on_monitor(parent.pid, reference);
            }
            state.place = place;
            let scheduler = self.inner.scheduler.clone();
            let process = Process::new(state, identity.clone(), options.limits, starter, account, scheduler);
            Process { owns_account, ..process }
        };
        let table = &self.inner.table;
        let places = match (identity.kind, parent.map(|parent| parent.identity.kind)) {
            (_, Some(ProcessKind::Guest)) => Places::Guests,
            (ProcessKind::Native, _) => Places::Host,
            _ => Places::Tree,
        };
        let Some(process) = table.insert(self.inner.random_u64(), places, build) else {
            let allowed = table.max_processes(places);
            let limit = LimitExceeded { limit: LimitKind::Processes, allowed, requested: allowed + 1 };
            return Err(SpawnError::Limit(limit));
        };
        let pid = process.pid;
        if let Some(name) = &options.name
            && let Err(error) = self.inner.register(name, pid)
        {
            table.remove(pid);
            self.inner.discard(&process);
            return Err(SpawnError::Name(error));
        }
        if let Some((via, value)) = &options.via
            && let Err(error) = self.inner.register_via(via, value, &process)
        {
            self.inner.names.release(pid);
            table.remove(pid);
            self.inner.discard(&process);
            return Err(SpawnError::Via(error));
        }
        if let Some(child) = child {
            child.adopt(pid, options.link, monitor);
        }
        Totals::add(&self.inner.totals.spawned, 1);
        self.inner.emit(Event::Spawned { pid, identity });
        let context = Context::new(self.clone(), process.clone());
        // The closure runs at the first poll: what it does, a panic included, is the process's own affair.
        *process.body.lock() = Some(Box::pin(async move { body(context).await }));
        let closed = process.account.as_ref().is_some_and(|account| account.is_closed());
        self.inner.scheduler.start(process);
        if closed {
            self.exit(pid, ExitReason::Kill);
        }
        Ok((pid, monitor))
    }
}

/// What a child takes of its parent's limits. Dropped before it is adopted, it gives that back.
struct Child<'a> {
    parent: Option<&'a Process>,
}

impl<'a> Child<'a> {
    fn reserve(parent: &'a Process, options: &SpawnOptions) -> Result<Self, LimitExceeded> {
        let state = parent.state.lock();
        if options.link {
            let taken = state.links.len() as u64 + state.mailbox.signals().links;
            check(LimitKind::Links, parent.limits.get().links, taken + 1)?;
        }
        if options.monitor {
            check(LimitKind::Monitors, parent.limits.get().monitors, state.monitor_slots() + 1)?;
        }
        let child = Self { parent: Some(parent) };
        let children = parent.children.fetch_add(1, Ordering::AcqRel) + 1;
        check(LimitKind::Children, parent.limits.children(), children)?;
        Ok(child)
    }

    /// The parent's side of the link and the monitor that a child is born with.
    fn adopt(mut self, child: Pid, link: bool, monitor: Option<Reference>) {
        let Some(parent) = self.parent.take() else { return };
        let mut state = parent.state.lock();
        if link {
            state.links.on_link(child);
        }
        if let Some(reference) = monitor {
            state.monitors.hold(reference, Held::of(child));
        }
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        if let Some(parent) = self.parent {
            parent.children.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Context {
    /// Spawns a child process; returns its pid, without waiting for it to run (rule P1), and the reference of
    /// the monitor if the options ask for one.
    ///
    /// # Errors
    /// [`SpawnError`]
    pub fn spawn<F, B>(&self, options: SpawnOptions, body: F) -> Result<(Pid, Option<Reference>), SpawnError>
    where
        F: FnOnce(Context) -> B + Send + 'static,
        B: Future<Output = ExitReason> + Send + 'static,
    {
        self.runtime().create(Some(self.process()), options, body)
    }
}
