//! What it is like to be beside processes that compute: latencies, shares, kills, and what counting fuel costs.
//!
//! `cargo bench -p regrow-tests --bench isolation`

use std::time::{Duration, Instant};

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::engine::wasmtime::{self, Config, Instance, Module, Store};
use regrow::node::Node;
use regrow::observe::Level;
use regrow_otp::{Destination, ExitReason, Pid, Resource, SpawnOptions};
use regrow_term::{decode, encode};
use regrow_tests::{bench_node, block_on, run_native};

/// How long shares are watched.
const WATCHED: Duration = Duration::from_secs(3);

fn main() {
    regrow_tests::report::without_backtraces();
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    for workers in [1, 2] {
        println!("{workers} worker{}", if workers == 1 { "" } else { "s" });
        beside_spinners(&engine, workers, 0);
        beside_spinners(&engine, workers, 8);
        tenants(&engine, workers);
        kills(&engine, workers);
    }
    fuel();
}

fn node(engine: &Engine, workers: usize, children: &str) -> Node {
    let text = format!(
        r#"
        [supervisor]
        [[supervisor.children]]
        id = "probe"
        component = "bench"
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

fn shown(times: &[f64]) -> String {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!("p50 {:>7.1} µs, p99 {:>7.1} µs, max {:>8.1} µs", at(0.5), at(0.99), at(1.0))
}

fn of_entry(node: &Node, entry: &str) -> Vec<(Pid, u64)> {
    let runtime = node.runtime();
    let infos = runtime.processes().into_iter().filter_map(|pid| runtime.process_info(pid));
    let of_entry = infos.filter(|info| info.identity.entry.as_deref() == Some(entry));
    of_entry.map(|info| (info.pid, info.reductions)).collect()
}

fn beside_spinners(engine: &Engine, workers: usize, spinners: usize) {
    let child = format!(
        "[[supervisor.children]]\nid = \"spin\"\ncount = {spinners}\ncomponent = \"bench\"\nentry = \"spin\"\nstart_timeout_ms = \"infinity\"\n"
    );
    let node = node(engine, workers, if spinners == 0 { "" } else { &child });
    println!("  beside {spinners} that compute");
    println!("    round trip of two others  {}", shown(&probe(&node, "round trip", 50_000)));
    println!("    a timer of 1 ms is late   {}", shown(&probe(&node, "timer", 2_000)));
    if spinners > 0 {
        let before = of_entry(&node, "spin");
        std::thread::sleep(WATCHED);
        let used =
            of_entry(&node, "spin").into_iter().zip(before).map(|((_, after), (_, before))| after - before);
        let mut used: Vec<u64> = used.collect();
        used.sort_unstable();
        let (least, most) = (used[0] as f64, used[used.len() - 1] as f64);
        println!("    shares of those 8         most / least {:.3}", most / least);
    }
    node.stop();
}

/// Two subtrees with the same share, one with a thousand times as many processes.
fn tenants(engine: &Engine, workers: usize) {
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
    let node = node(engine, workers, &(tenant("few", 1) + &tenant("many", 1_000)));
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
    println!(
        "  equal shares, 1 process and 1,000: {:.1} % and {:.1} % of CPU time,",
        percent(few, many),
        percent(many, few)
    );
    // A thousand memories and stacks do not stay in the caches.
    let (few, many) = (after[0].1 - before[0].1, after[1].1 - before[1].1);
    println!("    in which they did {:.1} % and {:.1} % of the work", percent(few, many), percent(many, few));
    node.stop();
}

fn percent(part: u64, other: u64) -> f64 {
    100.0 * part as f64 / (part + other).max(1) as f64
}

/// From the order to kill a guest that computes, beside others, to its DOWN.
fn kills(engine: &Engine, workers: usize) {
    let child = "[[supervisor.children]]\nid = \"spin\"\ncount = 16\ncomponent = \"bench\"\nentry = \"spin\"\nrestart = \"temporary\"\n";
    let node = node(engine, workers, child);
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
    println!("  kill to DOWN of one that computes: {}", shown(&times));
    node.stop();
}

/// Three kernels, in core wasm: arithmetic, memory, calls.
const KERNELS: &str = r#"(module
    (memory 64)
    (func (export "arithmetic") (result i64) (local $n i64) (local $i i32)
        (local.set $n (i64.const 88172645463325252))
        (loop $again
            (local.set $n (i64.xor (local.get $n) (i64.shl (local.get $n) (i64.const 13))))
            (local.set $n (i64.xor (local.get $n) (i64.shr_u (local.get $n) (i64.const 7))))
            (local.set $n (i64.xor (local.get $n) (i64.shl (local.get $n) (i64.const 17))))
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30000000))))
        (local.get $n))
    (func (export "memory") (result i64) (local $n i64) (local $i i32) (local $round i32)
        (loop $rounds
            (local.set $i (i32.const 0))
            (loop $again
                (i64.store (local.get $i) (i64.add (i64.load (local.get $i)) (i64.extend_i32_u (local.get $i))))
                (local.set $n (i64.add (local.get $n) (i64.load offset=8 (local.get $i))))
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (i32.const 4194000))))
            (br_if $rounds (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 100))))
        (local.get $n))
    (func $fib (param i64) (result i64)
        (if (result i64) (i64.lt_u (local.get 0) (i64.const 2))
            (then (local.get 0))
            (else (i64.add
                (call $fib (i64.sub (local.get 0) (i64.const 1)))
                (call $fib (i64.sub (local.get 0) (i64.const 2)))))))
    (func (export "calls") (result i64) (call $fib (i64.const 34))))"#;

/// What counting fuel costs, and what epochs would, as ratios to neither.
fn fuel() {
    println!("what counting costs, in times of the same kernel without it");
    let measure = |configure: &dyn Fn(&mut Config), kernel: &str| -> wasmtime::Result<Duration> {
        let mut config = Config::new();
        configure(&mut config);
        let engine = wasmtime::Engine::new(&config)?;
        let module = Module::new(&engine, wat::parse_str(KERNELS)?)?;
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let mut store = Store::new(&engine, ());
            let _ = store.set_fuel(u64::MAX);
            store.set_epoch_deadline(u64::MAX / 2);
            let instance = Instance::new(&mut store, &module, &[])?;
            let kernel = instance.get_typed_func::<(), i64>(&mut store, kernel)?;
            let start = Instant::now();
            kernel.call(&mut store, ())?;
            best = best.min(start.elapsed());
        }
        Ok(best)
    };
    for kernel in ["arithmetic", "memory", "calls"] {
        let plain = measure(&|_| {}, kernel);
        let fuel = measure(
            &|config| {
                config.consume_fuel(true);
            },
            kernel,
        );
        let epochs = measure(
            &|config| {
                config.epoch_interruption(true);
            },
            kernel,
        );
        match (plain, fuel, epochs) {
            (Ok(plain), Ok(fuel), Ok(epochs)) => {
                let ratio = |time: Duration| time.as_secs_f64() / plain.as_secs_f64();
                println!(
                    "  {kernel:<12} fuel {:.2}, epochs {:.2} ({:.1} ms)",
                    ratio(fuel),
                    ratio(epochs),
                    plain.as_secs_f64() * 1e3
                );
            }
            failed => println!("  {kernel:<12} {failed:?}"),
        }
    }
}
