//! A mixed tree under random kills, overload and attackers, for as long as one likes, and a balance sheet at the end.
//!
//! `cargo run --release -p regrow-tests --bin soak -- [MINUTES] [SEED]`

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::manifest::{Manifest, Source};
use regrow::node::{Application, Node, NodeOptions};
use regrow::observe::{Level, Logger};
use regrow_otp::{
    CallError, Context, Destination, Event, EventSink, ExitReason, MessageKind, ProcessKind, RandomSource,
    ReportKind, Runtime, SpawnOptions, SplitMix64, SupervisorReport,
};
use regrow_tests::{Guest, block_on};

/// Attackers of the hostile guest, all at once.
const ATTACKERS: [&str; 21] = [
    "endless-loop",
    "endless-calls",
    "endless-wasi",
    "parser-bombs",
    "memory-bomb",
    "recursion",
    "tiny-messages",
    "exit-storm",
    "timer-storm",
    "restart-storm",
    "used-twice",
    "invented-references",
    "info-storm",
    "reference-storm",
    "monitor-storm",
    "timer-bomb",
    "long-names",
    "hibernate-storm",
    "log-flood",
    // Last: they leave no room for others in the budget of all.
    "memory-drip",
    "spawn-bomb",
];

/// What the program may grow by, in MiB, after its first seconds: allocators keep what they have had once.
const MAX_GROWTH_MIB: u64 = 192;

/// What happens, counted.
#[derive(Clone, Default)]
struct Counts(Arc<Counted>);

#[derive(Default)]
struct Counted {
    restarts: AtomicU64,
    crashes: AtomicU64,
    denied: AtomicU64,
    killed: AtomicU64,
    answers: AtomicU64,
    failed_calls: AtomicU64,
    wrong_answers: AtomicU64,
    stop: AtomicBool,
}

