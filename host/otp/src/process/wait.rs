//! Who waits for whom: a process in a call waits for its server, a sender for room at a full mailbox. A cycle of
//! such waits does not end by itself, so it is reported as soon as it closes; a third process may still end it.

use std::sync::atomic::Ordering;

use crate::clock::Instant;
use crate::event::{Event, Waiter};
use crate::pid::{Pid, Reference};
use crate::process::{Context, Process};
use crate::runtime::Inner;
use crate::timer::Key;

/// Longer cycles are not found: the walk is on the caller's time.
pub(crate) const MAX_CYCLE: usize = 256;

/// A process in a cycle, and what tells its wait from others.
pub(crate) type Link = (Pid, u64);

/// What a process waits for, while its body has nothing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Any message.
    Message {
        /// When it gives up.
        deadline: Option<Instant>,
    },
    /// Any message, without an instance meanwhile (`erlang:hibernate/3`).
    Hibernation,
    /// What answers a reference: a DOWN, a timer, a reply that may come from anybody.
    Answer {
        /// Which.
        reference: Reference,
        /// When it gives up.
        deadline: Option<Instant>,
    },
    /// What answers one of several references.
    AnyAnswer {
        /// When it gives up.
        deadline: Option<Instant>,
    },
    /// Word of a process that was started.
    Start {
        /// When it gives up.
        deadline: Option<Instant>,
    },
    /// The answer of a process to a call.
    Call {
        /// The call.
        reference: Reference,
        /// The process that was called.
        server: Pid,
        /// When it gives up.
        deadline: Option<Instant>,
    },
    /// Room in the mailbox of a process that has its senders wait.
    Room {
        /// That process.
        at: Pid,
        /// Tells this wait from others.
        ticket: u64,
        /// When it gives up.
        deadline: Option<Instant>,
    },
}

impl Waiting {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Message { deadline }
            | Self::Answer { deadline, .. }
            | Self::AnyAnswer { deadline }
            | Self::Start { deadline }
            | Self::Call { deadline, .. }
            | Self::Room { deadline, .. } => *deadline,
            Self::Hibernation => None,
        }
    }

    /// The function that waits, by its name in the WIT package.
    pub fn function(&self) -> &'static str {
        match self {
            Self::Message { .. } => "mailbox.receive",
            Self::Hibernation => "process.hibernate",
            Self::Answer { .. } => "mailbox.wait-for",
            Self::AnyAnswer { .. } => "mailbox.wait-for-any",
            Self::Start { .. } => "process.start",
            Self::Call { .. } => "mailbox.call",
            Self::Room { .. } => "mailbox.send",
        }
    }

    /// The process without which this wait does not end, and what tells this wait from others.
    pub(crate) fn on_process(&self) -> Option<(Pid, u64)> {
        match self {
            Self::Call { reference, server, .. } => Some((*server, reference.0)),
            Self::Room { at, ticket, .. } => Some((*at, *ticket)),
            Self::Message { .. }
            | Self::Hibernation
            | Self::Answer { .. }
            | Self::AnyAnswer { .. }
            | Self::Start { .. } => None,
        }
    }
}

/// What a process waits for, from its first disappointment until this is dropped. Sees to it that the process is
/// polled at its deadline.
pub(super) struct Wait<'a> {
    context: &'a Context,
    waiting: Waiting,
    alarm: Option<Key>,
    begun: bool,
}

impl<'a> Wait<'a> {
    pub(super) fn new(context: &'a Context, waiting: Waiting) -> Self {
        Self { context, waiting, alarm: None, begun: false }
    }

    /// Called when there is nothing yet: makes known what the process waits for. False if the deadline has passed.
    pub(super) fn goes_on(&mut self) -> bool {
        let inner = &self.context.runtime().inner;
        if let Some(deadline) = self.waiting.deadline() {
            if inner.clock.now() >= deadline {
                return false;
            }
            self.alarm.get_or_insert_with(|| {
                let key = inner.timers.wake_at(deadline, self.context.pid());
                inner.scheduler.timer_set();
                key
            });
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.context.begin_wait(self.waiting.clone());
        }
        true
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.alarm {
            self.context.runtime().inner.timers.cancel_wake(key);
        }
        if self.begun {
            self.context.end_wait();
        }
    }
}

impl Context {
    /// Makes known what this process waits for. If that closes a cycle, the cycle is reported.
    fn begin_wait(&self, waiting: Waiting) {
        let on_process = waiting.on_process().is_some();
        self.process().state.lock().waiting = Some(waiting);
        if on_process {
            self.process().waits_on_process.store(true, Ordering::SeqCst);
            self.runtime().inner.report_cycle(self.pid());
        }
    }

    fn end_wait(&self) {
        self.process().waits_on_process.store(false, Ordering::SeqCst);
        self.process().state.lock().waiting = None;
    }
}

impl Inner {
    /// Reports the cycle of waits that `pid` is in, if it is in one that was not reported.
    fn report_cycle(&self, pid: Pid) {
        let Some(cycle) = self.find_cycle(pid) else { return };
        // Several may notice at once: the one with the smallest pid keeps what was reported last.
        let Some((first, _)) = cycle.iter().min().copied() else { return };
        let Some(process) = self.table.get(first) else { return };
        let mut waits = cycle.clone();
        waits.sort_unstable();
        if process.state.lock().reported_waits.replace(waits.clone()) == Some(waits) {
            return;
        }
        let waiters = cycle.into_iter().map(|(pid, _)| self.waiter(pid)).collect();
        self.emit(Event::WaitCycle { waiters });
    }

    fn waiter(&self, pid: Pid) -> Waiter {
        let identity = self.table.get(pid).map(|process| process.identity.clone()).unwrap_or_default();
        Waiter { pid, name: self.names.name_of(pid), identity }
    }

    /// The cycle of waits that `pid` is in, beginning with it.
    pub(crate) fn find_cycle(&self, pid: Pid) -> Option<Vec<Link>> {
        let cycle = self.walk(pid, false)?;
        // Each wait looked at twice and found the same: between the two looks, all of them were waiting.
        (self.walk(pid, true)? == cycle).then_some(cycle)
    }

    /// From each process to the one that it waits for, back to `start`. A close look makes sure that what a process
    /// waits for is not on its way to it.
    fn walk(&self, start: Pid, closely: bool) -> Option<Vec<Link>> {
        let mut links: Vec<Link> = Vec::new();
        let mut current = start;
        loop {
            let process = self.table.get(current)?;
            if !process.waits_on_process.load(Ordering::SeqCst) {
                return None;
            }
            let (next, wait) = self.waits_on(&process, closely)?;
            links.push((current, wait));
            if next == start {
                return Some(links);
            }
            if links.len() >= MAX_CYCLE || links.iter().any(|(seen, _)| *seen == next) {
                return None;
            }
            current = next;
        }
    }

    fn waits_on(&self, process: &Process, closely: bool) -> Option<Link> {
        if closely {
            self.settle(process);
        }
        let waiting = {
            let state = process.state.lock();
            if state.exiting.is_some() {
                return None;
            }
            match &state.waiting {
                // The monitor of a call ends with its answer.
                Some(Waiting::Call { reference, .. }) if state.monitors.held(*reference).is_none() => None,
                waiting => waiting.clone(),
            }
        }?;
        if let Waiting::Room { at, ticket, .. } = waiting
            && closely
            && !self.table.get(at)?.inbox.lock().keeps_waiting(ticket)
        {
            return None;
        }
        waiting.on_process()
    }
}
