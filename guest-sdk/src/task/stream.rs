//! Many tasks, some of them at a time.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Task, TaskError, TaskFunction};
use crate::exit_reason::ExitReason;
use crate::process::{self, SpawnOptions};
use crate::request::{Collection, NextResponse};
use crate::timer;

/// What becomes of a stream whose task takes too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnTimeout {
    /// It gives [`TaskError::Timeout`] and ends; the tasks that run are killed.
    #[default]
    End,
    /// The task is killed; the stream gives [`TaskError::Timeout`] in its place, and goes on.
    KillTask,
}

/// The results of tasks for many inputs (`Task.async_stream/3`, rules T15 to T20). Nothing is started before the first result is asked
/// for, and no more than are allowed at a time; who asks for results slowly has tasks started slowly.
#[derive(Debug)]
pub struct TaskStream<A, R, I> {
    function: TaskFunction<A, R>,
    inputs: I,
    options: SpawnOptions,
    max_concurrency: usize,
    is_ordered: bool,
    timeout: Option<Duration>,
    on_timeout: OnTimeout,
    /// Those that run, by the numbers of their inputs, and when each has run for too long.
    running: BTreeMap<usize, (Task<R>, Option<Duration>)>,
    requests: Collection<usize>,
    /// Those that have ended and were not given out, in the order of their ends.
    ended: VecDeque<(usize, Result<R, TaskError>)>,
    next_input: usize,
    next_output: usize,
    is_over: bool,
}

impl<A, R, I> TaskStream<A, R, I> {
    /// How many tasks run at a time, unless it is told otherwise.
    pub const MAX_CONCURRENCY: usize = 8;

    pub(super) fn new(function: TaskFunction<A, R>, inputs: I) -> Self {
        Self {
            function,
            inputs,
            options: SpawnOptions::link(),
            max_concurrency: Self::MAX_CONCURRENCY,
            is_ordered: true,
            timeout: super::TIMEOUT,
            on_timeout: OnTimeout::End,
            running: BTreeMap::new(),
            requests: Collection::new(),
            ended: VecDeque::new(),
            next_input: 0,
            next_output: 0,
            is_over: false,
        }
    }

    /// This stream, with so many tasks at a time at most.
    ///
    /// # Panics
    /// If that is none (rule T20).
    #[must_use]
    pub fn max_concurrency(mut self, tasks: usize) -> Self {
        assert!(tasks > 0, "a stream of tasks runs at least one at a time");
        self.max_concurrency = tasks;
        self
    }

    /// This stream, whose results come as they are there, and not in the order of the inputs (rule T16).
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.is_ordered = false;
        self
    }

    /// This stream, whose tasks may take so long, each from its start (rule T17): five seconds unless it is told otherwise; none is for
    /// ever.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>, on_timeout: OnTimeout) -> Self {
        (self.timeout, self.on_timeout) = (timeout, on_timeout);
        self
    }

    /// This stream, whose tasks are not linked to this process: a failure of one is given out, and ends nobody else (rule T18).
    #[must_use]
    pub fn nolink(mut self) -> Self {
        self.options = SpawnOptions::default();
        self
    }
}

impl<A: Serialize, R: DeserializeOwned, I: Iterator<Item = A>> TaskStream<A, R, I> {
    /// Starts as many as may run.
    fn fill(&mut self) {
        while self.running.len() < self.max_concurrency {
            let Some(input) = self.inputs.next() else { return };
            let number = self.next_input;
            self.next_input += 1;
            match self.function.start_with(&input, &self.options) {
                Ok(task) => {
                    let deadline =
                        self.timeout.map(|timeout| timer::monotonic_time().saturating_add(timeout));
                    if let Some(request) = task.request() {
                        // References are not used twice.
                        let _new = self.requests.add(request, number);
                    }
                    self.running.insert(number, (task, deadline));
                }
                Err(error) => self.ended.push_back((number, Err(TaskError::NotStarted(error)))),
            }
        }
    }

    /// Waits until one of those that run has ended, or has run for too long.
    fn wait(&mut self) {
        let deadline = self.running.values().filter_map(|(_, deadline)| *deadline).min();
        let left = deadline.map(|deadline| deadline.saturating_sub(timer::monotonic_time()));
        match self.requests.wait::<R>(left) {
            NextResponse::Response { label, response } => {
                if let Some((mut task, _)) = self.running.remove(&label) {
                    task.request = None;
                }
                self.ended.push_back((label, response.map_err(Into::into)));
            }
            NextResponse::Refused(error) => {
                self.ended.push_back((self.next_output, Err(TaskError::NotStarted(error))));
                self.end();
            }
            NextResponse::Timeout | NextResponse::NoRequest => self.time_out(),
        }
    }

    fn time_out(&mut self) {
        let now = timer::monotonic_time();
        let late = |(number, (_, deadline)): (&usize, &(Task<R>, Option<Duration>))| {
            deadline.is_some_and(|deadline| deadline <= now).then_some(*number)
        };
        let late: Vec<usize> = self.running.iter().filter_map(late).collect();
        for number in late {
            if let Some((task, _)) = self.running.remove(&number) {
                self.forget(&task);
                kill(task);
                self.ended.push_back((number, Err(TaskError::Timeout)));
            }
            if self.on_timeout == OnTimeout::End {
                // What follows is given out no more: this comes first.
                self.ended.retain(|(ended, result)| {
                    *ended < number || matches!(result, Err(TaskError::Timeout)) && *ended == number
                });
                return self.end();
            }
        }
    }
}

impl<A, R, I> TaskStream<A, R, I> {
    fn forget(&mut self, task: &Task<R>) {
        if let Some(request) = task.request() {
            self.requests.remove(request);
        }
    }

    /// Nothing is started any more, and what runs is killed (rule T19).
    fn end(&mut self) {
        self.is_over = true;
        self.requests = Collection::new();
        core::mem::take(&mut self.running).into_values().for_each(|(task, _)| kill(task));
    }

    /// What is to be given out now.
    fn ready(&mut self) -> Option<Result<R, TaskError>> {
        let at = if self.is_ordered {
            let next = self.ended.iter().position(|(number, _)| *number == self.next_output);
            // After a timeout that has ended it there are gaps.
            next.or_else(|| self.is_over.then_some(0))?
        } else {
            0
        };
        let (_, result) = self.ended.remove(at)?;
        self.next_output += 1;
        Some(result)
    }
}

fn kill<R>(task: Task<R>) {
    process::unlink(task.pid());
    // It is this process's own, or has ended.
    let _ = process::exit_process(task.pid(), ExitReason::Kill);
}

impl<A: Serialize, R: DeserializeOwned, I: Iterator<Item = A>> Iterator for TaskStream<A, R, I> {
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(result) = self.ready() {
                return Some(result);
            }
            if self.is_over {
                return None;
            }
            self.fill();
            if self.running.is_empty() {
                return self.ready();
            }
            if self.ended.is_empty() || self.is_ordered {
                self.wait();
            }
        }
    }
}

impl<A, R, I> Drop for TaskStream<A, R, I> {
    fn drop(&mut self) {
        self.end();
    }
}
