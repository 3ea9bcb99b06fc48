//! Waiting: for any message, for one that matches, for the answer to a reference.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::clock::Instant;
use crate::exit_reason::ExitReason;
use crate::monitor::Role;
use crate::pid::{Destination, Pid, Reference};
use crate::process::wait::Wait;
use crate::process::{Context, State, Waiting};
use crate::received::Received;

/// Gives the other processes a turn: [`Context::yield_now`] for code within a process that has no context at hand.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|task| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Takes something out of the mailbox, and records it as received.
pub(super) fn noted(
    state: &mut State,
    take: impl FnOnce(&mut State) -> Option<Received>,
) -> Option<Received> {
    let received = take(state)?;
    state.note_received(&received);
    Some(received)
}

impl Context {
    /// Receives the oldest message (`receive X -> X after T`). None after `timeout`; a timeout of zero looks
    /// through what has arrived and does not wait (rule P51).
    pub async fn receive(&self, timeout: Option<Duration>) -> Option<Received> {
        let deadline = self.deadline(timeout);
        let received =
            self.wait(Waiting::Message { deadline }, |state| noted(state, |state| state.mailbox.pop())).await;
        self.make_room(received)
    }

    /// Waits until there is something in the mailbox, and leaves it there (`erlang:hibernate/3`, rule P54). What the body
    /// needs no more it has dropped before.
    pub async fn hibernate(&self) {
        self.settle();
        self.process().inbox.lock().shrink();
        self.process().state.lock().shrink();
        self.wait(Waiting::Hibernation, |state| (state.mailbox.len() > 0).then_some(())).await;
    }

    /// Receives the oldest message that `matches`; the others stay, in order (rule P50).
    pub async fn receive_matching(
        &self,
        timeout: Option<Duration>,
        mut matches: impl FnMut(&Received) -> bool,
    ) -> Option<Received> {
        self.start_scan(timeout);
        // `matches` may look at the runtime: nothing is locked while it runs.
        while let Some(received) = self.scan_next().await {
            if matches(&received) {
                return self.take();
            }
        }
        None
    }

    /// Starts a selective receive by hand: puts the cursor before the oldest message and fixes the deadline.
    /// Then call [`Context::scan_next`].
    pub fn start_scan(&self, timeout: Option<Duration>) {
        let deadline = self.deadline(timeout);
        self.process().state.lock().mailbox.start_scan(deadline);
    }

    /// The next message that the selective receive has not looked at, waiting for one if need be. The message
    /// stays in the mailbox. None when the deadline has passed.
    pub async fn scan_next(&self) -> Option<Received> {
        let deadline = self.process().state.lock().mailbox.deadline;
        let seen = self.wait(Waiting::Message { deadline }, |state| state.mailbox.scan_next().cloned()).await;
        if seen.is_none() {
            self.process().state.lock().mailbox.end_scan();
        }
        seen
    }

    /// Removes the message that [`Context::scan_next`] returned last. None if there is none, or if it has been
    /// taken.
    pub fn take(&self) -> Option<Received> {
        let received = noted(&mut self.process().state.lock(), |state| state.mailbox.take());
        self.make_room(received)
    }

    /// Waits for the answer to `reference`: its reply, DOWN, timer or acknowledgement. It costs the same however much
    /// has arrived before it (rule P53). None after `timeout`.
    pub async fn receive_answer(&self, reference: Reference, timeout: Option<Duration>) -> Option<Received> {
        self.receive_answer_until(reference, self.deadline(timeout)).await
    }

    pub(super) async fn receive_answer_until(
        &self,
        reference: Reference,
        deadline: Option<Instant>,
    ) -> Option<Received> {
        let server = {
            let state = self.process().state.lock();
            let held = state.monitors.held(reference).filter(|held| held.role == Role::Call);
            held.and_then(|held| held.target)
        };
        let waiting = match server {
            Some(server) => Waiting::Call { reference, server, deadline },
            None => Waiting::Answer { reference, deadline },
        };
        let take = |state: &mut State| noted(state, |state| state.mailbox.take_answer(reference));
        let received = self.wait(waiting, take).await;
        self.make_room(received)
    }

    /// Gives the other processes a turn.
    pub async fn yield_now(&self) {
        yield_now().await;
    }

    /// Ends this process (`exit/1`). Never returns: the process ends while it waits.
    pub async fn exit(&self, reason: ExitReason) -> ! {
        self.process().state.lock().exiting.get_or_insert(reason);
        loop {
            std::future::pending::<()>().await;
        }
    }

    /// Lets the signals that have arrived take effect: does not return if one of them is fatal.
    pub async fn checkpoint(&self) {
        poll_fn(|_| {
            self.settle();
            if self.process().is_ending() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Waits until `pid` has ended; why it did. `noproc` if it has ended already.
    pub async fn await_down(&self, pid: Pid) -> ExitReason {
        let Ok(reference) = self.monitor(Destination::Pid(pid)) else { return ExitReason::NoProc };
        match self.receive_answer(reference, None).await {
            Some(Received::Down { reason, .. }) => reason,
            _ => ExitReason::NoProc,
        }
    }

    /// The point in time that a timeout from now stands for.
    pub(super) fn deadline(&self, timeout: Option<Duration>) -> Option<Instant> {
        timeout.map(|timeout| self.runtime().now().saturating_add(timeout))
    }

    /// Gives back the room of what was received. If a sender waits for it, it gets its turn.
    pub(super) fn make_room(&self, received: Option<Received>) -> Option<Received> {
        let received = received?;
        let waiter = self.process().inbox.lock().received(&received);
        self.runtime().inner.wake_all(waiter);
        Some(received)
    }

    /// Waits until `ready` gives something, or until the deadline.
    pub(super) async fn wait<T>(
        &self,
        waiting: Waiting,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut wait = Wait::new(self, waiting);
        poll_fn(|_| {
            self.settle();
            let value = {
                let mut state = self.process().state.lock();
                if state.exiting.is_some() {
                    return Poll::Pending;
                }
                ready(&mut state)
            };
            if value.is_some() {
                return Poll::Ready(value);
            }
            if wait.goes_on() { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }
}
