//! A running node: one application's tree, the threads that run it, and how it ended.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use rand::Rng as _;
use regrow_otp::supervisor::failed_child;
use regrow_otp::{
    Event, EventSink, ExitReason, Pid, ProcessKind, RandomSource, ReportKind, Runtime, RuntimeConfig,
    Surroundings, SystemClock, Workers,
};
use tokio::sync::watch;

use crate::control::Server;
use crate::engine::{Catalog, MAX_INSTANCES};
use crate::node::application::Application;
use crate::node::deployment::Deployment;
use crate::node::folders::Folders;
use crate::node::steering::Steering;
use crate::node::tree::TreeBuilder;
use crate::observe::{Logger, Reporter};

/// Live processes, unless the options say otherwise: what the engine has room for.
const MAX_PROCESSES: u64 = MAX_INSTANCES as u64;

/// How much of the reason of a failed start is kept.
const MAX_REASON_CHARS: usize = 1_000;

/// How a node is run.
pub struct NodeOptions {
    /// Threads that run processes.
    pub workers: usize,
    /// Live processes, at most.
    pub max_processes: u64,
    /// Where the log goes.
    pub logger: Logger,
    /// Where its control socket goes; none: it has none.
    pub socket: Option<PathBuf>,
    /// Who else sees the events.
    pub events: Option<Box<dyn EventSink>>,
}

impl NodeOptions {
    /// One worker for each core, and a log.
    pub fn new(logger: Logger) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        Self { workers, max_processes: MAX_PROCESSES, logger, socket: None, events: None }
    }
}

/// How a node's tree ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In order: it was told to stop, or a significant child had ended in order.
    Stopped,
    /// Its root gave up: too many restarts.
    GaveUp,
    /// A child could not be started, and what had been was stopped again.
    FailedToStart {
        /// Where the child stands, as `app/pool/worker-3`.
        path: String,
        /// Why.
        reason: String,
    },
    /// Its root could not start, was killed, or ended because a significant child had crashed.
    Failed(ExitReason),
}

/// A running application. Dropping it ends what is left of it.
pub struct Node {
    runtime: Runtime,
    root: Pid,
    steering: Steering,
    outcome: watch::Receiver<Option<Outcome>>,
    // Dropped in this order: the processes end while there is still a reactor.
    _server: Option<Server>,
    _workers: Workers,
    _reactor: Reactor,
}

impl Node {
    /// Starts an application; returns as soon as its root runs, while its children start one after another.
    ///
    /// # Errors
    /// If the operating system refuses threads.
    pub fn start(application: Application, options: NodeOptions) -> anyhow::Result<Self> {
        let reactor = Reactor::start().context("the I/O thread can't be started")?;
        let (sender, outcome) = watch::channel(None);
        let watch = RootWatch { name: application.name().to_owned(), failure: Mutex::default(), sender };
        let sinks = Sinks { reporter: Reporter::new(options.logger.clone()), watch, more: options.events };
        let runtime = Runtime::new(RuntimeConfig {
            clock: Arc::new(SystemClock::start()),
            random: Box::new(SecureRandom(rand::make_rng())),
            events: Box::new(sinks),
            surroundings: Some(Box::new(reactor.surroundings())),
            workers: options.workers,
            max_processes: options.max_processes,
        });
        let contents = application.contents();
        let catalog = Arc::new(Catalog::new(contents.clone(), options.logger.clone()));
        let builder = TreeBuilder {
            folders: Folders::of(application.manifest()),
            catalog: &catalog,
            contents: &contents,
        };
        let name = application.name().to_owned();
        let tree =
            builder.supervisor(&application.manifest().supervisor, &name).map_err(anyhow::Error::msg)?;
        let deployment = Deployment::new(&application, contents, catalog);
        // A socket that can't be had is known before anything runs.
        let root = tree.start_root(&runtime)?;
        let steering = Steering::new(runtime.clone(), root, name, options.logger, deployment);
        let server = match options.socket {
            Some(path) => Some(reactor.within(|| Server::open(&path, Arc::new(steering.clone())))?),
            None => None,
        };
        let workers = runtime.start_workers().context("the worker threads can't be started")?;
        Ok(Self { runtime, root, steering, outcome, _server: server, _workers: workers, _reactor: reactor })
    }

