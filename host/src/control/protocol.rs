//! What travels over the control socket.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a client asks. Processes and children are named by their path (`app/pool/worker-3`), their registered name, or
/// their pid as people see it (`<0.17.0>`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// The processes.
    Ps,
    /// The supervision tree.
    Tree,
    /// Everything about a process.
    Info {
        /// Which.
        process: String,
    },
    /// The children of a supervisor, in start order.
    Children {
        /// Which.
        supervisor: String,
    },
    /// Starts a child that does not run, or resumes one that is parked.
    Start {
        /// Which.
        child: String,
    },
    /// Stops a child; its supervisor keeps its specification.
    Terminate {
        /// Which.
        child: String,
    },
    /// Stops a child and starts it again.
    Restart {
        /// Which.
        child: String,
    },
    /// What applying a manifest would change.
    Plan {
        /// The manifest's file.
        manifest: PathBuf,
    },
    /// Changes the running tree as the manifest says.
    Apply {
        /// The manifest's file.
        manifest: PathBuf,
    },
    /// The last lines of the log.
    Logs {
        /// How many.
        lines: usize,
        /// Whether those that are still to come are wanted, too.
        follow: bool,
    },
    /// Stops the node in order.
    Stop,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To `ps`.
    Processes(Vec<ProcessRow>),
    /// To `tree`.
    Tree(Box<TreeNode>),
    /// To `info`.
    Process(Box<ProcessDetails>),
    /// To `children`.
    Children(Vec<ChildRow>),
    /// To `start` and `restart`: the new process, if there is one.
    Started(Option<String>),
    /// To `plan` and `apply`.
    Plan(PlanReport),
    /// To `logs`: one line.
    Log(String),
    /// To what has no other answer.
    Done,
    /// It was not done.
    Error(SteeringError),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteeringError {
    /// In one word, for programs.
    pub kind: ErrorKind,
    /// In words, for people: what, where, and how to mend it.
    pub message: String,
}

impl SteeringError {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for SteeringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SteeringError {}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is not understood.
    BadRequest,
    /// There is no such process or child.
    NotFound,
    /// The supervisor refused it: the child runs already, say.
    Refused,
    /// A child could not be started.
    StartFailed,
    /// The manifest is wrong; nothing was changed.
    InvalidManifest,
    /// A new child could not be started, and what had been changed was changed back.
    RolledBack,
    /// The node has too many clients, or is busy with another change.
    Busy,
    /// The node could not do it.
    Failed,
}

/// A process in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessRow {
    /// `<node.slot.incarnation>`
    pub pid: String,
    /// Its registered name.
    pub name: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// `guest`, `supervisor` or `native`.
    pub kind: String,
    /// What it runs: `component.entry`, or the path of a supervisor.
    pub initial_call: String,
    /// `waiting`, `runnable`, `running` or `exiting`.
    pub status: String,
    /// What it waits for, by the function that waits.
    pub current_function: Option<String>,
    /// Messages that it has not received.
    pub message_queue_len: u64,
    /// Work done.
    pub reductions: u64,
    /// Bytes of memory in use.
    pub memory_bytes: u64,
}

/// Everything about a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessDetails {
    /// What a list shows.
    #[serde(flatten)]
    pub row: ProcessRow,
    /// Who spawned it.
    pub parent: Option<String>,
    /// Linked processes.
    pub links: Vec<String>,
    /// What it monitors: pids and names.
    pub monitors: Vec<String>,
    /// Who monitors it.
    pub monitored_by: Vec<String>,
    /// Whether exit signals reach it as messages.
    pub trap_exit: bool,
    /// The processes that wait for each other, itself first.
    pub wait_cycle: Vec<String>,
    /// What its mailbox has refused.
    pub refused: Refused,
    /// Live processes that it has spawned.
    pub children: u64,
    /// How often it was refused what it has no grant for.
    pub denied: u64,
    /// What it may use.
    pub limits: Limits,
    /// The budgets that it belongs to, innermost first.
    pub budgets: Vec<Budget>,
}

