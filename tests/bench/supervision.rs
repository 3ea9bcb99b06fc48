//! What supervision costs: trees of guests, beside the same programs on the BEAM if it is installed.
//!
//! `cargo bench -p regrow-tests --bench supervision [-- restarts|trees|start]`

mod start;
mod table;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::node::Node;
use regrow::observe::{Level, Logger};
use regrow_otp::supervisor::{ChildSpec, StartChild, Started, SupFlags, SupervisorSpec};
use regrow_otp::{
    Context, Destination, ExitReason, InitAck, MessageKind, Pid, RandomSource, Received, Reference, Runtime,
    RuntimeConfig, SpawnError, SpawnOptions, SplitMix64, SystemClock,
};
use regrow_term::{Term, encode};
use regrow_tests::report::Report;
use regrow_tests::{bench_node, block_on, run_native};

use crate::table::Table;

/// Crashes that are measured one by one.
const CRASHES: usize = 300;

/// Times that something is done to a whole tree; the median is shown.
const ROUNDS: usize = 5;

/// Restarts under one supervisor whose window never empties.
const RESTARTS: usize = 10_000;

fn main() {
    regrow_tests::report::without_backtraces();
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let mut report = Report::new("supervision");
    if is_wanted("restarts") {
        restarts(&engine, &mut report);
    }
    if is_wanted("trees") {
        println!("start and orderly stop; a bystander's call meanwhile");
        for workers in [1, 2] {
            start_and_stop(&engine, workers, 10_000, &mut report);
            start_and_stop_natives(workers, 100_000, &mut report);
        }
    }
    if is_wanted("start") {
        start::measure(&mut report);
    }
    report.write();
}

fn restarts(engine: &Engine, report: &mut Report) {
    println!("guest children; 1 and 2 are workers, or schedulers of the BEAM");
    let mut table = Table::new(report, [CRASHES, ROUNDS, RESTARTS]);
    for children in [1, 1_000, 10_000] {
        for (how, goals) in [(Crash::Kill, &[30.0, 100.0][..]), (Crash::Trap, &[])] {
            let what = format!("{how} to the new child's answer, {children} children");
            // The BEAM's programs kill.
            let beam = how == Crash::Kill;
            table.row(&what, &["p50", "p99"], "µs", goals, beam, |workers| {
                crashes(engine, workers, children, how)
            });
        }
    }
    for (what, strategy, killed) in [
        ("one_for_all over 1,000 children", "one_for_all", 1),
        ("1,000 children killed at once", "one_for_one", 1_000),
    ] {
        table.row(what, &[""], "ms", &[], true, |workers| vec![groups(engine, workers, strategy, killed)]);
    }
    let what = format!("restart, of {RESTARTS}");
    table.row(&what, &["first 1,000", "last 1,000"], "µs", &[], true, |workers| intensity(engine, workers));
}

fn node(engine: &Engine, workers: usize, strategy: &str, children: usize) -> Node {
    let text = format!(
        r#"
        [supervisor]
        strategy = "{strategy}"
        intensity = 1_000_000_000
        period_s = 100_000
        [[supervisor.children]]
        id = "c"
        count = {children}
        component = "bench"
        entry = "restartable"
        args = "driver"
        "#,
    );
    bench_node(engine, &text, workers, Level::Debug)
}

/// Runs a native process that hears of each start as `driver`.
fn drive<T, F, B>(runtime: &Runtime, body: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = T> + Send + 'static,
{
    let options = SpawnOptions { name: Some("driver".to_owned()), ..SpawnOptions::default() };
    run_native(runtime, options, body)
}

/// The children, as they say that they have started.
async fn started(context: &Context, count: usize) -> Vec<Pid> {
    let mut pids = Vec::with_capacity(count);
    while pids.len() < count {
        if let Some(Received::Message(message)) = context.receive(None).await {
            pids.push(message.from);
        }
    }
    pids
}

/// How a child ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crash {
    Kill,
    Trap,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Trap => "trap",
        })
    }
}

