//! Scenarios of tables, groups and registries, played on `ets`, `pg` and Elixir's `Registry`.

use std::path::Path;

use regrow_scenario::services::generate;
use regrow_scenario::text::{Scenario, parse};

use crate::{Beam, TIMES, recorded};

const FLAGS: &[&str] = &["+S", "1:1"];

/// What stands where OTP's own has failed: those are no scenarios.
const CRASHED: &str = "the scope has crashed";

pub(crate) fn generate_all(count: usize) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/services/generated.scenario");
    let mut text =
        "# Random scenarios, made and recorded by `just conformance-record services`.\n".to_owned();
    (1u64..).take(count).map(generate).for_each(|scenario| text.push_str(&format!("\n{scenario}")));
    std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    record_all()
}

pub(crate) fn record_all() -> Result<(), String> {
    let beam = Beam::compile("services", FLAGS)?;
    for file in recorded::files("services") {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let played = beam.play(&text)?;
        for _ in 1..TIMES {
            if beam.play(&text)? != played {
                return Err("not the same every time".to_owned());
            }
        }
        let scenarios = parse(&played).map_err(|error| error.to_string())?;
        let has_crashed =
            |scenario: &&Scenario| scenario.trace().iter().flatten().any(|line| line == CRASHED);
        let crashed: Vec<String> = scenarios.iter().filter(has_crashed).map(ToString::to_string).collect();
        let kept = crashed.iter().fold(played, |text, scenario| text.replace(&format!("{scenario}\n"), ""));
        std::fs::write(&file, &kept).map_err(|error| error.to_string())?;
        eprintln!("{}: {} scenarios", file.display(), scenarios.len() - crashed.len());
    }
    Ok(())
}
