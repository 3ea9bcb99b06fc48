//! Tasks (Elixir's `Task`): a function of this component that runs in a process of its own, and whose result is awaited.
//!
//! ```
//! use regrow_sdk::task::{self, Task};
//!
//! fn square(number: u64) -> u64 {
//!     number * number
//! }
//!
//! regrow_sdk::component! { "square" => task square }
//!
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! let square = regrow_sdk::task!(square);
//! let task = square.start(&12)?;
//! assert_eq!(task.join(task::TIMEOUT)?, 144);
//!
//! // Many at once, no more than four at a time, in the order of what they were given.
//! let squares = square.stream(1..=10u64).max_concurrency(4);
//! assert_eq!(squares.collect::<Result<Vec<_>, _>>()?, [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]);
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! Nothing but data goes from process to process, so that a task is named, as an entry of the component, in place of a closure; what the
//! function would capture is its argument. [`task!`](crate::task!) takes the types from the function itself.
//!
//! A task is linked to the process that starts it: if one fails, so does the other, unless it traps exits.
//! [`TaskFunction::start_nolink`] starts one that is not.

mod stream;
mod supervisor;

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use stream::{OnTimeout, TaskStream};
pub use supervisor::TaskSupervisor;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::mailbox::{self, CallError, Received};
use crate::pid::Pid;
use crate::process::{self, SpawnOptions};
use crate::request::{self, Collection, NextResponse, Request};
use crate::timer;

/// How long one usually waits for a task (as Elixir's `await/1` does).
pub const TIMEOUT: Option<Duration> = Some(Duration::from_secs(5));

/// A function that is an entry of this component (`"name" => task function`), with the types of its argument and its result.
/// [`task!`](crate::task!) makes it.
pub struct TaskFunction<A, R> {
    pub(crate) entry: &'static str,
    types: PhantomData<fn(A) -> R>,
}

impl<A, R> Clone for TaskFunction<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for TaskFunction<A, R> {}

impl<A, R> fmt::Debug for TaskFunction<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskFunction").field(&self.entry).finish()
    }
}

/// The entry of this component that a function is, under the function's own name: `task!(fetch)` is `"fetch" => task fetch`.
#[macro_export]
macro_rules! task {
    ($function:ident) => {
        $crate::task::TaskFunction::of_entry(stringify!($function), $function)
    };
}

/// What a task is started with.
#[derive(Serialize, Deserialize)]
struct TaskArgument<A> {
    /// Who awaits the result: it asks for it. Without, nobody does.
    owner: Option<Pid>,
    argument: A,
}

/// Runs a task's function as a process.
pub(crate) fn run<A: DeserializeOwned, R: Serialize>(
    function: fn(A) -> R,
    argument: &[u8],
) -> Result<(), ExitReason> {
    let TaskArgument { owner, argument } = crate::component::understand::<TaskArgument<A>>(argument)?;
    process::init_ack(process::InitResult::Started);
    let Some(owner) = owner else {
        function(argument);
        return Ok(());
    };
    let from = asked_by(owner)?;
    mailbox::reply(from, &function(argument)).map_err(Into::into)
}

/// Waits until the owner asks for the result. If it ends before that, so does the task (rule T22).
fn asked_by(owner: Pid) -> Result<crate::pid::ReplyTo, ExitReason> {
    let monitor = process::monitor(owner)?;
    let asked = mailbox::receive_match(None, |received| match received {
        Received::Message(message) if message.from == owner => message.reply_to().map(Ok),
        Received::Down { reference, reason, .. } if reference == monitor.into() => Some(Err(reason)),
        _ => None,
    });
    let asked = asked.unwrap_or(Err(ExitReason::NoProc));
    process::demonitor(monitor);
    asked.map_err(|reason| ExitReason::ShutdownWith(alloc::format!("{reason}").into()))
}

impl<A, R> TaskFunction<A, R> {
    /// The function that is the entry of that name.
    pub const fn of_entry(entry: &'static str, _function: fn(A) -> R) -> Self {
        Self { entry, types: PhantomData }
    }
}

impl<A: Serialize, R> TaskFunction<A, R> {
    /// Starts a task that is linked to this process (`Task.async/1`, rule T1).
    ///
    /// # Errors
    /// [`Error`]; [`Error::BadArgument`] if the component has no entry of the function's name
    pub fn start(&self, argument: &A) -> Result<Task<R>, Error> {
        self.start_with(argument, &SpawnOptions::link())
    }