    /// What can be done to this node while it runs.
    pub fn steering(&self) -> &Steering {
        &self.steering
    }

    /// The processes of this node.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The root supervisor.
    pub fn root(&self) -> Pid {
        self.root
    }

    /// Tells the root to stop its tree, in order and within its shutdown timeouts.
    pub fn stop(&self) {
        self.steering.stop();
    }

    /// Waits until the tree has ended.
    pub async fn wait(&self) -> Outcome {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Outcome::Stopped),
            Err(_) => Outcome::Stopped,
        }
    }
}

/// Tokio's reactor, for the I/O and the timers of WASI.
struct Reactor(Option<tokio::runtime::Runtime>);

impl Reactor {
    fn start() -> io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .thread_name("regrow-io")
            .enable_all()
            .build()
            .map(|runtime| Self(Some(runtime)))
    }

    /// Does something that needs a reactor.
    fn within<T>(&self, body: impl FnOnce() -> T) -> T {
        let _entered = self.0.as_ref().map(tokio::runtime::Runtime::enter);
        body()
    }

    fn surroundings(&self) -> InReactor {
        InReactor(self.0.as_ref().map(|runtime| runtime.handle().clone()))
    }
}

impl Drop for Reactor {
    /// Does not wait for what a guest was reading: a node can be dropped inside another async runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

struct InReactor(Option<tokio::runtime::Handle>);

impl Surroundings for InReactor {
    fn work_within(&self, work: &mut dyn FnMut()) {
        let _entered = self.0.as_ref().map(tokio::runtime::Handle::enter);
        work();
    }
}

/// ChaCha, seeded by the operating system: what makes pids unguessable.
struct SecureRandom(rand::rngs::StdRng);

impl RandomSource for SecureRandom {
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Knows when the root ends, and whether that was in order.
struct RootWatch {
    name: String,
    /// What the root said of its own failure before it ended with `shutdown`.
    failure: Mutex<Option<Outcome>>,
    sender: watch::Sender<Option<Outcome>>,
}

impl EventSink for RootWatch {
    fn event(&self, event: &Event) {
        match event {
            Event::Supervisor(report) if report.path == self.name => {
                let failure = match &report.kind {
                    ReportKind::GaveUp { .. } => Some(Outcome::GaveUp),
                    ReportKind::AutoShutdown { reason, .. } if !reason.is_clean() => {
                        Some(Outcome::Failed(reason.clone()))
                    }
                    _ => None,
                };
                if failure.is_some() {
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
                }
            }
            Event::Exited(exited)
                if exited.identity.kind == ProcessKind::Supervisor && exited.identity.parent.is_none() =>
            {
                let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
                let outcome = match &exited.reason {
                    ExitReason::Shutdown => failure.unwrap_or(Outcome::Stopped),
                    reason => match failed_child(reason) {
                        Some((ids, reason)) => Outcome::FailedToStart {
                            path: format!("{}/{}", self.name, ids.join("/")),
                            reason: reason.preview(MAX_REASON_CHARS).to_string(),
                        },
                        None => Outcome::Failed(reason.clone()),
                    },
                };
                self.sender.send_replace(Some(outcome));
            }
            _ => {}
        }
    }
}

/// Everybody who sees the events of a node.
struct Sinks {
    reporter: Reporter,
    watch: RootWatch,
    more: Option<Box<dyn EventSink>>,
}

impl EventSink for Sinks {
    fn event(&self, event: &Event) {
        self.reporter.event(event);
        if let Some(more) = &self.more {
            more.event(event);
        }
        self.watch.event(event);
    }
}