/// Has a child end, and waits until its successor has answered a call.
async fn crash(context: &Context, child: &mut Pid, how: Crash) -> Duration {
    let start = Instant::now();
    match how {
        Crash::Kill => context.exit_process(*child, ExitReason::Kill),
        Crash::Trap => {
            let old = Destination::Pid(*child);
            let crash = context.send(&old, MessageKind::Info, Bytes::from_static(&[0xf6]));
            crash.await.unwrap_or_else(|error| panic!("{error}"));
        }
    }
    *child = started(context, 1).await[0];
    let question = Bytes::from(encode(&Term::Null).unwrap_or_default());
    let answer = context.call(&Destination::Pid(*child), question, None).await;
    answer.unwrap_or_else(|error| panic!("{error}"));
    start.elapsed()
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}

fn crashes(engine: &Engine, workers: usize, children: usize, how: Crash) -> Vec<f64> {
    let node = node(engine, workers, "one_for_one", children);
    let mut times = drive(node.runtime(), move |context| async move {
        let mut child = started(&context, children).await[children / 2];
        let mut times = Vec::with_capacity(CRASHES);
        for _ in 0..CRASHES {
            times.push(crash(&context, &mut child, how).await);
        }
        times
    });
    times.sort();
    [50, 99].map(|percent| microseconds(percentile(&times, percent))).into()
}

/// Kills so many of 1,000 children at once, and waits until all have been started again.
fn groups(engine: &Engine, workers: usize, strategy: &'static str, killed: usize) -> f64 {
    const CHILDREN: usize = 1_000;
    let node = node(engine, workers, strategy, CHILDREN);
    let mut times = drive(node.runtime(), move |context| async move {
        let mut pids = started(&context, CHILDREN).await;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for pid in &pids[..killed] {
                context.exit_process(*pid, ExitReason::Kill);
            }
            pids = started(&context, CHILDREN).await;
            times.push(start.elapsed());
        }
        times
    });
    times.sort();
    percentile(&times, 50).as_secs_f64() * 1e3
}

fn intensity(engine: &Engine, workers: usize) -> Vec<f64> {
    let node = node(engine, workers, "one_for_one", 1);
    let times = drive(node.runtime(), move |context| async move {
        let mut child = started(&context, 1).await[0];
        let mut times = Vec::with_capacity(RESTARTS);
        for _ in 0..RESTARTS {
            times.push(crash(&context, &mut child, Crash::Kill).await);
        }
        times
    });
    let median = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort();
        microseconds(percentile(&times, 50))
    };
    vec![median(&times[..1_000]), median(&times[RESTARTS - 1_000..])]
}

/// Calls that a bystander makes all the time, and how long they took.
struct Bystander {
    stop: Arc<AtomicBool>,
    times: std::sync::mpsc::Receiver<Vec<Duration>>,
}

impl Bystander {
    fn start(runtime: &Runtime) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (done, times) = std::sync::mpsc::channel();
        let echo = runtime.spawn(SpawnOptions::default(), |context| async move {
            loop {
                if let Some(Received::Message(message)) = context.receive(None).await
                    && let MessageKind::Call(from) = message.kind
                {
                    let _ = context.reply(from, message.payload);
                }
            }
        });
        let echo = Destination::Pid(echo.unwrap_or_else(|error| panic!("{error}")));
        let stopping = stop.clone();
        let caller = runtime.spawn(SpawnOptions::default(), move |context| async move {
            let mut times = Vec::new();
            while !stopping.load(Ordering::Relaxed) {
                let start = Instant::now();
                let _ = context.call(&echo, Bytes::new(), None).await;
                times.push(start.elapsed());
                context.receive(Some(Duration::from_millis(1))).await;
            }
            let _ = done.send(times);
            ExitReason::Normal
        });
        caller.unwrap_or_else(|error| panic!("{error}"));
        Self { stop, times }
    }

    fn finish(self, what: &str, report: &mut Report) {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.times.recv().unwrap_or_default();
        times.sort();
        for (part, percent) in [("p50", 50), ("p99", 99)] {
            let time = microseconds(percentile(&times, percent));
            report.row(format!("  {what}, a bystander's call meanwhile, {part}"), time, "µs", None);
        }
        let most = times.last().copied().unwrap_or_default();
        report.row(format!("  {what}, a bystander's call meanwhile, max"), microseconds(most), "µs", None);
    }
}

