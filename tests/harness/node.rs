//! A node under test.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use regrow::engine::Engine;
use regrow::manifest::{Manifest, Source};
use regrow::node::{Application, Node, NodeOptions, Outcome};
use regrow::observe::{Level, Logger};
use regrow_otp::{
    Context, Event, EventSink, ExitReason, Exited, Pid, ReportKind, Runtime, SpawnOptions, SupervisorReport,
};

use crate::guests::{Guest, guest_folder};
use crate::log::SharedLog;

/// No test takes that long: it is what a hang turns into.
const HANG: Duration = Duration::from_secs(120);

/// How long a test's process waits before it is paged out: that happens all the time.
const PAGE_OUT_AFTER: Duration = Duration::from_millis(2);

/// The engine of all tests: its address space is too large to have one for each.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::paging_out_after(PAGE_OUT_AFTER).unwrap_or_else(|error| panic!("{error}")))
}

/// A running node that a test looks into.
pub struct TestNode {
    node: Node,
    events: Events,
    log: SharedLog,
}

/// How a process ended.
pub type Ended = Exited;

#[derive(Clone, Default)]
struct Events(Arc<(Mutex<Vec<Event>>, Condvar)>);

impl EventSink for Events {
    fn event(&self, event: &Event) {
        let (events, arrived) = &*self.0;
        events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        arrived.notify_all();
    }
}

impl Events {
    /// Waits for the first event, from the beginning, for which `find` gives something.
    fn wait<T>(&self, find: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.wait_after(0, find)
    }

    /// How many there are so far.
    fn len(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// As [`Events::wait`], without the first `seen`.
    fn wait_after<T>(&self, mut seen: usize, find: impl Fn(&Event) -> Option<T>) -> Option<T> {
        let (events, arrived) = &*self.0;
        let mut known = events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = known[seen..].iter().find_map(&find) {
                return Some(found);
            }
            seen = known.len();
            let waited = arrived.wait_timeout(known, HANG).unwrap_or_else(PoisonError::into_inner);
            known = waited.0;
            if waited.1.timed_out() {
                return None;
            }
        }
    }
}

/// Runs a future of the host's to its end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|error| panic!("{error}")).block_on(future)
}

/// A node for a bench: the rest of a manifest, which has the component `bench` of the tests' guests already. It logs down to
/// `level`, to nowhere.
///
/// # Panics
/// If it can't be had.
pub fn bench_node(engine: &Engine, rest: &str, workers: usize, level: Level) -> Node {
    let text = format!(
        r#"
        [application]
        name = "bench"
        [components.bench]
        path = {:?}
        limits = {{ timers = 1_000_000 }}
        grants = {{ clocks = true, register = ["*"], lookup = ["*"] }}
        {rest}
        "#,
        guest_folder("bench"),
    );
    manifest_node(engine, text, workers, level)
}

