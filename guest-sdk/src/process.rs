//! This process, and what it can do to others.

use alloc::string::String;
use core::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::pid::{Destination, MonitorRef, Pid};
use crate::sys;

/// How a process is spawned. The default: neither link nor monitor nor name, and the component's limits.
#[derive(Clone, Debug, Default)]
pub struct SpawnOptions {
    /// Another component than this process's own. Needs a grant.
    pub component: Option<String>,
    /// Link to it from its first moment.
    pub link: bool,
    /// Monitor it from its first moment.
    pub monitor: bool,
    /// Register it under this name before it runs.
    pub name: Option<String>,
    /// A tighter limit of its memory.
    pub max_memory_bytes: Option<u64>,
    /// A tighter limit of its mailbox.
    pub max_mailbox_messages: Option<u64>,
    /// A tighter limit of its mailbox.
    pub max_mailbox_bytes: Option<u64>,
}

impl SpawnOptions {
    /// Linked to the spawner.
    pub fn link() -> Self {
        Self { link: true, ..Self::default() }
    }

    /// Monitored by the spawner.
    pub fn monitor() -> Self {
        Self { monitor: true, ..Self::default() }
    }

    /// These options, with a name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

/// A process that has been spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spawned {
    /// The process.
    pub pid: Pid,
    /// Its monitor, if one was asked for.
    pub monitor: Option<MonitorRef>,
}

/// How a start went.
#[derive(Clone, Debug, PartialEq)]
pub enum Started {
    /// It runs.
    Started(Spawned),
    /// It had nothing to do and has ended.
    Ignore,
    /// It could not run, and has ended.
    Failed(ExitReason),
    /// It did not say in time, and was killed.
    Timeout,
}

/// What a process says of its own start.
#[derive(Clone, Debug, PartialEq)]
pub enum InitResult {
    /// It runs.
    Started,
    /// It has nothing to do.
    Ignore,
    /// It can't run.
    Error(ExitReason),
}

/// This process (`self/0`).
pub fn self_pid() -> Pid {
    sys::self_pid()
}

/// Who spawned this process; none if it was the host itself.
pub fn parent() -> Option<Pid> {
    sys::parent()
}

/// Spawns a process from an entry; does not wait for it to run.
///
/// # Errors
/// [`Error::Denied`], [`Error::Limit`], [`Error::BadArgument`] (no such entry), [`Error::NameTaken`]
pub fn spawn<A: Serialize + ?Sized>(
    entry: &str,
    argument: &A,
    options: &SpawnOptions,
) -> Result<Spawned, Error> {
    sys::spawn(entry, crate::mailbox::payload(argument)?, options)
}

/// Spawns a process and waits until it has acknowledged its start, or ended (`proc_lib:start/5`).
///
/// # Errors
/// As [`spawn`].
pub fn start<A: Serialize + ?Sized>(
    entry: &str,
    argument: &A,
    options: &SpawnOptions,
    timeout: Option<Duration>,
) -> Result<Started, Error> {
    sys::start(entry, crate::mailbox::payload(argument)?, options, timeout)
}

/// Tells the starter how the start went (`proc_lib:init_ack/1`). True the first time, if somebody waits.
pub fn init_ack(outcome: InitResult) -> bool {
    sys::init_ack(outcome)
}

/// Ends this process (`exit/1`).
pub fn exit(reason: ExitReason) -> ! {
    sys::exit(reason)
}

/// Sends an exit signal (`exit/2`). [`ExitReason::Kill`] can't be trapped.
///
/// # Errors
/// [`Error::Denied`]
pub fn exit_process(pid: Pid, reason: ExitReason) -> Result<(), Error> {
    sys::exit_process(pid, reason)
}

/// Links to a process (`link/1`).
///
/// # Errors
/// [`Error::NoProc`], [`Error::Limit`], [`Error::Denied`]
pub fn link(pid: Pid) -> Result<(), Error> {
    sys::link(pid)
}

/// Removes a link (`unlink/1`).
pub fn unlink(pid: Pid) {
    sys::unlink(pid);
}

/// Monitors a process, or whoever has a name now (`monitor/2`).
///
/// # Errors
/// [`Error::Limit`]
pub fn monitor(object: impl Into<Destination>) -> Result<MonitorRef, Error> {
    sys::monitor(object.into())
}

/// Removes a monitor, and a DOWN of it that waits in the mailbox (`demonitor(Ref, [flush])`). True if it was
/// still active.
pub fn demonitor(monitor: MonitorRef) -> bool {
    sys::demonitor(monitor, true)
}

/// Whether a process lives.
pub fn is_alive(pid: Pid) -> bool {
    sys::is_alive(pid)
}

/// Chooses whether exit signals arrive as messages (`process_flag(trap_exit, _)`); the previous choice.
pub fn trap_exit(trap_exit: bool) -> bool {
    sys::trap_exit(trap_exit)
}

/// Gives this process a label that people see in listings and crash reports.
///
/// # Errors
/// [`Error::Limit`] over 255 bytes.
pub fn set_label(label: Option<&str>) -> Result<(), Error> {
    sys::set_label(label)
}
