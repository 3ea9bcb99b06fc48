//! Tasks under a supervisor of their own (Elixir's `Task.Supervisor`).

use alloc::vec::Vec;

use serde::Serialize;

use crate::pid::{Destination, Pid};
use crate::process;
use crate::supervisor::{ChildSpec, ChildState, Supervisor, SupervisorError, SupervisorRef};
use crate::task::{Task, TaskArgument, TaskFunction};

/// A supervisor of tasks: they end with it, and it stops them in order. On a host the component needs the grant `start_children` for
/// the functions.
///
/// ```
/// use regrow_sdk::task::{self, TaskError, TaskSupervisor};
///
/// fn parse(text: String) -> u64 {
///     text.parse().expect("a number")
/// }
///
/// regrow_sdk::component! { "parse" => task parse }
///
/// # fn main() {
/// # regrow_sdk::testing::run(&COMPONENT, || {
/// let tasks = TaskSupervisor::start_link()?;
/// let parse = regrow_sdk::task!(parse);
/// assert_eq!(tasks.start(parse, &"42".to_owned())?.join(task::TIMEOUT), Ok(42));
/// // The failure of one that is not linked is its result.
/// let failed = tasks.start_nolink(parse, &"many".to_owned())?.join(task::TIMEOUT);
/// assert!(matches!(failed, Err(TaskError::Exit(_))));
/// # Ok(())
/// # });
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSupervisor(SupervisorRef);

impl TaskSupervisor {
    /// Starts one, linked to this process.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn start_link() -> Result<Self, SupervisorError> {
        Supervisor::dynamic().start_link().map(Self)
    }

    /// The dynamic supervisor that is, or is registered as, `to`: one of a manifest, or one with `max_children` or another intensity.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self(SupervisorRef::new(to))
    }

    /// Starts a task that is also linked to this process (`async/2`, rule T21).
    ///
    /// # Errors
    /// [`SupervisorError`]; [`SupervisorError::MaxChildren`] if it has enough (rule T24)
    pub fn start<A: Serialize, R>(
        &self,
        function: TaskFunction<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SupervisorError> {
        let pid = self.start_child_of(function, Some(process::self_pid()), argument, |spec| spec)?;
        let linked = process::link(pid).map_err(SupervisorError::from);
        self.or_terminated(pid, linked.and_then(|()| Ok(Task::of_process(pid)?)))
    }

    /// Starts a task whose failure is its result (`async_nolink/2`, rule T21).
    ///
    /// # Errors
    /// As [`TaskSupervisor::start`].
    pub fn start_nolink<A: Serialize, R>(
        &self,
        function: TaskFunction<A, R>,
        argument: &A,
    ) -> Result<Task<R>, SupervisorError> {
        let pid = self.start_child_of(function, Some(process::self_pid()), argument, |spec| spec)?;
        self.or_terminated(pid, Task::of_process(pid).map_err(SupervisorError::from))
    }

    /// A task that nobody can await is not to run on.
    fn or_terminated<R>(
        &self,
        pid: Pid,
        task: Result<Task<R>, SupervisorError>,
    ) -> Result<Task<R>, SupervisorError> {
        if task.is_err() {
            let _gone = self.0.terminate_child(pid);
        }
        task
    }

    /// Starts a task whose result nobody awaits, which is not restarted (`start_child/2`, rule T23).
    ///
    /// # Errors
    /// As [`TaskSupervisor::start`].
    pub fn start_child<A: Serialize, R>(
        &self,
        function: TaskFunction<A, R>,
        argument: &A,
    ) -> Result<Pid, SupervisorError> {
        self.start_child_of(function, None, argument, |spec| spec)
    }

    /// As [`TaskSupervisor::start_child`], with what `change` makes of its specification: `|spec| spec.transient()` has it run again when it
    /// fails.
    ///
    /// # Errors
    /// As [`TaskSupervisor::start`].
    pub fn start_child_with<A: Serialize, R>(
        &self,
        function: TaskFunction<A, R>,
        argument: &A,
        change: impl FnOnce(ChildSpec) -> ChildSpec,
    ) -> Result<Pid, SupervisorError> {
        self.start_child_of(function, None, argument, change)
    }

    fn start_child_of<A: Serialize, R>(
        &self,
        function: TaskFunction<A, R>,
        owner: Option<Pid>,
        argument: &A,
        change: impl FnOnce(ChildSpec) -> ChildSpec,
    ) -> Result<Pid, SupervisorError> {
        let argument = TaskArgument { owner, argument };
        let spec = ChildSpec::worker("task", function.entry).argument(&argument).temporary();
        // A task never has nothing to do: it acknowledges before it does anything.
        self.0.start_child(&change(spec))?.map(|child| child.pid).ok_or(SupervisorError::NotFound)
    }

    /// The tasks that run (`children/1`).
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn children(&self) -> Result<Vec<Pid>, SupervisorError> {
        let children = self.0.which_children()?.into_iter();
        Ok(children
            .filter_map(|child| match child.state {
                ChildState::Running(pid) => Some(pid),
                _ => None,
            })
            .collect())
    }

    /// Stops a task and waits for its end (`terminate_child/2`).
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn terminate_child(&self, task: Pid) -> Result<(), SupervisorError> {
        self.0.terminate_child(task)
    }

    /// The supervisor.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.0
    }
}
