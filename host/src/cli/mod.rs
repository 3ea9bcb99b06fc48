//! The command line.

mod build;
mod check;
mod run;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::engine::{Engine, EngineError};
use crate::manifest::{Diagnostic, Manifest, ManifestError, Source};
use crate::node::{Application, ApplicationError};
use crate::observe::{Level, Logger};

/// Regrow: a host for WebAssembly processes with the semantics of Erlang/OTP.
#[derive(Parser)]
#[command(name = "regrow", version, about, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  the application ended in order, or the command succeeded
  1  the application failed: its root supervisor could not start, gave up or was killed
  2  the command line was wrong
  3  the manifest or a component is wrong
  4  a guest could not be compiled
  130, 143  killed by a second SIGINT or SIGTERM";

#[derive(Subcommand)]
enum Command {
    /// Run an application: compile its guests where they changed, start its tree, stop it on SIGINT or SIGTERM
    Run(run::RunArgs),
    /// Check a manifest, its components and its tree, without starting anything
    Check(ManifestArgs),
    /// Compile the guests of a manifest where they changed
    Build(ManifestArgs),
}

/// What every command takes.
#[derive(Args)]
struct ManifestArgs {
    /// The manifest, or the folder with its regrow.toml
    #[arg(default_value = "regrow.toml")]
    manifest: PathBuf,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

impl Color {
    fn on_stderr(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// Why a command failed.
enum Failure {
    Application(String),
    Invalid(Source, Vec<Diagnostic>),
    Unreadable(String),
    Build(String),
    Host(anyhow::Error),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Application(_) | Self::Host(_) => 1,
            Self::Invalid(..) | Self::Unreadable(_) => 3,
            Self::Build(_) => 4,
        }
    }

    fn print(&self, color: bool) {
        match self {
            Self::Invalid(source, errors) => {
                for error in errors {
                    eprintln!("{}\n", error.render(source, color));
                }
                let count = errors.len();
                let errors = if count == 1 { "error" } else { "errors" };
                eprintln!("regrow: {}: {count} {errors}; nothing was started", source.path.display());
            }
            Self::Application(text) | Self::Unreadable(text) | Self::Build(text) => {
                eprintln!("regrow: {text}")
            }
            Self::Host(error) => eprintln!("regrow: {error:#}"),
        }
    }
}

impl From<ManifestError> for Failure {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::Invalid { source, errors, .. } => Self::Invalid(source, errors),
            ManifestError::Unreadable(..) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<ApplicationError> for Failure {
    fn from(error: ApplicationError) -> Self {
        match error {
            ApplicationError::Invalid(source, errors) => Self::Invalid(source, errors),
            ApplicationError::Build(error) => Self::Build(error.to_string()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Host(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Host(error)
    }
}

/// Runs the command line; its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("regrow: the operating system refuses an event queue: {error}");
            return ExitCode::from(1);
        }
    };
    let (color, result) = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => (args.color(), run::run(args).await),
            Command::Check(args) => (args.color, check::check(&args).await),
            Command::Build(args) => (args.color, build::build(&args).await),
        }
    });
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(color.on_stderr());
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Reads a manifest, compiles its guests and checks it as a whole.
async fn load(args: &ManifestArgs) -> Result<Application, Failure> {
    let say = |text: &str| eprintln!("regrow: {text}");
    let engine = Engine::new()?;
    match Manifest::read(&args.manifest) {
        Ok(manifest) => Ok(Application::load(manifest, &engine, &say).await?),
        Err(ManifestError::Invalid { source, errors, draft: Some(draft) }) => {
            let known = errors.clone();
            match Application::check_draft(&draft, errors, &engine, &say).await {
                Ok(errors) => Err(Failure::Invalid(source, errors)),
                // What is known already is worth more than why no more could be found out.
                Err(error) => {
                    say(&error.to_string());
                    Err(Failure::Invalid(source, known))
                }
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The log on standard error.
fn stderr_logger(level: Level, color: Color) -> Logger {
    Logger::new(level, color.on_stderr(), Box::new(std::io::stderr()))
}
