//! Scenarios of processes and signals, as data.
//!
//! A scenario is a list of steps; each names a process and what it does. A runner has one step done after the other,
//! waits after each until nothing moves any more, and writes down what the processes observed. Written under the
//! steps, indented, that is the scenario's trace:
//!
//! ```text
//! scenario p12 a normal exit signal of another process is dropped
//! r spawn a
//! r exit2 a normal
//!   r true
//! r is_alive a
//!   r true
//! ```
//!
//! The process `r` is there from the beginning. What each operation does is said at [`Op`].

mod generate;
mod model;
mod op;
mod random;
pub mod services;
mod shrink;
pub mod supervision;
pub mod text;
pub mod wire;

pub use generate::generate;
pub use model::{Model, predict};
pub use op::{Item, MonitorMode, Op, Pattern, Target};
pub use shrink::shrink;

use std::fmt;

/// The process that a scenario begins with.
pub const ROOT: &str = "r";

/// One step: a process does something; without a process, time passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A process does something.
    Do {
        /// Which.
        actor: String,
        /// What.
        op: Op,
    },
    /// So many milliseconds pass.
    Advance(u64),
}

/// Steps, with a name, and what was observed under each.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scenario {
    /// What it shows.
    pub name: String,
    /// What is done.
    pub steps: Vec<Step>,
    /// What was observed: the lines under each step, sorted.
    pub trace: Vec<Vec<String>>,
}

/// Text that is no scenario.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

/// The scenarios in a text, with their traces. Lines that begin with `#` are comments.
///
/// # Errors
/// [`ParseError`]
pub fn parse(text: &str) -> Result<Vec<Scenario>, ParseError> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let error = |message: String| ParseError { line: index + 1, message };
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("scenario ") {
            scenarios.push(Scenario { name: name.to_owned(), ..Scenario::default() });
            continue;
        }
        let Some(scenario) = scenarios.last_mut() else {
            return Err(error("a step stands before the first scenario".to_owned()));
        };
        if let Some(observed) = line.strip_prefix("  ") {
            let Some(lines) = scenario.trace.last_mut() else {
                return Err(error("an observation stands before the first step".to_owned()));
            };
            lines.push(observed.to_owned());
        } else {
            scenario.steps.push(line.parse().map_err(error)?);
            scenario.trace.push(Vec::new());
        }
    }
    Ok(scenarios)
}

impl std::str::FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["advance", ms] => ms.parse().map(Self::Advance).map_err(|_| format!("{ms:?} is no number")),
            [actor, ref op @ ..] => Ok(Self::Do { actor: actor.to_owned(), op: Op::from_words(op)? }),
            [] => Err("an empty step".to_owned()),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Do { actor, op } => write!(f, "{actor} {op}"),
            Self::Advance(ms) => write!(f, "advance {ms}"),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scenario {}", self.name)?;
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{step}")?;
            for line in self.trace.get(index).into_iter().flatten() {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}
