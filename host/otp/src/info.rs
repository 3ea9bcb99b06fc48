//! What can be asked about a process (`process_info`, rules P65 to P69).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use regrow_term::Term;

use crate::exit_reason::ExitReason;
use crate::limits::Limits;
use crate::pid::{Destination, Pid};
use crate::process::{Identity, MAX_CYCLE, MailboxCounters, Process, Waiting};
use crate::received::Received;
use crate::runtime::Inner;
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
    /// The processes that wait for each other, this one first, if its wait is part of such a cycle.
    pub wait_cycle: Vec<Pid>,
    /// Messages that have arrived and have not been received.
    pub message_queue_len: usize,
    /// What the mailbox has refused.
    pub mailbox: MailboxCounters,
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
    /// Live processes that it has spawned.
    pub children: u64,
    /// How often it was refused what it has no grant for.
    pub denied: u64,
    /// What it may use.
    pub limits: Limits,
    /// Memory that it may use, in bytes; 0 if it is its body's affair.
    pub memory_limit_bytes: u64,
}

impl ProcessInfo {
    pub(crate) fn of(process: &Process, registered_name: Option<String>, wait_cycle: Vec<Pid>) -> Self {
        let mailbox = process.inbox.lock().counters;
        let state = process.state.lock();
        Self {
            pid: process.pid,
            identity: process.identity.clone(),
            registered_name,
            label: state.label.clone(),
            status: if state.exiting.is_some() { Status::Exiting } else { process.schedule.status() },
            waiting: state.waiting.clone(),
            wait_cycle,
            message_queue_len: state.mailbox.len(),
            mailbox,
            links: state.links.iter().collect(),
            monitors: state.monitors.iter_held().map(|(_, held)| held.object.clone()).collect(),
            monitored_by: state.monitors.iter_by_others().map(|(pid, _)| pid).collect(),
            trap_exit: state.trap_exit,
            exiting: state.exiting.clone(),
            memory_bytes: process.meter.memory_bytes.load(Ordering::Relaxed),
            reductions: process.meter.reductions.load(Ordering::Relaxed),
            children: process.children.load(Ordering::Relaxed),
            denied: process.denied.load(Ordering::Relaxed),
            limits: process.limits.get(),
            memory_limit_bytes: process.meter.memory_limit_bytes.load(Ordering::Relaxed),
        }
    }
}

/// Entries that the lists of a guest's question may have together.
pub const MAX_INFO_ENTRIES: usize = 10_000;

/// Messages of a mailbox that are shown: the answer must not cost the host much more than the question.
const SHOWN_MESSAGES: usize = 1_000;

/// Bytes of a payload that are shown.
const SHOWN_PAYLOAD_BYTES: usize = 1 << 10;

