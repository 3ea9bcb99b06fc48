//! Links, monitors and aliases: what a process is told about others, and through what others reach it.

use bytes::Bytes;

use crate::alias::AliasMode;
use crate::exit_reason::{ExitReason, LimitExceeded, LimitKind};
use crate::limits::check;
use crate::monitor::{Held, MonitorOptions, Role};
use crate::pid::{Destination, Pid, Reference, ReplyTo};
use crate::process::{Context, LinkError};
use crate::received::Received;
use crate::signal::Signal;

impl Context {
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
        let _in_order = self.process().outgoing.lock();
        let told = {
            let mut state = self.process().state.lock();
            if state.links.is_linked(pid) {
                return Ok(());
            }
            if !present && !state.trap_exit {
                return Err(LinkError::NoProc);
            }
            // An EXIT that nobody has received still takes the slot of its link.
            let taken = state.links.len() as u64 + state.mailbox.signals().links;
            check(LimitKind::Links, self.process().limits.get().links, taken + 1)
                .map_err(LinkError::Limit)?;
            if !present {
                state.links.forget(pid);
                state.deliver(Received::Exit { from: pid, reason: ExitReason::NoProc });
                if state.exiting.is_some() {
                    self.process().ends();
                }
                return Ok(());
            }
            state.links.link(pid)
        };
        if told {
            self.runtime().inner.send(pid, Signal::Link { from: self.pid() });
        }
        Ok(())
    }

    fn is_present(&self, pid: Pid) -> bool {
        self.runtime().inner.table.get(pid).is_some_and(|process| !process.inbox.lock().is_closed())
    }

    /// Removes the link to `pid` (`unlink/1`). What its end had already put into the mailbox stays there.
    pub fn unlink(&self, pid: Pid) {
        self.settle();
        let _in_order = self.process().outgoing.lock();
        let id = self.process().state.lock().links.unlink(pid);
        if let Some(id) = id {
            self.runtime().inner.send(pid, Signal::Unlink { from: self.pid(), id });
        }
    }

    /// Monitors a process (`monitor/2`). One that isn't there is reported down at once (rule P32).
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn monitor(&self, object: Destination) -> Result<Reference, LimitExceeded> {
        self.monitor_with(object, MonitorOptions::default())
    }

    /// Monitors a process (`monitor/3`). The tags of all monitors together are limited as the mailbox's bytes are.
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn monitor_with(
        &self,
        object: Destination,
        options: MonitorOptions,
    ) -> Result<Reference, LimitExceeded> {
        let target = self.runtime().inner.resolve(&object);
        // As in OTP a key is looked up first, and its process monitored by its pid.
        let object = match (object, target) {
            (Destination::Via(_), Some(pid)) => Destination::Pid(pid),
            (object, _) => object,
        };
        let role = options.alias.map_or(Role::Monitor, Role::Alias);
        self.hold_monitor(target, object, role, options.tag)
    }

    pub(crate) fn hold_monitor(
        &self,
        target: Option<Pid>,
        object: Destination,
        role: Role,
        tag: Option<Bytes>,
    ) -> Result<Reference, LimitExceeded> {
        self.settle();
        let reference = self.runtime().inner.new_reference();
        if target == Some(self.pid()) {
            // Rule P39. The BEAM does not even make it, nor its alias.
            return Ok(reference);
        }
        {
            let mut state = self.process().state.lock();
            self.check_monitors(state.monitor_slots() + 1)?;
            // A tag will come to the mailbox: all of them together must fit there.
            let tag_bytes = tag.as_ref().map_or(0, Bytes::len) as u64;
            let tag_bytes = state.monitors.tag_bytes() + state.mailbox.signals().bytes + tag_bytes;
            if tag.is_some() {
                check(LimitKind::MailboxBytes, self.process().limits.get().mailbox_bytes, tag_bytes)?;
            }
            state.monitors.hold(reference, Held { target, object, role, tag });
        }
        match target {
            Some(pid) => self.runtime().inner.send(pid, Signal::Monitor { from: self.pid(), reference }),
            None => {
                let reason = ExitReason::NoProc;
                self.runtime().inner.send(self.pid(), Signal::Down { reference, reason });
            }
        }
        Ok(reference)
    }

    fn check_monitors(&self, requested: u64) -> Result<(), LimitExceeded> {
        check(LimitKind::Monitors, self.process().limits.get().monitors, requested)
    }

    /// Removes a monitor (`demonitor(Ref, [info])`): whether it was still active. With `flush`, a DOWN message of it
    /// that waits in the mailbox goes too (rules P35 to P37).
    ///
    /// Erlang's documentation says that `[flush, info]` gives false only if a flush was needed. The BEAM gives false
    /// whenever the monitor was not active, and so does this.
    pub fn demonitor(&self, reference: Reference, flush: bool) -> bool {
        self.settle();
        let (released, flushed) = {
            let mut state = self.process().state.lock();
            let released = state.release_monitor(reference);
            let is_down = |received: &Received| matches!(received, Received::Down { reference: r, .. } if *r == reference);
            let flushed = if released.is_none() && flush {
                state.mailbox.take_answer_if(reference, is_down)
            } else {
                None
            };
            (released, flushed)
        };
        let active = released.is_some();
        if let Some(Held { target: Some(target), .. }) = released {
            self.runtime().inner.send(target, Signal::Demonitor { from: self.pid(), reference });
        }
        drop(flushed);
        active
    }

    /// Makes a reference that others can send to as long as it is active (`alias/1`). It takes a monitor's slot.
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn alias(&self, mode: AliasMode) -> Result<ReplyTo, LimitExceeded> {
        let reference = self.runtime().inner.new_reference();
        let mut state = self.process().state.lock();
        self.check_monitors(state.monitor_slots() + 1)?;
        state.aliases.insert(reference, mode);
        Ok(ReplyTo { pid: self.pid(), reference })
    }

    /// Ends an alias; true if it was active. What has arrived through it stays, and so does its monitor (`unalias/1`,
    /// rule P47).
    pub fn unalias(&self, reference: Reference) -> bool {
        self.settle();
        self.process().state.lock().release_alias(reference)
    }
}
