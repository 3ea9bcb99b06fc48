//! The same scenarios of supervisors, played on ours and (recorded in the repository) on the `supervisor` of
//! Erlang/OTP: starts, ends, reports, answers and their order are equal, line by line.

mod recorded;

use regrow_scenario::text::{Scenario, parse};
use regrow_tests::play_supervision;

/// Orders of turns in which each scenario is played.
const SEEDS: u64 = 4;

fn scenarios() -> Vec<Scenario> {
    let of_file = |file: &std::path::PathBuf| {
        let text =
            std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    recorded::files("supervision").iter().flat_map(of_file).collect()
}

#[test]
fn there_are_at_least_1000_recorded_scenarios_of_everything() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 1_000, "{} scenarios", scenarios.len());
    let steps: Vec<&str> = scenarios.iter().flat_map(|s| &s.steps).map(|(step, _)| step.as_str()).collect();
    #[rustfmt::skip]
    let words = [
        "one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one", "any_significant", "all_significant", "significant",
        "permanent", "transient", "temporary", "brutal_kill", "infinity", "start", "stop", "kill", "kill_sup", "tell", "together",
        "start_child", "start_instance", "terminate", "restart", "delete", "which", "count", "spec",
    ];
    for word in words {
        let times = steps.iter().filter(|step| step.split(' ').any(|w| w == word)).count();
        assert!(times >= 30, "{word}: {times} times");
    }
    let scripts: String =
        steps.iter().filter_map(|step| step.rsplit(' ').next()).collect::<Vec<_>>().join(",");
    for behaviour in ["run", "trap", "stop", "stubborn", "ignore", "error", "crash", "hang", "unlink", "exit"]
    {
        let times = scripts.split([',', ':']).filter(|word| *word == behaviour).count();
        assert!(times >= 30, "{behaviour}: {times} times");
    }
}

/// Rules S1 to S65, as OTP itself has them.
#[test]
fn our_supervisor_does_what_otps_did() {
    for scenario in scenarios() {
        for seed in 0..SEEDS {
            let ours = play_supervision(&scenario, seed);
            let differs = scenario.steps.iter().zip(&ours).find(|((_, otps), ours)| otps != *ours);
            if let Some(((step, otps), ours)) = differs {
                panic!(
                    "with seed {seed}, after `{step}`:\nOTP's:\n  {}\nours:\n  {}\nin\n{scenario}",
                    otps.join("\n  "),
                    ours.join("\n  ")
                );
            }
        }
    }
}
