//! The inbox: where signals wait until their receiver's next poll.

use std::collections::VecDeque;

use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::limits::{Limits, check};
use crate::mailbox::Received;
use crate::signal::Signal;

/// Signals on their way to a process, and what its mailbox holds already: messages are counted from the moment
/// they are sent until they are received, so that the bound holds for both places together.
#[derive(Default)]
pub(crate) struct Inbox {
    signals: VecDeque<Signal>,
    messages: u64,
    bytes: u64,
    closed: bool,
}

/// Why a signal could not be put into an inbox.
pub(crate) enum PushError {
    /// The process has ended; here is the signal back.
    Closed(Signal),
    /// The mailbox is full.
    Full(LimitExceeded),
}

impl Inbox {
    /// Appends a signal. Only messages can be refused for want of room.
    #[expect(clippy::result_large_err, reason = "the signal goes back to its sender without an allocation")]
    pub(crate) fn push(&mut self, signal: Signal, limits: &Limits) -> Result<(), PushError> {
        if self.closed {
            return Err(PushError::Closed(signal));
        }
        if let Signal::Message(message) = &signal {
            let bytes = self.bytes.saturating_add(message.payload.len() as u64);
            check(LimitKind::MailboxMessages, limits.mailbox_messages, self.messages + 1)
                .and(check(LimitKind::MailboxBytes, limits.mailbox_bytes, bytes))
                .map_err(PushError::Full)?;
            self.messages += 1;
            self.bytes = bytes;
        }
        self.signals.push_back(signal);
        Ok(())
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

    /// Refuses everything from now on; returns what was not applied.
    pub(crate) fn close(&mut self) -> VecDeque<Signal> {
        self.closed = true;
        std::mem::take(&mut self.signals)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.signals.is_empty()
    }

    /// A message left the mailbox.
    pub(crate) fn received(&mut self, received: &Received) {
        if let Received::Message(message) = received {
            self.messages = self.messages.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(message.payload.len() as u64);
        }
    }
}
