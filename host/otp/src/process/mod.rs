//! A process: its state, its inbox, its body, and how one poll of it goes. What a process can do is in the `impl`
//! blocks of [`Context`], one file a subject.

mod authority;
mod call;
mod context;
mod error;
mod exit;
mod flag;
mod inbox;
mod receive;
mod relation;
mod send;
mod spawn;
mod start;
mod state;
mod timer;
mod wait;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Wake;

pub use context::Context;
pub use error::{CallError, FlagError, LinkError, SendError, SignalError, TimerError};
pub use flag::Flag;
pub use inbox::MailboxCounters;
pub(crate) use inbox::{Bounds, Inbox, Patience, PushError};
pub use receive::yield_now;
pub use spawn::{SpawnError, SpawnOptions};
pub use start::StartOutcome;
pub use state::LastReceived;
pub(crate) use state::{Dropped, Effects, State, refuse};
pub(crate) use wait::MAX_CYCLE;
pub use wait::Waiting;

use crate::budget::Account;
use crate::exit_reason::ExitReason;
use crate::holdings::Holdings;
use crate::limits::{Limits, LiveLimits};
use crate::per_second::PerSecond;
use crate::pid::{Pid, Reference};
use crate::scheduler::{BURST, Schedule, Scheduler};
use crate::signal::Signal;
use crate::sync::Mutex;

/// What runs in a process. Dropping it ends whatever it was doing.
pub(crate) type Body = Pin<Box<dyn Future<Output = ExitReason> + Send>>;

/// What a process is, as far as the core cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ProcessKind {
    /// A component instance.
    Guest,
    /// Rust code of the host or of a test.
    #[default]
    Native,
    /// A supervisor: no guest's exit signal reaches it.
    Supervisor,
}

/// What is known of a process from its birth on.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// What it is.
    pub kind: ProcessKind,
    /// The component that it runs, if it is a guest.
    pub component: Option<Arc<str>>,
    /// The entry of the component, or another word for what it runs (`initial_call`).
    pub entry: Option<Arc<str>>,
    /// Who spawned it; none for the first process.
    pub parent: Option<Pid>,
}

/// Counters that the body writes and anybody may read. A guest's memory is as of its last call to the host; its
/// reductions grow by whole time slices, or by the time of each turn where that is charged, and are exact when it has ended.
#[derive(Debug, Default)]
pub struct Meter {
    /// Work done, in reductions.
    pub reductions: AtomicU64,
    /// Memory in use, in bytes.
    pub memory_bytes: AtomicU64,
    /// Memory that the body may use, in bytes. It is the body that obeys it.
    pub memory_limit_bytes: AtomicU64,
}

pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) identity: Identity,
    pub(crate) limits: LiveLimits,
    pub(crate) meter: Meter,
    /// To whom the process owes word of its start.
    pub(crate) starter: Mutex<Option<(Pid, Reference)>>,
    /// The innermost budget that it belongs to.
    pub(crate) account: Option<Arc<Account>>,
    /// Whether that budget begins with it.
    pub(crate) owns_account: bool,
    /// What it has used of the CPU since it last computed for a whole slice, in nanoseconds: the scheduler's.
    pub(crate) burst: AtomicU64,
    /// Live processes that it has spawned.
    pub(crate) children: AtomicU64,
    pub(crate) log_lines: PerSecond,
    /// Messages that it has sent.
    pub(crate) sent: AtomicU64,
    /// How often it was refused what it has no grant for.
    pub(crate) denied: AtomicU64,
    pub(crate) denied_in_second: PerSecond,
    pub(crate) timers_running: AtomicU64,
    pub(crate) timer_bytes: AtomicU64,
    /// What it keeps in the host, if anything.
    pub(crate) holdings: OnceLock<Box<Holdings>>,
    /// Held from a change of the state until the signals that follow from it are sent, so that two threads can't
    /// send them in another order (rule P48). Taken before every other lock.
    pub(crate) outgoing: Mutex<()>,
    pub(crate) inbox: Mutex<Inbox>,
    /// How many signals have been put into the inbox, and how many of them have been applied, their effects sent: a glance,
    /// before anything is locked.
    arrived: AtomicU64,
    settled: AtomicU64,
    /// Whether one of those that were applied is fatal: a glance, likewise.
    is_ending: AtomicBool,
    /// Whether it gets no name any more, and holds nothing more: what it has of that is being released.
    has_let_go: AtomicBool,
    pub(crate) state: Mutex<State>,
    pub(crate) body: Mutex<Option<Body>>,
    /// Whether it waits for another process: a glance, before its state is locked for a closer look.
    pub(crate) waits_on_process: AtomicBool,
    pub(crate) schedule: Schedule,
    pub(crate) scheduler: Arc<Scheduler>,
}

