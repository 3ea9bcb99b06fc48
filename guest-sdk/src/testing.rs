//! Running guests' logic off wasm, in tests and documentation.

use std::sync::Arc;
use std::sync::mpsc;

use regrow_otp::testing::EventLog;
use regrow_otp::{RandomSource, Runtime, RuntimeConfig, SpawnOptions, SystemClock};

use crate::component::Component;
use crate::exit_reason::ExitReason;
use crate::sys;

/// The operating system's randomness, by way of the standard library's hash seeds.
struct HashSeeds;

impl RandomSource for HashSeeds {
    fn next_u64(&mut self) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0u8)
    }
}

/// Runs `body` as a process beside the entries of `component`, until it ends; the others end with it.
///
/// # Panics
/// If the process ends with anything but `normal`, so that a test fails.
pub fn run(component: &'static Component, body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static) {
    let runtime = Runtime::new(RuntimeConfig {
        clock: Arc::new(SystemClock::start()),
        random: Box::new(HashSeeds),
        events: Box::new(EventLog::default()),
        surroundings: None,
        workers: 1,
        max_processes: 10_000,
    });
    let workers = runtime.start_workers().expect("a thread for the processes of a test");
    let (ended, outcome) = mpsc::channel();
    let watched = runtime.spawn(SpawnOptions::default(), move |context| async move {
        context.set_trap_exit(true);
        let options = SpawnOptions { link: true, ..SpawnOptions::default() };
        let spawned = context
            .spawn(options, move |context| sys::run_as_process(context, component, None, body))
            .expect("a process for a test");
        let reason = context.await_down(spawned.0).await;
        let _ = ended.send(ExitReason::from(reason));
        regrow_otp::ExitReason::Normal
    });
    watched.expect("a process for a test");
    let reason = outcome.recv().expect("the process of a test ends");
    drop(workers);
    assert_eq!(reason, ExitReason::Normal, "the process under test ended with: {reason}");
}
