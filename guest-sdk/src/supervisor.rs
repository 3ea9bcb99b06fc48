//! Supervisors, started and managed at run time, after OTP's `supervisor` and Elixir's `DynamicSupervisor` and
//! `PartitionSupervisor`. They run in the host: whatever a guest does, their strategies hold.
//!
//! On a host, what is started as a child must be among the component's grants (`start_children`), and a supervisor that
//! somebody else has started, too (`supervise`).
//!
//! ```
//! use regrow_sdk::gen_server::ServerRef;
//! use regrow_sdk::supervisor::{ChildSpec, Supervisor};
//! # use regrow_sdk::gen_server::{CallResult, Init};
//! # use regrow_sdk::{GenServer, ReplyTo};
//! # struct Counter(u64);
//! # impl GenServer for Counter {
//! #     type Argument = u64;
//! #     type Call = ();
//! #     type Reply = u64;
//! #     type Cast = ();
//! #     fn init(start: u64) -> Init<Self> { Init::Started(Counter(start)) }
//! #     fn handle_call(&mut self, _: (), _: ReplyTo) -> CallResult<u64> { CallResult::Reply(self.0) }
//! # }
//! # regrow_sdk::component! { "counter" => server Counter }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! let counters = Supervisor::new()
//!     .child(ChildSpec::worker("first", "counter").argument(&1u64).named("first"))
//!     .child(ChildSpec::worker("second", "counter").argument(&2u64).transient())
//!     .start_link()?;
//! let third = ChildSpec::worker("third", "counter").argument(&3u64);
//! let third = counters.start_child(&third)?.expect("it runs").pid;
//! assert_eq!(ServerRef::<Counter>::new(third).call(&())?, 3);
//! assert_eq!(counters.count_children()?.active, 3);
//! # Ok(())
//! # });
//! # }
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::mailbox::payload;
use crate::pid::{Destination, Pid};
use crate::sys;

/// Which children are restarted when one of them ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// That child.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// That child and those started after it.
    RestForOne,
}

/// When a child is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// However it ended.
    #[default]
    Permanent,
    /// If it ended abnormally.
    Transient,
    /// Never.
    Temporary,
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Killed.
    BrutalKill,
    /// Told to shut down, and killed after this time.
    Timeout(Duration),
    /// Told to shut down, and waited for.
    Infinity,
}

/// Whether the end of significant children ends the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AutoShutdown {
    /// No.
    #[default]
    Never,
    /// The first one's does.
    AnySignificant,
    /// The last one's does.
    AllSignificant,
}

/// How long the restarts of a child wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the first restart.
    pub initial: Duration,
    /// At most.
    pub max: Duration,
    /// How much longer each wait is than the one before; 1 is constant.
    pub factor: f64,
    /// How much of a wait is left to chance, from 0 to 1.
    pub jitter: f64,
    /// How long a child must have run for its crashes to be forgotten.
    pub reset_after: Duration,
}

impl Backoff {
    /// The same wait before each restart.
    pub const fn constant(wait: Duration) -> Self {
        Self { initial: wait, max: wait, factor: 1.0, jitter: 0.0, reset_after: wait }
    }

    /// A wait that doubles from `initial` up to `max`.
    pub const fn exponential(initial: Duration, max: Duration) -> Self {
        Self { initial, max, factor: 2.0, jitter: 0.0, reset_after: max }
    }
}

/// The specification of a child: a permanent worker with five seconds to start and to stop, unless told otherwise.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    pub(crate) id: String,
    pub(crate) component: Option<String>,
    pub(crate) entry: String,
    pub(crate) argument: Result<Vec<u8>, Error>,
    pub(crate) name: Option<String>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) parks: bool,
}

const FIVE_SECONDS: Duration = Duration::from_secs(5);

