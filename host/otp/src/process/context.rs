//! What a running process can do: the functions of Erlang's `erlang` module that concern `self()`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::budget::{Charge, Resource};
use crate::exit_reason::{ExitReason, LimitExceeded, LimitKind};
use crate::limits::check;
use crate::names::RegisterError;
use crate::pid::{Pid, Reference};
use crate::process::{Identity, Meter, Process};
use crate::received::{InitAck, Received, SystemKind, SystemMessage};
use crate::runtime::Runtime;
use crate::signal::Signal;

/// How much is kept of what was denied: the process chose it.
const MAX_DENIED_BYTES: usize = 256;

/// Refusals of one process that are told in a second.
const MAX_DENIALS_TOLD: u64 = 32;

/// A running process's own view of the runtime. Clones are the same process.
#[derive(Clone)]
pub struct Context {
    runtime: Runtime,
    process: Arc<Process>,
}

impl Context {
    pub(crate) fn new(runtime: Runtime, process: Arc<Process>) -> Self {
        Self { runtime, process }
    }

    /// The runtime that the process lives in.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// This process (`self/0`).
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// What this process is.
    pub fn identity(&self) -> &Identity {
        &self.process.identity
    }

    /// What this process may use now.
    pub fn limits(&self) -> crate::limits::Limits {
        self.process.limits.get()
    }

    /// Charges this process with reductions that it has used.
    ///
    /// # Errors
    /// [`LimitExceeded`], if these were more than it or a budget around it may use: it should end.
    pub fn charge_reductions(&self, reductions: u64) -> Result<(), LimitExceeded> {
        let used = self.process.meter.reductions.fetch_add(reductions, Ordering::Relaxed);
        let used = used.saturating_add(reductions);
        if let Some(account) = &self.process.account {
            account.charge_used(Resource::Reductions, reductions)?;
        }
        check(LimitKind::Reductions, self.process.limits.reductions(), used)
    }

    /// Corrects what was charged for reductions, when it is known exactly.
    pub fn settle_reductions(&self, used: u64) {
        let charged = self.process.meter.reductions.swap(used, Ordering::Relaxed);
        if let Some(account) = &self.process.account {
            let _it_has_ended = account.charge_used(Resource::Reductions, used.saturating_sub(charged));
        }
    }

    /// Charges the budgets around this process with `amount` of a resource, until [`Context::release`].
    ///
    /// # Errors
    /// [`LimitExceeded`], if one of them has not so much left.
    pub fn charge(&self, resource: Resource, amount: u64) -> Result<(), LimitExceeded> {
        self.process.account.as_ref().map_or(Ok(()), |account| account.charge(resource, amount))
    }

    /// Charges the budgets around this process with `amount` of a resource, until the charge is dropped.
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn hold(&self, resource: Resource, amount: u64) -> Result<Charge, LimitExceeded> {
        let account = self.process.account.as_ref();
        account.map_or_else(|| Ok(Charge::nothing(resource)), |account| account.hold(resource, amount))
    }

    /// The path of the outermost budget that this process belongs to, if there is one.
    pub fn outermost_budget(&self) -> Option<Arc<str>> {
        let account = self.process.account.as_ref()?;
        account.chain().last().map(|outermost| outermost.path().clone())
    }