impl Process {
    /// A process that nobody polls yet, and that has no body.
    fn new(
        state: State,
        identity: Identity,
        limits: Limits,
        starter: Option<(Pid, Reference)>,
        account: Option<Arc<Account>>,
        scheduler: Arc<Scheduler>,
    ) -> Self {
        // Nor are its requests.
        let account_of_mailbox = account.clone().filter(|_| identity.kind != ProcessKind::Supervisor);
        Self {
            pid: state.pid,
            identity,
            inbox: Mutex::new(Inbox::new(Bounds::of(&limits), account_of_mailbox)),
            limits: LiveLimits::new(&limits),
            meter: Meter::default(),
            starter: Mutex::new(starter),
            account,
            owns_account: false,
            burst: AtomicU64::new(BURST),
            children: AtomicU64::default(),
            log_lines: PerSecond::default(),
            sent: AtomicU64::default(),
            denied: AtomicU64::default(),
            denied_in_second: PerSecond::default(),
            timers_running: AtomicU64::default(),
            timer_bytes: AtomicU64::default(),
            holdings: OnceLock::new(),
            outgoing: Mutex::default(),
            arrived: AtomicU64::default(),
            settled: AtomicU64::default(),
            is_ending: AtomicBool::new(false),
            has_let_go: AtomicBool::new(false),
            state: Mutex::new(state),
            body: Mutex::new(None),
            waits_on_process: AtomicBool::new(false),
            schedule: Schedule::unborn(),
            scheduler,
        }
    }

    /// A process that does nothing, for what only has to do with its place in queues.
    #[cfg(all(test, loom))]
    pub(crate) fn without_body(scheduler: Arc<Scheduler>) -> Arc<Self> {
        let (identity, limits) = (Identity::default(), Limits::default());
        let state = State::new(crate::runtime::HOST, &identity, &limits);
        Arc::new(Self::new(state, identity, limits, None, None, scheduler))
    }

    /// Puts a signal into the inbox and sees to it that the process is polled.
    #[expect(clippy::result_large_err, reason = "the signal goes back to its sender without an allocation")]
    pub(crate) fn push(self: &Arc<Self>, signal: Signal, patience: Patience) -> Result<(), PushError> {
        {
            let mut inbox = self.inbox.lock();
            inbox.push(signal, patience)?;
            self.arrived.fetch_add(1, Ordering::Release);
        }
        self.scheduler.wake(self);
        Ok(())
    }

    /// Whether every signal has been applied that was put into the inbox before, and what follows from it been sent.
    pub(crate) fn is_settled(&self) -> bool {
        // In this order: none is taken for applied that has just arrived.
        let settled = self.settled.load(Ordering::Acquire);
        settled == self.arrived.load(Ordering::Acquire)
    }

    /// Applies the signals that have arrived. The effects are the caller's to send, after it has let go of
    /// the state, and so is the wake of a sender for whom there is room now. Then [`Drained::number`] have been settled.
    pub(crate) fn drain(&self) -> Drained {
        let mut effects = Effects::new();
        let mut inbox = self.inbox.lock();
        let number = self.arrived.load(Ordering::Acquire);
        if inbox.is_empty() {
            return Drained { effects, waiter: None, number };
        }
        let mut signals = inbox.take();
        // Taken while the inbox is locked, so that two drains cannot overtake each other.
        let mut state = self.state.lock();
        drop(inbox);
        for signal in signals.drain(..) {
            state.apply(signal, &mut effects);
        }
        if state.exiting.is_some() {
            self.ends();
        }
        let dropped = std::mem::take(&mut state.dropped);
        let hibernates = state.waiting == Some(Waiting::Hibernation);
        drop(state);
        let mut inbox = self.inbox.lock();
        if !hibernates {
            inbox.recycle(signals);
        }
        let waiter = if dropped.messages > 0 { inbox.dropped(dropped) } else { None };
        Drained { effects, waiter, number }
    }

    /// Something that has been applied ends it.
    fn ends(&self) {
        self.is_ending.store(true, Ordering::Release);
    }

    /// Whether a signal that has been applied ends it.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    /// From now on it gets no name, and holds nothing. Whoever gives it something asks for that under the lock under which what it
    /// has is released.
    pub(crate) fn lets_go(&self) {
        self.has_let_go.store(true, Ordering::Release);
    }

    pub(crate) fn has_let_go(&self) -> bool {
        self.has_let_go.load(Ordering::Acquire)
    }

    /// So many signals have been applied, and their effects sent. `outgoing` is held.
    pub(crate) fn has_settled(&self, number: u64) {
        self.settled.store(number, Ordering::Release);
    }
}

/// What signals that were applied have led to.
pub(crate) struct Drained {
    pub(crate) effects: Effects,
    /// A sender for whom there is room now.
    pub(crate) waiter: Option<Pid>,
    /// How many signals have been put into the inbox so far.
    pub(crate) number: u64,
}

impl Wake for Process {
    fn wake(self: Arc<Self>) {
        self.scheduler.wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.scheduler.wake(self);
    }
}
