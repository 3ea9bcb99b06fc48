//! The same programs on Regrow, on the BEAM and on another wasm host for actors, in turns, as times of what Regrow takes.

use regrow::engine::Engine;
use regrow_tests::report::Report;

use crate::programs::{Host, Program, ROUNDS, in_turns};

/// Runs them. Hosts that are not there are left out; RUSM is compiled first, which takes some minutes the first time.
pub(crate) fn compare(engine: &Engine, programs: &[&Program]) {
    let mut report = Report::new("compare");
    println!("medians of {ROUNDS} rounds, in turns; below 1.00 is faster than Regrow");
    for threads in [1, 2] {
        println!("{:<46} {:>14} {:>14} {:>14}", format!("{threads} threads"), "Regrow", "BEAM", "RUSM");
        let hosts = [
            Some(Host::regrow(engine, "processes", threads)),
            Host::beam("processes", threads),
            Host::rusm(threads),
        ];
        let columns = in_turns(&hosts, programs);
        for (row, program) in programs.iter().enumerate() {
            let Some(own) = columns[0][row].map(|total| program.figure(total)) else { continue };
            let unit = program.scale.1;
            report.add(format!("{}, Regrow, {threads} threads", program.unit), own, unit, None);
            let mut line = format!("{:<46} {own:>11.2} {unit}", program.unit);
            for (column, name) in columns[1..].iter().zip(["BEAM", "RUSM"]) {
                let Some(value) = column[row].map(|total| program.figure(total)) else {
                    line.push_str(&format!(" {:>14}", "-"));
                    continue;
                };
                report.add(format!("{}, {name}, {threads} threads", program.unit), value, unit, None);
                line.push_str(&format!(" {:>8.2} times", value / own));
            }
            println!("{line}");
        }
    }
    report.write();
}
