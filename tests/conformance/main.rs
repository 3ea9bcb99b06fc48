//! The same scenarios, played by native processes, by guests, by a model, and (recorded in the repository) by Erlang's own
//! runtime system: what they observe is equal, line by line.

mod recorded;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use std::time::{Duration, Instant};

use regrow_scenario::{Scenario, generate, parse, predict, shrink};
use regrow_tests::{Trace, play_by_guests, play_natively};

/// Orders of turns in which native processes play each recorded scenario.
const SEEDS: u64 = 4;

/// Guests play scenarios in real time: nothing else is to take theirs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All recorded scenarios.
fn recorded() -> Vec<Scenario> {
    let of_file = |file: PathBuf| {
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    recorded::files("scenarios").into_iter().flat_map(of_file).collect()
}

/// Fails if something else was observed than is recorded: with the smallest part of the scenario about which the model,
/// which is right about all that is recorded, and the players differ.
fn compare(scenario: &Scenario, observed: &Trace, by: &str, mut play: impl FnMut(&Scenario) -> Trace) {
    if scenario.trace == *observed {
        return;
    }
    let smallest = shrink(scenario, |candidate| play(candidate) != predict(candidate));
    let show = |trace: &Trace| Scenario { trace: trace.clone(), ..smallest.clone() }.to_string();
    let (expected, observed) = (predict(&smallest), play(&smallest));
    let (expected, observed) = (show(&expected), show(&observed));
    panic!(
        "{by} observe something else.\nexpected:\n{expected}\nobserved:\n{observed}\nas a part of\n{scenario}"
    );
}

#[rustfmt::skip]
const OPERATIONS: [&str; 32] = [
    "spawn", "spawn_link", "spawn_monitor", "spawn_exit", "trap_exit", "link", "unlink", "monitor", "demonitor",
    "demonitor_flush", "exit", "return", "exit2", "send", "receive", "wait", "wait_after", "register", "unregister",
    "whereis", "start_timer", "send_after", "cancel", "read", "alias", "alias_reply", "unalias", "send_alias",
    "is_alive", "info", "call", "reply",
];

#[test]
fn there_are_at_least_2000_recorded_scenarios() {
    let scenarios = recorded();
    assert!(scenarios.len() >= 2_100, "{} scenarios", scenarios.len());
    let lines: usize = scenarios.iter().flat_map(|scenario| &scenario.trace).map(Vec::len).sum();
    assert!(lines > 10 * scenarios.len(), "they observe something: {lines} lines");
    let steps: Vec<String> =
        scenarios.iter().flat_map(|scenario| &scenario.steps).map(ToString::to_string).collect();
    for operation in OPERATIONS {
        let count = steps.iter().filter(|step| step.split(' ').nth(1) == Some(operation)).count();
        assert!(count >= 100, "{operation} is done {count} times");
    }
    for scenario in &scenarios {
        assert_eq!(scenario.trace.len(), scenario.steps.len());
    }
}

#[test]
fn the_model_predicts_what_the_beam_observed() {
    for scenario in recorded() {
        compare(&scenario, &predict(&scenario), "the model says that the processes", predict);
    }
}

#[test]
fn native_processes_observe_what_the_beam_observed() {
    for scenario in recorded() {
        for seed in 0..SEEDS {
            let play = |scenario: &Scenario| play_natively(scenario, seed, 1);
            compare(&scenario, &play(&scenario), "native processes", play);
        }
    }
}

#[test]
fn guests_observe_what_the_beam_observed() {
    let _alone = alone();
    let scenarios = recorded();
    for (scenario, observed) in scenarios.iter().zip(play_by_guests(&scenarios)) {
        let play = |scenario: &Scenario| play_by_guests(std::slice::from_ref(scenario)).remove(0);
        compare(scenario, &observed, "guests", play);
    }
}

/// For how long random scenarios are tried; `REGROW_SOAK_SECONDS` says otherwise.
const SOAK: Duration = Duration::from_secs(30);

/// The first seed; `REGROW_SOAK_SEED` says otherwise.
const FIRST_SEED: u64 = 1_000_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Scenarios that nobody has recorded, under several schedulers, against the model.
#[test]
fn native_processes_observe_what_the_model_predicts() {
    let _alone = alone();
    let first = setting("REGROW_SOAK_SEED").unwrap_or(FIRST_SEED);
    let duration = setting("REGROW_SOAK_SECONDS").map_or(SOAK, Duration::from_secs);
    let start = Instant::now();
    let mut seed = first;
    while seed == first || start.elapsed() < duration {
        let workers = [1, 2, 4][(seed % 3) as usize];
        let scenario = generate(seed);
        let play = |scenario: &Scenario| play_natively(scenario, seed, workers);
        let by = format!("native processes on {workers} workers, with REGROW_SOAK_SEED={seed},");
        compare(&scenario, &play(&scenario), &by, play);
        seed += 1;
    }
    println!("{} scenarios, from seed {first}", seed - first);
}

#[test]
fn shrinking_keeps_what_fails_and_drops_the_rest() {
    let scenario = generate(7);
    let smallest =
        shrink(&scenario, |candidate| candidate.steps.iter().any(|step| step.to_string().contains("spawn")));
    assert_eq!(smallest.steps.len(), 1, "{smallest}");
}
