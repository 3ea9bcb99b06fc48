//! A node under test, of the tests' guests.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use regrow::engine::Engine;
use regrow::manifest::{Manifest, Source};
use regrow::node::{Application, Node, NodeOptions};
use regrow::observe::{Level, Logger};
use regrow_otp::ExitReason;
use regrow_testing::{Options, block_on};

use crate::guests::{Guest, guest_folder};

/// How long a test's process waits before it is paged out: that happens all the time.
const PAGE_OUT_AFTER: Duration = Duration::from_millis(2);

/// The engine of all tests: its address space is too large to have one for each.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::paging_out_after(PAGE_OUT_AFTER).unwrap_or_else(|error| panic!("{error}")))
}

/// A running node that a test looks into: with what all such nodes can do.
pub struct TestNode(regrow_testing::TestNode);

impl Deref for TestNode {
    type Target = regrow_testing::TestNode;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
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

    fn start_on(manifest: Manifest, workers: usize, socket: Option<PathBuf>) -> Result<Self, String> {
        let options = Options { workers, socket, ..Options::default() };
        regrow_testing::TestNode::start_on(engine(), manifest, options).map(Self)
    }
}