/// A node of any manifest, without a log.
///
/// # Panics
/// If it can't be had.
pub fn manifest_node(engine: &Engine, text: String, workers: usize, level: Level) -> Node {
    let manifest = Manifest::parse(Source { path: "bench.toml".into(), text });
    let manifest = manifest.unwrap_or_else(|error| panic!("{error}"));
    let application = block_on(Application::load(manifest, engine, &|text| eprintln!("{text}")));
    let application = application.unwrap_or_else(|error| panic!("{error}"));
    let mut options = NodeOptions::new(Logger::new(level, false, Box::new(std::io::sink())));
    options.workers = workers;
    Node::start(application, options).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Runs `body` as a native process; what it returns.
///
/// # Panics
/// If it can't be spawned, or ends before it returns.
pub fn run_native<T, F, B>(runtime: &Runtime, options: SpawnOptions, body: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = T> + Send + 'static,
{
    let (pid, result) = start_native(runtime, options, body);
    let result = result.recv().unwrap_or_else(|error| panic!("{error}"));
    // It has returned, and is about to end: its name may be taken again when this returns.
    while runtime.process_info(pid).is_some() {
        std::thread::yield_now();
    }
    result
}

fn start_native<T, F, B>(runtime: &Runtime, options: SpawnOptions, body: F) -> (Pid, mpsc::Receiver<T>)
where
    T: Send + 'static,
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = T> + Send + 'static,
{
    let (done, result) = mpsc::channel();
    let spawned = runtime.spawn(options, |context| async move {
        let _ = done.send(body(context).await);
        ExitReason::Normal
    });
    (spawned.unwrap_or_else(|error| panic!("{error}")), result)
}

impl TestNode {
    /// Starts a tree of the test guests: a `[supervisor]` table over the components `behaviour`, `hostile` and
    /// `interpreter`.
    ///
    /// # Panics
    /// If the tree is wrong.
    pub fn start(tree: &str) -> Self {
        Self::start_tree(tree, "", 2, None)
    }

    /// As [`TestNode::start`], with more for the component `behaviour`, as its limits or grants.
    ///
    /// # Panics
    /// If the tree is wrong.
    pub fn start_with(tree: &str, behaviour: &str) -> Self {
        Self::start_tree(tree, behaviour, 2, None)
    }

    /// As [`TestNode::start`], on one worker thread.
    ///
    /// # Panics
    /// If the tree is wrong.
    pub fn start_on_one_worker(tree: &str) -> Self {
        Self::start_tree(tree, "", 1, None)
    }

    fn start_tree(tree: &str, behaviour: &str, workers: usize, socket: Option<PathBuf>) -> Self {
        // They find each other by any name, unless a test is about that.
        let missing = ["register", "lookup"]
            .into_iter()
            .filter(|grant| !behaviour.contains(&format!("grants.{grant}")));
        let names: String = missing.map(|grant| format!("grants.{grant} = [\"*\"]\n")).collect();
        let text = format!(
            r#"
            [application]
            name = "app"
            [components.behaviour]
            path = {:?}
            {names}
            {behaviour}
            [components.hostile]
            path = {:?}
            grants = {{ register = ["*"], lookup = ["*"] }}
            [components.interpreter]
            path = {:?}
            grants = {{ register = ["*"], lookup = ["*"] }}
            {tree}
            "#,
            Guest::Behaviour.file(),
            Guest::Hostile.file(),
            Guest::Interpreter.file(),
        );
        let manifest = Manifest::parse(Source { path: PathBuf::from("test.toml"), text });
        let manifest = manifest.unwrap_or_else(|error| panic!("{error}"));
        Self::start_on(manifest, workers, socket).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`TestNode::start`], with a control socket.
    ///
    /// # Panics
    /// If the tree is wrong, or the socket can't be had.
    pub fn start_with_socket(tree: &str, socket: &Path) -> Self {
        Self::start_tree(tree, "", 2, Some(socket.to_owned()))
    }

    /// Starts the application of a manifest.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub fn start_manifest(manifest: Manifest, workers: usize) -> Result<Self, String> {
        Self::start_on(manifest, workers, None)
    }

    fn start_on(manifest: Manifest, workers: usize, socket: Option<PathBuf>) -> Result<Self, String> {
        let say = |text: &str| eprintln!("{text}");
        let application = block_on(Application::load(manifest, engine(), &say));
        let application = application.map_err(|error| error.to_string())?;
        let (events, log) = (Events::default(), SharedLog::default());
        let mut options = NodeOptions::new(Logger::new(Level::Debug, false, Box::new(log.clone())));
        options.workers = workers;
        options.socket = socket;
        options.events = Some(Box::new(events.clone()));
        let node = Node::start(application, options).map_err(|error| format!("{error:#}"))?;
        Ok(Self { node, events, log })
    }

    /// Runs an entry of the behaviour guest beside a neighbour; `argument` and `component` are more lines of its
    /// child specification and of its component. How it ended, and the log.
    pub fn run_entry(entry: &str, argument: &str, component: &str) -> (ExitReason, String) {
        Self::run_entry_in(entry, argument, component, "")
    }

    /// As [`TestNode::run_entry`], with more children before it.
    pub fn run_entry_in(entry: &str, argument: &str, component: &str, more: &str) -> (ExitReason, String) {
        let tree = format!(
            r#"
            [supervisor]
            auto_shutdown = "any_significant"
            {more}
            [[supervisor.children]]
            id = "neighbour"
            component = "hostile"
            entry = "victim"
            name = "reserved"
            [[supervisor.children]]
            id = "entry"
            component = "behaviour"
            entry = "{entry}"
            {argument}
            restart = "temporary"
            significant = true
            "#
        );
        let node = Self::start_tree(&tree, component, 2, None);
        let entry = entry.to_owned();
        let ended = node.await_ended(move |ended| ended.identity.entry.as_deref() == Some(entry.as_str()));
        node.await_outcome();
        (ended.reason, node.log())
    }

    /// The node itself.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What has happened so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// What a native process will return.
pub struct Pending<T> {
    pid: Pid,
    result: mpsc::Receiver<T>,
    events: Events,
    /// How many events there were before it.
    known: usize,
    log: SharedLog,
}

impl<T> Pending<T> {
    /// Waits for it, and until the process that returns it is no more.
    pub fn wait(self) -> T {
        let result = self.result.recv_timeout(HANG);
        let ended = self.events.wait_after(self.known, |event| match event {
            Event::Exited(ended) if ended.pid == self.pid => Some(()),
            _ => None,
        });
        match (result, ended) {
            (Ok(result), Some(())) => result,
            _ => panic!("no result; the log:\n{}", self.log.text()),
        }
    }
}
