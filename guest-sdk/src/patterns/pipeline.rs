//! Steps that are done one after the other, each in a process of its own: what fails takes nothing along.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::patterns::pipeline::Pipeline;
//! use regrow_sdk::patterns::retry::Retry;
//! use regrow_sdk::task;
//!
//! fn parse(text: String) -> Result<u64, String> {
//!     text.parse().map_err(|_| format!("{text:?} is no number"))
//! }
//!
//! fn halve(number: u64) -> Result<u64, String> {
//!     assert!(number % 2 == 0, "{number} is odd");
//!     Ok(number / 2)
//! }
//!
//! regrow_sdk::component! {
//!     "parse" => task parse,
//!     "halve" => task halve,
//! }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let pipeline = Pipeline::of(task!(parse)).then(task!(halve)).timeout(Duration::from_secs(1));
//!     assert_eq!(pipeline.run(&"84".to_owned()), Ok(42));
//!     let failed = pipeline.run(&"many".to_owned()).unwrap_err();
//!     assert_eq!(failed.to_string(), "parse: \"many\" is no number");
//!     let failed = pipeline.run(&"7".to_owned()).unwrap_err();
//!     assert_eq!(failed.step, "halve");
//!     assert!(failed.to_string().contains("7 is odd"));
//!     Ok(())
//! });
//! # }
//! # use regrow_sdk::task as _;
//! ```

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use regrow_term::Term;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::patterns::retry::Retry;
use crate::task::{Shutdown, Task, TaskError, TaskFunction};

/// What went wrong, at which step.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineError {
    /// The step.
    pub step: &'static str,
    /// Why.
    pub why: Failure,
}

/// Why a step has no result.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// It says so itself.
    Refused(String),
    /// It crashed, or took too long.
    Task(Box<TaskError>),
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Failure::Refused(why) => write!(f, "{}: {why}", self.step),
            Failure::Task(error) => write!(f, "{}: {error}", self.step),
        }
    }
}

impl core::error::Error for PipelineError {}

/// Runs a step as a task: from a term to a term.
type Step = Box<dyn Fn(Term, Option<Duration>) -> Result<Term, Failure>>;

/// Functions that are tasks of this component, each of which takes what the one before has given. A step that crashes is tried again as
/// [`Pipeline::retry`] says; one that returns an error is not.
pub struct Pipeline<A, B> {
    steps: Vec<(&'static str, Step)>,
    timeout: Option<Duration>,
    retry: Retry,
    types: PhantomData<fn(A) -> B>,
}

fn term<T: Serialize>(value: &T) -> Result<Term, Failure> {
    Term::of(value).map_err(|error| Failure::Refused(error.to_string()))
}

fn value<T: DeserializeOwned>(term: &Term) -> Result<T, Failure> {
    term.to_value().map_err(|error| Failure::Refused(error.to_string()))
}

fn failed(error: TaskError) -> Failure {
    Failure::Task(Box::new(error))
}

fn step<A, B>(function: TaskFunction<A, Result<B, String>>) -> Step
where
    A: Serialize + DeserializeOwned + 'static,
    B: Serialize + DeserializeOwned + 'static,
{
    Box::new(move |argument, timeout| {
        let argument: A = value(&argument)?;
        let started = function.start_nolink(&argument);
        let mut task: Task<Result<B, String>> =
            started.map_err(|error| failed(TaskError::NotStarted(error)))?;
        let in_time = task.poll(timeout);
        // One that is late is not to do its work beside the next attempt.
        let ended = in_time.or_else(|| task.shutdown(Shutdown::BrutalKill));
        let result = ended.unwrap_or(Err(TaskError::Timeout)).map_err(failed)?;
        term(&result.map_err(Failure::Refused)?)
    })
}

impl<A, B> Pipeline<A, B>
where
    A: Serialize + DeserializeOwned + 'static,
    B: Serialize + DeserializeOwned + 'static,
{
    /// One step.
    pub fn of(function: TaskFunction<A, Result<B, String>>) -> Self {
        let steps = alloc::vec![(function.entry, step(function))];
        Self { steps, timeout: crate::task::TIMEOUT, retry: Retry::times(1), types: PhantomData }
    }

    /// These, and then another one.
    #[must_use]
    pub fn then<C>(mut self, function: TaskFunction<B, Result<C, String>>) -> Pipeline<A, C>
    where
        C: Serialize + DeserializeOwned + 'static,
    {
        self.steps.push((function.entry, step(function)));
        Pipeline { steps: self.steps, timeout: self.timeout, retry: self.retry, types: PhantomData }
    }

    /// Each step may take so long; five seconds, unless told otherwise.
    #[must_use]
    pub fn timeout(self, each: Duration) -> Self {
        Self { timeout: Some(each), ..self }
    }

    /// A step that crashes or takes too long is tried again so.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Does all of them.
    ///
    /// # Errors
    /// [`PipelineError`]: of the first one that failed
    pub fn run(&self, argument: &A) -> Result<B, PipelineError> {
        let of_step = |step: &'static str| move |why| PipelineError { step, why };
        let first = self.steps.first().map_or("", |(name, _)| *name);
        let mut value = term(argument).map_err(of_step(first))?;
        let mut last = first;
        for (name, step) in &self.steps {
            last = name;
            let attempt = || step(value.clone(), self.timeout);
            let is_worth_it = |failure: &Failure| matches!(failure, Failure::Task(_));
            value = self.retry.run_while(attempt, is_worth_it).map_err(of_step(name))?;
        }
        self::value(&value).map_err(of_step(last))
    }
}
