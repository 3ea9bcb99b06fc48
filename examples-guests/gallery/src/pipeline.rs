//! A pipeline: steps in processes of their own, each of which may say no, or crash.

use std::time::Duration;

use regrow_sdk::patterns::pipeline::{Failure, Pipeline};
use regrow_sdk::patterns::retry::Retry;
use regrow_sdk::{ExitReason, task};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    sensor: String,
    degrees: f64,
}

pub fn parse_reading(line: String) -> Result<Reading, String> {
    let (sensor, degrees) = line.split_once(' ').ok_or_else(|| format!("{line:?} has no value"))?;
    let degrees = degrees.parse().map_err(|_| format!("{degrees:?} is no number"))?;
    Ok(Reading { sensor: sensor.to_owned(), degrees })
}

pub fn check_reading(reading: Reading) -> Result<Reading, String> {
    assert!(reading.degrees > -273.15, "physics has been left");
    Ok(reading)
}

pub fn show_reading(reading: Reading) -> Result<String, String> {
    Ok(format!("{} has {:.1} °C", reading.sensor, reading.degrees))
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let pipeline = Pipeline::of(task!(parse_reading))
        .then(task!(check_reading))
        .then(task!(show_reading))
        .timeout(Duration::from_secs(5))
        .retry(Retry::times(2));
    let run = |line: &str| pipeline.run(&line.to_owned());
    assert_eq!(run("roof 21.53"), Ok("roof has 21.5 °C".to_owned()));
    let failed = run("roof warm").expect_err("that is no number");
    assert_eq!(
        (failed.step, failed.to_string().as_str()),
        ("parse_reading", "parse_reading: \"warm\" is no number")
    );
    // A crash stays in its step.
    let failed = run("lab -300").expect_err("nothing is as cold as that");
    assert_eq!(failed.step, "check_reading");
    assert!(matches!(failed.why, Failure::Task(_)));
    log::info!("pipeline: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn steps_follow_each_other() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
