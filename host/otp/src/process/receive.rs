//! Waiting: for any message, for one that matches, for the answer to a reference.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Instant;
use crate::exit_reason::ExitReason;
use crate::mailbox::{Mark, MessageKind, Received};
use crate::pid::{Destination, Pid, Reference, ReplyTo};
use crate::process::{CallError, Context, State, Waiting};
use crate::timer::Key;

impl Context {
    /// Receives the oldest message (`receive X -> X after T`). None after `timeout`; a timeout of zero looks
    /// through what has arrived and does not wait (rule P51).
    pub async fn receive(&self, timeout: Option<Duration>) -> Option<Received> {
        let deadline = self.deadline(timeout);
        let received = self.wait(Waiting::Message { deadline }, |state| state.mailbox.pop()).await;
        self.note(received)
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

    /// Receives the oldest message that `matches`, whatever a selective receive is looking at: for what the host
    /// does in the middle of one. `matches` must not touch the runtime.
    pub(crate) async fn receive_first(
        &self,
        timeout: Option<Duration>,
        matches: impl Fn(&Received) -> bool,
    ) -> Option<Received> {
        let deadline = self.deadline(timeout);
        let received =
            self.wait(Waiting::Message { deadline }, |state| state.mailbox.take_first(&matches)).await;
        self.note(received)
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
        let received = self.process().state.lock().mailbox.take();
        self.note(received)
    }

    /// Waits for the answer to `reference`: its reply, DOWN, timer or acknowledgement. While a
    /// monitor or call is open, what had arrived before it costs nothing (rule P53). None after `timeout`.
    pub async fn receive_answer(&self, reference: Reference, timeout: Option<Duration>) -> Option<Received> {
        let (from, mark) = {
            let state = self.process().state.lock();
            match state.monitors.held(reference) {
                Some(held) => (held.target, Some(held.mark)),
                None => (None, None),
            }
        };
        let deadline = self.deadline(timeout);
        let mut mark = mark.unwrap_or(Mark::START);
        let received = self
            .wait(Waiting::Answer { reference, from, deadline }, |state| {
                match state.mailbox.take_answer(reference, mark) {
                    Ok(received) => Some(received),
                    Err(searched) => {
                        mark = searched;
                        None
                    }
                }
            })
            .await;
        self.note(received)
    }

    /// Sends a request and waits for its answer (`gen_server:call/3`). A server that ends is known at once; an
    /// answer that comes too late vanishes.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn call(
        &self,
        to: &Destination,
        payload: Bytes,
        timeout: Option<Duration>,
    ) -> Result<Bytes, CallError> {
        let reference = self.request(to, payload, self.deadline(timeout))?;
        match self.receive_answer(reference, timeout).await {
            Some(Received::Reply { payload, .. }) => Ok(payload),
            Some(Received::Down { reason, .. }) => Err(CallError::Down(reason)),
            Some(_) | None => self.give_up_call(reference),
        }
    }

    /// Ends a call whose time is up. What arrived at the last moment counts (`gen:do_call`), and nothing of the
    /// call is left behind (rule G14).
    fn give_up_call(&self, reference: Reference) -> Result<Bytes, CallError> {
        if self.demonitor(reference, false) {
            return Err(CallError::Timeout);
        }
        let late = self.process().state.lock().mailbox.take_answer(reference, Mark::START);
        match late {
            Ok(Received::Reply { payload, .. }) => Ok(payload),
            Ok(Received::Down { reason, .. }) => Err(CallError::Down(reason)),
            Ok(_) | Err(_) => Err(CallError::Timeout),
        }
    }

    /// Sends a request and does not wait (`gen_server:send_request/2`): [`Context::receive_answer`] under the
    /// reference gives its reply, or a DOWN if the server ends or was not there (rule G39).
    ///
    /// # Errors
    /// [`CallError`], but neither `Timeout` nor `Down`.
    pub fn send_request(&self, to: &Destination, payload: Bytes) -> Result<Reference, CallError> {
        self.request(to, payload, None)
    }

    fn request(
        &self,
        to: &Destination,
        payload: Bytes,
        deadline: Option<Instant>,
    ) -> Result<Reference, CallError> {
        let target = self.runtime().inner.resolve(to);
        if target == Some(self.pid()) {
            return Err(CallError::CallingSelf);
        }
        let reference = self.hold_monitor(target, to.clone(), true).map_err(CallError::Limit)?;
        let Some(target) = target else { return Ok(reference) };
        let kind = MessageKind::Call(ReplyTo { pid: self.pid(), reference });
        if let Err(error) = self.send(&Destination::Pid(target), kind, payload, deadline) {
            self.demonitor(reference, true);
            return Err(CallError::NotSent(error));
        }
        Ok(reference)
    }

    /// Gives the other processes a turn.
    pub async fn yield_now(&self) {
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
            if self.process().state.lock().exiting.is_some() { Poll::Pending } else { Poll::Ready(()) }
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
    fn deadline(&self, timeout: Option<Duration>) -> Option<Instant> {
        timeout.map(|timeout| self.runtime().now().saturating_add(timeout))
    }

    fn note(&self, received: Option<Received>) -> Option<Received> {
        let received = received?;
        self.process().state.lock().note_received(&received);
        self.process().inbox.lock().received(&received);
        Some(received)
    }

    /// Waits until `ready` gives something, or until the deadline.
    async fn wait<T>(&self, waiting: Waiting, mut ready: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut alarm = Alarm { context: self, key: None };
        poll_fn(|_| {
            self.settle();
            let mut state = self.process().state.lock();
            if state.exiting.is_some() {
                return Poll::Pending;
            }
            if let Some(value) = ready(&mut state) {
                state.waiting = None;
                return Poll::Ready(Some(value));
            }
            if let Some(deadline) = waiting.deadline() {
                if self.runtime().now() >= deadline {
                    state.waiting = None;
                    return Poll::Ready(None);
                }
                alarm.set(deadline);
            }
            state.waiting.get_or_insert_with(|| waiting.clone());
            Poll::Pending
        })
        .await
    }
}

/// Has the process polled at its deadline, until it is dropped.
struct Alarm<'a> {
    context: &'a Context,
    key: Option<Key>,
}

impl Alarm<'_> {
    fn set(&mut self, deadline: Instant) {
        let context = self.context;
        self.key.get_or_insert_with(|| {
            let inner = &context.runtime().inner;
            let key = inner.timers.wake_at(deadline, context.pid());
            inner.scheduler.timer_set();
            key
        });
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.context.runtime().inner.timers.cancel_wake(key);
        }
    }
}
