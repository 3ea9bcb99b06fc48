//! A pool of workers: so many processes that take turns at jobs, and a line for those who wait for one.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::gen_server::ServerRef;
//! use regrow_sdk::patterns::worker_pool::{Options, PoolError, WorkerPool};
//! use regrow_sdk::server;
//!
//! /// Something that only one at a time can use.
//! struct Connection { queries: u64 }
//!
//! #[server]
//! impl Connection {
//!     #[init]
//!     fn open(_address: String) -> Self {
//!         Connection { queries: 0 }
//!     }
//!
//!     #[call]
//!     fn query(&mut self, text: String) -> u64 {
//!         assert!(!text.is_empty(), "an empty query");
//!         self.queries += 1;
//!         self.queries
//!     }
//! }
//!
//! regrow_sdk::component! {
//!     "connection" => server Connection,
//!     "worker-pool" => server WorkerPool,
//! }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let options = Options::of(2, Connection::child("db:5432".into())).job_timeout(Duration::from_secs(5));
//!     let pool = WorkerPool::start_link(options)?;
//!     let query = |text: &str| {
//!         let text = text.to_owned();
//!         pool.run(|worker| ConnectionClient::new(worker).query(text))
//!     };
//!     assert_eq!(query("select 1")?, Ok(1));
//!     assert!(query("")?.is_err(), "the job has killed its worker");
//!     assert!(query("select 1")?.is_ok(), "there are others");
//!     regrow_sdk::patterns::sleep(Duration::from_millis(20));
//!     assert_eq!(pool.status()?.workers, 2, "it has been replaced");
//!     Ok(())
//! });
//! # }
//! ```
//!
//! A worker that ends is replaced after some milliseconds. So is one that somebody has had for longer than [`Options::job_timeout`], and one whose user has ended
//! without giving it back: nobody knows what it was doing.

mod error;
mod options;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::error::{PoolError, RunError};
pub use self::options::Options;
use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::{Caller, Init};
use crate::mailbox::{self, Received};
use crate::pid::{MonitorRef, Pid, Reference, TimerRef};
use crate::process;
use crate::supervisor::{ChildSpec, Supervisor, SupervisorRef};
use crate::timer;

/// What a pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How many workers there are.
    pub workers: usize,
    /// How many of them are free.
    pub free: usize,
    /// How many wait for one.
    pub waiting: usize,
}

/// A worker that somebody has, this once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker.
    pub worker: Pid,
    /// So that it is given back once, however often somebody says so.
    number: u64,
}

/// Somebody has a worker.
struct Job {
    lease: u64,
    /// Of whoever has it.
    monitor: Reference,
    timer: Option<TimerRef>,
}

type Checkout = Result<Lease, PoolError>;

struct Waiting {
    from: Caller<Checkout>,
    monitor: Reference,
    /// When it does not any longer.
    timer: Option<TimerRef>,
}

impl Waiting {
    fn ends(self) -> Caller<Checkout> {
        process::demonitor(MonitorRef(self.monitor));
        if let Some(timer) = self.timer {
            timer::cancel(timer);
        }
        self.from
    }
}

/// A pool of workers: `"worker-pool" => server WorkerPool`.
pub struct WorkerPool {
    options: Options,
    workers: SupervisorRef,
    /// All of them, by the monitors that the pool has of them.
    monitors: BTreeMap<Reference, Pid>,
    free: VecDeque<Pid>,
    at_work: BTreeMap<Pid, Job>,
    line: VecDeque<Waiting>,
    leases: u64,
    /// When workers that have ended are replaced.
    refills: Option<TimerRef>,
}

/// What can't be done, or should not be done too often, is tried again after this time.
const AGAIN: Duration = Duration::from_millis(10);

#[crate::server]
impl WorkerPool {
    #[init]
    fn full(options: Options) -> Init<Self> {
        let workers = match Supervisor::dynamic().start_link() {
            Ok(workers) => workers,
            Err(error) => return Init::Stop(error.into()),
        };
        let mut pool = Self {
            workers,
            monitors: BTreeMap::new(),
            free: VecDeque::new(),
            at_work: BTreeMap::new(),
            line: VecDeque::new(),
            leases: 0,
            refills: None,
            options,
        };
        for _ in 0..pool.options.size {
            match pool.start_worker() {
                Ok(worker) => pool.free.push_back(worker),
                Err(error) => return Init::Stop(error.into()),
            }
        }
        Init::Started(pool)
    }