impl ChildSpec {
    /// A child called `id` that runs an entry of this component, with the argument `()`.
    pub fn worker(id: impl Into<String>, entry: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            component: None,
            entry: entry.into(),
            argument: payload(&()),
            name: None,
            restart: Restart::Permanent,
            shutdown: Shutdown::Timeout(FIVE_SECONDS),
            significant: false,
            start_timeout: Some(FIVE_SECONDS),
            backoff: None,
            parks: false,
        }
    }

    /// This child, with an argument. Where more are added (by a template, a dynamic supervisor, a partition), they become
    /// one list.
    #[must_use]
    pub fn argument<A: Serialize + ?Sized>(self, argument: &A) -> Self {
        Self { argument: payload(argument), ..self }
    }

    /// This child, run by another component.
    #[must_use]
    pub fn of_component(self, component: impl Into<String>) -> Self {
        Self { component: Some(component.into()), ..self }
    }

    /// This child, registered under a name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// This child, restarted only if it ended abnormally.
    #[must_use]
    pub fn transient(self) -> Self {
        Self { restart: Restart::Transient, ..self }
    }

    /// This child, never restarted.
    #[must_use]
    pub fn temporary(self) -> Self {
        Self { restart: Restart::Temporary, ..self }
    }

    /// This child, stopped as `shutdown` says.
    #[must_use]
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self }
    }

    /// This child, whose end may end its supervisor.
    #[must_use]
    pub fn significant(self) -> Self {
        Self { significant: true, ..self }
    }

    /// This child, which may take so long to start; none is for ever.
    #[must_use]
    pub fn start_timeout(self, timeout: Option<Duration>) -> Self {
        Self { start_timeout: timeout, ..self }
    }

    /// This child, whose restarts wait.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff: Some(backoff), ..self }
    }

    /// This child, parked when it is restarted too often, in place of taking its supervisor down.
    #[must_use]
    pub fn parked_over_intensity(self) -> Self {
        Self { parks: true, ..self }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Children {
    Fixed(Vec<ChildSpec>),
    Template(ChildSpec),
    Dynamic(Vec<Result<Vec<u8>, Error>>),
    Partitions(u32, ChildSpec),
}

/// A supervisor that is to be started: one_for_one, one restart in five seconds, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Supervisor {
    pub(crate) name: Option<String>,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) children: Children,
    pub(crate) max_children: Option<u64>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    fn of(children: Children, intensity: u32) -> Self {
        Self {
            name: None,
            strategy: Strategy::OneForOne,
            intensity,
            period: FIVE_SECONDS,
            auto_shutdown: AutoShutdown::Never,
            children,
            max_children: None,
        }
    }

    /// A supervisor without children yet.
    pub fn new() -> Self {
        Self::of(Children::Fixed(Vec::new()), 1)
    }

    /// A supervisor whose children all come from one template (`simple_one_for_one`):
    /// [`SupervisorRef::start_from_template`] starts one.
    pub fn from_template(template: ChildSpec) -> Self {
        Self::of(Children::Template(template), 1)
    }

    /// A supervisor whose children are started while it runs, each from a specification of its own (Elixir's
    /// `DynamicSupervisor`): three restarts in five seconds, as there.
    pub fn dynamic() -> Self {
        Self::of(Children::Dynamic(Vec::new()), 3)
    }

    /// A supervisor with one child for each of so many partitions (Elixir's `PartitionSupervisor`). [`partition`] finds
    /// the child for a key. A child gets the number of its partition behind its arguments.
    pub fn partitioned(name: impl Into<String>, partitions: u32, child: ChildSpec) -> Self {
        Self::of(Children::Partitions(partitions, child), 3).named(name)
    }

    /// This supervisor, with one more child, behind the others.
    ///
    /// # Panics
    /// If its children are not fixed.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        match &mut self.children {
            Children::Fixed(children) => children.push(child),
            _ => panic!("only a supervisor made by `new` has children of its own"),
        }
        self
    }

    /// This supervisor, whose children get one more argument before their own.
    ///
    /// # Panics
    /// If it is not dynamic.
    #[must_use]
    pub fn extra_argument<A: Serialize + ?Sized>(mut self, argument: &A) -> Self {
        match &mut self.children {
            Children::Dynamic(extra) => extra.push(payload(argument)),
            _ => panic!("only a supervisor made by `dynamic` has extra arguments"),
        }
        self
    }

    /// This supervisor, with so many children at most, if they are dynamic.
    #[must_use]
    pub fn max_children(self, most: u64) -> Self {
        Self { max_children: Some(most), ..self }
    }

    /// This supervisor, registered under a name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// This supervisor, with another strategy.
    #[must_use]
    pub fn strategy(self, strategy: Strategy) -> Self {
        Self { strategy, ..self }
    }

    /// This supervisor, with so many restarts allowed within `period`, which is counted in whole seconds.
    #[must_use]
    pub fn intensity(self, restarts: u32, period: Duration) -> Self {
        Self { intensity: restarts, period, ..self }
    }

    /// This supervisor, ended by significant children.
    #[must_use]
    pub fn auto_shutdown(self, auto_shutdown: AutoShutdown) -> Self {
        Self { auto_shutdown, ..self }
    }

    /// Starts it, linked to this process, and waits until its children have started.
    ///
    /// # Errors
    /// [`SupervisorError`]; what had been started is stopped again.
    pub fn start_link(&self) -> Result<SupervisorRef, SupervisorError> {
        sys::supervisor::start_link(self).map(SupervisorRef::new)
    }
}

