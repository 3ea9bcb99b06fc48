//! What processes cost that do nothing, live or hibernated: memory, page tables, mappings of the kernel's, and whether that
//! stays the same for many.
//!
//! `cargo bench -p regrow-tests --bench density [-- live|lean|hibernated] [COUNT…]`

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::observe::Level;
use regrow_otp::{Destination, SpawnOptions};
use regrow_term::{decode, encode};
use regrow_tests::report::{Goal, Report, without_backtraces};
use regrow_tests::{bench_node, block_on, run_native};

/// How many processes there are, one program after the other: each starts with nothing.
const LIVE: [u32; 4] = [1_000, 10_000, 100_000, 500_000];
const LEAN: [u32; 2] = [10_000, 100_000];
const HIBERNATED: [u32; 3] = [10_000, 100_000, 1_000_000];

/// What they run: the counter of the examples, one without the standard library, and one that hibernates.
const KINDS: [(&str, &str, &[u32]); 3] = [
    ("live", "counter.counter", &LIVE),
    ("lean", "lean.count", &LEAN),
    ("hibernated", "bench.sleeper", &HIBERNATED),
];

/// Says that this program is one point of the curve.
const POINT: &str = "REGROW_BENCH_POINT";

/// What one point has found.
type Point = Vec<(String, f64, &'static str, Option<Goal>)>;

fn main() {
    without_backtraces();
    if let Ok(point_text) = std::env::var(POINT) {
        let (entry, count) = point_text.split_once(' ').unwrap_or_else(|| panic!("{POINT}"));
        let count = count.parse().unwrap_or_else(|error| panic!("{POINT}: {error}"));
        for (name, value, unit, goal) in point(entry, count) {
            let (sign, goal) = match goal {
                Some(Goal::AtMost(goal)) => ("most", goal),
                Some(Goal::AtLeast(goal)) => ("least", goal),
                None => ("none", 0.0),
            };
            println!("{POINT}\t{name}\t{value}\t{unit}\t{sign}\t{goal}");
        }
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted: Vec<u32> = words.iter().filter_map(|count| count.parse().ok()).collect();
    let is_kind = |word: &String| KINDS.iter().any(|(kind, ..)| kind == word);
    let mut report = Report::new("density");
    for (kind, entry, counts) in KINDS {
        if words.iter().any(is_kind) && !words.iter().any(|word| word == kind) {
            continue;
        }
        for count in if wanted.is_empty() { counts } else { &wanted } {
            println!("{count} GenServers, {kind}, supervised and named");
            of_program(kind, entry, *count, &mut report);
        }
    }
    report.write();
}

/// Runs one point in a program of its own.
fn of_program(kind: &str, entry: &str, count: u32, report: &mut Report) {
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let output = Command::new(program).env(POINT, format!("{entry} {count}")).output();
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    assert!(output.status.success(), "{count}: {}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [POINT, name, value, unit, sign, goal] = fields[..] else { continue };
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let goal = match sign {
            "most" => Some(Goal::AtMost(number(goal))),
            "least" => Some(Goal::AtLeast(number(goal))),
            _ => None,
        };
        let unit = ["KiB", "GiB", "µs", "s", ""].into_iter().find(|known| *known == unit).unwrap_or("");
        report.row(format!("  {name}, of {count} {kind}"), number(value), unit, goal);
    }
}

/// What this program takes now: KiB that are resident, KiB of page tables, mappings.
fn taken() -> [f64; 3] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
    };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default().lines().count();
    [of("VmRSS:"), of("VmPTE:"), maps as f64]
}

/// What it takes when everybody has been idle for so long that it takes no less any more.
fn settled() -> [f64; 3] {
    let mut before = taken();
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let now = taken();
        if now[0] >= before[0] {
            return now;
        }
        before = now;
    }
}

fn point(entry: &str, count: u32) -> Point {
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    // Compiled, and run once.
    run(&engine, entry, 1, |_| {});
    let before = taken();
    let mut after = before;
    let mut call_all = 0.0;
    let (start, stop) = run(&engine, entry, count, |call| {
        after = settled();
        call_all = call();
    });
    let each = |index: usize| (after[index] - before[index]) / f64::from(count);
    // With few, the program's own arenas show. The goal of a hibernated one is that of a million.
    let most = match entry {
        "bench.sleeper" => 2.0 * 1024.0 * 1024.0 / 1e6,
        "lean.count" => 16.0,
        _ => 24.0,
    };
    let goal = (count >= 10_000).then_some(Goal::AtMost(most));
    vec![
        (
            "memory and page tables of all".to_owned(),
            (each(0) + each(1)) * f64::from(count) / 1024.0 / 1024.0,
            "GiB",
            None,
        ),
        ("memory and page tables of one".to_owned(), each(0) + each(1), "KiB", goal),
        ("  of that, page tables".to_owned(), each(1), "KiB", None),
        ("mappings that came with all".to_owned(), after[2] - before[2], "", None),
        ("start of one".to_owned(), start / f64::from(count) * 1e6, "µs", None),
        ("call of one, after another".to_owned(), call_all / f64::from(count), "µs", None),
        ("orderly stop of all".to_owned(), stop, "s", None),
    ]
}

/// A node with so many; the seconds that its start and its stop took. `meanwhile` gets a function that calls all of them once
/// and returns the microseconds that it took.
fn run(engine: &Engine, entry: &str, count: u32, meanwhile: impl FnOnce(&dyn Fn() -> f64)) -> (f64, f64) {
    let (component, entry) = entry.split_once('.').unwrap_or_else(|| panic!("{entry}"));
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples-guests");
    let text = format!(
        r#"
        [components.counter]
        path = {:?}
        [components.lean]
        path = {:?}
        [supervisor]
        [[supervisor.children]]
        id = "bench"
        component = "bench"
        entry = "bench"
        name = "bench"
        [[supervisor.children]]
        id = "crowd"
        [supervisor.children.supervisor]
        [[supervisor.children.supervisor.children]]
        id = "idle"
        count = {count}
        component = "{component}"
        entry = "{entry}"
        name = "idle"
        args = 0
        "#,
        examples.join("counter"),
        examples.join("lean"),
    );
    let started = Instant::now();
    let node = bench_node(engine, &text, 2, Level::Error);
    block_on(node.steering().await_started()).unwrap_or_else(|error| panic!("{error}"));
    let start = started.elapsed().as_secs_f64();
    meanwhile(&|| {
        let request = Bytes::from(encode(&("call all", count)).unwrap_or_default());
        let answer = run_native(node.runtime(), SpawnOptions::default(), move |context| async move {
            context.call(&Destination::from("bench"), request, None).await
        });
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        decode::<f64>(&answer).unwrap_or_else(|error| panic!("{error}"))
    });
    let stopped = Instant::now();
    node.stop();
    block_on(node.wait());
    (start, stopped.elapsed().as_secs_f64())
}
