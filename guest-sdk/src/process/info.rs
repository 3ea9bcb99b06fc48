//! What is known about a process.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use regrow_term::{Term, encode};
use serde::Deserialize;

use crate::error::Error;
use crate::pid::{Destination, Pid};
use crate::sys;

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
