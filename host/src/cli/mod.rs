//! The command line.

mod build;
mod check;
mod new;
mod render;
mod run;
mod steer;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::control::{ClientError, ErrorKind};
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
  1  the application failed: its root supervisor could not start, gave up or was killed; or the node refused a command
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
    /// Make a first guest: a server, a client, their tree and their tests
    New(new::NewArgs),
    /// List the processes of a running node
    Ps(steer::NodeArgs),
    /// Show the supervision tree of a running node
    Tree(steer::NodeArgs),
    /// Show everything about a process
    Info(steer::ProcessArgs),
    /// List the children of a supervisor, in start order
    Children(steer::ProcessArgs),
    /// Start a child that does not run, or resume one that is parked
    Start(steer::ProcessArgs),
    /// Stop a child; its supervisor does not restart it
    Terminate(steer::ProcessArgs),
    /// Stop a child and start it again
    Restart(steer::ProcessArgs),
    /// Stop a running node in order
    Stop(steer::NodeArgs),
    /// Show the log of a running node
    Logs(steer::LogArgs),
    /// Show what applying an edited manifest would change on the node that runs it
    Plan(steer::PlanArgs),
    /// Change a running node as an edited manifest says
    Apply(steer::PlanArgs),
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

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(error) if error.kind == ErrorKind::InvalidManifest => {
                Self::Unreadable(error.message)
            }
            error => Self::Application(error.to_string()),
        }
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
            Command::New(args) => (Color::Auto, new::new(&args)),
            Command::Ps(args) => (Color::Auto, steer::ps(&args).await),
            Command::Tree(args) => (Color::Auto, steer::tree(&args).await),
            Command::Info(args) => (Color::Auto, steer::one(args, steer::Verb::Info).await),
            Command::Children(args) => (Color::Auto, steer::one(args, steer::Verb::Children).await),
            Command::Start(args) => (Color::Auto, steer::one(args, steer::Verb::Start).await),
            Command::Terminate(args) => (Color::Auto, steer::one(args, steer::Verb::Terminate).await),
            Command::Restart(args) => (Color::Auto, steer::one(args, steer::Verb::Restart).await),
            Command::Stop(args) => (Color::Auto, steer::stop(&args).await),
            Command::Logs(args) => (Color::Auto, steer::logs(args).await),
            Command::Plan(args) => (args.color(), steer::plan(args, false).await),
            Command::Apply(args) => (args.color(), steer::plan(args, true).await),
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

/// Prints to the standard output. A reader that has gone (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Host(error.into())),
        _ => Ok(()),
    }
}

/// The log on standard error.
fn stderr_logger(level: Level, color: Color) -> Logger {
    Logger::queued(level, color.on_stderr(), Box::new(std::io::stderr()))
}
