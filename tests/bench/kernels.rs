//! What it costs to be preemptible: kernels in guest processes on both engines, in times of the same kernels in plain wasmtime.

use std::time::{Duration, Instant};

use regrow::engine::wasmtime::{self, Config, Instance, Module, Store};
use regrow::engine::{Engine, EngineKind};
use regrow::observe::Level;
use regrow_tests::report::{Goal, Report};
use regrow_tests::{bench_node, block_on, raw};

/// The fastest of so many runs counts.
const ROUNDS: usize = 7;

/// More than plain wasmtime takes, on the engine for speed.
const GOAL: f64 = 1.15;

/// Arithmetic, memory, calls: functions without parameters or results. The memory's first 128 KiB are left alone.
const KERNELS: &str = r#"
    (global $kept (mut i64) (i64.const 0))
    (func $nothing)
    (func $arithmetic (local $n i64) (local $i i32)
        (local.set $n (i64.const 88172645463325252))
        (loop $again
            (local.set $n (i64.xor (local.get $n) (i64.shl (local.get $n) (i64.const 13))))
            (local.set $n (i64.xor (local.get $n) (i64.shr_u (local.get $n) (i64.const 7))))
            (local.set $n (i64.xor (local.get $n) (i64.shl (local.get $n) (i64.const 17))))
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60000000))))
        (global.set $kept (local.get $n)))
    (func $memory (local $n i64) (local $i i32) (local $round i32)
        (drop (memory.grow (i32.const 66)))
        (loop $rounds
            (local.set $i (i32.const 131072))
            (loop $again
                (i64.store (local.get $i) (i64.add (i64.load (local.get $i)) (i64.extend_i32_u (local.get $i))))
                (local.set $n (i64.add (local.get $n) (i64.load offset=8 (local.get $i))))
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (i32.const 4325072))))
            (br_if $rounds (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 200))))
        (global.set $kept (local.get $n)))
    (func $fib (param i64) (result i64)
        (if (result i64) (i64.lt_u (local.get 0) (i64.const 2))
            (then (local.get 0))
            (else (i64.add
                (call $fib (i64.sub (local.get 0) (i64.const 1)))
                (call $fib (i64.sub (local.get 0) (i64.const 2)))))))
    (func $calls (global.set $kept (call $fib (i64.const 36))))"#;

/// Measures all kernels.
pub(crate) fn measure(engine: &Engine, report: &mut Report) {
    println!("kernels in guests, in times of plain wasmtime without metering");
    for kernel in ["arithmetic", "memory", "calls"] {
        let plain = plain(kernel).unwrap_or_else(|error| panic!("{error:#}"));
        report.row(format!("  {kernel}, plain wasmtime"), plain.as_secs_f64() * 1e3, "ms", None);
        for kind in [EngineKind::Speed, EngineKind::Density] {
            let all = in_guest(engine, kind, kernel);
            let computing = all.saturating_sub(in_guest(engine, kind, "nothing"));
            let goal = (kind == EngineKind::Speed).then_some(Goal::AtMost(GOAL));
            let ratio = computing.as_secs_f64() / plain.as_secs_f64();
            report.row(format!("  {kernel}, engine for {kind}"), ratio, "times", goal);
        }
    }
}

fn fastest<T>(mut run: impl FnMut() -> Result<Duration, T>) -> Result<Duration, T> {
    (0..ROUNDS).try_fold(Duration::MAX, |best, _| Ok(best.min(run()?)))
}

fn plain(kernel: &str) -> wasmtime::Result<Duration> {
    let engine = wasmtime::Engine::new(&Config::new())?;
    let text = format!("(module (memory 2) {KERNELS} (export \"kernel\" (func ${kernel})))");
    let module = Module::new(&engine, wat::parse_str(text)?)?;
    fastest(|| {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let kernel = instance.get_typed_func::<(), ()>(&mut store, "kernel")?;
        let start = Instant::now();
        kernel.call(&mut store, ())?;
        Ok(start.elapsed())
    })
}

/// From the start of a node to its end, which is that of its only process.
fn in_guest(engine: &Engine, kind: EngineKind, kernel: &str) -> Duration {
    let run = format!("(call ${kernel}) (i32.const 128)");
    let component = raw::Module { fields: KERNELS, run: &run, ..raw::Module::default() }.component();
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let file = folder.path().join("kernel.wasm");
    std::fs::write(&file, component).unwrap_or_else(|error| panic!("{error}"));
    let tree = format!(
        r#"
        [components.kernel]
        path = {file:?}
        engine = "{kind}"
        [supervisor]
        auto_shutdown = "any_significant"
        [[supervisor.children]]
        id = "kernel"
        component = "kernel"
        entry = "attack"
        restart = "temporary"
        significant = true
        "#
    );
    let run = || {
        let node = bench_node(engine, &tree, 1, Level::Error);
        let start = Instant::now();
        block_on(node.wait());
        Ok::<_, std::convert::Infallible>(start.elapsed())
    };
    fastest(run).unwrap_or_default()
}
