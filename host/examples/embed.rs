//! A program with a node inside: it offers its guests a function of its own, spawns some, talks to them, has one
//! crash, and steers the tree as `regrow tree` and `regrow start` do from outside.
//!
//! ```console
//! $ cargo run --release --example embed
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use anyhow::Result;
use regrow::engine::wasmtime::Result as WasmResult;
use regrow::engine::{Engine, GuestState, Linker};
use regrow::manifest::{Manifest, Source};
use regrow::node::{Application, Node, NodeOptions, Outcome};
use regrow::observe::{Level, Logger};
use regrow_term::Term;

/// The tree: one sensor, which is restarted when it crashes.
const TREE: &str = r#"
[application]
name = "weather"

[components.sensor]
path = "sensor"

[supervisor]

[[supervisor.children]]
id = "roof"
component = "sensor"
entry = "sensor"
name = "roof"
"#;

/// What guests import as `example:sensors/thermometer`.
fn add_thermometer(linker: &mut Linker<GuestState>, degrees: Arc<AtomicI32>) -> WasmResult<()> {
    let mut thermometer = linker.instance("example:sensors/thermometer")?;
    thermometer.func_wrap("read", move |_, (): ()| Ok((degrees.load(Ordering::Relaxed),)))
}

async fn run(say: &mut impl FnMut(String)) -> Result<Outcome> {
    let degrees = Arc::new(AtomicI32::new(21));
    let reading = degrees.clone();
    let engine = Engine::with_host_functions(&["example:sensors/"], move |linker| {
        add_thermometer(linker, reading.clone())
    })?;
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples-guests/regrow.toml");
    let manifest = Manifest::parse(Source { path: guests, text: TREE.to_owned() })?;
    let application = Application::load(manifest, &engine, &|text| eprintln!("{text}")).await?;
    let node = Node::start(
        application,
        NodeOptions::new(Logger::new(Level::Error, false, Box::new(std::io::stderr()))),
    )?;
    let steering = node.steering();

    let (nothing, second) = (Term::List(Vec::new()), Duration::from_secs(1));
    let degrees_now = Term::from("degrees");
    steering.await_started().await?;
    say(format!("on the roof it has {} degrees", steering.call("roof", &degrees_now, second).await?));

    // A process beside the tree, which nobody supervises.
    let cellar = steering.spawn("sensor", "sensor", nothing.clone()).await?;
    degrees.store(12, Ordering::Relaxed);
    say(format!("in the cellar it has {} degrees", steering.call(cellar, &degrees_now, second).await?));

    degrees.store(5000, Ordering::Relaxed);
    let melted = steering.call("roof", &degrees_now, second).await;
    say(format!("the roof is on fire: {}", melted.is_err()));
    degrees.store(21, Ordering::Relaxed);
    // It regrows.
    let again = loop {
        if let Ok(degrees) = steering.call("roof", &degrees_now, second).await {
            break degrees;
        }
    };
    say(format!("on the roof it has {again} degrees again"));
    let restarts: u64 = steering.children("weather").await?.iter().map(|child| child.restarts).sum();
    say(format!("restarts: {restarts}"));

    node.stop();
    Ok(node.wait().await)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn main() -> Result<()> {
    let outcome = runtime()?.block_on(run(&mut |line| println!("{line}")))?;
    println!("the node ended: {outcome:?}");
    Ok(())
}

#[test]
fn guests_use_the_functions_of_the_program_that_embeds_their_node() -> Result<()> {
    let mut lines = Vec::new();
    let outcome = runtime()?.block_on(run(&mut |line| lines.push(line)))?;
    assert_eq!(outcome, Outcome::Stopped);
    let expected = [
        "on the roof it has 21 degrees",
        "in the cellar it has 12 degrees",
        "the roof is on fire: true",
        "on the roof it has 21 degrees again",
        "restarts: 1",
    ];
    assert_eq!(lines, expected);
    Ok(())
}
