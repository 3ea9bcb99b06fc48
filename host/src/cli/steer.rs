//! The commands that steer a running node: `ps`, `tree`, `info`, `children`, `start`, `terminate`, `restart`, `stop`,
//! `logs`, `plan` and `apply`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{Failure, ManifestArgs, load, print, render};
use crate::control::{Client, ClientError, Reply, Request};

/// Which node, and how to print.
#[derive(Args)]
pub(super) struct NodeArgs {
    /// The application whose node is meant, if several run
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// The control socket of the node
    #[arg(long, value_name = "PATH", conflicts_with = "node")]
    socket: Option<PathBuf>,
    /// Print JSON, with a stable schema
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct ProcessArgs {
    /// A path (app/pool/worker-3), a registered name, or a pid (<0.17.0>)
    #[arg(value_name = "PATH|NAME|PID")]
    process: String,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
pub(super) struct LogArgs {
    /// How many of the last events
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,
    /// Go on with those that are to come
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    manifest: ManifestArgs,
    #[command(flatten)]
    node: NodeArgs,
}

impl PlanArgs {
    pub(super) fn color(&self) -> super::Color {
        self.manifest.color
    }
}

/// What is asked about, or done to, one process.
#[derive(Clone, Copy)]
pub(super) enum Verb {
    Info,
    Children,
    Start,
    Terminate,
    Restart,
}

impl NodeArgs {
    async fn connect(&self) -> Result<Client, ClientError> {
        match &self.socket {
            Some(path) => Client::connect(path).await,
            None => Client::find(self.node.as_deref()).await,
        }
    }

    /// Asks the node and prints its answer.
    async fn ask(&self, request: &Request) -> Result<(), Failure> {
        let reply = self.connect().await?.ask(request).await?;
        self.print(&reply)
    }

    fn print(&self, reply: &Reply) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(&render::payload(reply));
            return print(&json.map_err(|error| Failure::Host(error.into()))?);
        }
        let text = render::text(reply, std::io::stdout().is_terminal());
        if text.is_empty() { Ok(()) } else { print(text.trim_end_matches('\n')) }
    }
}

pub(super) async fn ps(node: &NodeArgs) -> Result<(), Failure> {
    node.ask(&Request::Ps).await
}

pub(super) async fn tree(node: &NodeArgs) -> Result<(), Failure> {
    node.ask(&Request::Tree).await
}

pub(super) async fn one(args: ProcessArgs, verb: Verb) -> Result<(), Failure> {
    let ProcessArgs { process, node } = args;
    let request = match verb {
        Verb::Info => Request::Info { process },
        Verb::Children => Request::Children { supervisor: process },
        Verb::Start => Request::Start { child: process },
        Verb::Terminate => Request::Terminate { child: process },
        Verb::Restart => Request::Restart { child: process },
    };
    node.ask(&request).await
}

/// Tells the node to stop, and waits until it has.
pub(super) async fn stop(node: &NodeArgs) -> Result<(), Failure> {
    let mut client = node.connect().await?;
    client.ask(&Request::Stop).await?;
    // The connection ends with the node.
    while client.next().await.is_ok() {}
    Ok(())
}

pub(super) async fn logs(args: LogArgs) -> Result<(), Failure> {
    let LogArgs { lines, follow, node } = args;
    let mut client = node.connect().await?;
    client.send(&Request::Logs { lines, follow }).await?;
    loop {
        match client.next().await {
            Ok(Reply::Log(line)) if node.json => {
                print(&serde_json::to_string(&line).map_err(|error| Failure::Host(error.into()))?)?;
            }
            Ok(Reply::Log(line)) => print(&line)?,
            Ok(_) => return Ok(()),
            // A node that ends has no more to say.
            Err(ClientError::Lost(_)) if follow => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Checks the manifest as any other command does, compiles what has changed, and then asks the node.
pub(super) async fn plan(args: PlanArgs, apply: bool) -> Result<(), Failure> {
    let application = load(&args.manifest).await?;
    let path = application.manifest().source.path.clone();
    let manifest = std::fs::canonicalize(&path).map_err(|error| Failure::Host(error.into()))?;
    let request = if apply { Request::Apply { manifest } } else { Request::Plan { manifest } };
    let mut node = args.node;
    if node.node.is_none() && node.socket.is_none() {
        node.node = Some(application.name().to_owned());
    }
    node.ask(&request).await
}
