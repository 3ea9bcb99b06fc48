//! The programs of tests/guests/bench, for RUSM 0.7. Prints "PROGRAM\tMICROSECONDS" for all of the count, the
//! median of the rounds.
//!
//! `cargo run --release --manifest-path tests/bench/peers/rusm/Cargo.toml -- THREADS ROUNDS PROGRAM=COUNT ...`
//!
//! A guest does the work and takes the time, from its first send or spawn on; each round is a fresh guest's.
//! What is left out: "call", as `rusm-wasm` has none, and "chain", as its guests can't link. The ring is of
//! 1,000 with the one that measures (ours and the BEAM's have 1,000 more than that one): RUSM leaves the number
//! of the pool's stacks at Wasmtime's 1,000, one for each guest.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rusm_otp::{Received, Runtime};
use rusm_wasm::{Capabilities, PreparedComponent, WasmRuntime};

const PROGRAMS: [&str; 8] =
    ["spawn", "send 64 B", "send 64 KiB", "send 1 MiB", "ring", "fan-in", "timer", "expire"];

/// RUSM's limit counts core instances, of which a component of std Rust has three: its own, and two that join
/// it to its imports.
const INSTANCES: u32 = 3 * 1_000;
const MEMORY: usize = 16 << 20;

/// For a round; a guest that fails leaves others waiting for its messages.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [threads, rounds, programs @ ..] => threads.parse().ok().zip(rounds.parse().ok()).zip(Some(programs)),
        _ => None,
    };
    let Some(((threads @ 1.., rounds @ 1..), programs)) = parsed else {
        eprintln!("THREADS ROUNDS PROGRAM=COUNT ...");
        return ExitCode::FAILURE;
    };
    let guest = compile();
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    // All of it on a worker: the thread of main is none.
    tokio.block_on(tokio.spawn(measure(guest, rounds, programs.to_vec()))).unwrap();
    ExitCode::SUCCESS
}

/// The guest, compiled.
fn compile() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = folder.join("target");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--package", "rusm-bench-guest", "--profile", "guest"]);
    cargo.args(["--target", "wasm32-wasip2", "--target-dir"]).arg(&target);
    let status = cargo.current_dir(folder).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "the guest doesn't compile");
    target.join("wasm32-wasip2/guest/rusm_bench_guest.wasm")
}

async fn measure(guest: PathBuf, rounds: usize, programs: Vec<String>) {
    let runtime = Runtime::new();
    let wasm = WasmRuntime::with_limits(runtime.clone(), INSTANCES, MEMORY).unwrap();
    let component = wasm.compile_component(std::fs::read(guest).unwrap()).unwrap();
    let prepare = |entry| wasm.prepare_component(&component, entry).unwrap();
    let driver = prepare("drive");
    for entry in ["echo", "hello", "pass", "flood"] {
        wasm.register_component_with(entry, prepare(entry), Capabilities::nothing());
    }
    for program in &programs {
        let Some((name, count)) = program.rsplit_once('=') else { continue };
        let (Ok(count), true) = (count.parse(), PROGRAMS.contains(&name)) else { continue };
        let mut times = Vec::new();
        for _ in 0..rounds {
            times.extend(round(&runtime, &wasm, &driver, name, count).await);
        }
        if times.len() == rounds {
            times.sort_unstable();
            println!("{name}\t{:.3}", times[rounds / 2] as f64 / 1_000.0);
        } else {
            eprintln!("{name}: failed");
        }
    }
}

/// The time in nanoseconds that the guest has measured.
async fn round(
    runtime: &Runtime,
    wasm: &WasmRuntime,
    driver: &PreparedComponent,
    name: &str,
    count: u32,
) -> Option<u64> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let host = runtime.spawn(async move |mut context| {
        let time = match context.recv().await {
            Received::Message(time) => Some(u64::from_le_bytes(time.try_into().unwrap())),
            _ => None,
        };
        // Nobody waits for it anymore if it has taken too long.
        let _ = sender.send(time);
    });
    let capabilities = Capabilities::nothing().allow_spawn(true).allow_process_control(true);
    let driver = wasm.spawn_component_with(driver, capabilities);
    runtime.monitor(host.pid(), driver.pid());
    let mut request = host.pid().raw().to_le_bytes().to_vec();
    request.extend(count.to_le_bytes());
    request.extend(name.as_bytes());
    runtime.send(driver.pid(), request);
    let time = tokio::time::timeout(PATIENCE, receiver).await;
    runtime.shutdown();
    // The next round needs their stacks.
    while runtime.process_count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    time.ok()?.ok()?
}
