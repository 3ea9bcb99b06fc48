//! What it is like to be beside processes that compute: latencies, shares, kills, and how fast compute kernels are on both engines.
//!
//! `cargo bench -p regrow-tests --bench isolation [-- neighbours|kernels]`

mod kernels;

use std::time::{Duration, Instant};

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::node::Node;
use regrow::observe::Level;
use regrow_otp::{Destination, ExitReason, Pid, Resource, SpawnOptions};
use regrow_term::{decode, encode};
use regrow_tests::report::{Goal, Report};
use regrow_tests::{bench_node, block_on, guest_folder, run_native};

/// How long shares are watched.
const WATCHED: Duration = Duration::from_secs(3);

fn main() {
    regrow_tests::report::without_backtraces();
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    let mut report = Report::new("isolation");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    for workers in [1, 2].into_iter().filter(|_| is_wanted("neighbours")) {
        println!("{workers} worker{}", if workers == 1 { "" } else { "s" });
        beside_spinners(&engine, workers, "bench", 0, &mut report);
        beside_spinners(&engine, workers, "bench", 8, &mut report);
        beside_spinners(&engine, workers, FAST, 8, &mut report);
        tenants(&engine, workers, &mut report);
        kills(&engine, workers, &mut report);
    }
    if is_wanted("kernels") {
        kernels::measure(&engine, &mut report);
    }
    report.write();
}

/// The same component on the engine for speed.
const FAST: &str = "fast";

/// A node with a probe of one of the components.
fn node(engine: &Engine, workers: usize, component: &str, children: &str) -> Node {
    let folder = guest_folder("bench");
    let text = format!(
        r#"
        [components.{FAST}]
        path = {folder:?}
        engine = "speed"
        grants = {{ clocks = true }}
        [supervisor]
        [[supervisor.children]]
        id = "probe"
        component = "{component}"
        entry = "probe"
        name = "probe"
        {children}
        "#,
    );
    let node = bench_node(engine, &text, workers, Level::Error);
    block_on(node.steering().await_started()).unwrap_or_else(|error| panic!("{error}"));
    node
}

/// What the probe has measured, least first.
fn probe(node: &Node, what: &str, count: u32) -> Vec<f64> {
    let request = Bytes::from(encode(&(what, count)).unwrap_or_default());
    let answer = run_native(node.runtime(), SpawnOptions::default(), move |context| async move {
        context.call(&Destination::from("probe"), request, None).await
    });
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    let mut times: Vec<f64> = decode(&answer).unwrap_or_else(|error| panic!("{error}"));
    times.sort_by(f64::total_cmp);
    times
}

/// Rows of what was measured, in microseconds, with the goals of the median and of the 99th percentile.
fn show(report: &mut Report, what: &str, workers: usize, times: &[f64], goals: [Option<f64>; 2]) {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let [p50, p99] = goals.map(|goal| goal.map(Goal::AtMost));
    for (part, share, goal) in [("p50", 0.5, p50), ("p99", 0.99, p99), ("max", 1.0, None)] {
        report.row(format!("  {what}, {part}, {}", of_workers(workers)), at(share), "µs", goal);
    }
}

fn of_workers(workers: usize) -> &'static str {
    if workers == 1 { "1 worker" } else { "2 workers" }
}

fn of_entry(node: &Node, entry: &str) -> Vec<(Pid, u64)> {
    let runtime = node.runtime();
    let infos = runtime.processes().into_iter().filter_map(|pid| runtime.process_info(pid));
    let of_entry = infos.filter(|info| info.identity.entry.as_deref() == Some(entry));
    of_entry.map(|info| (info.pid, info.reductions)).collect()
}