/// What a process and all that descend from it may use together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Whose it is.
    pub path: String,
    /// Its share of the CPU, as a weight.
    pub share: u32,
    /// The CPU time that its processes have used, in milliseconds.
    pub cpu_ms: u64,
    /// What is in use.
    pub resources: Vec<ResourceUse>,
}

/// How much of something is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUse {
    /// Its name in manifests.
    pub resource: String,
    /// How much is in use.
    pub used: u64,
    /// How much may be; none if that is not limited here.
    pub allowed: Option<u64>,
    /// How often more was refused.
    pub refused: u64,
}

/// What a mailbox has refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Messages whose senders were told.
    pub rejected: u64,
    /// Messages that were dropped.
    pub dropped: u64,
    /// How often a sender had to wait.
    pub suspended: u64,
}

/// What a process may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of linear memory; 0 for a process of the host.
    pub memory_bytes: u64,
    /// Messages in the mailbox.
    pub mailbox_messages: u64,
    /// Bytes in the mailbox.
    pub mailbox_bytes: u64,
    /// What becomes of messages that find no room.
    pub when_full: String,
    /// Bytes of one message that it sends.
    pub message_bytes: u64,
    /// Links.
    pub links: u64,
    /// Monitors.
    pub monitors: u64,
    /// Timers.
    pub timers: u64,
    /// Live processes that it has spawned.
    pub children: u64,
    /// Reductions in its life; none is as many as it likes.
    pub reductions: Option<u64>,
    /// Open files, sockets and other handles.
    pub handles: u64,
    /// Lines logged in a second.
    pub log_lines_per_second: u64,
    /// Bytes that it keeps in the host.
    pub kept_bytes: u64,
}

/// A child of a supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildRow {
    /// What its supervisor calls it.
    pub id: String,
    /// Where it stands: what other commands take.
    pub path: String,
    /// `running`, `starting`, `stopped`, `restarting` or `parked`.
    pub state: String,
    /// Its process, if it has one.
    pub pid: Option<String>,
    /// `worker` or `supervisor`.
    pub child_type: String,
    /// `permanent`, `transient` or `temporary`.
    pub restart: String,
    /// `brutal_kill`, `infinity`, or a time.
    pub shutdown: String,
    /// Whether its end may end its supervisor.
    pub significant: bool,
    /// What it runs, `component.entry`, if it is a guest.
    pub runs: Option<String>,
    /// How often it has been restarted.
    pub restarts: u64,
    /// Milliseconds until it is restarted, if it will be.
    pub restart_in_ms: Option<u64>,
    /// Why it ended last.
    pub last_exit: Option<String>,
}

/// A part of the supervision tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeNode {
    /// The child itself; the root has its application's name as id.
    #[serde(flatten)]
    pub child: ChildRow,
    /// What is below it, in start order.
    pub children: Vec<TreeNode>,
}

/// What applying a manifest changes, or has changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// In supervision order.
    pub changes: Vec<Change>,
    /// Whether they have been made.
    pub applied: bool,
}

impl PlanReport {
    /// How many changes start, change in place, replace, and stop a child.
    pub fn counts(&self) -> (usize, usize, usize, usize) {
        let count = |kind| self.changes.iter().filter(|change| change.kind == kind).count();
        (
            count(ChangeKind::Add),
            count(ChangeKind::Update),
            count(ChangeKind::Replace),
            count(ChangeKind::Remove),
        )
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What happens.
    pub kind: ChangeKind,
    /// To whom.
    pub path: String,
    /// What differs, a line each: `name: old -> new`.
    pub details: Vec<String>,
}

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A child is started.
    Add,
    /// A child goes on with other settings.
    Update,
    /// A child is stopped and started anew.
    Replace,
    /// A child is stopped and forgotten.
    Remove,
}

/// What is asked of several nodes' sockets: a request as a line.
pub(super) fn to_line<T: Serialize>(value: &T) -> Vec<u8> {
    // These types have neither maps with other keys than strings nor anything else that JSON can't say.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