/// Why a supervisor did not do what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum SupervisorError {
    /// The host refused it.
    Refused(Error),
    /// There is no such supervisor, or, of a partition, no such process at the moment.
    NoProc,
    /// The process is no supervisor.
    NotASupervisor,
    /// It ended before it answered.
    Down(ExitReason),
    /// The id belongs to a child that runs.
    AlreadyStarted(Pid),
    /// The id belongs to a child that does not run: restart or delete it.
    AlreadyPresent,
    /// There is no such child.
    NotFound,
    /// The child runs: it must be terminated first.
    Running,
    /// The child is being restarted: it must be terminated first.
    Restarting,
    /// Its children are named by pid, and can be started and terminated only.
    DynamicChildren,
    /// Its children are named by id, and started from specifications.
    StaticChildren,
    /// It has as many children as it may have.
    MaxChildren(u64),
    /// The child could not be started.
    StartFailed(ExitReason),
    /// The specification makes no sense; why.
    Invalid(String),
    /// There are no partitions, or only so many.
    NoPartitions(u32),
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "{error}"),
            Self::NoProc => f.write_str("there is no such supervisor"),
            Self::NotASupervisor => f.write_str("the process is no supervisor"),
            Self::Down(reason) => write!(f, "the supervisor ended: {reason}"),
            Self::AlreadyStarted(pid) => write!(f, "already started: {pid}"),
            Self::AlreadyPresent => f.write_str("a child with this id is there already, and not running"),
            Self::NotFound => f.write_str("there is no such child"),
            Self::Running => f.write_str("the child is running"),
            Self::Restarting => f.write_str("the child is being restarted"),
            Self::DynamicChildren => f.write_str("the children of this supervisor are dynamic"),
            Self::StaticChildren => f.write_str("the children of this supervisor are static"),
            Self::MaxChildren(most) => write!(f, "the supervisor may have no more than {most} children"),
            Self::StartFailed(reason) => write!(f, "the child could not be started: {reason}"),
            Self::Invalid(why) => f.write_str(why),
            Self::NoPartitions(most) => write!(f, "the supervisor has {most} partitions at most"),
        }
    }
}

impl core::error::Error for SupervisorError {}

impl From<SupervisorError> for ExitReason {
    fn from(error: SupervisorError) -> Self {
        ExitReason::error(&alloc::format!("{error}"))
    }
}

impl From<Error> for SupervisorError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A child that was started.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningChild {
    /// Its process.
    pub pid: Pid,
    pub(crate) info: Option<Vec<u8>>,
}

impl RunningChild {
    /// What it gave to [`process::init_ack_with`](crate::process::init_ack_with), if it did, and if it is a `T`.
    pub fn info<T: DeserializeOwned>(&self) -> Option<T> {
        regrow_term::decode(self.info.as_ref()?).ok()
    }
}

/// How a child is named.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildName {
    /// What its supervisor calls it.
    Id(String),
    /// Its process, the last one if it is being restarted: of dynamic children.
    Pid(Pid),
}

