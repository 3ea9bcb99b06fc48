//! Where attackers meet their victim: one worker, so that nobody gets out of the attacker's way.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use regrow::manifest::{Manifest, Source};
use regrow_otp::{ExitReason, LimitKind, Pid};
use regrow_tests::{Ended, Guest, TestNode};

/// One attack at a time: they measure the memory and the descriptors of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Calls of the victim while it is attacked.
const ROUNDS: usize = 200;

/// What 99 in 100 calls of the victim take at most, in a debug build on a machine that others use, too. The bench has the
/// true figures; this tells a victim that is served from one that starves.
const BOUND: Duration = Duration::from_millis(500);

/// What the memory of the process may have grown by after an attack of many times as much.
const SLACK_BYTES: u64 = 24 << 20;

/// Nobody else attacks meanwhile.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// An attacker, and what it is given.
#[derive(Clone, Default)]
pub(crate) struct Attack {
    component: String,
    entry: String,
    /// More lines of its child specification.
    child: String,
    /// More lines of its component.
    grants: String,
    /// More children of the root.
    beside: String,
    /// A component of its own, in place of the guests'.
    bytes: Option<Vec<u8>>,
    /// Whether it has very many processes: the allocators keep more of their places.
    is_crowd: bool,
}

/// A node with an attacker and a victim.
pub(crate) struct Arena {
    pub(crate) node: TestNode,
    victim: Pid,
    _folder: Option<tempfile::TempDir>,
}

impl Attack {
    /// By an entry of the hostile guest.
    pub(crate) fn by(entry: &str) -> Self {
        let grants = "register = [\"*\"], lookup = [\"*\"]".to_owned();
        Self { component: "hostile".into(), entry: entry.into(), grants, ..Self::default() }
    }

    /// By a component of its own.
    pub(crate) fn by_component(bytes: Vec<u8>) -> Self {
        Self { component: "raw".into(), entry: "attack".into(), bytes: Some(bytes), ..Self::default() }
    }

    pub(crate) fn child(self, lines: &str) -> Self {
        Self { child: format!("{}\n{lines}", self.child), ..self }
    }

    pub(crate) fn beside(self, children: &str) -> Self {
        Self { beside: children.to_owned(), ..self }
    }

    pub(crate) fn grants(self, grants: &str) -> Self {
        Self { grants: format!("{}, {grants}", self.grants), ..self }
    }

    /// It has very many processes, whose places the allocators keep.
    pub(crate) fn crowd(self) -> Self {
        Self { is_crowd: true, ..self }
    }

