//! What processes and signals cost: programs in guests, beside the same programs on the BEAM if it is installed.
//!
//! `cargo bench -p regrow-tests --bench processes [-- [compare] PROGRAM…]`

mod compare;
mod programs;

use regrow::engine::Engine;
use regrow_tests::report::{Goal, Report, without_backtraces};

use crate::programs::{Host, Program, ROUNDS, in_turns, of_words};

fn main() {
    without_backtraces();
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let compares = words.first().is_some_and(|word| word == "compare");
    let programs = of_words(&words.split_off(usize::from(compares)));
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    if compares {
        compare::compare(&engine, &programs);
    } else {
        measure(&engine, &programs);
    }
}

fn measure(engine: &Engine, programs: &[&Program]) {
    println!(
        "medians of {ROUNDS} rounds; guests with encoding included; 1 and 2 are workers, or schedulers of the BEAM"
    );
    println!("{:<46} {:>11} {:>11} {:>11} {:>11}", "", "Regrow 1", "Regrow 2", "BEAM 1", "BEAM 2");
    let guests = [1, 2].map(|workers| Some(Host::regrow(engine, workers)));
    let hosts: Vec<Option<Host>> = guests.into_iter().chain([1, 2].map(Host::beam)).collect();
    let columns = in_turns(&hosts, programs);
    let names = ["1 worker", "2 workers", "BEAM, 1 scheduler", "BEAM, 2 schedulers"];
    let mut report = Report::new("processes");
    for (row, program) in programs.iter().enumerate() {
        let (mut figures, mut verdict) = (String::new(), String::new());
        for (column, name) in columns.iter().zip(names) {
            let Some(value) = column[row].map(|total| program.figure(total)) else {
                figures.push_str(&format!(" {:>11}", "-"));
                continue;
            };
            let unit = program.scale.1;
            figures.push_str(&format!(" {value:>8.2} {unit}"));
            let goal = program.goal.filter(|_| name == names[0]).map(Goal::AtMost);
            report.add(format!("{}, {name}", program.unit), value, unit, goal);
            if goal.is_some() {
                verdict = report.verdict();
            }
        }
        println!("{}", format!("{:<46}{figures}  {verdict}", program.unit).trim_end());
    }
    report.write();
}
