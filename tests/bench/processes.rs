//! What processes and signals cost: programs in guests, beside the same programs on the BEAM if it is installed.
//!
//! `cargo bench -p regrow-tests --bench processes [-- PROGRAM…]`

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::node::Node;
use regrow::observe::Level;
use regrow_otp::{Destination, SpawnOptions};
use regrow_term::{decode, encode};
use regrow_tests::report::{Goal, Report, without_backtraces};
use regrow_tests::{bench_node, run_native};

/// Each program is run so often; the median is shown.
const ROUNDS: usize = 5;

struct Program {
    name: &'static str,
    /// What one of it is.
    unit: &'static str,
    /// How much of it is done in a round.
    count: u32,
    /// How many microseconds the unit of the table has, and its name.
    scale: (f64, &'static str),
    /// Whether the figure is for all of it.
    whole: bool,
    /// What it should be on one worker, at most.
    goal: Option<f64>,
}

const fn each(name: &'static str, unit: &'static str, count: u32) -> Program {
    Program { name, unit, count, scale: (1.0, "µs"), whole: false, goal: None }
}

const fn wanted(goal: f64, program: Program) -> Program {
    Program { goal: Some(goal), ..program }
}

const PROGRAMS: [Program; 11] = [
    each("host call", "host call", 1_000_000),
    wanted(15.0, each("spawn", "spawn, first message back, exit, DOWN", 5_000)),
    wanted(1.0, each("send 64 B", "there and back, 64 B", 100_000)),
    each("send 64 KiB", "there and back, 64 KiB (shared on BEAM)", 2_000),
    wanted(120.0, each("send 1 MiB", "there and back, 1 MiB (shared on BEAM)", 100)),
    wanted(1.5, each("call", "GenServer call", 100_000)),
    wanted(0.6, each("ring", "hop in a ring of 1,000", 100_000)),
    wanted(0.25, each("fan-in", "message from two to one, 64 B", 400_000)),
    Program {
        name: "chain",
        unit: "collapse of a chain of 10,000 links",
        count: 10_000,
        scale: (1_000.0, "ms"),
        whole: true,
        goal: None,
    },
    each("timer", "timer started and cancelled", 100_000),
    each("expire", "timer started, run out and received", 5_000),
];

fn main() {
    without_backtraces();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let programs: Vec<&Program> = PROGRAMS
        .iter()
        .filter(|program| wanted.is_empty() || wanted.iter().any(|word| program.name.contains(word.as_str())))
        .collect();
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    println!(
        "medians of {ROUNDS} rounds; guests with encoding included; 1 and 2 are workers, or schedulers of the BEAM"
    );
    println!("{:<40} {:>11} {:>11} {:>11} {:>11}", "", "Regrow 1", "Regrow 2", "BEAM 1", "BEAM 2");
    let columns: Vec<Vec<Option<f64>>> = vec![
        measure_guests(&engine, &programs, 1),
        measure_guests(&engine, &programs, 2),
        measure_beam(&programs, 1),
        measure_beam(&programs, 2),
    ];
    let names = ["1 worker", "2 workers", "BEAM, 1 scheduler", "BEAM, 2 schedulers"];
    let mut report = Report::new("processes");
    for (row, program) in programs.iter().enumerate() {
        let (mut figures, mut verdict) = (String::new(), String::new());
        for (column, name) in columns.iter().zip(names) {
            let Some(value) = column[row].map(|total| figure(program, total)) else {
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
        println!("{}", format!("{:<40}{figures}  {verdict}", program.unit).trim_end());
    }
    report.write();
}

fn figure(program: &Program, total: f64) -> f64 {
    let each = if program.whole { total } else { total / f64::from(program.count) };
    each / program.scale.0
}

fn measure_guests(engine: &Engine, programs: &[&Program], workers: usize) -> Vec<Option<f64>> {
    let tree = r#"
        [supervisor]
        [[supervisor.children]]
        id = "bench"
        component = "bench"
        entry = "bench"
        name = "bench"
        "#;
    let node = bench_node(engine, tree, workers, Level::Error);
    programs.iter().map(|program| median(program, &node)).collect()
}

fn median(program: &Program, node: &Node) -> Option<f64> {
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| run(program, node)).collect::<Result<_, _>>().ok()?;
    rounds.sort_by(f64::total_cmp);
    Some(rounds[ROUNDS / 2])
}

fn run(program: &Program, node: &Node) -> Result<f64, ()> {
    let request = Bytes::from(encode(&(program.name, program.count)).unwrap_or_default());
    let answer = run_native(node.runtime(), SpawnOptions::default(), move |context| async move {
        let to = Destination::from("bench");
        // The first call may come before the child has been started.
        while context.runtime().whereis("bench").is_none() {
            context.yield_now().await;
        }
        context.call(&to, request, None).await
    });
    match answer {
        Ok(time) => decode(&time).map_err(|_| ()),
        Err(error) => {
            eprintln!("{}: {error}", program.name);
            Err(())
        }
    }
}

/// The same programs on the BEAM; nothing where there is none.
fn measure_beam(programs: &[&Program], schedulers: usize) -> Vec<Option<f64>> {
    beam_output(programs, schedulers).map_or_else(
        || vec![None; programs.len()],
        |output| {
            let of = |program: &&Program| {
                let line =
                    output.lines().find_map(|line| line.strip_prefix(program.name)?.strip_prefix('\t'));
                line.and_then(|time| time.parse().ok())
            };
            programs.iter().map(of).collect()
        },
    )
}

fn beam_output(programs: &[&Program], schedulers: usize) -> Option<String> {
    let folder = tempfile::tempdir().ok()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/beam/processes.erl");
    let compiled = Command::new("erlc").arg("-o").arg(folder.path()).arg(source).status().ok()?;
    if !compiled.success() {
        return None;
    }
    let mut erl = Command::new("erl");
    erl.args(["+S", &schedulers.to_string(), "-noshell", "-pa"]).arg(folder.path());
    erl.args(["-run", "processes", "main", &ROUNDS.to_string()]);
    erl.args(programs.iter().map(|program| format!("{}={}", program.name, program.count)));
    let output = erl.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
