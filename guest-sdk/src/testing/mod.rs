//! Testing guests with `cargo test`, without wasm and without a host: processes, supervisors, tables and all that run on `regrow-otp`,
//! in virtual time.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::{assert_receive, process, refute_receive, testing, timer};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! enum Event { Tick(u32) }
//!
//! fn ticker(every: Duration) -> Result<(), regrow_sdk::ExitReason> {
//!     for number in 1.. {
//!         regrow_sdk::mailbox::receive(Some(every));
//!         regrow_sdk::mailbox::send(process::parent().unwrap(), &Event::Tick(number))?;
//!     }
//!     Ok(())
//! }
//!
//! regrow_sdk::component! { "ticker" => process ticker }
//!
//! # fn main() {
//! testing::run(&COMPONENT, || {
//!     // An hour is over at once: the clock moves when nobody has anything to do.
//!     process::spawn("ticker", &Duration::from_secs(3600), &Default::default())?;
//!     refute_receive!(Event::Tick(_), Duration::from_secs(3599));
//!     let number = assert_receive!(Event::Tick(number) => number, Duration::from_secs(2));
//!     assert_eq!(number, 1);
//!     assert!(timer::monotonic_time() >= Duration::from_secs(3600));
//!     Ok(())
//! });
//! # }
//! ```
//!
//! A process runs until it waits; a seed decides which one is next, so that a test that has failed fails again. [`for_seeds`] tries
//! many. What takes time of its own (a loop, a computation) takes no virtual time;
//! a process that computes for 20 seconds without waiting for anything is taken to loop, and ends with an error.

mod assertions;
mod script;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use regrow_otp::testing::EventLog;
use regrow_otp::{Simulator, SpawnOptions};

pub use self::script::{Script, Step};
use crate::component::Component;
use crate::exit_reason::ExitReason;
use crate::pid::Pid;
use crate::process;
use crate::sys;

/// How a test is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What decides which process is next, and is random.
    pub seed: u64,
    /// How much virtual time a test may take until it fails; a day.
    pub time_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, time_limit: Duration::from_secs(24 * 60 * 60) }
    }
}

/// Runs `body` as a process beside the entries of `component`, until it ends; the others end with it.
///
/// # Panics
/// If the process ends with anything but `normal`, or waits for what never comes, so that a test fails.
pub fn run(component: &'static Component, body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static) {
    run_with(Options::default(), component, body);
}

/// As [`run`], once for each seed: each has processes run in another order.
///
/// # Panics
/// As [`run`]; the seed is printed.
pub fn for_seeds(
    seeds: impl IntoIterator<Item = u64>,
    component: &'static Component,
    body: impl FnOnce() -> Result<(), ExitReason> + Clone + Send + 'static,
) {
    for seed in seeds {
        run_with(Options { seed, ..Options::default() }, component, body.clone());
    }
}

/// As [`run`], as `options` say.
///
/// # Panics
/// As [`run`].
pub fn run_with(
    options: Options,
    component: &'static Component,
    body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static,
) {
    let mut simulator = Simulator::new(options.seed, Box::new(EventLog::default()));
    let outcome: Arc<Mutex<Option<ExitReason>>> = Arc::default();
    let ended = outcome.clone();
    let watched = simulator.runtime().spawn(SpawnOptions::default(), move |context| async move {
        context.set_trap_exit(true);
        let options = SpawnOptions { link: true, ..SpawnOptions::default() };
        let spawned = context
            .spawn(options, move |context| sys::run_as_process(context, component, None, body))
            .expect("a process for a test");
        let reason = context.await_down(spawned.0).await;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ExitReason::from(reason));
        regrow_otp::ExitReason::Normal
    });
    watched.expect("a process for a test");
    let reason = || outcome.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let too_long = simulator.run_while(options.time_limit, || reason().is_none());
    let seed = options.seed;
    match reason() {
        Some(ExitReason::Normal) => {}
        Some(reason) => panic!("the process under test ended with: {reason} (seed {seed})"),
        None if too_long => {
            panic!("the process under test has not ended within {:?} (seed {seed})", options.time_limit)
        }
        None => panic!("the process under test waits for what never comes (seed {seed})"),
    }
}

/// Spawns a process that runs a closure: a client, or a stand-in for something else. Only in tests: on a host, processes share
/// nothing.
///
/// # Panics
/// If there is no place for another process.
pub fn spawn(body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static) -> Pid {
    sys::spawn_closure(body)
}

/// Ends a process with `reason`, whoever it is, and waits until it has ended.
///
/// # Panics
/// If this process has no room for a monitor.
pub fn crash(pid: Pid, reason: ExitReason) {
    let monitor = process::monitor(pid).expect("room for a monitor");
    let _ = process::exit_process(pid, reason);
    crate::mailbox::wait_for(monitor, None);
}
