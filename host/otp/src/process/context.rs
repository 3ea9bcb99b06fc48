//! What a running process can do: the functions of Erlang's `erlang` module that concern `self()`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Instant;
use crate::exit_reason::{ExitReason, LimitExceeded, LimitKind};
use crate::limits::check;
use crate::mailbox::{InitAck, Message, MessageKind, Received, SystemKind, SystemMessage};
use crate::monitor::Held;
use crate::pid::{Destination, Pid, Reference, ReplyTo};
use crate::process::{Identity, LinkError, Meter, Process, ProcessKind, SendError, SignalError};
use crate::registry::RegisterError;
use crate::runtime::Runtime;
use crate::signal::{Envelope, Signal};
use crate::timer::Timer;

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

    /// The counters that this process's body keeps up to date.
    pub fn meter(&self) -> &Meter {
        &self.process.meter
    }

    /// Sends a message (`!`). A dead process takes it silently.
    ///
    /// # Errors
    /// [`SendError`]
    pub fn send(
        &self,
        to: &Destination,
        kind: MessageKind,
        payload: Bytes,
        deadline: Option<Instant>,
    ) -> Result<(), SendError> {
        let allowed = self.process.limits.message_bytes;
        check(LimitKind::MessageBytes, allowed, payload.len() as u64).map_err(SendError::TooLarge)?;
        let to = self.resolve(to)?;
        let component = self.process.identity.component.clone();
        let envelope = Envelope { component, trace: None, deadline };
        self.runtime.inner.send_message(to, Message { from: self.pid(), kind, payload, envelope })
    }

    fn resolve(&self, destination: &Destination) -> Result<Pid, SendError> {
        let found = self.runtime.inner.resolve(destination);
        found.ok_or_else(|| SendError::NoName(destination.to_string()))
    }

    /// Answers a call (`gen_server:reply/2`). Nothing happens if the caller does not wait any more.
    ///
    /// # Errors
    /// [`SendError::TooLarge`]
    pub fn reply(&self, to: ReplyTo, payload: Bytes) -> Result<(), SendError> {
        let allowed = self.process.limits.message_bytes;
        check(LimitKind::MessageBytes, allowed, payload.len() as u64).map_err(SendError::TooLarge)?;
        self.runtime.inner.send(to.pid, Signal::Reply { reference: to.reference, payload });
        Ok(())
    }

    /// Sends an exit signal (`exit/2`). To this process itself it takes effect at the next wait.
    pub fn exit_process(&self, pid: Pid, reason: ExitReason) {
        self.runtime.inner.send(pid, Signal::Exit { from: self.pid(), reason });
    }

    /// Whether this process may exit, kill or link `pid`: it is itself, runs the same component, or one of
    /// the two descends from the other through live processes. Host processes may do anything, and no guest
    /// may touch a supervisor.
    ///
    /// # Errors
    /// [`SignalError`]
    pub fn may_signal(&self, pid: Pid) -> Result<(), SignalError> {
        let own = &self.process;
        let Some(other) = self.runtime.inner.table.get(pid) else { return Ok(()) };
        if own.identity.kind != ProcessKind::Guest || own.pid == pid {
            return Ok(());
        }
        let same_component = own.identity.component == other.identity.component;
        let related = || self.descends(&other, own.pid) || self.descends(own, pid);
        let allowed = other.identity.kind != ProcessKind::Supervisor && (same_component || related());
        if allowed { Ok(()) } else { Err(SignalError) }
    }

    /// Whether `pid` is a live supervisor.
    pub fn is_supervisor(&self, pid: Pid) -> bool {
        let process = self.runtime.inner.table.get(pid);
        process.is_some_and(|process| process.identity.kind == ProcessKind::Supervisor)
    }

    fn descends(&self, process: &Process, ancestor: Pid) -> bool {
        /// Longer lines of descent count as strangers: the walk is on the caller's time.
        const MAX_GENERATIONS: usize = 64;
        let table = &self.runtime.inner.table;
        let parent_of = |pid: &Pid| table.get(*pid).and_then(|process| process.identity.parent);
        std::iter::successors(process.identity.parent, parent_of)
            .take(MAX_GENERATIONS)
            .any(|pid| pid == ancestor)
    }

    /// Links to `pid` (`link/1`).
    ///
    /// # Errors
    /// [`LinkError`]
    pub fn link(&self, pid: Pid) -> Result<(), LinkError> {
        if pid == self.pid() {
            return Ok(());
        }
        self.settle();
        // Asked before the own state is locked: nobody waits for one process while he holds another.
        let present = self.is_present(pid);
        let _in_order = self.process.outgoing.lock();
        let told = {
            let mut state = self.process.state.lock();
            if state.links.is_linked(pid) {
                return Ok(());
            }
            if !present {
                return if state.trap_exit {
                    state.links.forget(pid);
                    state.deliver(Received::Exit { from: pid, reason: ExitReason::NoProc });
                    Ok(())
                } else {
                    Err(LinkError::NoProc)
                };
            }
            check(LimitKind::Links, self.process.limits.links, state.links.len() as u64 + 1)
                .map_err(LinkError::Limit)?;
            state.links.link(pid)
        };
        if told {
            self.runtime.inner.send(pid, Signal::Link { from: self.pid() });
        }
        Ok(())
    }

    fn is_present(&self, pid: Pid) -> bool {
        self.runtime.inner.table.get(pid).is_some_and(|process| !process.inbox.lock().is_closed())
    }

    /// Removes the link to `pid` (`unlink/1`). What its end had already put into the mailbox stays there.
    pub fn unlink(&self, pid: Pid) {
        self.settle();
        let _in_order = self.process.outgoing.lock();
        let id = self.process.state.lock().links.unlink(pid);
        if let Some(id) = id {
            self.runtime.inner.send(pid, Signal::Unlink { from: self.pid(), id });
        }
    }

    /// Removes the first message that is `unwanted` from the mailbox, if there is one. Not for messages of
    /// processes, whose room is counted.
    pub(crate) fn discard(&self, unwanted: impl Fn(&Received) -> bool) {
        self.settle();
        let discarded = self.process.state.lock().mailbox.take_first(unwanted);
        drop(discarded);
    }

    /// Monitors a process (`monitor/2`). One that isn't there is reported down at once (rule P32).
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn monitor(&self, object: Destination) -> Result<Reference, LimitExceeded> {
        let target = self.runtime.inner.resolve(&object);
        self.hold_monitor(target, object, false)
    }

    pub(crate) fn hold_monitor(
        &self,
        target: Option<Pid>,
        object: Destination,
        reply_alias: bool,
    ) -> Result<Reference, LimitExceeded> {
        self.settle();
        let reference = self.runtime.inner.new_reference();
        {
            let mut state = self.process.state.lock();
            let held = state.monitors.held_len() as u64;
            check(LimitKind::Monitors, self.process.limits.monitors, held + 1)?;
            let mark = state.mailbox.mark();
            state.monitors.hold(reference, Held { target, object, mark, reply_alias });
        }
        match target {
            // Rule P39: a process never hears of its own end.
            Some(pid) if pid == self.pid() => {}
            Some(pid) => self.runtime.inner.send(pid, Signal::Monitor { from: self.pid(), reference }),
            None => {
                let reason = ExitReason::NoProc;
                self.runtime.inner.send(self.pid(), Signal::Down { reference, reason });
            }
        }
        Ok(reference)
    }

    /// Removes a monitor (`demonitor/2`); true if it was still active. With `flush`, a DOWN message of it that
    /// waits in the mailbox goes too (rules P35 to P37).
    pub fn demonitor(&self, reference: Reference, flush: bool) -> bool {
        self.settle();
        let (released, flushed) = {
            let mut state = self.process.state.lock();
            let released = state.monitors.release(reference);
            let flushed = if released.is_none() && flush {
                state.mailbox.take_first(
                    |received| matches!(received, Received::Down { reference: r, .. } if *r == reference),
                )
            } else {
                None
            };
            (released, flushed)
        };
        drop(flushed);
        let active = released.is_some();
        if let Some(Held { target: Some(target), .. }) = released {
            self.runtime.inner.send(target, Signal::Demonitor { from: self.pid(), reference });
        }
        active
    }

    /// Chooses whether exit signals become messages (`process_flag(trap_exit, _)`); the previous choice.
    pub fn set_trap_exit(&self, trap_exit: bool) -> bool {
        self.settle();
        std::mem::replace(&mut self.process.state.lock().trap_exit, trap_exit)
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
        self.runtime.inner.registry.unregister(name)
    }

    /// Starts a timer that delivers a timer message with `payload` (`start_timer/3`). A name is looked up when
    /// the timer runs out.
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn start_timer(
        &self,
        after: Duration,
        destination: Destination,
        payload: Bytes,
    ) -> Result<Reference, LimitExceeded> {
        check(LimitKind::MessageBytes, self.process.limits.message_bytes, payload.len() as u64)?;
        let running = self.process.timers_running.fetch_add(1, Ordering::AcqRel) + 1;
        if let Err(error) = check(LimitKind::Timers, self.process.limits.timers, running) {
            self.process.timers_running.fetch_sub(1, Ordering::AcqRel);
            return Err(error);
        }
        let bytes = self.process.timer_bytes.fetch_add(payload.len() as u64, Ordering::AcqRel);
        let (allowed, requested) = (self.process.limits.mailbox_bytes, bytes + payload.len() as u64);
        if let Err(error) = check(LimitKind::MailboxBytes, allowed, requested) {
            self.runtime.inner.timer_gone(self.pid(), payload.len());
            return Err(error);
        }
        let reference = self.runtime.inner.new_reference();
        let deadline = self.runtime.now().saturating_add(after);
        let target = match destination {
            Destination::Pid(pid) => Some(pid),
            Destination::Name(_) => None,
        };
        let timer = Timer { destination, payload, creator: self.pid() };
        self.runtime.inner.timers.start(deadline, reference, timer);
        // Rule P59. Who ends from now on removes the timer himself.
        if target.is_some_and(|pid| self.runtime.inner.table.get(pid).is_none()) {
            self.cancel_timer(reference);
        }
        self.runtime.inner.scheduler.timer_set();
        Ok(reference)
    }

    /// Stops a timer; the time that was left, or none if it had run out, was stopped, or never was
    /// (`cancel_timer/1`).
    pub fn cancel_timer(&self, reference: Reference) -> Option<Duration> {
        let (deadline, timer) = self.runtime.inner.timers.cancel(reference)?;
        self.runtime.inner.timer_gone(timer.creator, timer.payload.len());
        Some(deadline.saturating_since(self.runtime.now()))
    }

    /// The time that a timer has left (`read_timer/1`).
    pub fn read_timer(&self, reference: Reference) -> Option<Duration> {
        let deadline = self.runtime.inner.timers.read(reference)?;
        Some(deadline.saturating_since(self.runtime.now()))
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

    /// Applies the signals that have arrived, so that what happens next happens after them.
    pub(crate) fn settle(&self) {
        self.runtime.inner.settle(&self.process);
    }
}
