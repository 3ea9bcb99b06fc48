//! Scenarios of supervisors: who declares, starts, kills and manages what, and what is observed of it.
//!
//! As with scenarios of processes, the lines under a step are what was observed: here in order.
//!
//! ```text
//! scenario a transient child that crashes is restarted
//! sup s one_for_one 3 5 never
//! child s a worker transient 5000 plain run
//! start s
//!   start a 1
//!   started
//! tell a oops
//!   end a oops
//!   report s child_terminated a oops
//!   start a 2
//! ```
//!
//! - `sup S STRATEGY INTENSITY PERIOD AUTO_SHUTDOWN` and `child S ID TYPE RESTART SHUTDOWN SIGNIFICANT SCRIPT` declare. A script is a
//!   [`Behaviour`] for each start, the last one for all that follow; that of a supervisor, and of a template, is `-`.
//! - `start S` starts a root, `stop S REASON` stops it in its parent's name, `kill_sup S` kills a supervisor.
//! - `tell ID REASON` has a child end, `kill ID` kills it, `together ID:REASON …` has several end before their supervisor runs.
//! - `start_child S ID …` (as `child`), `start_instance S NAME SCRIPT`, `terminate S ID` (of an instance `S @NAME`), `restart S ID`,
//!   `delete S ID`, `spec S ID`, `which S`, `count S` are the functions of `supervisor`.

mod generate;

pub use generate::generate;

use crate::text::Scenario;

/// Whether some supervisor's children are dynamic: then the order of ends that go together is nobody's business.
pub fn is_dynamic(scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|(step, _)| step.starts_with("sup ") && step.contains(" simple_one_for_one "))
}

/// What a child does on one of its starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs.
    Run,
    /// Runs, traps exits, and ends as its supervisor tells it to.
    Trap,
    /// Runs, traps exits, and ends with this reason when it is told to end.
    Stop(String),
    /// Runs and takes no notice of being told to end.
    Stubborn,
    /// Has nothing to do.
    Ignore,
    /// Says that it can't start.
    Error(String),
    /// Ends before it has said anything.
    Crash(String),
    /// Never says anything.
    Hang,
    /// Unlinks itself from its supervisor and runs.
    Unlink,
    /// Ends as soon as it has started.
    Exit(String),
}

impl Behaviour {
    /// The behaviour of the `nth` start by a script, from 1.
    ///
    /// # Errors
    /// What can't be understood.
    pub fn of(script: &str, nth: usize) -> Result<Self, String> {
        // Not within the braces of a reason.
        let mut depth = 0i32;
        let all: Vec<&str> = script
            .split(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                c == ',' && depth == 0
            })
            .collect();
        let word = all.get(nth.saturating_sub(1)).or(all.last()).copied().unwrap_or_default();
        let (word, reason) = word.split_once(':').map_or((word, String::new()), |(w, r)| (w, r.to_owned()));
        Ok(match word {
            "run" => Self::Run,
            "trap" => Self::Trap,
            "stop" => Self::Stop(reason),
            "stubborn" => Self::Stubborn,
            "ignore" => Self::Ignore,
            "error" => Self::Error(reason),
            "crash" => Self::Crash(reason),
            "hang" => Self::Hang,
            "unlink" => Self::Unlink,
            "exit" => Self::Exit(reason),
            other => return Err(format!("there is no behaviour {other:?}")),
        })
    }
}
