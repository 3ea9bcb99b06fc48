//! A node under test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::manifest::{Manifest, Source};
use regrow::node::{Application, Node, NodeOptions, Outcome};
use regrow::observe::{Level, Logger};
use regrow_otp::{
    CallError, Context, Destination, Event, ExitReason, Exited, MessageKind, Pid, ReportKind, SpawnOptions,
    SupervisorReport,
};
use regrow_term::{Term, decode, decode_refusal, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::HANG;
use crate::events::Events;
use crate::log::SharedLog;
use crate::native::{Pending, start_native};

/// A running node that a test looks into. Its tree is stopped when it is dropped.
pub struct TestNode {
    node: Node,
    events: Events,
    log: SharedLog,
}

/// How a process ended.
pub type Ended = Exited;

/// How a node is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// On how many threads guests run.
    pub workers: usize,
    /// The control socket, if there is to be one.
    pub socket: Option<PathBuf>,
    /// Down to which level is logged.
    pub level: Level,
}

impl Default for Options {
    /// Two workers, no socket, a log of everything but traces.
    fn default() -> Self {
        Self { workers: 2, socket: None, level: Level::Debug }
    }
}

/// The engine of all nodes of a test program: its address space is too large to have one for each.
fn engine() -> Result<&'static Engine, String> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new().map_err(|error| error.to_string()));
    engine.as_ref().map_err(Clone::clone)
}

/// Runs a future of the host's to its end.
///
/// # Panics
/// If there is no runtime to run it on.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|error| panic!("{error}")).block_on(future)
}

