//! Monitors.

use alloc::vec::Vec;

use crate::error::Error;
use crate::pid::{Destination, MonitorRef};
use crate::sys;

/// Monitors a process, or whoever has a name now (`monitor/2`).
///
/// # Errors
/// [`Error::Limit`]
pub fn monitor(object: impl Into<Destination>) -> Result<MonitorRef, Error> {
    monitor_with(object, &MonitorOptions::default())
}

/// Monitors a process, or whoever has a name now (`monitor/3`).
///
/// # Errors
/// [`Error::Limit`]
pub fn monitor_with(object: impl Into<Destination>, options: &MonitorOptions) -> Result<MonitorRef, Error> {
    sys::monitor(object.into(), options)
}

/// How a monitor is made.
#[derive(Clone, Debug, Default)]
pub struct MonitorOptions {
    /// Make the monitor's reference an alias, too: [`MonitorRef::alias`].
    pub alias: Option<MonitorAlias>,
    /// Comes with the DOWN, encoded.
    pub tag: Option<Vec<u8>>,
}

/// How long the alias of a monitor lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonitorAlias {
    /// Until [`unalias`](crate::mailbox::unalias), whatever becomes of the monitor.
    ExplicitUnalias,
    /// As long as the monitor.
    Demonitor,
    /// As long as the monitor, or until the first message through it, which removes the monitor, too.
    ReplyDemonitor,
}

/// Removes a monitor, and a DOWN of it that waits in the mailbox (`demonitor(Ref, [flush, info])`). True if it was still
/// active.
pub fn demonitor(monitor: MonitorRef) -> bool {
    sys::demonitor(monitor, true)
}

/// Removes a monitor; a DOWN of it that waits in the mailbox stays (`demonitor(Ref, [info])`). True if the monitor was
/// still active.
pub fn demonitor_keep(monitor: MonitorRef) -> bool {
    sys::demonitor(monitor, false)
}
