//! Monitors: those that a process holds, its pending calls among them, and those that others hold on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::mailbox::Mark;
use crate::pid::{Destination, Pid, Reference};

/// A monitor that the process holds.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Whom it watches: the name was resolved when the monitor was made (rule P33).
    pub(crate) target: Option<Pid>,
    /// What the DOWN message names.
    pub(crate) object: Destination,
    /// Where the mailbox ended when the monitor was made.
    pub(crate) mark: Mark,
    /// Whether a reply may come through the reference; the first one removes the monitor
    /// (`{alias, reply_demonitor}`, rule P46).
    pub(crate) reply_alias: bool,
}

#[derive(Default)]
pub(crate) struct Monitors {
    held: BTreeMap<Reference, Held>,
    by_others: BTreeSet<(Pid, Reference)>,
}

impl Monitors {
    pub(crate) fn hold(&mut self, reference: Reference, held: Held) {
        self.held.insert(reference, held);
    }

    pub(crate) fn release(&mut self, reference: Reference) -> Option<Held> {
        self.held.remove(&reference)
    }

    pub(crate) fn held(&self, reference: Reference) -> Option<&Held> {
        self.held.get(&reference)
    }

    pub(crate) fn held_len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn iter_held(&self) -> impl Iterator<Item = (Reference, &Held)> {
        self.held.iter().map(|(reference, held)| (*reference, held))
    }

    pub(crate) fn on_monitor(&mut self, from: Pid, reference: Reference) {
        self.by_others.insert((from, reference));
    }

    pub(crate) fn on_demonitor(&mut self, from: Pid, reference: Reference) {
        self.by_others.remove(&(from, reference));
    }

    /// One entry per monitor (rule P68).
    pub(crate) fn iter_by_others(&self) -> impl Iterator<Item = (Pid, Reference)> + '_ {
        self.by_others.iter().copied()
    }
}