/// The rows of a tree's life.
fn report_life(what: &str, started: Duration, stopped: Duration, bystander: Bystander, report: &mut Report) {
    report.row(format!("  {what}, start"), started.as_secs_f64(), "s", None);
    report.row(format!("  {what}, orderly stop"), stopped.as_secs_f64(), "s", None);
    bystander.finish(what, report);
}

fn start_and_stop(engine: &Engine, workers: usize, children: usize, report: &mut Report) {
    let start = Instant::now();
    let node = node(engine, workers, "one_for_one", children);
    let bystander = Bystander::start(node.runtime());
    drive(node.runtime(), move |context| async move { started(&context, children).await.len() });
    let started = start.elapsed();
    let start = Instant::now();
    node.stop();
    block_on(node.wait());
    let stopped = start.elapsed();
    report_life(&format!("{children} guests, {workers} workers"), started, stopped, bystander, report);
}

/// A native child that waits until it is told to end.
struct Sleeper;

impl StartChild for Sleeper {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let options = SpawnOptions { link: true, init_ack: Some(ack), ..SpawnOptions::default() };
        let (pid, _) = supervisor.spawn(options, |context| async move {
            context.init_ack(InitAck::Started);
            loop {
                context.receive(None).await;
            }
        })?;
        Ok(Started { pid, acknowledges: true })
    }
}

fn start_and_stop_natives(workers: usize, children: usize, report: &mut Report) {
    let random: Box<dyn RandomSource> = Box::new(SplitMix64::new(1));
    let runtime = Runtime::new(RuntimeConfig {
        clock: Arc::new(SystemClock::start()),
        random,
        events: Box::new(regrow::observe::Reporter::new(Logger::new(
            Level::Debug,
            false,
            Box::new(std::io::sink()),
        ))),
        surroundings: None,
        workers,
        max_processes: 1_000_000,
    });
    let sleeper: Arc<dyn StartChild> = Arc::new(Sleeper);
    let backoff = regrow_otp::supervisor::Backoff::constant(Duration::from_millis(100));
    let specs = (0..children).map(|n| ChildSpec::worker(n.to_string(), sleeper.clone()).backoff(backoff));
    let spec = SupervisorSpec::new("bench", None, SupFlags::default(), specs.collect());
    let spec = spec.unwrap_or_else(|errors| panic!("{errors:?}"));
    let threads = runtime.start_workers().unwrap_or_else(|error| panic!("{error}"));
    let bystander = Bystander::start(&runtime);
    let start = Instant::now();
    let root = spec.start_root(&runtime).unwrap_or_else(|error| panic!("{error}"));
    let ask = move |context: Context| async move {
        let root = Destination::Pid(root);
        let counts = regrow_otp::supervisor::count_children(&context, &root).await;
        let counts = counts.unwrap_or_default();
        assert_eq!(counts.active, children as u64);
    };
    drive(&runtime, ask);
    let started = start.elapsed();
    let start = Instant::now();
    runtime.exit(root, ExitReason::Shutdown);
    drive(&runtime, move |context| async move { context.await_down(root).await });
    let stopped = start.elapsed();
    report_life(
        &format!("{children} native processes, {workers} workers"),
        started,
        stopped,
        bystander,
        report,
    );
    drop(threads);
}
