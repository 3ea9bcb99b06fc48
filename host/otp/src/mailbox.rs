//! The mailbox: what has arrived and has not been received, and the cursor of a selective receive.
//!
//! Entries keep the order of their arrival and carry sequence numbers. One that is taken out of the middle leaves
//! a hole, so that removing costs the same wherever it happens. A hole knows how far the holes behind it go, so that a
//! scan jumps over them, and they are swept out when there are as many as entries. What answers a reference is found
//! by an index, however long the queue is (rule P53).

use std::collections::{BTreeSet, VecDeque};

use crate::clock::Instant;
use crate::pid::Reference;
use crate::received::{Received, SystemKind, SystemMessage};

struct Entry {
    sequence: u64,
    content: Content,
}

enum Content {
    Received {
        received: Received,
        /// Whether another process did it, without the receiver's having asked for it.
        foreign: bool,
    },
    /// It has been taken; up to the entry with this sequence number, those behind it have, too.
    Hole { until: u64 },
}

impl Entry {
    fn received(&self) -> Option<&Received> {
        match &self.content {
            Content::Received { received, .. } => Some(received),
            Content::Hole { .. } => None,
        }
    }
}

/// What the host made and the process has not received, by the slots that it still takes: messages are counted by
/// the inbox.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Backlog {
    /// DOWNs, replies and acknowledgements.
    pub(crate) monitors: u64,
    /// EXITs.
    pub(crate) links: u64,
    /// Timers, and answers about timers.
    pub(crate) timers: u64,
    /// Bytes of what the process asked for, but for replies.
    pub(crate) bytes: u64,
    /// Bytes of replies, whose size others choose.
    pub(crate) reply_bytes: u64,
    /// What others did: apart, so that it takes no slot of what the process asked for.
    pub(crate) foreign: u64,
    pub(crate) foreign_bytes: u64,
}

impl Backlog {
    pub(crate) fn count(&self) -> u64 {
        self.monitors + self.links + self.timers
    }

    fn slot(&mut self, received: &Received) -> Option<&mut u64> {
        match received {
            Received::Message(_) => None,
            Received::Exit { .. } => Some(&mut self.links),
            Received::Down { .. } | Received::Reply { .. } => Some(&mut self.monitors),
            Received::System(SystemMessage {
                kind: SystemKind::InitAck(_) | SystemKind::SupervisorResponse(_) | SystemKind::KeyLocked,
                ..
            }) => Some(&mut self.monitors),
            Received::Timer { .. } | Received::System(_) => Some(&mut self.timers),
        }
    }

    fn add(&mut self, received: &Received, foreign: bool) {
        if foreign {
            self.foreign += 1;
            self.foreign_bytes += received.weight();
        } else if let Some(slot) = self.slot(received) {
            *slot += 1;
            *self.bytes_of(received) += received.weight();
        }
    }

    fn bytes_of(&mut self, received: &Received) -> &mut u64 {
        if matches!(received, Received::Reply { .. }) { &mut self.reply_bytes } else { &mut self.bytes }
    }

    fn remove(&mut self, received: &Received, foreign: bool) {
        if foreign {
            self.foreign -= 1;
            self.foreign_bytes -= received.weight();
        } else if let Some(slot) = self.slot(received) {
            *slot -= 1;
            *self.bytes_of(received) -= received.weight();
        }
    }
}

/// What has arrived, oldest first. Removal keeps the others' order (rule P50).
#[derive(Default)]
pub(crate) struct Mailbox {
    /// By sequence number. The first entry is never a hole.
    entries: VecDeque<Entry>,
    /// Entries that are not holes.
    len: usize,
    next_sequence: u64,
    answers: BTreeSet<(Reference, u64)>,
    signals: Backlog,
    /// The sequence number of the first entry that the selective receive has not looked at.
    cursor: u64,
    /// The sequence number of the entry that it looked at last.
    current: Option<u64>,
    /// When the selective receive gives up.
    pub(crate) deadline: Option<Instant>,
    /// Entries that were touched: what the mailbox's work is measured by.
    steps: u64,
}

/// Holes that are not worth sweeping out.
const MIN_HOLES: usize = 32;

