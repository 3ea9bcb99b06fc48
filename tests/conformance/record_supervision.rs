//! Scenarios of supervisors, played on Erlang's own `supervisor`.

use std::path::Path;

use regrow_scenario::supervision::generate;
use regrow_scenario::text::{Scenario, parse};
use regrow_tests::play_supervision;

use crate::{Beam, TIMES, recorded};

/// Orders of turns in which a random scenario must come out the same on ours: otherwise it depends on who runs first,
/// and can't be compared.
const SEEDS: u64 = 12;

/// One scheduler: who runs first is the same every time.
const FLAGS: &[&str] = &["+S", "1:1"];

pub(crate) fn generate_all(count: usize) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/supervision/generated.scenario");
    let mut text =
        "# Random scenarios, made and recorded by `just conformance-record supervision`.\n".to_owned();
    let certain = (1u64..).map(generate).filter(is_certain).take(count);
    certain.for_each(|scenario| text.push_str(&format!("\n{scenario}")));
    std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    record_all()
}

fn is_certain(scenario: &Scenario) -> bool {
    let first = play_supervision(scenario, 0);
    (1..SEEDS).all(|seed| play_supervision(scenario, seed) == first)
}

pub(crate) fn record_all() -> Result<(), String> {
    let beam = Beam::compile("supervision", FLAGS)?;
    for file in recorded::files("supervision") {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let played = beam.play(&text)?;
        for _ in 1..TIMES {
            if let Some(difference) = first_difference(&played, &beam.play(&text)?) {
                return Err(difference);
            }
        }
        let scenarios = parse(&played).map_err(|error| error.to_string())?.len();
        std::fs::write(&file, &played).map_err(|error| error.to_string())?;
        eprintln!("{}: {scenarios} scenarios", file.display());
    }
    Ok(())
}

fn first_difference(one: &str, other: &str) -> Option<String> {
    let (one, other) = (parse(one).unwrap_or_default(), parse(other).unwrap_or_default());
    let (one, other) = one.iter().zip(&other).find(|(one, other)| one != other)?;
    Some(format!("not the same every time:\n{one}\nand\n{other}"))
}
