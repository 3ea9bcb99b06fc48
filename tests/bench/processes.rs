//! What processes and signals cost: programs in guests, beside the same programs on the BEAM if it is installed.
//!
//! `cargo bench -p regrow-tests --bench processes [-- [compare] PROGRAM…]`

mod compare;
mod programs;

use regrow::engine::Engine;
use regrow_tests::report::without_backtraces;

use crate::programs::{Program, each, measure, of_words, wanted};

fn main() {
    without_backtraces();
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let compares = words.first().is_some_and(|word| word == "compare");
    let programs = of_words(&PROGRAMS, &words.split_off(usize::from(compares)));
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    if compares {
        compare::compare(&engine, &programs);
    } else {
        measure("processes", &engine, &programs);
    }
}

/// All of them.
const PROGRAMS: [Program; 13] = [
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
    each("pool", "job for a pool of 8 workers", 100_000),
    each("pipeline", "event through 3 stages, 50 demanded at a time", 500_000),
    each("timer", "timer started and cancelled", 100_000),
    each("expire", "timer started, run out and received", 5_000),
];
