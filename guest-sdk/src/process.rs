//! This process, and what it can do to others.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use regrow_term::{Term, encode};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::pid::{Destination, MonitorRef, Pid};
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

/// This process (`self/0`).
pub fn self_pid() -> Pid {
    sys::self_pid()
}

/// Who spawned this process; none if it was the host itself.
pub fn parent() -> Option<Pid> {
    sys::parent()
}

/// The live processes (`processes/0`). Needs the `list_processes` grant.
///
/// # Errors
/// [`Error::Denied`], [`Error::Limit`]
pub fn processes() -> Result<Vec<Pid>, Error> {
    sys::processes()
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

/// Ends this process (`exit/1`).
pub fn exit(reason: ExitReason) -> ! {
    sys::exit(reason)
}

/// Gives this process's instance back, memory and call stack with it, and keeps the process: pid, mailbox, links, monitors,
/// names, timers. When there is something in its mailbox, which may be at once, it goes on in the function behind `resume`
/// of its entry, with `state` (`proc_lib:hibernate/3`).
///
/// Returns only if it fails, with the reason: [`Error::Unsupported`] (a file or a socket is open), [`Error::Limit`] (a
/// state of more bytes than a message may have), [`Error::BadArgument`] (a state that can't be encoded).
///
/// ```
/// use regrow_sdk::{ExitReason, mailbox, process};
///
/// fn count(_: ()) -> Result<(), ExitReason> {
///     hibernate_with(0)
/// }
///
/// fn hibernate_with(count: u64) -> Result<(), ExitReason> {
///     Err(process::hibernate(&count).into())
/// }
///
/// fn go_on(count: u64) -> Result<(), ExitReason> {
///     if let Some(message) = mailbox::receive_message(None) {
///         mailbox::send(message.from, &(count + 1))?;
///     }
///     hibernate_with(count + 1)
/// }
///
/// regrow_sdk::component! {
///     /// Counts its messages, and has no memory while there are none.
///     "count" => process count, resume go_on,
/// }
/// # fn main() {
/// # use regrow_sdk::process::SpawnOptions;
/// regrow_sdk::testing::run(&COMPONENT, || {
///     let counter = process::spawn("count", &(), &SpawnOptions::default())?.pid;
///     for expected in 1..=3u64 {
///         mailbox::send(counter, &())?;
///         let answer: u64 = mailbox::receive_message(None).expect("an answer").decode()?;
///         assert_eq!(answer, expected);
///     }
///     Ok(())
/// });
/// # }
/// ```
pub fn hibernate<S: Serialize + ?Sized>(state: &S) -> Error {
    match crate::mailbox::payload(state) {
        Ok(state) => sys::hibernate(&state),
        Err(error) => error,
    }
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

/// Whether a process lives.
pub fn is_alive(pid: Pid) -> bool {
    sys::is_alive(pid)
}

/// Chooses whether exit signals arrive as messages (`process_flag(trap_exit, _)`); the previous choice.
pub fn trap_exit(trap_exit: bool) -> bool {
    matches!(sys::set_flag(Flag::TrapExit(trap_exit)), Ok(Flag::TrapExit(true)))
}

/// Sets a flag of this process (`process_flag/2`); its previous value.
///
/// # Errors
/// [`Error::BadArgument`]: bounds that are wider than what the process was given.
pub fn set_flag(flag: Flag) -> Result<Flag, Error> {
    sys::set_flag(flag)
}

/// A flag of a process, with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Whether exit signals arrive as messages.
    TrapExit(bool),
    /// What becomes of messages that find no room in the mailbox.
    WhenFull(WhenFull),
    /// Messages that the mailbox holds, at most.
    MaxMailboxMessages(u64),
    /// Bytes that the mailbox holds, at most.
    MaxMailboxBytes(u64),
}

/// What a mailbox without room does with one more message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The sender is told.
    Reject,
    /// The message is dropped.
    DropNewest,
    /// The sender waits.
    SuspendSender,
}

/// What is known about a process. None if it has ended.
///
/// # Errors
/// [`Error::Denied`] (a process of another component that does not descend from this one), [`Error::Limit`] (lists of more
/// than 10,000 entries together)
pub fn info(pid: Pid) -> Result<Option<ProcessInfo>, Error> {
    let Some(values) = info_items(pid, ProcessInfo::ITEMS)? else { return Ok(None) };
    let names = ProcessInfo::ITEMS.iter().copied().map(Term::from);
    let all = encode(&Term::Map(names.zip(values).collect()));
    let decoded = all
        .map_err(|error| error.to_string())
        .and_then(|bytes| regrow_term::decode(&bytes).map_err(|error| error.to_string()));
    decoded.map(Some).map_err(Error::Unsupported)
}

/// Items of a process, under OTP's names, in the order in which they are asked for (`process_info/2`); WIT's
/// `process.info` lists them. None if the process has ended.
///
/// # Errors
/// [`Error::Denied`], [`Error::BadArgument`] (an unknown item), [`Error::Limit`] (lists of more than 10,000 entries together)
pub fn info_items(pid: Pid, items: &[&str]) -> Result<Option<Vec<Term>>, Error> {
    sys::info(pid, items)
}

/// A snapshot of a process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ProcessInfo {
    /// `waiting`, `runnable`, `running` or `exiting`.
    pub status: String,
    /// How many messages wait in the mailbox.
    pub message_queue_len: u64,
    /// Linked processes.
    pub links: Vec<Pid>,
    /// What it monitors.
    pub monitors: Vec<Destination>,
    /// Who monitors it, one entry per monitor.
    pub monitored_by: Vec<Pid>,
    /// Its name.
    pub registered_name: Option<String>,
    /// Whether exit signals reach it as messages.
    pub trap_exit: bool,
    /// Its label.
    pub label: Option<String>,
    /// Bytes of memory in use.
    pub memory: u64,
    /// Work done.
    pub reductions: u64,
    /// The component and the entry that it was spawned with.
    pub initial_call: (Option<String>, Option<String>),
    /// What it waits for, by the name of the function that waits.
    pub current_function: Option<String>,
    /// Who spawned it.
    pub parent: Option<Pid>,
    /// The process that it waits for, in a call or for room in its mailbox.
    pub waits_for: Option<Pid>,
    /// The processes that wait for each other, itself first; empty if it is in no such cycle.
    pub wait_cycle: Vec<Pid>,
    /// What its mailbox has refused.
    pub mailbox_refused: MailboxRefused,
}

/// What a mailbox has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
pub struct MailboxRefused {
    /// Messages whose senders were told that there is no room.
    pub rejected: u64,
    /// Messages that were dropped without a word.
    pub dropped: u64,
    /// How often a sender had to wait for room.
    pub suspended: u64,
}

impl ProcessInfo {
    const ITEMS: &[&str] = &[
        "status",
        "message_queue_len",
        "links",
        "monitors",
        "monitored_by",
        "registered_name",
        "trap_exit",
        "label",
        "memory",
        "reductions",
        "initial_call",
        "current_function",
        "parent",
        "waits_for",
        "wait_cycle",
        "mailbox_refused",
    ];
}

/// Gives this process a label that people see in listings and crash reports.
///
/// # Errors
/// [`Error::Limit`] over 255 bytes.
pub fn set_label(label: Option<&str>) -> Result<(), Error> {
    sys::set_label(label)
}
