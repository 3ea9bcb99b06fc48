//! The programs of the benches, and who runs them.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use regrow::engine::Engine;
use regrow::node::Node;
use regrow::observe::Level;
use regrow_otp::{Destination, SpawnOptions};
use regrow_term::{decode, encode};
use regrow_tests::report::{Goal, Report};
use regrow_tests::{bench_node, guest_folder, run_native};
use tempfile::TempDir;

/// Each program is run so often; the median is shown.
pub(crate) const ROUNDS: usize = 5;

/// What is measured.
pub(crate) struct Program {
    /// What guests and the BEAM know it as.
    pub(crate) name: &'static str,
    /// What one of it is.
    pub(crate) unit: &'static str,
    /// How much of it is done in a round.
    pub(crate) count: u32,
    /// How many microseconds the unit of the table has, and its name.
    pub(crate) scale: (f64, &'static str),
    /// Whether the figure is for all of it.
    pub(crate) whole: bool,
    /// What it should be on one worker, at most.
    pub(crate) goal: Option<f64>,
}

pub(crate) const fn each(name: &'static str, unit: &'static str, count: u32) -> Program {
    Program { name, unit, count, scale: (1.0, "µs"), whole: false, goal: None }
}

pub(crate) const fn wanted(goal: f64, program: Program) -> Program {
    Program { goal: Some(goal), ..program }
}

impl Program {
    /// The figure of a program that took so many microseconds in all.
    pub(crate) fn figure(&self, total: f64) -> f64 {
        let each = if self.whole { total } else { total / f64::from(self.count) };
        each / self.scale.0
    }

    /// As other programs are told.
    fn argument(&self) -> String {
        format!("{}={}", self.name, self.count)
    }
}

/// Programs whose names contain one of the words; all of them if there are none.
pub(crate) fn of_words(all: &'static [Program], words: &[String]) -> Vec<&'static Program> {
    let is_wanted = |program: &&Program| {
        words.is_empty() || words.iter().any(|word| program.name.contains(word.as_str()))
    };
    all.iter().filter(is_wanted).collect()
}

/// Who runs the programs.
pub(crate) enum Host {
    /// Guests, on a node.
    Regrow(Box<Node>),
    /// A module of Erlang, compiled into that folder, on so many schedulers.
    Beam(TempDir, &'static str, usize),
    /// Guests of RUSM, on so many threads.
    #[allow(dead_code, reason = "not of every bench")]
    Rusm(usize),
}

impl Host {
    /// Guests on so many workers, of the component that has the bench's programs.
    pub(crate) fn regrow(engine: &Engine, bench: &str, workers: usize) -> Self {
        let component = if bench == "processes" { "bench" } else { bench };
        let folder = guest_folder(component);
        let tree = format!(
            r#"
            [components.programs]
            path = {folder:?}
            limits = {{ timers = 1_000_000, kept_bytes = "2 GiB" }}
            grants = {{ clocks = true, register = ["*"], lookup = ["*"], registries = ["*"] }}
            [supervisor]
            [[supervisor.children]]
            id = "bench"
            component = "programs"
            entry = "bench"
            name = "bench"
            "#
        );
        Self::Regrow(Box::new(bench_node(engine, &tree, workers, Level::Error)))
    }

    /// The BEAM, if it is installed.
    pub(crate) fn beam(module: &'static str, schedulers: usize) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("bench/beam/{module}.erl"));
        let compiled = Command::new("erlc").arg("-o").arg(folder.path()).arg(source).status().ok()?;
        compiled.success().then_some(Self::Beam(folder, module, schedulers))
    }

    /// RUSM, compiled now, if it can be.
    #[allow(dead_code, reason = "not of every bench")]
    pub(crate) fn rusm(threads: usize) -> Option<Self> {
        let built = rusm("build").arg("--quiet").status().ok()?;
        built.success().then_some(Self::Rusm(threads))
    }

    /// Runs each program once: the microseconds that it took, if this host has it.
    fn round(&self, programs: &[&Program]) -> Vec<Option<f64>> {
        match self {
            Self::Regrow(node) => programs.iter().map(|program| run(program, node)).collect(),
            Self::Beam(folder, module, schedulers) => {
                let mut erl = Command::new("erl");
                erl.args(["+S", &schedulers.to_string(), "-noshell", "-pa"]).arg(folder.path());
                erl.args(["-run", module, "main", "1"]);
                told(erl, programs)
            }
            Self::Rusm(threads) => {
                let mut rusm = rusm("run");
                rusm.args(["--quiet", "--", &threads.to_string(), "1"]);
                told(rusm, programs)
            }
        }
    }
}

/// Cargo, for the programs of RUSM: a workspace of their own, which nothing else compiles.
fn rusm(command: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peers/rusm");
    let mut cargo = Command::new("cargo");
    cargo.args([command, "--release"]).current_dir(folder);
    cargo
}

/// Runs each program on each host, in turns: a list for each host, of the medians in microseconds.
pub(crate) fn in_turns(hosts: &[Option<Host>], programs: &[&Program]) -> Vec<Vec<Option<f64>>> {
    let mut rounds: Vec<Vec<Vec<f64>>> = hosts.iter().map(|_| vec![Vec::new(); programs.len()]).collect();
    for _ in 0..ROUNDS {
        for (host, of_host) in hosts.iter().zip(&mut rounds) {
            let times = host.iter().flat_map(|host| host.round(programs));
            times.zip(of_host).for_each(|(time, of_program)| of_program.extend(time));
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    };
    rounds.into_iter().map(|of_host| of_host.into_iter().map(median).collect()).collect()
}

fn run(program: &Program, node: &Node) -> Option<f64> {
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
        Ok(time) => decode(&time).ok(),
        Err(error) => {
            eprintln!("{}: {error}", program.name);
            None
        }
    }
}

/// Runs another host's program, which prints a line for each: its name and the microseconds.
fn told(mut command: Command, programs: &[&Program]) -> Vec<Option<f64>> {
    command.args(programs.iter().map(|program| program.argument()));
    let output = command.output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let of = |program: &&Program| {
        let line = text.lines().find_map(|line| line.strip_prefix(program.name)?.strip_prefix('\t'));
        line.and_then(|time| time.parse().ok())
    };
    programs.iter().map(of).collect()
}

/// Runs them here and on the BEAM, which has them in a module of the bench's name; a table, with goals.
pub(crate) fn measure(bench: &'static str, engine: &Engine, programs: &[&Program]) {
    println!(
        "medians of {ROUNDS} rounds; guests with encoding included; 1 and 2 are workers, or schedulers of the BEAM"
    );
    println!("{:<46} {:>11} {:>11} {:>11} {:>11}", "", "Regrow 1", "Regrow 2", "BEAM 1", "BEAM 2");
    let guests = [1, 2].map(|workers| Some(Host::regrow(engine, bench, workers)));
    let hosts: Vec<Option<Host>> =
        guests.into_iter().chain([1, 2].map(|schedulers| Host::beam(bench, schedulers))).collect();
    let columns = in_turns(&hosts, programs);
    let names = ["1 worker", "2 workers", "BEAM, 1 scheduler", "BEAM, 2 schedulers"];
    let mut report = Report::new(bench);
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
