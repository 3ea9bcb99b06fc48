//! This process, and what it can do to others.

mod info;
mod monitor;
mod spawn;

use alloc::vec::Vec;

use serde::Serialize;

pub use self::info::{MailboxRefused, ProcessInfo, info, info_items};
pub use self::monitor::{MonitorAlias, MonitorOptions, demonitor, demonitor_keep, monitor, monitor_with};
pub use self::spawn::{
    Grants, InitResult, SpawnOptions, Spawned, Started, init_ack, init_ack_with, spawn, start,
};
use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::sys;

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

/// Whether a process lives.
pub fn is_alive(pid: Pid) -> bool {
    sys::is_alive(pid)
}

/// Whether this process is subject to another one, which lives: that one runs the same component, is a process of the host's, or this
/// one descends from it. For processes that are asked for more than a stranger should get.
pub fn is_subject_to(pid: Pid) -> bool {
    sys::is_subject_to(pid)
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

/// Gives this process a label that people see in listings and crash reports.
///
/// # Errors
/// [`Error::Limit`] over 255 bytes.
pub fn set_label(label: Option<&str>) -> Result<(), Error> {
    sys::set_label(label)
}
