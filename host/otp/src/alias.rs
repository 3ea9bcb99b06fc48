//! Process aliases: references that others send to as long as their maker lets them ("Process Aliases" in Erlang's
//! reference manual).

use crate::pid::Reference;
use crate::small_map::SmallMap;

/// How long an alias made by itself lasts (`alias/1`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AliasMode {
    /// Until it is removed (`explicit_unalias`).
    Explicit,
    /// Until the first message through it (`reply`, rule P45).
    Reply,
}

/// How long the alias lasts that a monitor's reference is (`{alias, Mode}` of `monitor/3`, rule P46).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MonitorAlias {
    /// Until it is removed, whatever becomes of the monitor.
    ExplicitUnalias,
    /// As long as the monitor.
    Demonitor,
    /// As long as the monitor, or until the first message through it, which removes the monitor, too.
    ReplyDemonitor,
}

/// The aliases of a process that are not bound to a monitor.
#[derive(Default)]
pub(crate) struct Aliases(SmallMap<Reference, AliasMode>);

impl Aliases {
    pub(crate) fn insert(&mut self, reference: Reference, mode: AliasMode) {
        self.0.insert(reference, mode);
    }

    /// True if it was active.
    pub(crate) fn remove(&mut self, reference: Reference) -> bool {
        self.0.remove(&reference).is_some()
    }

    /// Takes no more memory than it needs.
    pub(crate) fn shrink(&mut self) {
        self.0.shrink();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Something arrived through an alias: how long that was to last, if it was active.
    pub(crate) fn on_message(&mut self, reference: Reference) -> Option<AliasMode> {
        let mode = *self.0.get(&reference)?;
        if mode == AliasMode::Reply {
            self.0.remove(&reference);
        }
        Some(mode)
    }
}