impl TestNode {
    /// Starts the application of a manifest file, or of the `regrow.toml` in a folder; its guests are compiled where they changed.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub fn start(manifest: impl AsRef<Path>) -> Result<Self, String> {
        let path = manifest.as_ref();
        let path = if path.is_dir() { path.join("regrow.toml") } else { path.to_owned() };
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::start_text(path, text)
    }

    /// Starts the application of a manifest that is written here, as if it stood in a file of that name: paths are relative to its folder.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub fn start_text(path: impl Into<PathBuf>, text: impl Into<String>) -> Result<Self, String> {
        let manifest = Manifest::parse(Source { path: path.into(), text: text.into() });
        Self::start_on(engine()?, manifest.map_err(|error| error.to_string())?, Options::default())
    }

    /// Starts the application of a manifest, on any engine.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub fn start_on(engine: &Engine, manifest: Manifest, options: Options) -> Result<Self, String> {
        let say = |text: &str| eprintln!("{text}");
        let application = block_on(Application::load(manifest, engine, &say));
        let application = application.map_err(|error| error.to_string())?;
        let (events, log) = (Events::default(), SharedLog::default());
        let mut of_node = NodeOptions::new(Logger::new(options.level, false, Box::new(log.clone())));
        of_node.workers = options.workers;
        of_node.socket = options.socket;
        of_node.events = Some(Box::new(events.clone()));
        let node = Node::start(application, of_node).map_err(|error| format!("{error:#}"))?;
        Ok(Self { node, events, log })
    }

    /// Asks a process, by its name or its pid, and waits for its answer; as any client would. A server that was made from its methods
    /// takes the name of one, or a map of the name to a map of its arguments.
    ///
    /// # Errors
    /// Why there is no answer, or none of this type, as text.
    pub fn call<Q, A>(&self, to: impl Into<Destination>, request: &Q) -> Result<A, String>
    where
        Q: Serialize + ?Sized,
        A: DeserializeOwned,
    {
        let (to, request) = (to.into(), encode(request).map_err(|error| error.to_string())?);
        let asked =
            self.run(move |context| async move { context.call(&to, Bytes::from(request), Some(HANG)).await });
        answer(asked)
    }

    /// Sends a plain message to a process.
    ///
    /// # Errors
    /// Why it was not sent, as text.
    pub fn send<M: Serialize + ?Sized>(&self, to: impl Into<Destination>, message: &M) -> Result<(), String> {
        let (to, message) = (to.into(), encode(message).map_err(|error| error.to_string())?);
        let sent = self.run(move |context| async move {
            context.send_nosuspend(&to, MessageKind::Info, Bytes::from(message))
        });
        sent.map_err(|error| error.to_string())
    }

    /// What a server shows of its state (`format_status`): none, if it shows nothing.
    ///
    /// # Errors
    /// Why it is not known, as text.
    pub fn state(&self, of: &str) -> Result<Option<Term>, String> {
        let pid = self.node.runtime().whereis(of).ok_or_else(|| format!("nobody is {of:?}"))?;
        let request = encode(&("regrow.sys", "Status")).map_err(|error| error.to_string())?;
        let asked = self.run(move |context| async move {
            context.call(&pid.into(), Bytes::from(request), Some(HANG)).await
        });
        answer::<Result<Option<Term>, String>>(asked)?
    }

    /// Kills a child that has `name`, and waits until it has been started again; the new one.
    ///
    /// # Panics
    /// If nobody has the name, or it does not regrow.
    pub fn kill(&self, name: &str) -> Pid {
        self.crash(name, ExitReason::Kill)
    }

    /// As [`TestNode::kill`], with another reason: only processes that trap exits can do something about it.
    ///
    /// # Panics
    /// As [`TestNode::kill`].
    pub fn crash(&self, name: &str, reason: ExitReason) -> Pid {
        let old = self.await_name(name);
        self.node.runtime().exit(old, reason);
        self.await_successor(name, old)
    }

    /// The node itself.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What has happened so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.all()
    }

    /// What was logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The child that has `name`; waits until one has been started.
    pub fn await_name(&self, name: &str) -> Pid {
        self.await_started(|_, pid| self.node.runtime().whereis(name) == Some(pid))
            .unwrap_or_else(|| panic!("nobody is {name:?}; the log:\n{}", self.log()))
    }

    /// The child that its supervisor calls `id`; waits until it has been started.
    pub fn await_child(&self, id: &str) -> Pid {
        self.await_started(|child, _| child == id)
            .unwrap_or_else(|| panic!("there is no child {id:?}; the log:\n{}", self.log()))
    }

    fn await_started(&self, is_it: impl Fn(&str, Pid) -> bool) -> Option<Pid> {
        self.events.wait(|event| match event {
            Event::Supervisor(SupervisorReport {
                kind: ReportKind::ChildStarted { child, pid, .. }, ..
            }) => Some(*pid).filter(|pid| is_it(child, *pid)),
            _ => None,
        })
    }

    /// Waits until a supervisor has reported something that `is_it`.
    pub fn await_report(&self, is_it: impl Fn(&ReportKind) -> bool) {
        let found = self.events.wait(|event| match event {
            Event::Supervisor(report) if is_it(&report.kind) => Some(()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("there is no such report; the log:\n{}", self.log()));
    }

    /// Waits until somebody has been refused `what`.
    pub fn await_denial(&self, what: &str) {
        let found = self.events.wait(|event| match event {
            Event::Denied { what: refused, .. } if refused == what => Some(()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{what:?} was refused to nobody; the log:\n{}", self.log()));
    }

    /// Waits for the end of a process that `is_it`.
    pub fn await_ended(&self, is_it: impl Fn(&Ended) -> bool) -> Ended {
        let ended = self.events.wait(|event| match event {
            Event::Exited(ended) if is_it(ended) => Some(ended.clone()),
            _ => None,
        });
        ended.unwrap_or_else(|| panic!("the process did not end; the log:\n{}", self.log()))
    }

    /// Waits for the end of a process; why it ended.
    pub fn await_down(&self, pid: Pid) -> ExitReason {
        self.await_ended(|ended| ended.pid == pid).reason
    }

    /// Waits until somebody else than `old` has `name`.
    pub fn await_successor(&self, name: &str, old: Pid) -> Pid {
        let found = self.await_started(|_, pid| pid != old && self.node.runtime().whereis(name) == Some(pid));
        found.unwrap_or_else(|| panic!("nobody succeeds {old} as {name:?}; the log:\n{}", self.log()))
    }

    /// Waits until the tree has ended.
    pub fn await_outcome(&self) -> Outcome {
        block_on(async {
            let outcome = tokio::time::timeout(HANG, self.node.wait()).await;
            outcome.unwrap_or_else(|_| panic!("the tree did not end; the log:\n{}", self.log()))
        })
    }

    /// Runs `body` as a native process beside the guests; what it returns.
    pub fn run<T, F, B>(&self, body: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Context) -> B + Send + 'static,
        B: Future<Output = T> + Send + 'static,
    {
        self.start_native(body).wait()
    }

    /// Starts `body` as a native process beside the guests.
    pub fn start_native<T, F, B>(&self, body: F) -> Pending<T>
    where
        T: Send + 'static,
        F: FnOnce(Context) -> B + Send + 'static,
        B: Future<Output = T> + Send + 'static,
    {
        let options = SpawnOptions { trap_exit: true, ..SpawnOptions::default() };
        let (events, known) = (self.events.clone(), self.events.len());
        let (pid, result) = start_native(self.node.runtime(), options, body);
        Pending { pid, result, events, known, log: self.log.clone() }
    }
}

fn answer<A: DeserializeOwned>(asked: Result<Bytes, CallError>) -> Result<A, String> {
    let answer = asked.map_err(|error| error.to_string())?;
    if let Some(why) = decode_refusal(&answer) {
        return Err(format!("the process did not understand the request: {why}"));
    }
    decode(&answer).map_err(|error| error.to_string())
}
