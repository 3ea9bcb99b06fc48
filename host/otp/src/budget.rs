//! Budgets: what a process and all that descend from it may use together, and which share of the CPU they get.
//!
//! A process belongs to the innermost budget above it, and what it uses is charged to that one and to every budget around it.
//! When the process ends that a budget begins with, all that belong to it are killed: otherwise its successor would begin
//! with a budget of its own beside theirs, and whoever brings his supervisor down would have another one each time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::per_second::PerSecond;
use crate::process::Effects;
use crate::scheduler::VirtualTime;
use crate::sync::Mutex;

/// The share of the CPU of whoever says nothing else.
pub const DEFAULT_SHARE: u32 = 100;

/// The largest share that there is.
pub const MAX_SHARE: u32 = 10_000;

/// What a process and all that descend from it may use together. None is no limit but those around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its weight, from 1 to [`MAX_SHARE`], when it competes for the CPU with the budgets beside it. Processes beside it
    /// without a budget count together as one of [`DEFAULT_SHARE`].
    pub share: u32,
    /// Live processes. Asking for more is refused.
    pub processes: Option<u64>,
    /// Bytes of memory. The process that asks for more ends.
    pub memory_bytes: Option<u64>,
    /// Reductions, from the budget's beginning on. Whoever uses more ends.
    pub reductions: Option<u64>,
    /// Messages that wait to be received. More are treated as by a full mailbox; nobody waits for room.
    pub mailbox_messages: Option<u64>,
    /// Bytes of messages that wait to be received.
    pub mailbox_bytes: Option<u64>,
    /// Running timers. Starting more is refused.
    pub timers: Option<u64>,
    /// Open files, sockets and other handles: a process takes what it may have when it first uses one.
    pub handles: Option<u64>,
    /// Lines that it may log in a second. More are dropped and counted.
    pub log_lines_per_second: Option<u64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            share: DEFAULT_SHARE,
            processes: None,
            memory_bytes: None,
            reductions: None,
            mailbox_messages: None,
            mailbox_bytes: None,
            timers: None,
            handles: None,
            log_lines_per_second: None,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// Live processes.
    Processes,
    /// Bytes of memory.
    Memory,
    /// Reductions in total.
    Reductions,
    /// Messages that wait to be received.
    MailboxMessages,
    /// Bytes of messages that wait to be received.
    MailboxBytes,
    /// Running timers.
    Timers,
    /// Handles.
    Handles,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Processes,
        Self::Memory,
        Self::Reductions,
        Self::MailboxMessages,
        Self::MailboxBytes,
        Self::Timers,
        Self::Handles,
    ];

    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        self.limit().name().trim_start_matches("budget.")
    }

    /// The limit that is exceeded when a budget has no more of it.
    pub fn limit(self) -> LimitKind {
        match self {
            Self::Processes => LimitKind::BudgetProcesses,
            Self::Memory => LimitKind::BudgetMemory,
            Self::Reductions => LimitKind::BudgetReductions,
            Self::MailboxMessages => LimitKind::BudgetMailboxMessages,
            Self::MailboxBytes => LimitKind::BudgetMailboxBytes,
            Self::Timers => LimitKind::BudgetTimers,
            Self::Handles => LimitKind::BudgetHandles,
        }
    }

    fn of(self, budget: &Budget) -> Option<u64> {
        match self {
            Self::Processes => budget.processes,
            Self::Memory => budget.memory_bytes,
            Self::Reductions => budget.reductions,
            Self::MailboxMessages => budget.mailbox_messages,
            Self::MailboxBytes => budget.mailbox_bytes,
            Self::Timers => budget.timers,
            Self::Handles => budget.handles,
        }
    }
}

/// What has been used of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// Whose budget it is, as `app/tenants/a`.
    pub path: String,
    /// Its share of the CPU.
    pub share: u32,
    /// The CPU time that its processes have used.
    pub cpu: Duration,
    /// What is in use, what is allowed, and how often more was refused.
    pub resources: Vec<ResourceUse>,
}

/// What has been used of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceUse {
    /// Which.
    pub resource: Resource,
    /// How much is in use.
    pub used: u64,
    /// How much is allowed; none if it is not limited here.
    pub allowed: Option<u64>,
    /// How often more was refused.
    pub refused: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct AccountId(u64);

/// A budget and what has been used of it.
pub(crate) struct Account {
    pub(crate) id: AccountId,
    path: Arc<str>,
    pub(crate) parent: Option<Arc<Account>>,
    /// The virtual time of its processes, for the scheduler.
    pub(crate) time: VirtualTime,
    share: AtomicU32,
    cpu_nanos: AtomicU64,
    /// Whether the process that it begins with has ended: nobody belongs to it any more.
    closed: AtomicBool,
    /// What the parent of the process that it begins with is to hear, when nobody belongs to it any more.
    pub(crate) farewell: Mutex<Effects>,
    counts: [Count; Resource::ALL.len()],
    log_lines_per_second: AtomicU64,
    log_lines: PerSecond,
}

#[derive(Default)]
struct Count {
    used: AtomicU64,
    allowed: AtomicU64,
    refused: AtomicU64,
}

/// No limit, as it is kept.
const UNLIMITED: u64 = u64::MAX;