    /// Starts a task that is not linked: its failure is its result (`Task.Supervisor.async_nolink/2`, rule T21).
    ///
    /// # Errors
    /// As [`TaskFunction::start`].
    pub fn start_nolink(&self, argument: &A) -> Result<Task<R>, Error> {
        self.start_with(argument, &SpawnOptions::default())
    }

    /// Starts a task whose result nobody awaits (`Task.start/1`, rule T13); its process.
    ///
    /// # Errors
    /// As [`TaskFunction::start`].
    pub fn start_and_forget(&self, argument: &A) -> Result<Pid, Error> {
        self.spawn(None, argument, &SpawnOptions::default())
    }

    /// As [`TaskFunction::start`], as `options` say.
    ///
    /// # Errors
    /// As [`TaskFunction::start`].
    pub fn start_with(&self, argument: &A, options: &SpawnOptions) -> Result<Task<R>, Error> {
        let pid = self.spawn(Some(process::self_pid()), argument, options)?;
        Task::of_process(pid)
    }

    fn spawn(&self, owner: Option<Pid>, argument: &A, options: &SpawnOptions) -> Result<Pid, Error> {
        Ok(process::spawn(self.entry, &TaskArgument { owner, argument }, options)?.pid)
    }

    /// Tasks for all of `inputs`, some of them at a time (`Task.async_stream/3`, rules T15 to T20).
    pub fn stream<I: IntoIterator<Item = A>>(&self, inputs: I) -> TaskStream<A, R, I::IntoIter> {
        TaskStream::new(*self, inputs.into_iter())
    }
}

/// A task whose result this process awaits. Nobody else can (rule T2): it can't be sent. When it is dropped, a result that comes later
/// vanishes; the task goes on.
#[derive(Debug)]
pub struct Task<R> {
    pid: Pid,
    request: Option<Request>,
    result: PhantomData<fn() -> R>,
}

/// Why a task has no result.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskError {
    /// It did not come in time. The task goes on.
    Timeout,
    /// The task has ended without.
    Exit(ExitReason),
    /// The result is of another type, or is no result.
    Decode(CallError),
    /// It could not be started.
    NotStarted(Error),
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the task did not end in time"),
            Self::Exit(reason) => write!(f, "the task has ended: {reason}"),
            Self::Decode(error) => write!(f, "{error}"),
            Self::NotStarted(error) => write!(f, "the task could not be started: {error}"),
        }
    }
}

impl core::error::Error for TaskError {}

impl From<CallError> for TaskError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Timeout => Self::Timeout,
            CallError::Down(reason) => Self::Exit(reason),
            other => Self::Decode(other),
        }
    }
}

/// How a task is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It is told to, and killed after that time.
    Timeout(Duration),
    /// It is killed.
    BrutalKill,
}

impl<R> Task<R> {
    /// The task of a process that has been started for this one.
    pub(crate) fn of_process(pid: Pid) -> Result<Self, Error> {
        let request = request::send(pid, &())?;
        Ok(Self { pid, request: Some(request), result: PhantomData })
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Gives the result up, whether it is there or will come (`Task.ignore/1`, rule T12): the task goes on, and no failure of its
    /// reaches this process any more.
    pub fn ignore(self) {
        process::unlink(self.pid);
    }

    fn request(&self) -> Option<Request> {
        self.request
    }
}

impl<R> Drop for Task<R> {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            request.abandon();
        }
    }
}

impl<R: DeserializeOwned> Task<R> {
    /// Waits for the result, up to `timeout` (`Task.await/2`, rules T3, T4): after that it is given up.
    ///
    /// # Errors
    /// [`TaskError`]. If the task fails while it is linked, and this process does not trap exits, it ends before it learns of that.
    pub fn join(mut self, timeout: Option<Duration>) -> Result<R, TaskError> {
        self.poll(timeout).unwrap_or(Err(TaskError::Timeout))
    }

    /// Waits for the result, up to `timeout`; none if it has not come, or has been taken. Then it can be waited for again
    /// (`Task.yield/2`, rule T7).
    pub fn poll(&mut self, timeout: Option<Duration>) -> Option<Result<R, TaskError>> {
        let result = self.request()?.wait(timeout)?;
        self.request = None;
        Some(result.map_err(Into::into))
    }

