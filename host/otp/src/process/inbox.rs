//! The inbox: where signals wait until their receiver's next poll, and where the mailbox's bounds are kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::budget::{Account, Resource};
use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::limits::{Limits, WhenFull, check};
use crate::pid::Pid;
use crate::process::Dropped;
use crate::received::{MessageKind, Received};
use crate::signal::Signal;

/// How much a mailbox holds at most, and what happens to more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) when_full: WhenFull,
}

impl Bounds {
    pub(crate) fn of(limits: &Limits) -> Self {
        let Limits { mailbox_messages, mailbox_bytes, when_full, .. } = *limits;
        Self { messages: mailbox_messages, bytes: mailbox_bytes, when_full }
    }
}

/// What a mailbox has refused in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MailboxCounters {
    /// Messages whose senders were told that there is no room.
    pub rejected: u64,
    /// Messages that were dropped without a word.
    pub dropped: u64,
    /// How often a sender had to wait for room.
    pub suspended: u64,
}

/// Messages that have come and gone.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Traffic {
    /// Messages that were put in.
    pub(crate) taken: u64,
    /// Messages that were received.
    pub(crate) received: u64,
    /// Messages that came through aliases which were not active any more.
    pub(crate) stale: u64,
}

/// A sender that waits for room.
struct Waiter {
    pid: Pid,
    /// How much room it needs.
    bytes: u64,
}

/// Signals on their way to a process, and what its mailbox holds already: messages are counted from the moment
/// they are sent until they are received, so that the bound holds for both places together.
pub(crate) struct Inbox {
    signals: VecDeque<Signal>,
    bounds: Bounds,
    messages: u64,
    bytes: u64,
    /// The budget that is charged for them, too.
    account: Option<Arc<Account>>,
    /// Senders that wait for room, by their tickets, longest first: nobody overtakes them.
    waiters: BTreeMap<u64, Waiter>,
    next_ticket: u64,
    pub(crate) counters: MailboxCounters,
    pub(crate) traffic: Traffic,
    closed: bool,
}

/// Why a signal could not be put into an inbox.
pub(crate) enum PushError {
    /// The process has ended; here is the signal back.
    Closed(Signal),
    /// The mailbox is full.
    Full(LimitExceeded),
    /// The mailbox is full, and has dropped the message.
    Dropped,
    /// The mailbox is full; the sender may wait for room with this ticket. Here is the signal back.
    Suspended(Signal, u64),
}

/// How a sender asks for room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// It does not wait.
    None,
    /// It does not wait, and does not hear of it: it may have ended.
    Unheard,
    /// It waits if it has to.
    Wait,
    /// It has waited.
    Waited(u64),
}