    /// A worker, when there is one, for which the pool waits so long; none is as long as it takes. It is this process's until
    /// [`check_in`](WorkerPoolClient::check_in), or its end. The pool keeps to the time: the client's own must be longer, or there is one that
    /// nobody uses.
    #[call]
    fn check_out(&mut self, wait: Option<Duration>, from: Caller<Result<Lease, PoolError>>) {
        let monitor = match process::monitor(from.pid()) {
            Ok(monitor) => monitor.into(),
            Err(error) => return answer(from, Err(PoolError::NoWorker(alloc::format!("{error}")))),
        };
        self.line.push_back(Waiting { from, monitor, timer: None });
        self.serve();
        let is_full = self.line.len() > self.options.queue;
        let Some(waiting) = self.line.back_mut().filter(|waiting| waiting.monitor == monitor) else { return };
        // Without a timer it waits as long as its client does.
        waiting.timer = wait.and_then(|wait| timer::start(wait, process::self_pid(), &()).ok());
        if is_full && let Some(waiting) = self.line.pop_back() {
            answer(waiting.ends(), Err(PoolError::Busy));
        }
    }

    /// A worker is free again.
    #[cast]
    fn check_in(&mut self, lease: Lease) {
        let Lease { worker, number } = lease;
        if self.at_work.get(&worker).is_some_and(|job| job.lease == number) {
            self.release(worker);
            self.free_again(worker);
        }
    }

    /// What it is doing.
    #[call]
    fn status(&self) -> Status {
        Status { workers: self.monitors.len(), free: self.free.len(), waiting: self.line.len() }
    }

    #[info]
    fn informed(&mut self, received: Received) {
        match received {
            Received::Timer { reference, .. } => self.run_out(reference),
            Received::Down { reference, .. } => self.ended(reference),
            other => mailbox::unexpected(&other),
        }
    }

    /// A job takes too long, or somebody has waited too long.
    fn run_out(&mut self, timer: Reference) {
        let is_it = |known: Option<TimerRef>| known.is_some_and(|known| Reference::from(known) == timer);
        if is_it(self.refills) {
            self.refills = None;
            return self.refill();
        }
        if let Some((worker, _)) = self.at_work.iter().find(|(_, job)| is_it(job.timer)) {
            log::warn!("a job of {worker} takes too long: it is replaced");
            self.replace(*worker);
        } else if let Some(at) = self.line.iter().position(|waiting| is_it(waiting.timer))
            && let Some(waiting) = self.line.remove(at)
        {
            answer(waiting.ends(), Err(PoolError::Timeout));
        }
    }

    /// A worker, somebody who has one, or who waits for one.
    fn ended(&mut self, reference: Reference) {
        if let Some(worker) = self.monitors.remove(&reference) {
            self.release(worker);
            self.free.retain(|free| *free != worker);
            // Not at once: it may be one that can't live.
            if self.refills.is_none() {
                self.refills = timer::start(AGAIN, process::self_pid(), &()).ok();
            }
            self.serve();
        } else if let Some((worker, _)) = self.at_work.iter().find(|(_, job)| job.monitor == reference) {
            self.replace(*worker);
        } else {
            self.line.retain(|waiting| waiting.monitor != reference);
        }
    }

    fn start_worker(&mut self) -> Result<Pid, PoolError> {
        let failed = |why: String| PoolError::NoWorker(why);
        let mut spec = ChildSpec::worker("worker", self.options.entry.clone());
        spec.component.clone_from(&self.options.component);
        let spec = spec.argument(&self.options.argument).temporary();
        let started = self.workers.start_child(&spec).map_err(|error| failed(alloc::format!("{error}")))?;
        let worker = started.ok_or_else(|| failed("it has nothing to do".into()))?.pid;
        match process::monitor(worker) {
            Ok(monitor) => drop(self.monitors.insert(monitor.into(), worker)),
            Err(error) => {
                // Nobody would know when it has ended.
                let _gone = process::exit_process(worker, ExitReason::Kill);
                return Err(failed(alloc::format!("{error}")));
            }
        }
        Ok(worker)
    }

