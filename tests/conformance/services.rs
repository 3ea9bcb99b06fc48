//! The same scenarios of tables, process groups and registries, played on ours and (recorded in the repository) on `ets`, `pg` and
//! Elixir's `Registry`: answers and messages are equal, line by line.

mod recorded;

use regrow_scenario::text::{Scenario, parse};
use regrow_tests::play_services;

/// Orders of turns in which each scenario is played.
const SEEDS: u64 = 3;

fn scenarios() -> Vec<Scenario> {
    let of_file = |file: &std::path::PathBuf| {
        let text =
            std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    recorded::files("services").iter().flat_map(of_file).collect()
}

#[test]
fn there_are_at_least_1000_recorded_scenarios_of_everything() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 1_000, "{} scenarios", scenarios.len());
    #[rustfmt::skip]
    let words = [
        "set", "ordered_set", "bag", "duplicate_bag", "public", "protected", "private", "insert", "insert_new", "lookup", "element",
        "member", "delete", "delete_object", "take", "counter", "counter_default", "counter_wrap", "update", "first", "last", "next",
        "prev", "all", "size", "owner", "clear", "drop", "give", "heir", "access", "count", "keys", "delete_above", "raise", "join",
        "leave", "members", "groups", "monitor", "demonitor", "register", "unregister", "whereis", "entries", "keys_of", "values_of",
        "update_value", "registered", "match", "count_match", "unregister_match", "select", "count_select", "kill",
    ];
    let steps = || scenarios.iter().flat_map(|scenario| &scenario.steps);
    for word in words {
        let times = steps().filter(|(step, _)| step.split(' ').any(|w| w == word)).count();
        assert!(times >= 30, "{word}: {times} times");
    }
    for observed in ["badarg", "got transfer", "got join", "got leave", "already"] {
        let times = steps().flat_map(|(_, lines)| lines).filter(|line| line.contains(observed)).count();
        assert!(times >= 30, "{observed}: {times} times");
    }
}

/// Rules E1 to E23, PG1 to PG8, R1 to R15, as OTP and Elixir have them.
#[test]
fn our_services_do_what_otps_and_elixirs_did() {
    for scenario in scenarios() {
        for seed in 0..SEEDS {
            let ours = play_services(&scenario, seed);
            let differs = scenario.steps.iter().zip(&ours).find(|((_, theirs), ours)| theirs != *ours);
            if let Some(((step, theirs), ours)) = differs {
                panic!(
                    "with seed {seed}, after `{step}`:\ntheirs:\n  {}\nours:\n  {}\nin\n{scenario}",
                    theirs.join("\n  "),
                    ours.join("\n  ")
                );
            }
        }
    }
}