impl From<&str> for ChildName {
    fn from(id: &str) -> Self {
        Self::Id(id.into())
    }
}

impl From<Pid> for ChildName {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It has a process.
    Running(Pid),
    /// Its start has not been acknowledged yet.
    Starting(Pid),
    /// It has none.
    Stopped,
    /// It will be restarted, after this time.
    Restarting(Duration),
    /// It was restarted too often, and waits for [`SupervisorRef::restart_child`].
    Parked,
}

/// What is known about a child.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildInfo {
    /// What its supervisor calls it.
    pub id: String,
    /// What it is doing.
    pub state: ChildState,
    /// Whether it is a supervisor.
    pub is_supervisor: bool,
    /// When it is restarted.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end its supervisor.
    pub significant: bool,
    /// The component that it runs.
    pub component: Option<String>,
    /// The entry of that.
    pub entry: Option<String>,
    /// How often it has been restarted.
    pub restarts: u64,
}

/// How many children a supervisor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ChildCounts {
    /// Specifications.
    pub specs: u64,
    /// Live children.
    pub active: u64,
    /// Supervisors among them, alive or not.
    pub supervisors: u64,
    /// Workers among them, alive or not.
    pub workers: u64,
    /// Children that are parked.
    pub parked: u64,
}

/// A running supervisor. What is asked of it waits as long as it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct SupervisorRef {
    to: Destination,
}

type Answer<T> = Result<T, SupervisorError>;

impl SupervisorRef {
    /// The supervisor that is, or is registered as, `to`.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self { to: to.into() }
    }

    /// The supervisor's process, if it is there.
    pub fn pid(&self) -> Option<Pid> {
        match &self.to {
            Destination::Pid(pid) => Some(*pid),
            Destination::Name(name) => crate::registry::whereis(name),
        }
    }

    /// Starts a child behind the others. None: it had nothing to do.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn start_child(&self, spec: &ChildSpec) -> Answer<Option<RunningChild>> {
        sys::supervisor::start_child(self.to.clone(), spec)
    }

    /// Starts another child from the template, with one more argument behind its own.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn start_from_template<A: Serialize + ?Sized>(&self, argument: &A) -> Answer<Option<RunningChild>> {
        sys::supervisor::start_from_template(self.to.clone(), alloc::vec![payload(argument)?])
    }

    /// Stops a child and waits for its end.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn terminate_child(&self, child: impl Into<ChildName>) -> Answer<()> {
        sys::supervisor::terminate_child(self.to.clone(), child.into())
    }

    /// Starts a child that does not run, or resumes one that is parked.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn restart_child(&self, child: impl Into<ChildName>) -> Answer<Option<RunningChild>> {
        sys::supervisor::restart_child(self.to.clone(), child.into())
    }

    /// Forgets a child that does not run.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn delete_child(&self, child: impl Into<ChildName>) -> Answer<()> {
        sys::supervisor::delete_child(self.to.clone(), child.into())
    }

    /// The children, in reverse start order.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn which_children(&self) -> Answer<Vec<ChildInfo>> {
        sys::supervisor::which_children(self.to.clone())
    }

    /// How many children there are.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn count_children(&self) -> Answer<ChildCounts> {
        sys::supervisor::count_children(self.to.clone())
    }

    /// Changes how many partitions are used; how many were before.
    ///
    /// # Errors
    /// [`SupervisorError`]
    pub fn resize(&self, partitions: u32) -> Answer<u32> {
        sys::supervisor::resize(self.to.clone(), partitions)
    }
}

/// The child that a key belongs to, of the supervisor that [`Supervisor::partitioned`] has started under that name: an
/// integer is taken modulo the number of partitions, anything else is hashed.
///
/// # Errors
/// [`SupervisorError::NoProc`] (also while that child is being restarted), [`SupervisorError::NoPartitions`]
pub fn partition<K: Serialize + ?Sized>(supervisor: &str, key: &K) -> Result<Pid, SupervisorError> {
    sys::supervisor::partition(supervisor, payload(key)?)
}