    /// Those who wait get those who are free, in the order in which they came.
    fn serve(&mut self) {
        while !self.line.is_empty() {
            let most = self.options.size.saturating_add(self.options.overflow);
            let may_start = self.monitors.len() < most as usize;
            let worker = match self.free.pop_front() {
                Some(worker) => Ok(worker),
                None if may_start => self.start_worker(),
                None => return,
            };
            match worker {
                // Those that are at work will be free.
                Err(error) if !self.at_work.is_empty() => return log::warn!("{error}"),
                Err(error) => self
                    .line
                    .pop_front()
                    .into_iter()
                    .for_each(|waiting| answer(waiting.ends(), Err(error.clone()))),
                Ok(worker) => match self.line.pop_front() {
                    Some(waiting) => self.begin(worker, waiting),
                    None => return self.free.push_back(worker),
                },
            }
        }
    }

    fn begin(&mut self, worker: Pid, waiting: Waiting) {
        self.leases += 1;
        let lease = self.leases;
        let after = self.options.job_timeout;
        let timer = after.and_then(|after| timer::start(after, process::self_pid(), &()).ok());
        let Waiting { from, monitor, timer: wait } = waiting;
        if let Some(wait) = wait {
            timer::cancel(wait);
        }
        self.at_work.insert(worker, Job { lease, monitor, timer });
        answer(from, Ok(Lease { worker, number: lease }));
    }

    /// Nobody has that worker any more.
    fn release(&mut self, worker: Pid) {
        let Some(Job { monitor, timer, .. }) = self.at_work.remove(&worker) else { return };
        process::demonitor(MonitorRef(monitor));
        if let Some(timer) = timer {
            timer::cancel(timer);
        }
    }

    fn free_again(&mut self, worker: Pid) {
        let is_extra = self.monitors.len() > self.options.size as usize;
        if is_extra && self.line.is_empty() {
            self.replace(worker);
        } else {
            self.free.push_back(worker);
            self.serve();
        }
    }

    /// Ends a worker; there is another one in its place, if there is to be one.
    fn replace(&mut self, worker: Pid) {
        self.release(worker);
        let monitor = self.monitors.iter().find(|(_, known)| **known == worker).map(|(monitor, _)| *monitor);
        if let Some(monitor) = monitor {
            self.monitors.remove(&monitor);
            process::demonitor(MonitorRef(monitor));
        }
        // One that has ended already is not found.
        let _gone = process::exit_process(worker, ExitReason::Kill);
        self.refill();
    }

    fn refill(&mut self) {
        while self.monitors.len() < self.options.size as usize {
            match self.start_worker() {
                Ok(worker) => self.free.push_back(worker),
                Err(error) => {
                    log::error!("{error}");
                    break;
                }
            }
        }
        self.serve();
    }
}

fn answer(from: Caller<Checkout>, worker: Checkout) {
    if let Err(error) = from.reply(&worker) {
        log::error!("an answer to {} was not sent: {error}", from.pid());
    }
}

impl WorkerPoolClient {
    /// Does something with a worker, when there is one, as long as it takes.
    ///
    /// # Errors
    /// [`RunError`]
    pub fn run<T>(&self, job: impl FnOnce(Pid) -> T) -> Result<T, RunError> {
        self.run_after(None, job)
    }

    /// As [`run`](Self::run), if there is a worker within that time.
    ///
    /// # Errors
    /// [`RunError`]
    pub fn run_within<T>(&self, wait: Duration, job: impl FnOnce(Pid) -> T) -> Result<T, RunError> {
        self.run_after(Some(wait), job)
    }

    fn run_after<T>(&self, wait: Option<Duration>, job: impl FnOnce(Pid) -> T) -> Result<T, RunError> {
        let lease = self.clone().with_timeout(None).check_out(wait)?.map_err(RunError::Pool)?;
        let result = job(lease.worker);
        while let Err(error @ Error::Full(_)) = self.check_in(lease) {
            log::warn!("a worker is not given back yet: {error}");
            super::sleep(AGAIN);
        }
        Ok(result)
    }
}
