//! Timers of a process.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use crate::budget::Resource;
use crate::clock::Instant;
use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::limits::check;
use crate::pid::{Destination, Reference};
use crate::process::{Context, ProcessKind, TimerError};
use crate::received::{MessageKind, SystemKind, SystemMessage};
use crate::signal::Signal;
use crate::timer::{Load, Timer};

impl Context {
    /// Starts a timer that delivers a timer message with `payload` (`start_timer/3`). A name is looked up when
    /// the timer runs out. What comes after more than 584 years does not come.
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn start_timer(
        &self,
        after: Duration,
        destination: Destination,
        payload: Bytes,
    ) -> Result<Reference, LimitExceeded> {
        self.start_timer_at(self.runtime().now().saturating_add(after), destination, payload)
    }

    /// As [`Context::start_timer`], at a point in time (`{abs, true}`, rule P63). One in the past is now.
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn start_timer_at(
        &self,
        due: Instant,
        destination: Destination,
        payload: Bytes,
    ) -> Result<Reference, LimitExceeded> {
        self.check_size(&payload)?;
        self.add_timer(due, destination, Load::Timer(self.carrying(payload)))
    }

    /// Starts a timer that sends a message, as if this process sent it then (`send_after/3`). To the process itself
    /// it takes its room in the mailbox at once, and is never lost; another's mailbox may refuse it when the time
    /// has come.
    ///
    /// # Errors
    /// [`TimerError`]
    pub fn send_after(
        &self,
        after: Duration,
        destination: Destination,
        payload: Bytes,
    ) -> Result<Reference, TimerError> {
        self.send_at(self.runtime().now().saturating_add(after), destination, payload)
    }

    /// As [`Context::send_after`], at a point in time.
    ///
    /// # Errors
    /// [`TimerError`]
    pub fn send_at(
        &self,
        due: Instant,
        destination: Destination,
        payload: Bytes,
    ) -> Result<Reference, TimerError> {
        self.check_size(&payload).map_err(TimerError::Limit)?;
        let message = self.own_message(MessageKind::Info, payload, None);
        let reserved = destination == Destination::Pid(self.pid());
        let bytes = message.payload.len() as u64;
        if reserved {
            self.process().inbox.lock().reserve(bytes).map_err(TimerError::Full)?;
        }
        let started = self.add_timer(due, destination, Load::Message { message, reserved });
        if started.is_err() && reserved {
            let waiter = self.process().inbox.lock().release(1, bytes);
            self.runtime().inner.wake_all(waiter);
        }
        started.map_err(TimerError::Limit)
    }

    fn add_timer(
        &self,
        due: Instant,
        destination: Destination,
        load: Load,
    ) -> Result<Reference, LimitExceeded> {
        self.settle();
        let (inner, process) = (&self.runtime().inner, self.process());
        // What has run out and was not received still takes its slot and its room.
        let unread = process.state.lock().mailbox.signals();
        let running = process.timers_running.fetch_add(1, Ordering::AcqRel) + 1;
        if let Err(error) =
            check(LimitKind::Timers, process.limits.get().timers, running.saturating_add(unread.timers))
        {
            process.timers_running.fetch_sub(1, Ordering::AcqRel);
            return Err(error);
        }
        let len = load.payload().len();
        let bytes = process.timer_bytes.fetch_add(len as u64, Ordering::AcqRel);
        let (allowed, requested) = (process.limits.get().mailbox_bytes, unread.bytes + bytes + len as u64);
        if let Err(error) = check(LimitKind::MailboxBytes, allowed, requested) {
            inner.timer_gone(self.pid(), len);
            return Err(error);
        }
        // A supervisor's alarms are not for its children to use up.
        let charged = process.account.as_ref().filter(|_| process.identity.kind != ProcessKind::Supervisor);
        let held = charged.map(|account| account.hold(Resource::Timers, 1)).transpose();
        let charge = held.inspect_err(|_| inner.timer_gone(self.pid(), len))?;
        let reference = inner.new_reference();
        let target = destination.pid();
        let timer = Timer { destination, load, creator: self.pid(), orphan_of: None, charge };
        inner.timers.start(due, reference, timer);
        // Rule P59. Who ends from now on removes the timer himself.
        if target.is_some_and(|pid| inner.table.get(pid).is_none()) {
            self.cancel_timer(reference);
        }
        inner.scheduler.timer_set();
        Ok(reference)
    }

    /// Stops a timer; the time that was left, or none if it had run out, was stopped, or never was
    /// (`cancel_timer/1`).
    pub fn cancel_timer(&self, reference: Reference) -> Option<Duration> {
        let inner = &self.runtime().inner;
        let (deadline, timer) = inner.timers.cancel(reference)?;
        inner.timer_cancelled(&timer);
        Some(deadline.saturating_since(self.runtime().now()))
    }

    /// The time that a timer has left (`read_timer/1`).
    pub fn read_timer(&self, reference: Reference) -> Option<Duration> {
        let deadline = self.runtime().inner.timers.read(reference)?;
        Some(deadline.saturating_since(self.runtime().now()))
    }

    /// Stops a timer, and has the result sent as a message (`{async, true}`, rule P63).
    pub fn cancel_timer_async(&self, reference: Reference) {
        let left = self.cancel_timer(reference);
        self.tell_of_timer(reference, SystemKind::CancelTimer(left));
    }

    /// Reads a timer, and has the result sent as a message (`{async, true}`, rule P63).
    pub fn read_timer_async(&self, reference: Reference) {
        let left = self.read_timer(reference);
        self.tell_of_timer(reference, SystemKind::ReadTimer(left));
    }

    fn tell_of_timer(&self, reference: Reference, kind: SystemKind) {
        let system = SystemMessage { kind, reference, from: self.pid(), payload: Bytes::new() };
        self.runtime().inner.send(self.pid(), Signal::System(system));
    }
}
