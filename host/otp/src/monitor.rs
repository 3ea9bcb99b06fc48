//! Monitors: those that a process holds, its pending calls among them, and those that others hold on it.

use bytes::Bytes;

use crate::alias::MonitorAlias;
use crate::pid::{Destination, Pid, Reference};
use crate::small_map::SmallMap;

/// How a monitor is made (`monitor/3`). The default is that of `monitor/2`.
#[derive(Clone, Debug, Default)]
pub struct MonitorOptions {
    /// Make the monitor's reference an alias, too.
    pub alias: Option<MonitorAlias>,
    /// An encoded term that comes with its DOWN (`{tag, Term}`, rule P42).
    pub tag: Option<Bytes>,
}

/// A monitor that the process holds.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Whom it watches: the name was resolved when the monitor was made (rule P33).
    pub(crate) target: Option<Pid>,
    /// What the DOWN message names.
    pub(crate) object: Destination,
    pub(crate) role: Role,
    pub(crate) tag: Option<Bytes>,
}

/// What a monitor's reference is beside a monitor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Nothing.
    Monitor,
    /// An alias.
    Alias(MonitorAlias),
    /// A call's: the first reply, and nothing else, comes through it and removes it.
    Call,
}

impl Held {
    /// A plain monitor of a process.
    pub(crate) fn of(pid: Pid) -> Self {
        Self { target: Some(pid), object: Destination::Pid(pid), role: Role::Monitor, tag: None }
    }

    fn tag_len(&self) -> u64 {
        self.tag.as_ref().map_or(0, Bytes::len) as u64
    }
}

#[derive(Default)]
pub(crate) struct Monitors {
    held: SmallMap<Reference, Held>,
    /// Bytes of all their tags.
    tag_bytes: u64,
    by_others: SmallMap<(Pid, Reference), ()>,
}

impl Monitors {
    pub(crate) fn hold(&mut self, reference: Reference, held: Held) {
        self.tag_bytes += held.tag_len();
        self.held.insert(reference, held);
    }

    pub(crate) fn release(&mut self, reference: Reference) -> Option<Held> {
        let held = self.held.remove(&reference)?;
        self.tag_bytes -= held.tag_len();
        Some(held)
    }

    /// Bytes of the tags of all monitors.
    pub(crate) fn tag_bytes(&self) -> u64 {
        self.tag_bytes
    }

    pub(crate) fn held(&self, reference: Reference) -> Option<&Held> {
        self.held.get(&reference)
    }

    pub(crate) fn held_mut(&mut self, reference: Reference) -> Option<&mut Held> {
        self.held.get_mut(&reference)
    }

    pub(crate) fn held_len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn iter_held(&self) -> impl Iterator<Item = (Reference, &Held)> {
        self.held.iter().map(|(reference, held)| (*reference, held))
    }

    pub(crate) fn on_monitor(&mut self, from: Pid, reference: Reference) {
        self.by_others.insert((from, reference), ());
    }

    pub(crate) fn on_demonitor(&mut self, from: Pid, reference: Reference) {
        self.by_others.remove(&(from, reference));
    }

    /// Takes no more memory than it needs.
    pub(crate) fn shrink(&mut self) {
        self.held.shrink();
        self.by_others.shrink();
    }

    /// How many monitors others hold on the process.
    pub(crate) fn by_others_len(&self) -> usize {
        self.by_others.len()
    }

    /// One entry per monitor (rule P68).
    pub(crate) fn iter_by_others(&self) -> impl Iterator<Item = (Pid, Reference)> + '_ {
        self.by_others.iter().map(|(monitor, ())| *monitor)
    }
}
