//! The table of the bench of supervision.

use std::path::Path;
use std::process::Command;

use regrow_tests::report::{Goal, Report};

/// Rows with a column for each number of workers, and of schedulers of the BEAM if it is installed.
pub(crate) struct Table<'a> {
    report: &'a mut Report,
    beam: [Vec<Vec<f64>>; 2],
    beam_row: usize,
}

impl<'a> Table<'a> {
    /// An empty one; `arguments` are those of the BEAM's programs.
    pub(crate) fn new(report: &'a mut Report, arguments: [usize; 3]) -> Self {
        println!("{:<58} {:>17} {:>17} {:>17} {:>17}", "", "Regrow 1", "Regrow 2", "BEAM 1", "BEAM 2");
        let beam = [1, 2].map(|schedulers| beam(schedulers, arguments).unwrap_or_default());
        Self { report, beam, beam_row: 0 }
    }

    /// A row of so many `parts` in each column, with goals for those of the first. `has_beam` says whether it is the next
    /// that the BEAM has, too.
    pub(crate) fn row(
        &mut self,
        what: &str,
        parts: &[&str],
        unit: &'static str,
        goals: &[f64],
        has_beam: bool,
        of: impl Fn(usize) -> Vec<f64>,
    ) {
        let mut columns = vec![("1 worker", Some(of(1))), ("2 workers", Some(of(2)))];
        let beam = |column: usize| self.beam[column].get(self.beam_row).cloned().filter(|_| has_beam);
        columns.extend([("BEAM, 1 scheduler", beam(0)), ("BEAM, 2 schedulers", beam(1))]);
        self.beam_row += usize::from(has_beam);
        let (mut line, mut verdicts) = (format!("{what:<58}"), String::new());
        for (number, (column, figures)) in columns.into_iter().enumerate() {
            let figures = figures.unwrap_or_default();
            let shown: Vec<String> = figures.iter().map(|figure| format!("{figure:.1}")).collect();
            let cell =
                if figures.is_empty() { "-".to_owned() } else { format!("{} {unit}", shown.join(" / ")) };
            line.push_str(&format!(" {cell:>17}"));
            for (index, (figure, part)) in figures.iter().zip(parts).enumerate() {
                let goal = goals.get(index).filter(|_| number == 0).copied().map(Goal::AtMost);
                self.report.add(format!("{what}, {part}, {column}").replace(", ,", ","), *figure, unit, goal);
                if goal.is_some() {
                    verdicts.push_str(&format!("  {part} {}", self.report.verdict()));
                }
            }
        }
        println!("{}{verdicts}", line.trim_end());
    }
}

/// What the BEAM needs, the figures of a row; nothing where there is none.
fn beam(schedulers: usize, arguments: [usize; 3]) -> Option<Vec<Vec<f64>>> {
    let folder = tempfile::tempdir().ok()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/beam/supervision_bench.erl");
    let compiled = Command::new("erlc").arg("-o").arg(folder.path()).arg(source).status().ok()?;
    if !compiled.success() {
        return None;
    }
    let mut erl = Command::new("erl");
    erl.args(["+S", &schedulers.to_string(), "+P", "1000000", "-noshell", "-pa"]).arg(folder.path());
    erl.args(["-run", "supervision_bench", "main"]);
    erl.args(arguments.map(|number| number.to_string()));
    let output = erl.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures = |line: &str| line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    output.status.success().then(|| text.lines().map(figures).collect())
}