impl Inbox {
    pub(crate) fn new(bounds: Bounds, account: Option<Arc<Account>>) -> Self {
        Self {
            signals: VecDeque::new(),
            bounds,
            messages: 0,
            bytes: 0,
            account,
            waiters: BTreeMap::new(),
            next_ticket: 1,
            counters: MailboxCounters::default(),
            traffic: Traffic::default(),
            closed: false,
        }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Appends a signal. Only messages can be refused for want of room.
    #[expect(clippy::result_large_err, reason = "the signal goes back to its sender without an allocation")]
    pub(crate) fn push(&mut self, signal: Signal, patience: Patience) -> Result<(), PushError> {
        if self.closed {
            return Err(PushError::Closed(signal));
        }
        if let Some(message) = signal.message() {
            let bytes = message.payload.len() as u64;
            let first = self.waiters.keys().next();
            let turn = first.is_none_or(|first| patience == Patience::Waited(*first));
            match self.room_for(bytes) {
                Ok(()) if turn || self.bounds.when_full != WhenFull::SuspendSender => {
                    if let Patience::Waited(ticket) = patience {
                        self.stop_waiting(ticket);
                    }
                    if let Err(limit) = self.charge(bytes) {
                        return Err(self.refuse_for_budget(&signal, limit, patience));
                    }
                    self.traffic.taken += 1;
                }
                checked => return Err(self.refuse(signal, checked.err(), patience)),
            }
        }
        if matches!(signal, Signal::DelayedMessage(_)) {
            self.traffic.taken += 1;
        }
        if self.signals.capacity() == 0 {
            // Most processes never have more at a time; it would grow to four.
            self.signals.reserve_exact(1);
        }
        self.signals.push_back(signal);
        Ok(())
    }

    /// Counts one more message.
    fn charge(&mut self, bytes: u64) -> Result<(), LimitExceeded> {
        if let Some(account) = &self.account {
            account.charge(Resource::MailboxMessages, 1)?;
            account
                .charge(Resource::MailboxBytes, bytes)
                .inspect_err(|_| account.release(Resource::MailboxMessages, 1))?;
        }
        self.messages += 1;
        self.bytes += bytes;
        Ok(())
    }

    /// The budget has no room. Nobody waits for that: it may be another process that gives some back.
    fn refuse_for_budget(&mut self, signal: &Signal, limit: LimitExceeded, patience: Patience) -> PushError {
        let is_call = signal.message().is_some_and(|message| matches!(message.kind, MessageKind::Call(_)));
        if patience == Patience::Unheard || self.bounds.when_full == WhenFull::DropNewest && !is_call {
            self.counters.dropped += 1;
            return PushError::Dropped;
        }
        self.counters.rejected += 1;
        PushError::Full(limit)
    }

    fn room_for(&self, bytes: u64) -> Result<(), LimitExceeded> {
        check(LimitKind::MailboxMessages, self.bounds.messages, self.messages + 1).and(check(
            LimitKind::MailboxBytes,
            self.bounds.bytes,
            self.bytes.saturating_add(bytes),
        ))
    }

    fn refuse(&mut self, signal: Signal, limit: Option<LimitExceeded>, patience: Patience) -> PushError {
        // Others wait: for this sender it is as full as for them.
        let full = || LimitExceeded {
            limit: LimitKind::MailboxMessages,
            allowed: self.bounds.messages,
            requested: self.bounds.messages.saturating_add(1),
        };
        let limit = limit.unwrap_or_else(full);
        let Some(message) = signal.message() else { return PushError::Full(limit) };
        let (pid, bytes) = (message.from, message.payload.len() as u64);
        // Somebody waits for the answer to a call: it is not dropped without a word.
        let is_call = matches!(message.kind, MessageKind::Call(_));
        // What does not even fit into an empty mailbox would wait for ever.
        let may_fit = bytes <= self.bounds.bytes && self.bounds.messages > 0;
        match (self.bounds.when_full, patience) {
            (_, Patience::Unheard) => {
                self.counters.dropped += 1;
                PushError::Dropped
            }
            (WhenFull::DropNewest, _) if !is_call => {
                self.counters.dropped += 1;
                PushError::Dropped
            }
            (WhenFull::SuspendSender, Patience::Waited(ticket)) if may_fit => {
                PushError::Suspended(signal, ticket)
            }
            (WhenFull::SuspendSender, Patience::Wait) if may_fit => {
                self.counters.suspended += 1;
                let ticket = self.next_ticket;
                self.next_ticket += 1;
                self.waiters.insert(ticket, Waiter { pid, bytes });
                PushError::Suspended(signal, ticket)
            }
            _ => {
                self.counters.rejected += 1;
                PushError::Full(limit)
            }
        }
    }

    /// Messages and bytes that take room now.
    pub(crate) fn charged(&self) -> (u64, u64) {
        (self.messages, self.bytes)
    }

    /// Takes room for a message that will come later. Whoever takes it must give it back.
    pub(crate) fn reserve(&mut self, bytes: u64) -> Result<(), LimitExceeded> {
        self.room_for(bytes)?;
        self.charge(bytes)
    }

    /// Gives back room; who has waited longest for it, and must be woken.
    #[must_use]
    pub(crate) fn release(&mut self, messages: u64, bytes: u64) -> Option<Pid> {
        let (messages, bytes) = (messages.min(self.messages), bytes.min(self.bytes));
        self.messages -= messages;
        self.bytes -= bytes;
        if let Some(account) = &self.account {
            account.release(Resource::MailboxMessages, messages);
            account.release(Resource::MailboxBytes, bytes);
        }
        self.next_waiter()
    }

    /// A message left the mailbox; who has waited longest for its room.
    pub(crate) fn received(&mut self, received: &Received) -> Option<Pid> {
        match received {
            Received::Message(message) => {
                self.traffic.received += 1;
                self.release(1, message.payload.len() as u64)
            }
            _ => None,
        }
    }

    /// Messages that arrived through aliases which were not active any more.
    pub(crate) fn dropped(&mut self, dropped: Dropped) -> Option<Pid> {
        self.traffic.stale += dropped.messages;
        self.release(dropped.messages, dropped.bytes)
    }

    /// Who has waited longest for room, if there may be some.
    pub(crate) fn next_waiter(&self) -> Option<Pid> {
        let (_, first) = self.waiters.first_key_value()?;
        self.room_for(first.bytes).is_ok().then_some(first.pid)
    }

    /// A sender gives up its place.
    pub(crate) fn stop_waiting(&mut self, ticket: u64) {
        self.waiters.remove(&ticket);
    }

    /// Whether the sender with that ticket still has no room, even if those before it take theirs.
    pub(crate) fn keeps_waiting(&self, ticket: u64) -> bool {
        let Some(own) = self.waiters.get(&ticket) else { return false };
        let never = own.bytes > self.bounds.bytes || self.bounds.messages == 0;
        if never || self.bounds.when_full != WhenFull::SuspendSender {
            // It will be told.
            return false;
        }
        let (mut messages, mut bytes) = (self.messages, self.bytes);
        for waiter in self.waiters.range(..=ticket).map(|(_, waiter)| waiter) {
            messages += 1;
            bytes = bytes.saturating_add(waiter.bytes);
        }
        messages > self.bounds.messages || bytes > self.bounds.bytes
    }

    /// Other bounds from now on; what is there stays. Who waits for room must look again.
    pub(crate) fn set_bounds(&mut self, bounds: Bounds) -> Vec<Pid> {
        if std::mem::replace(&mut self.bounds, bounds) == bounds {
            return Vec::new();
        }
        self.waiters.values().map(|waiter| waiter.pid).collect()
    }

    /// How many senders wait for room.
    pub(crate) fn suspended(&self) -> usize {
        self.waiters.len()
    }

    /// Takes what waits, in order. The caller gives the emptied queue back with `recycle`.
    pub(crate) fn take(&mut self) -> VecDeque<Signal> {
        std::mem::take(&mut self.signals)
    }

    /// Keeps an emptied queue's memory for the next signals, unless some have arrived already.
    pub(crate) fn recycle(&mut self, emptied: VecDeque<Signal>) {
        const KEPT_CAPACITY: usize = 64;
        if self.signals.is_empty() && emptied.capacity() <= KEPT_CAPACITY {
            self.signals = emptied;
        }
    }

    /// Takes no more memory than it needs.
    pub(crate) fn shrink(&mut self) {
        self.signals.shrink_to_fit();
    }

    /// Refuses everything from now on; returns what was not applied, and who waited for room.
    pub(crate) fn close(&mut self) -> (VecDeque<Signal>, Vec<Pid>) {
        self.closed = true;
        let _nobody_waits_any_more = self.release(self.messages, self.bytes);
        let waiters = std::mem::take(&mut self.waiters).into_values().map(|waiter| waiter.pid).collect();
        (std::mem::take(&mut self.signals), waiters)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.signals.is_empty()
    }
}