    /// The result, if that is what has been received: for servers, which receive all that comes.
    ///
    /// # Errors
    /// What was received, if it is something else.
    #[expect(clippy::result_large_err, reason = "what was received goes back to its receiver")]
    pub fn check(&mut self, received: Received) -> Result<Result<R, TaskError>, Received> {
        let Some(request) = self.request() else { return Err(received) };
        let result = request.check(received)?;
        self.request = None;
        Ok(result.map_err(Into::into))
    }

    /// Ends the task and waits until it has ended (`Task.shutdown/2`, rules T9 to T11). None if it ended because of that; what came before
    /// counts.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Option<Result<R, TaskError>> {
        if self.request.is_none() {
            return Some(Err(TaskError::Exit(ExitReason::NoProc)));
        }
        let Some(monitor) = process::monitor(self.pid).ok() else { return self.poll(Some(Duration::ZERO)) };
        process::unlink(self.pid);
        let (reason, timeout) = match shutdown {
            Shutdown::Timeout(timeout) => (ExitReason::Shutdown, Some(timeout)),
            Shutdown::BrutalKill => (ExitReason::Kill, None),
        };
        // A task is this process's own, or has ended.
        let _ = process::exit_process(self.pid, reason);
        let in_time = mailbox::wait_for(monitor, timeout).is_some();
        if !in_time {
            let _ = process::exit_process(self.pid, ExitReason::Kill);
            mailbox::wait_for(monitor, None);
        }
        match self.poll(Some(Duration::ZERO)) {
            Some(Err(TaskError::Exit(reason))) if is_asked_for(&reason, shutdown, in_time) => None,
            other => other,
        }
    }
}

/// Whether a task has ended as it was told to.
fn is_asked_for(reason: &ExitReason, shutdown: Shutdown, in_time: bool) -> bool {
    match shutdown {
        Shutdown::Timeout(_) => in_time && *reason == ExitReason::Shutdown,
        Shutdown::BrutalKill => *reason == ExitReason::Killed,
    }
}

/// Waits for the results of all tasks, in their order, up to `timeout` for all together (`Task.await_many/2`, rule T6).
///
/// # Errors
/// The first failure; the others are given up.
pub fn join_all<R: DeserializeOwned>(
    tasks: Vec<Task<R>>,
    timeout: Option<Duration>,
) -> Result<Vec<R>, TaskError> {
    let mut results = poll_all(tasks, timeout, |result| result.is_err());
    let failure = results.iter_mut().find_map(|(_, result)| result.take_if(|result| result.is_err()));
    if let Some(failure) = failure {
        return failure.map(|_| Vec::new());
    }
    results.into_iter().map(|(_, result)| result.unwrap_or(Err(TaskError::Timeout))).collect()
}

/// What has become of each task in time, in their order (`Task.yield_many/2`, rule T8): none of those that go on, which can be waited for
/// again.
#[expect(clippy::type_complexity, reason = "the task, and what has become of it")]
pub fn yield_all<R: DeserializeOwned>(
    tasks: Vec<Task<R>>,
    timeout: Option<Duration>,
) -> Vec<(Task<R>, Option<Result<R, TaskError>>)> {
    poll_all(tasks, timeout, |_| false)
}

#[expect(clippy::type_complexity, reason = "the task, and what has become of it")]
fn poll_all<R: DeserializeOwned>(
    tasks: Vec<Task<R>>,
    timeout: Option<Duration>,
    is_enough: impl Fn(&Result<R, TaskError>) -> bool,
) -> Vec<(Task<R>, Option<Result<R, TaskError>>)> {
    let deadline = timeout.map(|timeout| timer::monotonic_time().saturating_add(timeout));
    let mut all: Vec<_> = tasks.into_iter().map(|task| (task, None)).collect();
    let mut waiting = Collection::new();
    for (number, (task, _)) in all.iter().enumerate() {
        if let Some(request) = task.request() {
            // References are not used twice.
            let _new = waiting.add(request, number);
        }
    }
    loop {
        let left = deadline.map(|deadline| deadline.saturating_sub(timer::monotonic_time()));
        let NextResponse::Response { label, response } = waiting.wait::<R>(left) else { return all };
        let (task, result) = &mut all[label];
        task.request = None;
        let result = result.insert(response.map_err(Into::into));
        if is_enough(result) {
            return all;
        }
    }
}
