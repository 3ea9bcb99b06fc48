//! Spawning.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::pid::{MonitorRef, Pid};
use crate::registry::NamedBy;
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
    /// Register it under this key of a registry before it runs.
    pub via: Option<NamedBy>,
    /// A tighter limit of its memory.
    pub max_memory_bytes: Option<u64>,
    /// A tighter limit of its mailbox.
    pub max_mailbox_messages: Option<u64>,
    /// A tighter limit of its mailbox.
    pub max_mailbox_bytes: Option<u64>,
    /// A tighter limit of the processes that it spawns.
    pub max_children: Option<u64>,
    /// A tighter limit of the reductions that it may use in its life.
    pub max_reductions: Option<u64>,
    /// What it gets of this process's grants; none is all of them. What its component is not granted it does not get
    /// either way.
    pub grants: Option<Grants>,
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

    /// These options, with a key of a registry as name: a process that is spawned with it is found under it before it runs. Its value
    /// is `()` unless [`Registry::via_with`](crate::registry::Registry::via_with) gives another.
    #[must_use]
    pub fn via(self, name: impl Into<NamedBy>) -> Self {
        Self { via: Some(name.into()), ..self }
    }
}

/// Grants that a process hands on, as manifests write them. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Folders, by the path under which this process sees them, and whether they may be changed.
    pub dirs: Vec<(String, bool)>,
    /// Names of environment variables.
    pub env: Vec<String>,
    /// The command-line arguments.
    pub args: bool,
    /// The host's standard input, output and error.
    pub stdio: bool,
    /// The time of day, and monotonic time by the nanosecond.
    pub clocks: bool,
    /// Secure random numbers.
    pub random: bool,
    /// Where it may connect to.
    pub tcp: Vec<String>,
    /// Where it may send datagrams to.
    pub udp: Vec<String>,
    /// Names that it may look up in the network.
    pub dns: Vec<String>,
    /// Components whose processes it may spawn.
    pub spawn: Vec<String>,
    /// Names that it may register.
    pub register: Vec<String>,
    /// Names that it may find processes by.
    pub lookup: Vec<String>,
    /// Tables that it may make and find.
    pub tables: Vec<String>,
    /// Names of scopes whose process groups it may use.
    pub groups: Vec<String>,
    /// Names of registries that it may start and use.
    pub registries: Vec<String>,
    /// The list of the node's processes.
    pub list_processes: bool,
    /// Supervisors that it may manage.
    pub supervise: Vec<String>,
    /// What it may start as children of supervisors.
    pub start_children: Vec<String>,
    /// Exit signals and links to strangers.
    pub signal: bool,
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

/// As [`init_ack`] with [`InitResult::Started`], with something for whoever asked for the start (`{ok, Pid, Info}`).
///
/// # Errors
/// [`Error::BadArgument`], if it can't be encoded.
pub fn init_ack_with<T: Serialize + ?Sized>(info: &T) -> Result<bool, Error> {
    Ok(sys::init_ack_with(crate::mailbox::payload(info)?))
}
