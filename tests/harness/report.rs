//! What a bench has found: a table for people, with goals, and the same as JSON under `target/bench`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// Runs this program again without `RUST_BACKTRACE`, and ends with it, if the variable is set: an error of wasmtime's carries
/// a backtrace then, which makes the marker that ends an instance five times dearer.
pub fn without_backtraces() {
    const VARIABLE: &str = "RUST_BACKTRACE";
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let again = Command::new(program).args(std::env::args_os().skip(1)).env_remove(VARIABLE).status();
    let status = again.unwrap_or_else(|error| panic!("{error}"));
    std::process::exit(status.code().unwrap_or(1));
}

impl Goal {
    fn shown(self, value: f64) -> String {
        let (sign, goal) = match self {
            Self::AtMost(most) => ("<=", most),
            Self::AtLeast(least) => (">=", least),
        };
        let met = if self.is_met(value) { "met" } else { "short" };
        format!("goal {sign} {:<9} {met}", number(goal))
    }

    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    goal: Option<Goal>,
}

/// The rows of a bench.
pub struct Report {
    bench: &'static str,
    rows: Vec<Row>,
}

impl Report {
    /// An empty one, of the bench of that name.
    pub fn new(bench: &'static str) -> Self {
        Self { bench, rows: Vec::new() }
    }

    /// Adds a figure and prints it.
    pub fn row(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: Option<Goal>) {
        self.add(name, value, unit, goal);
        println!("{}", self.rows.last().map(line).unwrap_or_default());
    }

    /// Adds a figure that is printed otherwise.
    pub fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: Option<Goal>) {
        self.rows.push(Row { name: name.into(), value, unit, goal });
    }

    /// Whether the figure that was added last is what it should be, in words.
    pub fn verdict(&self) -> String {
        let row = self.rows.last();
        row.and_then(|row| row.goal.map(|goal| goal.shown(row.value))).unwrap_or_default()
    }

    /// Writes `target/bench/NAME.json`: a list of `name`, `value`, `unit`, `goal` and `met`, of which the last two can be
    /// null.
    ///
    /// # Panics
    /// If the file can't be written.
    pub fn write(self) {
        let rows: Vec<_> = self.rows.iter().map(json_of).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
        let file = folder.join(format!("{}.json", self.bench));
        let text = serde_json::to_string_pretty(&rows).unwrap_or_else(|error| panic!("{error}"));
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

fn json_of(row: &Row) -> serde_json::Value {
    let goal = row.goal.map(|goal| match goal {
        Goal::AtMost(value) | Goal::AtLeast(value) => value,
    });
    let met = row.goal.map(|goal| goal.is_met(row.value));
    json!({ "name": row.name, "value": row.value, "unit": row.unit, "goal": goal, "met": met })
}

fn line(row: &Row) -> String {
    let mut line = format!("{:<56} {:>10} {:<10}", row.name, number(row.value), row.unit);
    if let Some(goal) = row.goal {
        let _ = write!(line, " {}", goal.shown(row.value));
    }
    line.trim_end().to_owned()
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_goal_is_met() {
        let row = |value, goal| Row { name: "a".into(), value, unit: "µs", goal };
        assert!(line(&row(1.5, Some(Goal::AtMost(2.0)))).ends_with("1.50 µs         goal <= 2         met"));
        assert!(line(&row(1.5, Some(Goal::AtLeast(2.0)))).ends_with("short"));
        assert!(line(&row(1.0, None)).ends_with("1 µs"));
        let json = json_of(&row(3.0, Some(Goal::AtMost(2.0))));
        assert_eq!(json["met"], false);
        assert_eq!(json_of(&row(3.0, None))["met"], serde_json::Value::Null);
    }
}
