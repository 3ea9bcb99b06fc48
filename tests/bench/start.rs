//! From nothing to the first process: a node of twenty components whose compiled code is in the cache.

use std::path::Path;
use std::time::Instant;

use regrow::build::build_guests;
use regrow::engine::Engine;
use regrow::observe::Level;
use regrow_tests::report::{Goal, Report};
use regrow_tests::{block_on, guest_folder, manifest_node};

const COMPONENTS: usize = 20;

/// The median of so many is shown; one more has come before.
const ROUNDS: usize = 7;

/// What it should take, in milliseconds.
const GOAL: f64 = 50.0;

/// Measures the start of a node.
pub(crate) fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let tree = tree(folder.path());
    let start = || {
        let started = Instant::now();
        let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
        let node = manifest_node(&engine, tree.clone(), 2, Level::Error);
        block_on(node.steering().await_started()).unwrap_or_else(|error| panic!("{error}"));
        let time = started.elapsed();
        node.stop();
        block_on(node.wait());
        time.as_secs_f64() * 1e3
    };
    // Compiles what is not in the cache.
    start();
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| start()).collect();
    times.sort_by(f64::total_cmp);
    let what = format!("  engine, {COMPONENTS} components from the cache, a process of each");
    report.row(what, times[ROUNDS / 2], "ms", Some(Goal::AtMost(GOAL)));
}

/// Components that differ from each other, and a process of each.
fn tree(folder: &Path) -> String {
    let built = build_guests(&[guest_folder("bench")], &|text| eprintln!("{text}"));
    let built = built.unwrap_or_else(|error| panic!("{error}"));
    let bytes = std::fs::read(&built[0]).unwrap_or_else(|error| panic!("{error}"));
    let (mut components, mut children) = (String::new(), String::new());
    for number in 0..COMPONENTS {
        let file = folder.join(format!("{number}.wasm"));
        // A section of nobody's: its name, of one letter, and one byte.
        let apart = [0, 3, 1, b'n', number as u8];
        std::fs::write(&file, [&bytes[..], &apart].concat()).unwrap_or_else(|error| panic!("{error}"));
        components.push_str(&format!("[components.c{number}]\npath = {file:?}\n"));
        children.push_str(&format!(
            "[[supervisor.children]]\nid = \"{number}\"\ncomponent = \"c{number}\"\nentry = \"counter\"\n"
        ));
    }
    format!("[application]\nname = \"bench\"\n{components}[supervisor]\n{children}")
}
