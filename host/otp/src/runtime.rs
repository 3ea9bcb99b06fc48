//! A runtime: the processes of one node and what they share.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll, Waker};

use regrow_term::Term;

use crate::balance::Totals;
use crate::blob::Blobs;
use crate::clock::{Clock, Instant};
use crate::event::{Event, EventSink};
use crate::exit_reason::ExitReason;
use crate::group::Scopes;
use crate::info::{InfoItem, InfoTooLarge, ProcessInfo};
use crate::names::{Names, RegisterError};
use crate::pid::{Pid, Reference};
use crate::process::{Drained, Effects, Patience, Process, PushError, refuse};
use crate::process_table::ProcessTable;
use crate::random::RandomSource;
use crate::registry::Registries;
use crate::scheduler::{Scheduler, TurnCost};
use crate::signal::Signal;
use crate::supervisor::PartitionTable;
use crate::sync::Mutex;
use crate::table::Tables;
use crate::timer::{Due, Load, Timer, Timers};

/// The host itself, where a pid is asked for and no process did it.
pub const HOST: Pid = Pid { node: 0, slot: 0, incarnation: 0, nonce: 0 };

/// How the reason begins of a process whose native body panicked.
pub(crate) const HOST_PANIC: &str = "panic in the host";

/// What surrounds the workers, and so each poll of a process: the context of an I/O reactor, say.
pub trait Surroundings: Send + Sync {
    /// Calls `work`, once; it returns when the worker ends.
    fn work_within(&self, work: &mut dyn FnMut());
}

/// What a runtime takes from outside.
pub struct RuntimeConfig {
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// Its randomness, which makes pids unguessable.
    pub random: Box<dyn RandomSource>,
    /// Who sees what happens.
    pub events: Box<dyn EventSink>,
    /// What surrounds the workers.
    pub surroundings: Option<Box<dyn Surroundings>>,
    /// How many workers it will have.
    pub workers: usize,
    /// Live processes, at most.
    pub max_processes: u64,
}

/// A handle to a runtime; clones are the same runtime.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) table: ProcessTable,
    pub(crate) names: Names,
    pub(crate) partitions: PartitionTable,
    pub(crate) tables: Tables,
    pub(crate) scopes: Scopes,
    pub(crate) registries: Registries,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) timers: Timers,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Box<dyn EventSink>,
    pub(crate) totals: Totals,
    random: Mutex<Box<dyn RandomSource>>,
    surroundings: Option<Box<dyn Surroundings>>,
}

impl Runtime {
    /// A runtime without processes. Nothing runs until workers or a simulator drive it.
    pub fn new(config: RuntimeConfig) -> Self {
        let inner = Inner {
            table: ProcessTable::new(config.max_processes),
            names: Names::default(),
            partitions: PartitionTable::default(),
            tables: Tables::default(),
            scopes: Scopes::default(),
            registries: Registries::default(),
            blobs: Arc::default(),
            timers: Timers::default(),
            scheduler: Arc::new(Scheduler::new(config.workers)),
            clock: config.clock,
            events: config.events,
            totals: Totals::default(),
            random: Mutex::new(config.random),
            surroundings: config.surroundings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The present, by the runtime's clock.
    pub fn now(&self) -> Instant {
        self.inner.clock.now()
    }

    /// The process that has `name`.
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        self.inner.names.whereis(name)
    }

    /// Registered names and their processes, by name.
    pub fn registered(&self) -> Vec<(String, Pid)> {
        self.inner.names.names()
    }

    /// Sends an exit signal in the host's name.
    pub fn exit(&self, pid: Pid, reason: ExitReason) {
        self.inner.send(pid, Signal::Exit { from: HOST, reason });
    }

    /// Whether a process lives, signals that it has not yet looked at included (rule P23).
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.inner.is_alive(pid)
    }

    /// What is known about a process, signals that it has not yet looked at included (rule P69). None if it
    /// has ended (rule P65).
    pub fn process_info(&self, pid: Pid) -> Option<ProcessInfo> {
        let process = self.inner.table.get(pid)?;
        self.inner.settle(&process);
        Some(self.inner.info(&process))
    }

    /// The values of some items of `process_info`, in the order in which they are asked for (rule P65). None if the
    /// process has ended.
    ///
    /// # Errors
    /// [`InfoTooLarge`], if their lists have more than `max_entries` entries together.
    pub fn process_info_items(
        &self,
        pid: Pid,
        items: &[InfoItem],
        max_entries: usize,
    ) -> Result<Option<Vec<Term>>, InfoTooLarge> {
        let Some(process) = self.inner.table.get(pid) else { return Ok(None) };
        if self.inner.is_exiting(&process) {
            return Ok(None);
        }
        let entries = items.iter().map(|item| item.entries(&process)).sum();
        if entries > max_entries {
            return Err(InfoTooLarge { allowed: max_entries, requested: entries });
        }
        Ok(Some(items.iter().map(|item| item.of(&process, &self.inner)).collect()))
    }

