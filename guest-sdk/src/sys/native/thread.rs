//! A process whose body is ordinary blocking code, on a thread of its own.
//!
//! The two take turns: when the scheduler polls the process, the thread runs until it has to wait, and the scheduler waits for that.
//! So processes are as deterministic as futures are, and a simulator can drive them. The thread polls whatever it waits for itself. When
//! the process ends, the future is dropped and the thread unwinds at its next call.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread;
use std::time::Duration;

use regrow_otp as otp;

use crate::component::Component;
use crate::error::Error;
use crate::exit_reason::ExitReason;

/// The process that the calling thread is.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) context: otp::Context,
    pub(crate) component: &'static Component,
    shared: Arc<Shared>,
    can_hibernate: bool,
}

/// Whose turn it is.
enum Turn {
    /// The scheduler's, until it polls the process.
    Scheduler,
    /// The thread's, until it has to wait.
    Process,
    /// Nobody's: the thread has come to its end.
    Finished(Option<otp::ExitReason>),
    /// Nobody's: the process has been ended.
    Ended,
}

struct Shared {
    turn: Mutex<Turn>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it somebody's turn, unless it is nobody's any more.
    fn pass(&self, to: Turn) {
        let mut turn = self.lock();
        if matches!(*turn, Turn::Scheduler | Turn::Process) {
            *turn = to;
        }
        self.changed.notify_all();
    }

    /// Waits as long as it is somebody else's turn.
    fn wait_while(&self, is_others: impl Fn(&Turn) -> bool) -> MutexGuard<'_, Turn> {
        let turn = self.lock();
        self.changed.wait_while(turn, |turn| is_others(turn)).unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ended(&self) -> bool {
        matches!(*self.lock(), Turn::Ended)
    }

    /// On the thread: lets the scheduler go on, and waits for the next turn.
    fn give_way(&self) {
        self.pass(Turn::Scheduler);
        let turn = self.wait_while(|turn| matches!(turn, Turn::Scheduler));
        if matches!(*turn, Turn::Ended) {
            drop(turn);
            resume_unwind(Box::new(Ended(None)));
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Unwinds a thread whose process ends, past any code that would catch a panic's message.
struct Ended(Option<ExitReason>);

/// The calling process.
///
/// # Panics
/// Outside a process: the SDK's functions work only inside.
pub(super) fn current() -> Current {
    let current = CURRENT
        .with_borrow(Clone::clone)
        .expect("the SDK's functions are called from a process: see `testing::run`");
    // One that has been killed does nothing more, but for what its destructors do on the way.
    if !thread::panicking() && current.shared.is_ended() {
        resume_unwind(Box::new(Ended(None)));
    }
    current
}

/// Ends the calling process.
pub(super) fn end(reason: ExitReason) -> ! {
    resume_unwind(Box::new(Ended(Some(reason))))
}

/// Unwinds a thread whose process hibernates, with its state.
struct Hibernating(Vec<u8>);

/// Has the calling process hibernate: it goes on in another function, on the same thread. Returns only if it can't.
pub(super) fn hibernate(state: &[u8]) -> Error {
    if !current().can_hibernate {
        return Error::Unsupported("hibernation outside an entry of a component".to_owned());
    }
    resume_unwind(Box::new(Hibernating(state.to_owned())))
}

/// Runs an entry to its end, past its hibernations.
fn outcome_of_entry(entry: Option<&str>, body: impl FnOnce() -> Result<(), ExitReason>) -> otp::ExitReason {
    let mut result = catch_unwind(AssertUnwindSafe(body));
    loop {
        let Some(entry) = entry else { return outcome_of(result) };
        let Err(panic) = result else { return outcome_of(result) };
        let Hibernating(state) = match panic.downcast() {
            Ok(hibernating) => *hibernating,
            Err(panic) => return outcome_of(Err(panic)),
        };
        result = catch_unwind(AssertUnwindSafe(|| {
            let Current { context, component, .. } = current();
            block_on(context.hibernate());
            component.resume(entry, &state)
        }));
    }
}

/// Waits on the calling thread, until the process ends.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let shared = current().shared;
    let mut future = pin!(future);
    let mut task = TaskContext::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut task) {
            return value;
        }
        shared.give_way();
    }
}

/// Tells the thread that its process has ended.
struct Leash(Arc<Shared>);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.pass(Turn::Ended);
    }
}

/// The body of a process that runs `body`.
pub(crate) async fn run_as_process(
    context: otp::Context,
    component: &'static Component,
    entry: Option<&'static str>,
    body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static,
) -> otp::ExitReason {
    let shared = Arc::new(Shared { turn: Mutex::new(Turn::Scheduler), changed: Condvar::new() });
    let can_hibernate = entry.is_some();
    let current = Current { context, component, shared: shared.clone(), can_hibernate };
    let spawned = thread::Builder::new().spawn(move || {
        let shared = current.shared.clone();
        if matches!(*shared.wait_while(|turn| matches!(turn, Turn::Scheduler)), Turn::Ended) {
            return;
        }
        CURRENT.set(Some(current));
        let outcome = outcome_of_entry(entry, body);
        CURRENT.set(None);
        shared.pass(Turn::Finished(Some(outcome)));
    });
    let leash = match spawned {
        Ok(_) => Leash(shared),
        Err(error) => return otp::ExitReason::error(format!("no thread: {error}")),
    };
    std::future::poll_fn(|_| {
        leash.0.pass(Turn::Process);
        let turn = leash.0.lock();
        let waited =
            leash.0.changed.wait_timeout_while(turn, TOO_LONG, |turn| matches!(turn, Turn::Process));
        match &mut *waited.unwrap_or_else(PoisonError::into_inner).0 {
            Turn::Finished(reason) => reason.take().map_or(Poll::Pending, Poll::Ready),
            Turn::Process => Poll::Ready(otp::ExitReason::error(format!(
                "it has computed for {TOO_LONG:?} without waiting for anything: nobody else has a turn off wasm"
            ))),
            Turn::Scheduler | Turn::Ended => Poll::Pending,
        }
    })
    .await
}

/// After so long a process is taken to be in an endless loop: off wasm nothing preempts it.
const TOO_LONG: Duration = Duration::from_secs(20);

fn outcome_of(result: thread::Result<Result<(), ExitReason>>) -> otp::ExitReason {
    match result {
        Ok(Ok(())) => otp::ExitReason::Normal,
        Ok(Err(reason)) => reason.into(),
        Err(panic) => match panic.downcast::<Ended>() {
            Ok(ended) => ended.0.map_or(otp::ExitReason::Killed, Into::into),
            Err(panic) => crate::panic::reason(panic.as_ref()).into(),
        },
    }
}