    /// Gives back what was charged.
    pub fn release(&self, resource: Resource, amount: u64) {
        if let Some(account) = &self.process.account {
            account.release(resource, amount);
        }
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.runtime.now().since_start().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Makes known that this process was refused what it has no grant for.
    pub fn denied(&self, grant: &'static str, what: &str) {
        self.process.denied.fetch_add(1, Ordering::Relaxed);
        // All are counted, and some of them told: a process that asks in vain without end is no news.
        if !self.process.denied_in_second.take(MAX_DENIALS_TOLD, self.nanos()) {
            return;
        }
        let what = what[..what.floor_char_boundary(MAX_DENIED_BYTES)].to_owned();
        let identity = self.process.identity.clone();
        self.emit(crate::event::Event::Denied { pid: self.pid(), identity, grant, what });
    }

    /// Whether this process may log another line in this second; if so, it counts.
    pub fn may_log(&self) -> bool {
        let now = self.nanos();
        self.process.log_lines.take(self.process.limits.log_lines_per_second(), now)
            && self.process.account.as_ref().is_none_or(|account| account.may_log(now))
    }

    /// The counters that this process's body keeps up to date.
    pub fn meter(&self) -> &Meter {
        &self.process.meter
    }

    /// Sends an exit signal (`exit/2`). To this process itself it takes effect at the next wait.
    pub fn exit_process(&self, pid: Pid, reason: ExitReason) {
        self.runtime.inner.send(pid, Signal::Exit { from: self.pid(), reason });
    }

    /// Removes the first message that is `unwanted` from the mailbox; whether there was one. Not for messages of
    /// processes, whose room is counted.
    pub(crate) fn discard(&self, unwanted: impl Fn(&Received) -> bool) -> bool {
        self.settle();
        let discarded = self.process.state.lock().mailbox.take_first(unwanted);
        discarded.is_some()
    }

    /// Takes one thing that answers a reference out of the mailbox; false if there is none.
    pub(crate) fn take_out(&self, reference: Reference) -> bool {
        self.settle();
        self.process.state.lock().mailbox.take_answer(reference).is_some()
    }

    /// Sends what only the host says.
    pub(crate) fn send_system(&self, to: Pid, system: SystemMessage) {
        self.runtime.inner.send(to, Signal::System(system));
    }

    /// Gives this process a label that others can read (`proc_lib:set_label/1`).
    pub fn set_label(&self, label: Option<String>) {
        self.process.state.lock().label = label;
    }

    /// Says where this process was when it ended, for its crash report: innermost function first.
    pub fn set_backtrace(&self, backtrace: Vec<String>) {
        self.process.state.lock().backtrace = backtrace;
    }

    /// Registers a process under a name (`register/2`).
    ///
    /// # Errors
    /// [`RegisterError`]
    pub fn register(&self, name: &str, pid: Pid) -> Result<(), RegisterError> {
        self.runtime.inner.register(name, pid)
    }

    /// Releases a name (`unregister/1`); who had it, if anybody.
    pub fn unregister(&self, name: &str) -> Option<Pid> {
        self.runtime.inner.names.unregister(name)
    }

    /// Tells the starter how the start went (`proc_lib:init_ack/1`); true the first time, if somebody waits.
    pub fn init_ack(&self, ack: InitAck) -> bool {
        let Some((starter, reference)) = self.process.starter.lock().take() else { return false };
        let kind = SystemKind::InitAck(ack);
        let system = SystemMessage { kind, reference, from: self.pid(), payload: Bytes::new() };
        self.runtime.inner.send(starter, Signal::System(system));
        true
    }

    /// A new reference that nobody can guess (`make_ref/0`).
    pub fn new_reference(&self) -> Reference {
        self.runtime.inner.new_reference()
    }

    /// Reports an event in this process's name.
    pub(crate) fn emit(&self, event: crate::event::Event) {
        self.runtime.inner.emit(event);
    }

    /// Whether this process waits for something of the runtime's.
    pub fn is_waiting(&self) -> bool {
        self.process.state.lock().waiting.is_some()
    }

    /// Whether something has woken this process during its present turn: it has let others run, say.
    pub fn is_woken(&self) -> bool {
        self.process.schedule.is_woken()
    }

    /// Whether a fatal signal has reached this process.
    pub(crate) fn is_exiting(&self) -> bool {
        self.process.state.lock().exiting.is_some()
    }

    /// Applies the signals that have arrived, so that what happens next happens after them.
    pub(crate) fn settle(&self) {
        self.runtime.inner.settle(&self.process);
    }
}