    /// The live processes, in the order of their slots.
    pub fn processes(&self) -> Vec<Pid> {
        self.inner.table.all().iter().map(|process| process.pid).collect()
    }

    /// How many processes live.
    pub fn process_count(&self) -> u64 {
        self.inner.table.live()
    }

    /// Ends every process at once, without their consent and without signals between them, and releases what
    /// they hold. For the end of a node after its tree has been stopped, or in place of that.
    pub(crate) fn abandon(&self) {
        for process in self.inner.table.all() {
            let body = process.body.lock().take();
            drop_body(body);
            process.lets_go();
            self.inner.table.remove(process.pid);
            self.inner.names.release(process.pid);
            drop(self.inner.release_holdings(&process));
        }
        self.inner.scheduler.clear();
    }

    /// Fires timers that are due at `now`, some of them at a time: others have their turns, too. Whether there were any.
    pub(crate) fn fire_timers(&self, now: Instant) -> bool {
        const AT_ONCE: usize = 64;
        if !self.inner.timers.is_due(now) {
            return false;
        }
        for due in std::iter::from_fn(|| self.inner.timers.pop_due(now)).take(AT_ONCE) {
            match due {
                Due::Wake(pid) => {
                    if let Some(process) = self.inner.table.get(pid) {
                        self.inner.scheduler.wake(&process);
                    }
                }
                Due::Deliver(reference, timer) => self.inner.deliver_timer(reference, timer),
            }
        }
        true
    }

    /// Polls a process once: its signals first, then its body, and its end if it has come. The turn has begun when the
    /// last one ended, `started`; when this one ended.
    pub(crate) fn poll(&self, process: &Arc<Process>, started: Instant) -> (Instant, TurnCost) {
        process.schedule.start_poll();
        self.inner.settle(process);
        let ends = process.is_ending();
        let mut exiting = if ends { process.state.lock().exiting.clone() } else { None };
        if exiting.is_none() {
            exiting = match self.poll_body(process) {
                Poll::Ready(reason) => {
                    let mut state = process.state.lock();
                    Some(state.exiting.get_or_insert(reason).clone())
                }
                Poll::Pending => process.state.lock().exiting.clone(),
            };
        }
        let ends = exiting.is_some();
        if let Some(reason) = exiting {
            let garbage = self.inner.finish(process, reason);
            self.reap(garbage);
        }
        let now = self.now();
        let cost = TurnCost::of(now.saturating_since(started));
        let scheduler = &self.inner.scheduler;
        // One that waits for nothing of the runtime's, and was woken all the same, has only let others run.
        let preempted = !ends && process.schedule.is_woken() && process.state.lock().waiting.is_none();
        scheduler.charge(process, cost, preempted);
        if !ends && process.schedule.end_poll() {
            scheduler.enqueue(process.clone());
        }
        (now, cost)
    }

    /// Runs a worker within what processes expect to find around them.
    pub(crate) fn within_surroundings(&self, work: &mut dyn FnMut()) {
        match &self.inner.surroundings {
            Some(surroundings) => surroundings.work_within(work),
            None => work(),
        }
    }

    fn poll_body(&self, process: &Arc<Process>) -> Poll<ExitReason> {
        let mut slot = process.body.lock();
        let Some(body) = slot.as_mut() else { return Poll::Ready(ExitReason::Killed) };
        let waker = Waker::from(process.clone());
        let mut polled = Poll::Pending;
        let mut poll = || polled = body.as_mut().poll(&mut TaskContext::from_waker(&waker));
        match catch_unwind(AssertUnwindSafe(&mut poll)) {
            Ok(()) => polled,
            Err(panic) => {
                let text = format!("{HOST_PANIC}: {}", panic_text(panic.as_ref()));
                Poll::Ready(ExitReason::error(text))
            }
        }
    }
}

impl Inner {
    /// A new reference, which nobody can guess.
    pub(crate) fn new_reference(&self) -> Reference {
        Reference(self.random_u64())
    }

    pub(crate) fn random_u64(&self) -> u64 {
        self.random.lock().next_u64()
    }

    pub(crate) fn emit(&self, event: Event) {
        self.events.event(&event);
    }

    pub(crate) fn resolve(&self, destination: &crate::pid::Destination) -> Option<Pid> {
        match destination {
            crate::pid::Destination::Pid(pid) => Some(*pid),
            crate::pid::Destination::Name(name) => self.names.whereis(name),
            crate::pid::Destination::Via(via) => self.whereis_via(via),
        }
    }