    /// Starts it. It is not restarted, unless its child specification says so.
    pub(crate) fn start(&self) -> Arena {
        let folder = self.bytes.as_ref().map(|bytes| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("raw.wasm"), bytes).unwrap();
            folder
        });
        let raw = folder.as_ref().map_or(String::new(), |folder| {
            format!("[components.raw]\npath = {:?}\n", folder.path().join("raw.wasm"))
        });
        let restart = if self.child.contains("restart =") { "" } else { "restart = \"temporary\"" };
        let text = format!(
            r#"
            [application]
            name = "app"
            [components.hostile]
            path = {:?}
            grants = {{ {} }}
            {raw}
            [supervisor]
            [[supervisor.children]]
            id = "victim"
            component = "hostile"
            entry = "victim"
            name = "victim"
            [[supervisor.children]]
            id = "fort"
            [supervisor.children.supervisor]
            intensity = 0
            {}
            [[supervisor.children]]
            id = "siege"
            restart = "temporary"
            budget = {{ share = 100 }}
            [supervisor.children.supervisor]
            intensity = 1_000_000
            [[supervisor.children.supervisor.children]]
            id = "attacker"
            component = "{}"
            entry = "{}"
            name = "attacker"
            {restart}
            {}
            "#,
            Guest::Hostile.file(),
            self.grants,
            self.beside,
            self.component,
            self.entry,
            self.child,
        );
        let source = Source { path: Path::new("attack.toml").to_owned(), text };
        let manifest = Manifest::parse(source).unwrap_or_else(|error| panic!("{error}"));
        let node = TestNode::start_manifest(manifest, 1).unwrap_or_else(|error| panic!("{error}"));
        let victim = node.await_name("victim");
        Arena { node, victim, _folder: folder }
    }

    /// Attacks once to warm up, then measures, attacks some more times, and measures again: memory and descriptors are
    /// as they were.
    pub(crate) fn repeatedly(&self, attack: impl Fn(&Arena)) {
        let _alone = alone();
        attack(&self.start());
        let open = descriptors();
        let slack = if self.is_crowd { 4 * SLACK_BYTES } else { SLACK_BYTES };
        // What the allocators keep grows once or twice, and then no more, and what another test compiles meanwhile for some
        // seconds; a leak grows each time.
        let grows = (0..20).all(|_| {
            let before = resident_bytes();
            (0..3).for_each(|_| attack(&self.start()));
            resident_bytes().saturating_sub(before) > slack
        });
        assert!(!grows, "the host grows by more than {} KiB each time", slack >> 10);
        // A node that has ended closes its last ones in threads of its own.
        let start = Instant::now();
        while descriptors() > open && start.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
        assert!(descriptors() <= open, "{} descriptors, and {open} before", descriptors());
    }

    /// It goes on and on until it is killed, and the victim answers all the time.
    pub(crate) fn goes_on(&self) {
        self.repeatedly(|arena| {
            let attacker = arena.node.await_name("attacker");
            arena.victim_answers();
            assert!(arena.node.node().runtime().is_alive(attacker), "it goes on: {}", arena.node.log());
            arena.end_siege(attacker);
        });
    }

    /// It ends by itself, and the victim answers before and after. How it ended.
    pub(crate) fn ends(&self, is_right: impl Fn(&Ended) -> bool) {
        self.repeatedly(|arena| {
            // While it attacks, and when it has ended.
            arena.victim_answers();
            let ended = arena.node.await_ended(|ended| ended.name.as_deref() == Some("attacker"));
            assert!(is_right(&ended), "{}\n{}", ended.reason, arena.node.log());
            arena.victim_answers();
            arena.leaves_nothing(ended.pid);
        });
    }

    /// It ends by a trap with that code.
    pub(crate) fn traps(&self, code: &str) {
        self.ends(|ended| matches!(&ended.reason, ExitReason::Trap(trap) if trap.code == code));
    }

    /// It ends at a limit.
    pub(crate) fn is_limited(&self, limit: LimitKind) {
        self.ends(|ended| matches!(&ended.reason, ExitReason::Limit(over) if over.limit == limit));
    }
}

impl Arena {
    /// The victim answers, again and again, rightly and in time, and it is still the same one.
    pub(crate) fn victim_answers(&self) {
        let victim = self.victim;
        let mut latencies = self.node.run(move |context| async move {
            let mut latencies = Vec::with_capacity(ROUNDS);
            for number in 0..ROUNDS as u64 {
                let question = Bytes::from(regrow_term::encode(&number).unwrap());
                let asked = Instant::now();
                let timeout = Some(Duration::from_secs(60));
                let answer = context.call(&victim.into(), question.clone(), timeout).await;
                assert_eq!(answer, Ok(question));
                latencies.push(asked.elapsed());
            }
            latencies
        });
        latencies.sort_unstable();
        let p99 = latencies[ROUNDS * 99 / 100];
        assert!(p99 < BOUND, "the victim's p99 is {p99:?}");
        assert_eq!(self.node.node().runtime().whereis("victim"), Some(victim));
    }

    /// Stops the attacker, and all that it has made.
    pub(crate) fn end_siege(&self, attacker: Pid) {
        let runtime = self.node.node().runtime();
        let siege = runtime.process_info(attacker).and_then(|info| info.identity.parent).unwrap();
        runtime.exit(attacker, ExitReason::Kill);
        self.node.await_down(attacker);
        runtime.exit(siege, ExitReason::Shutdown);
        self.node.await_down(siege);
        self.victim_answers();
        self.leaves_nothing(attacker);
    }

    /// The attacker is named in the log, and nobody of its kind is left, nor a slot of theirs.
    fn leaves_nothing(&self, attacker: Pid) {
        assert!(self.node.log().contains(&attacker.to_string()), "{}", self.node.log());
        let runtime = self.node.node().runtime();
        let victim = Some(self.victim);
        let left = || {
            let infos = runtime.processes().into_iter().filter_map(|pid| runtime.process_info(pid));
            infos.filter(|info| info.identity.component.is_some() && Some(info.pid) != victim).count()
        };
        // Those that were linked to it, or that were killed with it, have a turn to come.
        let start = Instant::now();
        while left() > 0 && start.elapsed() < Duration::from_secs(60) {
            self.node.run(|_| async {});
        }
        let names: Vec<String> = runtime
            .processes()
            .into_iter()
            .filter_map(|pid| runtime.process_info(pid))
            .map(|info| format!("{:?}", info.identity))
            .collect();
        assert_eq!(left(), 0, "{names:?}");
    }
}
