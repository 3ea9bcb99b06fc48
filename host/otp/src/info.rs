//! What can be asked about a process (`process_info`, rule P67).

use std::sync::atomic::Ordering;

use crate::exit_reason::ExitReason;
use crate::pid::{Destination, Pid};
use crate::process::{Identity, Process, Waiting};
use crate::scheduler::Status;

/// A snapshot of a process, under OTP's item names.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// The process.
    pub pid: Pid,
    /// What it is, what it runs and who spawned it.
    pub identity: Identity,
    /// Its registered name.
    pub registered_name: Option<String>,
    /// The label that it gave itself.
    pub label: Option<String>,
    /// What it is doing.
    pub status: Status,
    /// What it waits for, if it waits.
    pub waiting: Option<Waiting>,
    /// Messages that have arrived and have not been received.
    pub message_queue_len: usize,
    /// Linked processes.
    pub links: Vec<Pid>,
    /// What it monitors.
    pub monitors: Vec<Destination>,
    /// Who monitors it, one entry per monitor.
    pub monitored_by: Vec<Pid>,
    /// Whether exit signals reach it as messages.
    pub trap_exit: bool,
    /// Why it is about to end, if it is.
    pub exiting: Option<ExitReason>,
    /// Bytes of memory in use.
    pub memory_bytes: u64,
    /// Work done.
    pub reductions: u64,
}

impl ProcessInfo {
    pub(crate) fn of(process: &Process, registered_name: Option<String>) -> Self {
        let state = process.state.lock();
        Self {
            pid: process.pid,
            identity: process.identity.clone(),
            registered_name,
            label: state.label.clone(),
            status: if state.exiting.is_some() { Status::Exiting } else { process.schedule.status() },
            waiting: state.waiting.clone(),
            message_queue_len: state.mailbox.len(),
            links: state.links.iter().collect(),
            monitors: state.monitors.iter_held().map(|(_, held)| held.object.clone()).collect(),
            monitored_by: state.monitors.iter_by_others().map(|(pid, _)| pid).collect(),
            trap_exit: state.trap_exit,
            exiting: state.exiting.clone(),
            memory_bytes: process.meter.memory_bytes.load(Ordering::Relaxed),
            reductions: process.meter.reductions.load(Ordering::Relaxed),
        }
    }
}
