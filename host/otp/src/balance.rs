//! The balance sheet of a runtime: what became of every message and every process. It must close.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::runtime::Runtime;

/// What became of the messages and the processes of a runtime since its beginning. While it runs, a message may be
/// counted on one side and not yet on the other; when nobody does anything, the sides are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Messages that processes have sent, replies and answers of the host not included.
    pub sent: u64,
    /// Messages that mailboxes have taken.
    pub taken: u64,
    /// Messages that found no room, and whose senders were told.
    pub refused: u64,
    /// Messages that found no room, and were dropped without a word.
    pub dropped: u64,
    /// Messages to processes that had ended.
    pub to_the_dead: u64,
    /// Messages whose senders waited for room, and gave up or ended.
    pub given_up: u64,
    /// Messages whose senders wait for room.
    pub suspended: u64,
    /// Messages that were received.
    pub received: u64,
    /// Messages that came through aliases which were not active any more.
    pub stale: u64,
    /// Messages that had not been received when their receivers ended.
    pub unread: u64,
    /// Messages that wait to be received.
    pub waiting: u64,
    /// Processes that were spawned.
    pub spawned: u64,
    /// Processes that ended.
    pub ended: u64,
    /// Processes that live.
    pub live: u64,
}

impl Balance {
    /// What is wrong with it, if it does not close.
    pub fn error(&self) -> Option<String> {
        let sides = [
            (
                "messages sent",
                self.sent,
                self.taken + self.refused + self.dropped + self.to_the_dead + self.given_up + self.suspended,
            ),
            ("messages taken", self.taken, self.received + self.stale + self.unread + self.waiting),
            ("processes spawned", self.spawned, self.ended + self.live),
        ];
        let wrong = sides.into_iter().find(|(_, left, right)| left != right);
        wrong.map(|(what, left, right)| format!("{what}: {left}, and {right} are accounted for: {self:?}"))
    }
}

impl Runtime {
    /// What became of all messages and processes so far.
    pub fn balance(&self) -> Balance {
        let mut balance = self.inner.totals.balance();
        for process in self.inner.table.all() {
            self.inner.settle(&process);
            let inbox = process.inbox.lock();
            balance.sent += process.sent.load(Ordering::Relaxed);
            balance.taken += inbox.traffic.taken;
            balance.received += inbox.traffic.received;
            balance.stale += inbox.traffic.stale;
            balance.refused += inbox.counters.rejected;
            balance.dropped += inbox.counters.dropped;
            balance.suspended += inbox.suspended() as u64;
            drop(inbox);
            let state = process.state.lock();
            balance.waiting += state.mailbox.messages() as u64 + state.lost;
            balance.live += 1;
        }
        balance
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            ("messages sent", self.sent),
            ("  taken by mailboxes", self.taken),
            ("  refused for want of room", self.refused),
            ("  dropped for want of room", self.dropped),
            ("  to processes that had ended", self.to_the_dead),
            ("  whose senders gave up waiting", self.given_up),
            ("  whose senders wait", self.suspended),
            ("of those taken", self.taken),
            ("  received", self.received),
            ("  through aliases no longer active", self.stale),
            ("  unread when the receiver ended", self.unread),
            ("  waiting to be received", self.waiting),
            ("processes spawned", self.spawned),
            ("  ended", self.ended),
            ("  alive", self.live),
        ];
        lines.iter().try_for_each(|(what, count)| writeln!(f, "{what:<36} {count:>14}"))
    }
}

/// What is counted when it happens: of the ended, and of what no process counts.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) sent: AtomicU64,
    pub(crate) taken: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) to_the_dead: AtomicU64,
    pub(crate) given_up: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) stale: AtomicU64,
    pub(crate) unread: AtomicU64,
    pub(crate) spawned: AtomicU64,
    pub(crate) ended: AtomicU64,
}

impl Totals {
    pub(crate) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn balance(&self) -> Balance {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Balance {
            sent: load(&self.sent),
            taken: load(&self.taken),
            refused: load(&self.refused),
            dropped: load(&self.dropped),
            to_the_dead: load(&self.to_the_dead),
            given_up: load(&self.given_up),
            received: load(&self.received),
            stale: load(&self.stale),
            unread: load(&self.unread),
            spawned: load(&self.spawned),
            ended: load(&self.ended),
            ..Balance::default()
        }
    }
}