fn beside_spinners(engine: &Engine, workers: usize, component: &str, spinners: usize, report: &mut Report) {
    let child = format!(
        "[[supervisor.children]]\nid = \"spin\"\ncount = {spinners}\ncomponent = \"{component}\"\nentry = \"spin\"\nstart_timeout_ms = \"infinity\"\n"
    );
    let node = node(engine, workers, component, if spinners == 0 { "" } else { &child });
    let on = if component == FAST { ", engine for speed" } else { "" };
    let goals = match (spinners, workers) {
        (0, _) => [[None, None], [None, None]],
        (_, 1) => [[Some(60.0), Some(150.0)], [None, Some(100.0)]],
        _ => [[None, Some(70.0)], [None, None]],
    };
    // Those of the engine for speed run for a millisecond at a time.
    let goals = if component == FAST { [[None; 2]; 2] } else { goals };
    let (round_trips, timers) = (probe(&node, "round trip", 50_000), probe(&node, "timer", 2_000));
    show(report, &format!("round trip beside {spinners} that compute{on}"), workers, &round_trips, goals[0]);
    show(report, &format!("1 ms timer late beside {spinners} that compute{on}"), workers, &timers, goals[1]);
    if spinners > 0 {
        let before = of_entry(&node, "spin");
        std::thread::sleep(WATCHED);
        let used =
            of_entry(&node, "spin").into_iter().zip(before).map(|((_, after), (_, before))| after - before);
        let mut used: Vec<u64> = used.collect();
        used.sort_unstable();
        let (least, most) = (used[0] as f64, used[used.len() - 1] as f64);
        let goal = Goal::AtMost(if workers == 1 { 1.02 } else { 1.10 });
        let name = format!("  shares of those 8{on}, most / least, {}", of_workers(workers));
        report.row(name, most / least, "times", Some(goal));
    }
    node.stop();
}

/// Two subtrees with the same share, one with a thousand times as many processes.
fn tenants(engine: &Engine, workers: usize, report: &mut Report) {
    let tenant = |name: &str, count: usize| {
        format!(
            r#"
            [[supervisor.children]]
            id = "{name}"
            budget = {{ share = 100 }}
            [supervisor.children.supervisor]
            name = "{name}"
            [[supervisor.children.supervisor.children]]
            id = "spin"
            count = {count}
            component = "bench"
            entry = "spin"
            "#
        )
    };
    let node = node(engine, workers, "bench", &(tenant("few", 1) + &tenant("many", 1_000)));
    let used = || {
        ["few", "many"].map(|name| {
            let budgets = node.runtime().whereis(name).map(|pid| node.runtime().budgets(pid));
            let budget = budgets.into_iter().flatten().next();
            budget.map_or((0, 0), |budget| {
                let work = budget.resources.iter().find(|of| of.resource == Resource::Reductions);
                (budget.cpu.as_micros() as u64, work.map_or(0, |of| of.used))
            })
        })
    };
    let before = used();
    std::thread::sleep(WATCHED);
    let after = used();
    let (few, many) = (after[0].0 - before[0].0, after[1].0 - before[1].0);
    let name = format!("  CPU time of 1 process against 1,000, {}", of_workers(workers));
    report.row(name, percent(few, many), "%", Some(Goal::AtLeast(45.0)));
    // A thousand memories and stacks do not stay in the caches.
    let (few, many) = (after[0].1 - before[0].1, after[1].1 - before[1].1);
    let name = format!("  and the work that it did in it, {}", of_workers(workers));
    report.row(name, percent(few, many), "%", None);
    node.stop();
}

fn percent(part: u64, other: u64) -> f64 {
    100.0 * part as f64 / (part + other).max(1) as f64
}

/// From the order to kill a guest that computes, beside others, to its DOWN.
fn kills(engine: &Engine, workers: usize, report: &mut Report) {
    let child = "[[supervisor.children]]\nid = \"spin\"\ncount = 16\ncomponent = \"bench\"\nentry = \"spin\"\nrestart = \"temporary\"\n";
    let node = node(engine, workers, "bench", child);
    // Half of them go; the others compute on.
    let spinners: Vec<Pid> = of_entry(&node, "spin").into_iter().map(|(pid, _)| pid).take(8).collect();
    let mut times: Vec<f64> = run_native(node.runtime(), SpawnOptions::default(), |context| async move {
        let mut times = Vec::new();
        for spinner in spinners {
            let start = Instant::now();
            context.exit_process(spinner, ExitReason::Kill);
            context.await_down(spinner).await;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times
    });
    times.sort_by(f64::total_cmp);
    show(report, "kill to DOWN of one that computes", workers, &times, [None, Some(1_000.0)]);
    node.stop();
}