    /// Registers a process under a name. One that has received a fatal signal does not keep a name from its
    /// successor, even if it has not been polled since.
    pub(crate) fn register(&self, name: &str, pid: Pid) -> Result<(), RegisterError> {
        let is_alive = || self.table.get(pid).is_some_and(|process| !process.has_let_go());
        let taken = self.names.register(name, pid, is_alive);
        if let Err(RegisterError::NameTaken(owner)) = &taken
            && self.table.get(*owner).is_none_or(|owner| self.is_exiting(&owner))
        {
            self.names.release(*owner);
            return self.names.register(name, pid, is_alive);
        }
        taken
    }

    pub(crate) fn is_alive(&self, pid: Pid) -> bool {
        let Some(process) = self.table.get(pid) else { return false };
        !self.is_exiting(&process) && !process.inbox.lock().is_closed()
    }

    fn is_exiting(&self, process: &Process) -> bool {
        self.settle(process);
        process.state.lock().exiting.is_some()
    }

    /// Sends a signal that must not be lost: a dead receiver's answer comes back at once.
    pub(crate) fn send(&self, to: Pid, signal: Signal) {
        let mut pending: Effects = vec![(to, signal)];
        while let Some((to, signal)) = pending.pop() {
            let refused = match self.table.get(to) {
                Some(process) => match process.push(signal, Patience::None) {
                    Err(PushError::Closed(signal)) => signal,
                    _ => continue,
                },
                None => signal,
            };
            refuse(to, refused, &mut pending);
        }
    }

    pub(crate) fn send_all(&self, effects: Effects) {
        for (to, signal) in effects {
            self.send(to, signal);
        }
    }

    /// Has a process apply what has arrived.
    pub(crate) fn settle(&self, process: &Process) {
        if process.is_settled() {
            return;
        }
        let _in_order = process.outgoing.lock();
        let Drained { effects, waiter, number } = process.drain();
        if !effects.is_empty() {
            self.send_all(effects);
        }
        self.wake_all(waiter);
        process.has_settled(number);
    }

    fn info(&self, process: &Process) -> ProcessInfo {
        let cycle = self.find_cycle(process.pid).unwrap_or_default();
        let cycle = cycle.into_iter().map(|(pid, _)| pid).collect();
        ProcessInfo::of(process, self.names.name_of(process.pid), cycle)
    }

    /// Has processes polled: those that waited for room in a mailbox.
    pub(crate) fn wake_all(&self, pids: impl IntoIterator<Item = Pid>) {
        for process in pids.into_iter().filter_map(|pid| self.table.get(pid)) {
            self.scheduler.wake(&process);
        }
    }

    fn deliver_timer(&self, reference: Reference, timer: Timer) {
        let bytes = timer.load.payload().len();
        // Rule P60: the name is looked up now; nobody there, nothing happens.
        if let Some(to) = self.resolve(&timer.destination) {
            self.deliver_load(reference, timer.load, timer.creator, to);
        }
        // Only now: a slot is never free in between.
        self.timer_gone(timer.creator, bytes);
    }

    fn deliver_load(&self, reference: Reference, load: Load, creator: Pid, to: Pid) {
        match load {
            Load::Timer(payload) => {
                self.send(to, Signal::Timer { reference, payload, own: to == creator });
            }
            Load::Message { message, reserved } => {
                Totals::add(&self.totals.sent, 1);
                let Some(process) = self.table.get(to) else {
                    return Totals::add(&self.totals.to_the_dead, 1);
                };
                let signal =
                    if reserved { Signal::DelayedMessage(message) } else { Signal::Message(message) };
                match process.push(signal, Patience::Unheard) {
                    Ok(()) => {}
                    Err(PushError::Dropped) => self.emit(Event::Refused { from: creator, to, dropped: true }),
                    Err(_) => Totals::add(&self.totals.to_the_dead, 1),
                }
            }
        }
    }

    /// A timer was stopped: what was reserved for it is free again.
    pub(crate) fn timer_cancelled(&self, timer: &Timer) {
        let bytes = timer.load.payload().len();
        self.timer_gone(timer.creator, bytes);
        if let Load::Message { reserved: true, .. } = timer.load
            && let Some(creator) = self.table.get(timer.creator)
        {
            let waiter = creator.inbox.lock().release(1, bytes as u64);
            self.wake_all(waiter);
        }
    }

    /// A timer has run out or was cancelled: its creator may start another.
    pub(crate) fn timer_gone(&self, creator: Pid, payload_len: usize) {
        if let Some(process) = self.table.get(creator) {
            process.timers_running.fetch_sub(1, Ordering::AcqRel);
            process.timer_bytes.fetch_sub(payload_len as u64, Ordering::AcqRel);
        }
    }
}

/// Drops a body. What its destructors panic with is its own affair.
pub(crate) fn drop_body(body: Option<crate::process::Body>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(body)));
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