impl Mailbox {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes no more memory than it needs.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        if self.answers.is_empty() {
            self.answers = BTreeSet::new();
        }
    }

    /// How many messages there are.
    pub(crate) fn messages(&self) -> usize {
        self.iter().filter(|received| matches!(received, Received::Message(_))).count()
    }

    /// What the host made and the process has not received.
    pub(crate) fn signals(&self) -> Backlog {
        self.signals
    }

    /// How many entries have been touched in the mailbox's life.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Appends a message, or what the process asked for.
    pub(crate) fn push(&mut self, received: Received) {
        self.append(received, false);
    }

    /// Appends what another process did.
    pub(crate) fn push_foreign(&mut self, received: Received) {
        self.append(received, true);
    }

    fn append(&mut self, received: Received, foreign: bool) {
        self.signals.add(&received, foreign);
        let sequence = self.next_sequence;
        if let Some(reference) = received.answers() {
            self.answers.insert((reference, sequence));
        }
        if self.entries.capacity() == 0 {
            // As in an inbox.
            self.entries.reserve_exact(1);
        }
        self.entries.push_back(Entry { sequence, content: Content::Received { received, foreign } });
        self.next_sequence += 1;
        self.len += 1;
        self.steps += 1;
    }

    /// What waits, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Received> {
        self.entries.iter().filter_map(Entry::received)
    }

    /// Removes the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<Received> {
        let sequence = self.entries.front()?.sequence;
        self.remove(sequence)
    }

    /// Puts the cursor before the oldest entry and fixes when the receive gives up.
    pub(crate) fn start_scan(&mut self, deadline: Option<Instant>) {
        self.cursor = 0;
        self.current = None;
        self.deadline = deadline;
    }

    /// Forgets what was looked at: nothing can be taken any more.
    pub(crate) fn end_scan(&mut self) {
        self.current = None;
    }

    /// The next entry that the scan has not looked at; the cursor moves past it.
    pub(crate) fn scan_next(&mut self) -> Option<&Received> {
        let index = self.next_index(self.index_from(self.cursor));
        let found = self.entries.get(index);
        self.cursor = found.map_or(self.next_sequence, |entry| entry.sequence + 1);
        self.current = found.map(|entry| entry.sequence);
        found?.received()
    }

    /// The first entry from `index` on that is no hole. The hole at `index` learns how far it goes.
    fn next_index(&mut self, index: usize) -> usize {
        let mut next = index;
        while let Some(entry) = self.entries.get(next) {
            self.steps += 1;
            match entry.content {
                Content::Received { .. } => break,
                Content::Hole { until } => next = self.index_from(until).max(next + 1),
            }
        }
        let reached = self.entries.get(next).map_or(self.next_sequence, |entry| entry.sequence);
        if let Some(Entry { content: Content::Hole { until }, .. }) = self.entries.get_mut(index) {
            *until = reached;
        }
        next
    }

    /// Removes the entry that the scan looked at last, and ends the scan.
    pub(crate) fn take(&mut self) -> Option<Received> {
        let sequence = self.current.take()?;
        self.cursor = 0;
        self.remove(sequence)
    }

    /// Removes the first entry that answers `reference`.
    pub(crate) fn take_answer(&mut self, reference: Reference) -> Option<Received> {
        let sequence = self.first_answer(reference)?;
        self.remove(sequence)
    }

    /// Removes the first entry that answers `reference` and `matches`.
    pub(crate) fn take_answer_if(
        &mut self,
        reference: Reference,
        matches: impl Fn(&Received) -> bool,
    ) -> Option<Received> {
        let mut answers = self.answers.range((reference, 0)..=(reference, u64::MAX));
        let found = answers.find(|(_, sequence)| {
            let entry = self.entries.get(self.index_from(*sequence));
            entry.and_then(Entry::received).is_some_and(&matches)
        });
        let (_, sequence) = *found?;
        self.remove(sequence)
    }

    /// Removes the first entry that answers one of `references`, which are in order. Entries before `searched` are
    /// known not to; it moves to the end if there is none.
    pub(crate) fn take_any_answer(
        &mut self,
        references: &[Reference],
        searched: &mut u64,
    ) -> Option<Received> {
        let new = self.next_sequence.saturating_sub(*searched);
        self.steps += new.min(references.len() as u64);
        let first = if new < references.len() as u64 {
            let entries = self.entries.range(self.index_from(*searched)..);
            let answers = |entry: &&Entry| {
                let reference = entry.received().and_then(Received::answers);
                reference.is_some_and(|reference| references.binary_search(&reference).is_ok())
            };
            entries.into_iter().find(answers).map(|entry| entry.sequence)
        } else {
            references.iter().filter_map(|reference| self.first_answer(*reference)).min()
        };
        *searched = self.next_sequence;
        self.remove(first?)
    }

    fn first_answer(&self, reference: Reference) -> Option<u64> {
        let of_reference = self.answers.range((reference, 0)..=(reference, u64::MAX));
        of_reference.map(|(_, sequence)| *sequence).next()
    }

    /// Removes the first entry that `matches`, wherever the cursor is.
    pub(crate) fn take_first(&mut self, mut matches: impl FnMut(&Received) -> bool) -> Option<Received> {
        let mut looked_at = 0;
        let found = self.entries.iter().find(|entry| {
            looked_at += 1;
            entry.received().is_some_and(&mut matches)
        });
        let sequence = found.map(|entry| entry.sequence);
        self.steps += looked_at;
        self.remove(sequence?)
    }

    fn index_from(&self, sequence: u64) -> usize {
        self.entries.partition_point(|entry| entry.sequence < sequence)
    }

    fn remove(&mut self, sequence: u64) -> Option<Received> {
        let index = self.index_from(sequence);
        let entry = self.entries.get_mut(index).filter(|entry| entry.sequence == sequence)?;
        let hole = Content::Hole { until: sequence + 1 };
        let Content::Received { received, foreign } = std::mem::replace(&mut entry.content, hole) else {
            return None;
        };
        self.len -= 1;
        self.steps += 1;
        if let Some(reference) = received.answers() {
            self.answers.remove(&(reference, sequence));
        }
        self.signals.remove(&received, foreign);
        self.sweep();
        Some(received)
    }

    /// Removes the holes at the front, and all of them when they are many.
    fn sweep(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.received().is_none()) {
            self.entries.pop_front();
            self.steps += 1;
        }
        if self.entries.len() > 2 * self.len + MIN_HOLES {
            self.steps += self.entries.len() as u64;
            self.entries.retain(|entry| entry.received().is_some());
        }
    }
}