impl Account {
    pub(crate) fn new(path: Arc<str>, budget: &Budget, parent: Option<Arc<Self>>) -> Arc<Self> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let account = Self {
            id: AccountId(NEXT_ID.fetch_add(1, Ordering::Relaxed)),
            path,
            parent,
            time: VirtualTime::default(),
            share: AtomicU32::new(DEFAULT_SHARE),
            cpu_nanos: AtomicU64::default(),
            closed: AtomicBool::new(false),
            farewell: Mutex::default(),
            counts: Default::default(),
            log_lines_per_second: AtomicU64::new(UNLIMITED),
            log_lines: PerSecond::default(),
        };
        account.set(budget);
        Arc::new(account)
    }

    /// Other limits from now on; what is in use stays.
    pub(crate) fn set(&self, budget: &Budget) {
        self.share.store(budget.share.clamp(1, MAX_SHARE), Ordering::Relaxed);
        for (resource, count) in Resource::ALL.into_iter().zip(&self.counts) {
            count.allowed.store(resource.of(budget).unwrap_or(UNLIMITED), Ordering::Relaxed);
        }
        let lines = budget.log_lines_per_second.unwrap_or(UNLIMITED);
        self.log_lines_per_second.store(lines, Ordering::Relaxed);
    }

    pub(crate) fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// Its processes have used so much CPU time.
    pub(crate) fn used_cpu(&self, nanos: u64) {
        self.cpu_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The process that it begins with has ended.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether it, or one around it, has been closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.chain().any(|account| account.closed.load(Ordering::SeqCst))
    }

    /// Whether the process that it begins with has ended, and all others.
    pub(crate) fn is_over(&self) -> bool {
        self.closed.load(Ordering::SeqCst) && self.processes() == 0
    }

    /// How many processes belong to it.
    pub(crate) fn processes(&self) -> u64 {
        self.count(Resource::Processes).used.load(Ordering::Acquire)
    }

    pub(crate) fn share(&self) -> u32 {
        self.share.load(Ordering::Relaxed)
    }

    pub(crate) fn parent(&self) -> Option<&Self> {
        self.parent.as_deref()
    }

    /// This account and those around it, innermost first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |account| account.parent())
    }

    fn count(&self, resource: Resource) -> &Count {
        &self.counts[resource as usize]
    }

    /// Charges `amount` to this account and those around it, or to none of them if one has not enough.
    pub(crate) fn charge(&self, resource: Resource, amount: u64) -> Result<(), LimitExceeded> {
        for account in self.chain() {
            let count = account.count(resource);
            let allowed = count.allowed.load(Ordering::Relaxed);
            let charged = count.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                used.checked_add(amount).filter(|used| *used <= allowed)
            });
            if let Err(used) = charged {
                count.refused.fetch_add(1, Ordering::Relaxed);
                for paid in self.chain().take_while(|paid| paid.id != account.id) {
                    paid.count(resource).used.fetch_sub(amount, Ordering::AcqRel);
                }
                let requested = used.saturating_add(amount);
                return Err(LimitExceeded { limit: resource.limit(), allowed, requested });
            }
        }
        Ok(())
    }

    /// As [`Account::charge`], until the charge is dropped.
    pub(crate) fn hold(self: &Arc<Self>, resource: Resource, amount: u64) -> Result<Charge, LimitExceeded> {
        self.charge(resource, amount)?;
        Ok(Charge { account: Some(self.clone()), resource, amount })
    }

    /// Charges what has been used already, whether or not it was allowed; the first account that it is too much for.
    pub(crate) fn charge_used(&self, resource: Resource, amount: u64) -> Result<(), LimitExceeded> {
        let mut over = Ok(());
        for account in self.chain() {
            let count = account.count(resource);
            let used = count.used.fetch_add(amount, Ordering::AcqRel).saturating_add(amount);
            let allowed = count.allowed.load(Ordering::Relaxed);
            if used > allowed && over.is_ok() {
                count.refused.fetch_add(1, Ordering::Relaxed);
                over = Err(LimitExceeded { limit: resource.limit(), allowed, requested: used });
            }
        }
        over
    }

    /// Gives back what was charged.
    pub(crate) fn release(&self, resource: Resource, amount: u64) {
        for account in self.chain() {
            account.count(resource).used.fetch_sub(amount, Ordering::AcqRel);
        }
    }

    /// Whether a line may be logged at `now`, in nanoseconds.
    pub(crate) fn may_log(&self, now: u64) -> bool {
        // A line that one of them refuses has cost the others a line: it was tried.
        self.chain().all(|account| {
            let per_second = account.log_lines_per_second.load(Ordering::Relaxed);
            account.log_lines.take(per_second, now)
        })
    }

    pub(crate) fn usage(&self) -> BudgetUse {
        let resources = Resource::ALL.into_iter().zip(&self.counts).map(|(resource, count)| {
            let allowed = count.allowed.load(Ordering::Relaxed);
            ResourceUse {
                resource,
                used: count.used.load(Ordering::Relaxed),
                allowed: (allowed != UNLIMITED).then_some(allowed),
                refused: count.refused.load(Ordering::Relaxed),
            }
        });
        let cpu = Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed));
        BudgetUse { path: self.path.to_string(), share: self.share(), cpu, resources: resources.collect() }
    }
}

/// What is charged to the budgets around a process until this is dropped.
#[derive(Debug)]
pub struct Charge {
    /// None if there are no budgets around it.
    account: Option<Arc<Account>>,
    resource: Resource,
    amount: u64,
}

impl Charge {
    /// No charge, for a process without a budget around it.
    pub(crate) fn nothing(resource: Resource) -> Self {
        Self { account: None, resource, amount: 0 }
    }

    /// Charges the same budgets again, whether or not they allow so much.
    pub fn again(&self, amount: u64) -> Self {
        if let Some(account) = &self.account {
            let _it_is_counted = account.charge_used(self.resource, amount);
        }
        Self { account: self.account.clone(), resource: self.resource, amount }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            account.release(self.resource, self.amount);
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("path", &self.path).finish_non_exhaustive()
    }
}
