//! Scenarios whose steps are lines of text: what the words mean is their players' business.

use std::fmt;

use crate::ParseError;

/// Steps and what was observed, as text.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scenario {
    /// What it shows.
    pub name: String,
    /// The steps, each with what was observed after it.
    pub steps: Vec<(String, Vec<String>)>,
}

impl Scenario {
    /// What was observed after each step.
    pub fn trace(&self) -> Vec<Vec<String>> {
        self.steps.iter().map(|(_, observed)| observed.clone()).collect()
    }

    /// This scenario, with another trace.
    #[must_use]
    pub fn with_trace(&self, trace: &[Vec<String>]) -> Self {
        let steps =
            self.steps.iter().zip(trace).map(|((step, _), observed)| (step.clone(), observed.clone()));
        Self { name: self.name.clone(), steps: steps.collect() }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scenario {}", self.name)?;
        for (step, observed) in &self.steps {
            writeln!(f, "{step}")?;
            observed.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

/// The scenarios in a text. Lines that begin with `#` are comments.
///
/// # Errors
/// [`ParseError`]
pub fn parse(text: &str) -> Result<Vec<Scenario>, ParseError> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let error = |message: &str| ParseError { line: index + 1, message: message.to_owned() };
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("scenario ") {
            scenarios.push(Scenario { name: name.to_owned(), steps: Vec::new() });
            continue;
        }
        let scenario =
            scenarios.last_mut().ok_or_else(|| error("a step stands before the first scenario"))?;
        match line.strip_prefix("  ") {
            Some(observed) => {
                let step = scenario.steps.last_mut();
                let step = step.ok_or_else(|| error("an observation stands before the first step"))?;
                step.1.push(observed.to_owned());
            }
            None => scenario.steps.push((line.to_owned(), Vec::new())),
        }
    }
    Ok(scenarios)
}
