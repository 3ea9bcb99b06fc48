//! A process whose body is ordinary blocking code, on a thread of its own.
//!
//! The process's future does nothing but wake the thread whenever the scheduler polls it; the thread polls
//! whatever it waits for itself. When the process ends, the future is dropped and the thread unwinds at its
//! next call.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread::{self, Thread};

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

struct Shared {
    ended: AtomicBool,
    outcome: Mutex<Option<otp::ExitReason>>,
    waker: Mutex<Option<Waker>>,
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
    if current.shared.ended.load(Ordering::Acquire) && !thread::panicking() {
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
        if shared.ended.load(Ordering::Acquire) {
            resume_unwind(Box::new(Ended(None)));
        }
        if let Poll::Ready(value) = future.as_mut().poll(&mut task) {
            return value;
        }
        thread::park();
    }
}

/// Tells the thread that its process has ended.
struct Leash {
    shared: Arc<Shared>,
    thread: Thread,
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// The body of a process that runs `body`.
pub(crate) async fn run_as_process(
    context: otp::Context,
    component: &'static Component,
    entry: Option<&'static str>,
    body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static,
) -> otp::ExitReason {
    let shared = Arc::new(Shared {
        ended: AtomicBool::new(false),
        outcome: Mutex::default(),
        waker: Mutex::default(),
    });
    let can_hibernate = entry.is_some();
    let current = Current { context, component, shared: shared.clone(), can_hibernate };
    let spawned = thread::Builder::new().spawn(move || {
        let shared = current.shared.clone();
        CURRENT.set(Some(current));
        let outcome = outcome_of_entry(entry, body);
        CURRENT.set(None);
        *lock(&shared.outcome) = Some(outcome);
        if let Some(waker) = lock(&shared.waker).take() {
            waker.wake();
        }
    });
    let leash = match spawned {
        Ok(handle) => Leash { shared: shared.clone(), thread: handle.thread().clone() },
        Err(error) => return otp::ExitReason::error(format!("no thread: {error}")),
    };
    std::future::poll_fn(|task| {
        *lock(&shared.waker) = Some(task.waker().clone());
        leash.thread.unpark();
        match lock(&shared.outcome).take() {
            Some(reason) => Poll::Ready(reason),
            None => Poll::Pending,
        }
    })
    .await
}

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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
