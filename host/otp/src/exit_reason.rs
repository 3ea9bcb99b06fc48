//! Why a process ended, as data that travels unchanged to links, monitors, supervisors and logs (rule P7).

use std::fmt;
use std::sync::Arc;

use regrow_term::Term;

/// The largest term, in encoded bytes, that a guest may put into an exit reason: reasons are copied to every
/// link and monitor.
pub const MAX_REASON_BYTES: usize = 64 * 1024;

/// Why a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It finished.
    Normal,
    /// Its supervisor, or it itself, ended it in order.
    Shutdown,
    /// Ended in order, with something to say.
    ShutdownWith(Arc<Term>),
    /// The exit signal that can't be trapped, on its way. A process that gets it from `exit/2` dies `Killed`;
    /// one that raises it itself passes `Kill` on to its links as an ordinary reason (rules P14, P17).
    Kill,
    /// It was killed.
    Killed,
    /// There was no such process.
    NoProc,
    /// The connection to its node was lost.
    NoConnection,
    /// The guest trapped or panicked.
    Trap(Arc<WasmTrap>),
    /// It went over one of its limits.
    Limit(LimitExceeded),
    /// It ended itself with an error, or the host could not go on running it.
    Error(Arc<Term>),
    /// Any other term that a process chose to exit with.
    Other(Arc<Term>),
}

impl ExitReason {
    /// An error described by text.
    pub fn error(text: impl Into<String>) -> Self {
        Self::Error(Arc::new(Term::Text(text.into())))
    }

    /// The name of a process to be started belongs to another (`{already_started, Pid}`, rule G6).
    pub fn already_started(pid: crate::pid::Pid) -> Self {
        Self::Error(Arc::new(Term::List(vec![Term::from("already_started"), pid.to_term()])))
    }

    /// The reason as a term: for messages and for reasons that name another reason.
    pub fn to_term(&self) -> Term {
        match self {
            Self::ShutdownWith(term) => Term::List(vec![Term::from("shutdown"), (**term).clone()]),
            Self::Error(term) | Self::Other(term) => (**term).clone(),
            Self::Trap(trap) if trap.message.is_empty() => Term::Text(trap.code.clone()),
            Self::Trap(trap) => Term::Text(format!("{}: {}", trap.code, trap.message)),
            Self::Limit(limit) => Term::Text(limit.to_string()),
            plain => Term::Text(plain.to_string()),
        }
    }

    /// Roughly what this takes of memory, in bytes.
    pub fn weight(&self) -> usize {
        match self {
            Self::ShutdownWith(term) | Self::Error(term) | Self::Other(term) => term.weight(),
            Self::Trap(trap) => trap.message.len() + trap.backtrace.iter().map(String::len).sum::<usize>(),
            _ => 0,
        }
    }

    /// Whether supervisors and logs take this for an orderly end: `normal`, `shutdown`, `{shutdown, _}`.
    /// Links only know `normal` and everything else.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }
}

/// A trap of a wasm instance. A panic of the guest's language is a trap with the panic's message.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WasmTrap {
    /// The kind, in wasmtime's words (`unreachable`, `memory-out-of-bounds`, `stack-overflow`, …), `panic`, or `host` if
    /// a host function refused to go on.
    pub code: String,
    /// What the guest or the engine said about it.
    pub message: String,
    /// Where in the guest's source a panic happened, as `file:line:column`.
    pub location: Option<String>,
    /// The guest's functions on the stack, innermost first, demangled.
    pub backtrace: Vec<String>,
}

/// A limit that a process went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Which limit.
    pub limit: LimitKind,
    /// What the limit allows, in its own unit.
    pub allowed: u64,
    /// What the process asked for or would have reached.
    pub requested: u64,
}

/// The limits that a process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Bytes of linear memory.
    Memory,
    /// Entries of wasm tables.
    TableElements,
    /// Messages in the mailbox.
    MailboxMessages,
    /// Bytes in the mailbox.
    MailboxBytes,
    /// Bytes of one message.
    MessageBytes,
    /// Live processes on the node.
    Processes,
    /// Links of a process.
    Links,
    /// Monitors that a process holds, its pending calls included.
    Monitors,
    /// Running timers of a process.
    Timers,
    /// Reductions of a process in its life.
    Reductions,
    /// Live processes that a process has spawned.
    Children,
    /// Open files, sockets and other handles of a process.
    Handles,
    /// Bytes that a process keeps in the host.
    KeptBytes,
    /// Rows of one key in a bag.
    RowsPerKey,
    /// How often a process has joined a process group, or joins at once.
    Memberships,
    /// How often a process is registered under one key of a registry, or in all.
    Registrations,
    /// Blobs that a process holds.
    Blobs,
    /// Live processes of a budget.
    BudgetProcesses,
    /// Bytes of memory of a budget.
    BudgetMemory,
    /// Reductions of a budget.
    BudgetReductions,
    /// Messages in the mailboxes of a budget.
    BudgetMailboxMessages,
    /// Bytes in the mailboxes of a budget.
    BudgetMailboxBytes,
    /// Running timers of a budget.
    BudgetTimers,
    /// Handles of a budget.
    BudgetHandles,
}

impl LimitKind {
    /// The limit's name, as it stands in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory_bytes",
            Self::TableElements => "table_elements",
            Self::MailboxMessages => "mailbox_messages",
            Self::MailboxBytes => "mailbox_bytes",
            Self::MessageBytes => "message_bytes",
            Self::Processes => "processes",
            Self::Links => "links",
            Self::Monitors => "monitors",
            Self::Timers => "timers",
            Self::Reductions => "reductions",
            Self::Children => "children",
            Self::Handles => "handles",
            Self::KeptBytes => "kept_bytes",
            Self::RowsPerKey => "rows_per_key",
            Self::Memberships => "memberships",
            Self::Registrations => "registrations",
            Self::Blobs => "blobs",
            Self::BudgetProcesses => "budget.processes",
            Self::BudgetMemory => "budget.memory_bytes",
            Self::BudgetReductions => "budget.reductions",
            Self::BudgetMailboxMessages => "budget.mailbox_messages",
            Self::BudgetMailboxBytes => "budget.mailbox_bytes",
            Self::BudgetTimers => "budget.timers",
            Self::BudgetHandles => "budget.handles",
        }
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is limited to {}, {} were needed", self.limit.name(), self.allowed, self.requested)
    }
}

impl std::error::Error for LimitExceeded {}

/// How much of a term a printed reason shows.
const PREVIEW_CHARS: usize = 200;

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(term) => write!(f, "shutdown({})", term.preview(PREVIEW_CHARS)),
            Self::Kill => f.write_str("kill"),
            Self::Killed => f.write_str("killed"),
            Self::NoProc => f.write_str("noproc"),
            Self::NoConnection => f.write_str("noconnection"),
            Self::Trap(trap) => write!(f, "trap({})", trap.code),
            Self::Limit(limit) => write!(f, "limit({})", limit.limit.name()),
            Self::Error(term) => write!(f, "error({})", term.preview(PREVIEW_CHARS)),
            Self::Other(term) => write!(f, "{}", term.preview(PREVIEW_CHARS)),
        }
    }
}