impl EventSink for Counts {
    fn event(&self, event: &Event) {
        let counter = match event {
            Event::Supervisor(SupervisorReport {
                kind: ReportKind::ChildStarted { restarts: 1.., .. },
                ..
            }) => &self.0.restarts,
            Event::Exited(ended) if !ended.reason.is_clean() => &self.0.crashes,
            Event::Denied { .. } => &self.0.denied,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counts {
    fn count(&self, counter: impl Fn(&Counted) -> &AtomicU64) {
        counter(&self.0).fetch_add(1, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.0.stop.load(Ordering::Relaxed)
    }
}

fn manifest() -> Manifest {
    let attackers: String = ATTACKERS.iter().map(|entry| {
        format!(
            "[[supervisor.children.supervisor.children]]\nid = \"{entry}\"\ncomponent = \"hostile\"\nentry = \"{entry}\"\nbackoff_ms = 200\nshutdown = \"brutal_kill\"\n"
        )
    }).collect();
    let sinks: String = ["reject", "drop_newest", "suspend_sender"].iter().map(|when_full| {
        format!(
            "[[supervisor.children]]\nid = \"{when_full}\"\ncomponent = \"hostile\"\nentry = \"endless-wait\"\nname = \"{when_full}\"\nlimits = {{ mailbox_messages = 100, when_full = \"{when_full}\" }}\n"
        )
    }).collect();
    let text = format!(
        r#"
        [application]
        name = "soak"
        [components.hostile]
        path = {:?}
        grants = {{ lookup = ["*"] }}
        [supervisor]
        intensity = 1_000_000_000
        [[supervisor.children]]
        id = "victim"
        count = 4
        component = "hostile"
        entry = "victim"
        name = "victim"
        {sinks}
        [[supervisor.children]]
        id = "siege"
        budget = {{ share = 50, processes = 200, memory_bytes = "512 MiB", mailbox_messages = 20_000, log_lines_per_second = 20 }}
        [supervisor.children.supervisor]
        name = "siege"
        intensity = 1_000_000_000
        {attackers}
        "#,
        Guest::Hostile.file()
    );
    Manifest::parse(Source { path: "soak.toml".into(), text }).unwrap_or_else(|error| panic!("{error}"))
}

fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    (pages * 4096) >> 20
}

/// Calls a victim again and again: it answers rightly, or it has just been killed.
async fn call(context: Context, counts: Counts, name: String) -> ExitReason {
    let mut number = 0u64;
    while counts.goes_on() {
        number += 1;
        let question = Bytes::from(regrow_term::encode(&number).unwrap_or_default());
        let answer =
            context.call(&name.as_str().into(), question.clone(), Some(Duration::from_secs(30))).await;
        match answer {
            Ok(answer) if answer == question => counts.count(|counted| &counted.answers),
            Ok(_) | Err(CallError::Timeout) => counts.count(|counted| &counted.wrong_answers),
            Err(_) => {
                counts.count(|counted| &counted.failed_calls);
                // Until its successor is there.
                context.receive(Some(Duration::from_millis(1))).await;
            }
        }
    }
    ExitReason::Normal
}

/// Sends more than a sink has room for.
async fn flood(context: Context, counts: Counts, name: String) -> ExitReason {
    let to = Destination::from(name.as_str());
    while counts.goes_on() {
        for _ in 0..200 {
            let _ = context.send(&to, MessageKind::Info, Bytes::from_static(&[0; 64])).await;
        }
        context.receive(Some(Duration::from_millis(1))).await;
    }
    ExitReason::Normal
}

/// Kills whomever it hits: guests, and now and then the supervisor of the attackers.
async fn kill(context: Context, counts: Counts, seed: u64) -> ExitReason {
    let mut random = SplitMix64::new(seed);
    while counts.goes_on() {
        context.receive(Some(Duration::from_millis(random.next_u64() % 20))).await;
        let runtime = context.runtime();
        let guests: Vec<_> = runtime
            .processes()
            .into_iter()
            .filter(|pid| {
                let info = runtime.process_info(*pid);
                info.is_some_and(|info| {
                    info.identity.kind == ProcessKind::Guest
                        || info.registered_name.as_deref() == Some("siege")
                })
            })
            .collect();
        if let Some(pid) = guests.get(random.next_u64() as usize % guests.len().max(1)) {
            let reason = if random.next_u64().is_multiple_of(4) {
                ExitReason::error("soak")
            } else {
                ExitReason::Kill
            };
            context.exit_process(*pid, reason);
            counts.count(|counted| &counted.killed);
        }
    }
    ExitReason::Normal
}

fn spawn<B: Future<Output = ExitReason> + Send + 'static>(
    runtime: &Runtime,
    body: impl FnOnce(Context) -> B + Send + 'static,
) {
    runtime.spawn(SpawnOptions::default(), body).unwrap_or_else(|error| panic!("{error}"));
}

/// Ends whatever is left, orphans that spawn on included.
fn end_all(runtime: &Runtime) {
    while runtime.process_count() > 0 {
        for pid in runtime.processes() {
            runtime.exit(pid, ExitReason::Kill);
        }
        std::thread::yield_now();
    }
    // The last one is gone from the list a moment before it has been counted.
    let start = Instant::now();
    while runtime.balance().error().is_some() && start.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let minutes: f64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let seed: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2026);
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    let application = block_on(Application::load(manifest(), &engine, &|text| eprintln!("{text}")));
    let application = application.unwrap_or_else(|error| panic!("{error}"));
    let counts = Counts::default();
    let mut options = NodeOptions::new(Logger::new(Level::Error, false, Box::new(std::io::sink())));
    options.events = Some(Box::new(counts.clone()));
    let node = Node::start(application, options).unwrap_or_else(|error| panic!("{error:#}"));
    block_on(node.steering().await_started()).unwrap_or_else(|error| panic!("{error}"));
    let runtime = node.runtime().clone();
    for victim in 1..=4 {
        let counts = counts.clone();
        spawn(&runtime, move |context| call(context, counts, format!("victim-{victim}")));
    }
    for sink in ["reject", "drop_newest", "suspend_sender"] {
        for _ in 0..2 {
            let counts = counts.clone();
            spawn(&runtime, move |context| flood(context, counts, sink.to_owned()));
        }
    }
    let killer = counts.clone();
    spawn(&runtime, move |context| kill(context, killer, seed));

    let start = Instant::now();
    let whole = Duration::from_secs_f64(minutes * 60.0);
    let (mut at_start, mut next) = (None, Duration::ZERO);
    while start.elapsed() < whole {
        std::thread::sleep(Duration::from_millis(100).min(whole));
        if start.elapsed() >= next {
            // Everything has been there once.
            let resident = resident_mib();
            at_start = at_start.or((start.elapsed() > Duration::from_secs(20)).then_some(resident));
            let answers = counts.0.answers.load(Ordering::Relaxed);
            eprintln!(
                "{:>6} s: {answers} answers, {} processes, {resident} MiB",
                start.elapsed().as_secs(),
                runtime.process_count()
            );
            next += Duration::from_secs(30).min(whole / 4);
        }
    }
    counts.0.stop.store(true, Ordering::Relaxed);
    node.stop();
    let outcome = block_on(async { tokio::time::timeout(Duration::from_secs(60), node.wait()).await });
    end_all(&runtime);
    sheet(&runtime, &counts, at_start.unwrap_or(0), outcome.is_ok())
}

fn sheet(runtime: &Runtime, counts: &Counts, at_start: u64, stopped: bool) -> ExitCode {
    let (balance, counted, at_end) = (runtime.balance(), &counts.0, resident_mib());
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    print!("{balance}");
    for (what, count) in [
        ("restarts", load(&counted.restarts)),
        ("abnormal ends", load(&counted.crashes)),
        ("  of processes that were killed here", load(&counted.killed)),
        ("right answers of victims", load(&counted.answers)),
        ("  calls that a killed victim failed", load(&counted.failed_calls)),
        ("  wrong or late answers", load(&counted.wrong_answers)),
        ("refusals for want of a grant", load(&counted.denied)),
        ("MiB after 20 s", at_start),
        ("MiB at the end", at_end),
    ] {
        println!("{what:<36} {count:>14}");
    }
    let timers = regrow_otp::testing::running_timers(runtime);
    let wrong = [
        balance.error(),
        (!stopped).then(|| "the tree did not stop in order".to_owned()),
        (load(&counted.wrong_answers) > 0).then(|| "a victim answered wrongly, or not in time".to_owned()),
        (load(&counted.answers) == 0).then(|| "no victim ever answered".to_owned()),
        (balance.live + balance.waiting > 0).then(|| "something is left".to_owned()),
        (at_start > 0 && at_end > at_start + MAX_GROWTH_MIB)
            .then(|| format!("the program has grown by {} MiB", at_end - at_start)),
        (!runtime.registered().is_empty()).then(|| "a name is left".to_owned()),
    ];
    println!("timers left by the dead              {timers:>14}");
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    if wrong.is_empty() {
        println!("the balance closes");
        ExitCode::SUCCESS
    } else {
        println!("wrong: {}", wrong.join("; "));
        ExitCode::FAILURE
    }
}
