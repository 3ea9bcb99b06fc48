//! `regrow run`

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Color, Failure, ManifestArgs, load, stderr_logger};
use crate::control::default_path;
use crate::engine::raise_descriptor_limit;
use crate::node::{Node, NodeOptions, Outcome};
use crate::observe::Level;

#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    manifest: ManifestArgs,
    /// The least severe events that the log shows
    #[arg(long = "log", value_enum, default_value_t = Level::Info, value_name = "LEVEL")]
    level: Level,
    /// Threads that run processes; default: one for each core
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Where the control socket goes; default: a folder of the user's own
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Have no control socket: the node can't be steered from outside
    #[arg(long, conflicts_with = "socket")]
    no_control: bool,
}

impl RunArgs {
    pub(super) fn color(&self) -> Color {
        self.manifest.color
    }
}

/// How long the last lines may take to be printed.
const SAYING: std::time::Duration = std::time::Duration::from_secs(1);

/// A signal's number, for the exit code of a process that it killed.
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

pub(super) async fn run(args: RunArgs) -> Result<(), Failure> {
    raise_descriptor_limit();
    let application = load(&args.manifest).await?;
    let name = application.name().to_owned();
    let logger = stderr_logger(args.level, args.manifest.color);
    let mut options = NodeOptions::new(logger.clone());
    options.workers = args.workers.map_or(options.workers, usize::from);
    options.socket = match (args.no_control, args.socket) {
        (true, _) => None,
        (false, Some(path)) => Some(path),
        (false, None) => Some(default_path(&name).map_err(|error| Failure::Host(error.into()))?),
    };
    let host = |error: std::io::Error| Failure::Host(error.into());
    let mut interrupts = signal(SignalKind::interrupt()).map_err(host)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(host)?;
    let node = Node::start(application, options)?;
    let mut stopping = false;
    let (said, hear) = std::sync::mpsc::channel();
    let outcome = loop {
        let signal = tokio::select! {
            outcome = node.wait() => break outcome,
            _ = interrupts.recv() => SIGINT,
            _ = terminations.recv() => SIGTERM,
        };
        if stopping {
            // At once, whatever the worker threads are doing, and even if nobody reads what is printed.
            std::process::exit(128 + signal);
        }
        node.stop();
        stopping = true;
        // On a thread of its own: a pipe that nobody reads must not keep the next signal from being heard.
        let line = format!("regrow: stopping {name}; once more kills it");
        let said = said.clone();
        std::thread::spawn(move || {
            eprintln!("{line}");
            let _ = said.send(());
        });
    };
    // What comes last is printed last.
    logger.wait_until_written(SAYING);
    if stopping {
        // A tree may have stopped before that is said.
        let _ = hear.recv_timeout(SAYING);
    }
    match outcome {
        Outcome::Stopped => Ok(()),
        Outcome::GaveUp => Err(Failure::Application(format!(
            "{name} failed: its root supervisor gave up after too many restarts"
        ))),
        Outcome::FailedToStart { path, reason } => {
            Err(Failure::Application(format!("{name} failed: {path} could not be started: {reason}")))
        }
        Outcome::Failed(reason) => Err(Failure::Application(format!("{name} failed: {reason}"))),
    }
}
