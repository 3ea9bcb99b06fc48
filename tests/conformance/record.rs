//! Plays all scenarios on a real BEAM and writes down what it observes. Needs Erlang/OTP 25 or later: `erlc` and `erl`.
//!
//! `conformance-record` renews the traces of the scenarios that are there; `conformance-record generate COUNT` makes new
//! random ones of processes first. `conformance-record supervision` and `conformance-record supervision COUNT` do the same for
//! scenarios of supervisors, `services` for those of tables, groups and registries (these need Elixir, too).

mod recorded;
#[path = "record_services.rs"]
mod services;
#[path = "record_supervision.rs"]
mod supervision;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use regrow_scenario::{Scenario, generate, parse, predict, shrink};

/// How often each scenario is played: what is not the same every time is no scenario.
const TIMES: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => record_all(),
        ["generate", count] => {
            count.parse().map_err(|_| format!("{count:?} is no number")).and_then(generate_all)
        }
        ["supervision"] => supervision::record_all(),
        ["supervision", count] => {
            count.parse().map_err(|_| format!("{count:?} is no number")).and_then(supervision::generate_all)
        }
        ["services"] => services::record_all(),
        ["services", count] => {
            count.parse().map_err(|_| format!("{count:?} is no number")).and_then(services::generate_all)
        }
        _ => {
            Err("usage: conformance-record [generate COUNT | supervision [COUNT] | services [COUNT]]"
                .to_owned())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance-record: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate_all(count: u64) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/scenarios");
    let mut text =
        "# Random scenarios, made and recorded by `just conformance-record generate`.\n".to_owned();
    for seed in 1..=count {
        let scenario = generate(seed);
        text.push_str(&format!("\n{}", Scenario { trace: Vec::new(), ..scenario }));
    }
    std::fs::write(folder.join("generated.scenario"), text).map_err(|error| error.to_string())?;
    record_all()
}

fn record_all() -> Result<(), String> {
    let beam = Beam::compile("conformance", &[])?;
    for file in recorded::files("scenarios") {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let played = beam.play(&text)?;
        for _ in 1..TIMES {
            let again = beam.play(&text)?;
            if again != played {
                return Err(first_difference(&played, &again));
            }
        }
        let scenarios = parse(&played).map_err(|error| error.to_string())?;
        for scenario in &scenarios {
            check_model(&beam, scenario)?;
        }
        std::fs::write(&file, &played).map_err(|error| error.to_string())?;
        eprintln!("{}: {} scenarios", file.display(), scenarios.len());
    }
    Ok(())
}

fn first_difference(one: &str, other: &str) -> String {
    let (Ok(one), Ok(other)) = (parse(one), parse(other)) else {
        return "what the BEAM says is no text".to_owned();
    };
    match one.iter().zip(&other).find(|(one, other)| one != other) {
        Some((one, other)) => format!("not the same every time:\n{one}\nand\n{other}"),
        None => "not the same every time".to_owned(),
    }
}

/// The model is to be right about everything that is recorded.
fn check_model(beam: &Beam, scenario: &Scenario) -> Result<(), String> {
    if predict(scenario) == scenario.trace {
        return Ok(());
    }
    let observed = |candidate: &Scenario| -> Option<Scenario> {
        parse(&beam.play(&candidate.to_string()).ok()?).ok()?.into_iter().next()
    };
    let smallest = shrink(scenario, |candidate| {
        observed(candidate).is_some_and(|played| played.trace != predict(candidate))
    });
    let beam = observed(&smallest).unwrap_or_default();
    let model = Scenario { trace: predict(&smallest), ..smallest };
    Err(format!("the model is wrong about\n{scenario}\nthe smallest is\n{beam}\nthe model says\n{model}"))
}

/// A compiled player of scenarios.
struct Beam {
    module: &'static str,
    /// How the runtime system is started.
    flags: &'static [&'static str],
    folder: tempfile::TempDir,
}

impl Beam {
    fn compile(module: &'static str, flags: &'static [&'static str]) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let sources: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/beam");
        let source = sources.join(module).with_extension("erl");
        run(Command::new("erlc").arg("-o").arg(folder.path()).arg(source))?;
        Ok(Self { module, flags, folder })
    }

    fn play(&self, text: &str) -> Result<String, String> {
        let (input, output) = (self.folder.path().join("in"), self.folder.path().join("out"));
        std::fs::write(&input, text).map_err(|error| error.to_string())?;
        let mut erl = Command::new("erl");
        erl.args(self.flags).arg("-noshell").arg("-pa").arg(self.folder.path());
        run(erl.args(["-run", self.module, "main"]).arg(&input).arg(&output))?;
        std::fs::read_to_string(&output).map_err(|error| error.to_string())
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{program}: {error}; is Erlang installed?"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}")) }
}