macro_rules! items {
    ($($(#[$doc:meta])+ $item:ident: $name:literal,)+) => {
        /// An item of `process_info/2`.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum InfoItem {
            $($(#[$doc])+ $item,)+
        }

        impl InfoItem {
            /// All of them, with their names.
            pub const ALL: &[(&str, Self)] = &[$(($name, Self::$item)),+];
        }
    };
}

items! {
    /// What it is doing: `waiting`, `runnable`, `running` or `exiting`.
    Status: "status",
    /// How many messages wait in the mailbox.
    MessageQueueLen: "message_queue_len",
    /// What waits in the mailbox, oldest first, a thousand at most: its kind, sender and size, and the first KiB of a
    /// message's payload.
    Messages: "messages",
    /// Linked processes.
    Links: "links",
    /// What it monitors: pids, and names that were monitored.
    Monitors: "monitors",
    /// Who monitors it, one entry per monitor.
    MonitoredBy: "monitored_by",
    /// Its name; null if it has none (`[]` in OTP, rule P66).
    RegisteredName: "registered_name",
    /// Whether exit signals reach it as messages.
    TrapExit: "trap_exit",
    /// The label that it gave itself; null if it has none.
    Label: "label",
    /// Always empty: what a guest keeps is in its own memory.
    Dictionary: "dictionary",
    /// Bytes of memory in use.
    Memory: "memory",
    /// Work done. A guest's grow by whole time slices, and are exact when it has ended.
    Reductions: "reductions",
    /// The component and the entry that it was spawned with.
    InitialCall: "initial_call",
    /// What it waits for, by the name of the function that waits; null while it runs.
    CurrentFunction: "current_function",
    /// Who spawned it; null if it was the host.
    Parent: "parent",
    /// Always null: output goes to the node's log.
    GroupLeader: "group_leader",
    /// The process that it waits for, in a call or for room in its mailbox; null if there is none.
    WaitsFor: "waits_for",
    /// The processes that wait for each other, itself first; empty if it is in no such cycle.
    WaitCycle: "wait_cycle",
    /// Live processes that it has spawned.
    Children: "children",
    /// How often it was refused what it has no grant for.
    Denied: "denied",
    /// What its mailbox has refused: `rejected`, `dropped`, and how often a sender was `suspended`.
    MailboxRefused: "mailbox_refused",
}

impl InfoItem {
    /// The item of that name (OTP raises `badarg` for an unknown one, rule P65).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, item)| *item)
    }

    /// How many entries its list has, if it is one.
    pub(crate) fn entries(self, process: &Process) -> usize {
        let state = process.state.lock();
        match self {
            Self::Messages => state.mailbox.len().min(SHOWN_MESSAGES),
            Self::Links => state.links.len(),
            Self::Monitors => state.monitors.held_len(),
            Self::MonitoredBy => state.monitors.by_others_len(),
            // What is looked at to find it.
            Self::WaitCycle => MAX_CYCLE,
            _ => 0,
        }
    }

    /// Its value. Nothing is looked at that the item does not need, and terms are made without the process's lock.
    pub(crate) fn of(self, process: &Process, inner: &Inner) -> Term {
        let pids = |pids: &mut dyn Iterator<Item = Pid>| Term::List(pids.map(Pid::to_term).collect());
        let text = |text: Option<String>| text.map_or(Term::Null, Term::Text);
        let pid = |pid: Option<Pid>| pid.map_or(Term::Null, Pid::to_term);
        match self {
            Self::RegisteredName => return text(inner.names.name_of(process.pid)),
            Self::WaitCycle => {
                let cycle = inner.find_cycle(process.pid).unwrap_or_default();
                return pids(&mut cycle.into_iter().map(|(pid, _)| pid));
            }
            Self::MailboxRefused => return refused_term(process.inbox.lock().counters),
            _ => {}
        }
        let (identity, meter, state) = (&process.identity, &process.meter, process.state.lock());
        match self {
            Self::Status if state.exiting.is_some() => Term::from(Status::Exiting.name()),
            Self::Status => Term::from(process.schedule.status().name()),
            Self::MessageQueueLen => Term::from(state.mailbox.len() as u64),
            Self::Messages => {
                let messages: Vec<_> = state.mailbox.iter().take(SHOWN_MESSAGES).cloned().collect();
                drop(state);
                Term::List(messages.iter().map(message_term).collect())
            }
            Self::Links => {
                let links: Vec<_> = state.links.iter().collect();
                drop(state);
                pids(&mut links.into_iter())
            }
            Self::Monitors => {
                let objects: Vec<_> =
                    state.monitors.iter_held().map(|(_, held)| held.object.clone()).collect();
                drop(state);
                Term::List(objects.iter().map(destination_term).collect())
            }
            Self::MonitoredBy => {
                let watchers: Vec<_> = state.monitors.iter_by_others().map(|(pid, _)| pid).collect();
                drop(state);
                pids(&mut watchers.into_iter())
            }
            Self::TrapExit => Term::Bool(state.trap_exit),
            Self::Label => text(state.label.clone()),
            Self::Dictionary => Term::Map(Vec::new()),
            Self::Memory => Term::from(meter.memory_bytes.load(Ordering::Relaxed)),
            Self::Reductions => Term::from(meter.reductions.load(Ordering::Relaxed)),
            Self::Children => Term::from(process.children.load(Ordering::Relaxed)),
            Self::Denied => Term::from(process.denied.load(Ordering::Relaxed)),
            Self::InitialCall => {
                let word = |word: &Option<Arc<str>>| text(word.as_deref().map(str::to_owned));
                Term::List(vec![word(&identity.component), word(&identity.entry)])
            }
            Self::CurrentFunction => {
                text(state.waiting.as_ref().map(|waiting| waiting.function().to_owned()))
            }
            Self::Parent => pid(identity.parent),
            Self::WaitsFor => pid(state.waiting.as_ref().and_then(Waiting::on_process).map(|(pid, _)| pid)),
            Self::GroupLeader | Self::RegisteredName | Self::WaitCycle | Self::MailboxRefused => Term::Null,
        }
    }
}

/// Items whose lists are longer, together, than may be asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoTooLarge {
    /// How many entries may be asked for.
    pub allowed: usize,
    /// How many there are.
    pub requested: usize,
}

impl fmt::Display for InfoTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the lists have {} entries together, and may have {}", self.requested, self.allowed)
    }
}

impl std::error::Error for InfoTooLarge {}

fn refused_term(counters: MailboxCounters) -> Term {
    map([
        ("rejected", Term::from(counters.rejected)),
        ("dropped", Term::from(counters.dropped)),
        ("suspended", Term::from(counters.suspended)),
    ])
}

fn map<const N: usize>(fields: [(&str, Term); N]) -> Term {
    Term::Map(fields.into_iter().map(|(name, value)| (Term::from(name), value)).collect())
}

fn destination_term(destination: &Destination) -> Term {
    match destination {
        Destination::Pid(pid) => map([("Pid", pid.to_term())]),
        Destination::Name(name) => map([("Name", Term::Text(name.clone()))]),
        Destination::Via(via) => map([("Via", via.to_term())]),
    }
}

fn message_term(received: &Received) -> Term {
    let (from, payload) = match received {
        Received::Message(message) => {
            let shown = message.payload.len().min(SHOWN_PAYLOAD_BYTES);
            (Some(message.from), Term::Bytes(message.payload[..shown].to_vec()))
        }
        Received::Exit { from, .. } => (Some(*from), Term::Null),
        _ => (None, Term::Null),
    };
    map([
        ("kind", Term::from(received.kind())),
        ("from", from.map_or(Term::Null, Pid::to_term)),
        ("payload_bytes", Term::from(received.payload_len() as u64)),
        ("payload", payload),
    ])
}
