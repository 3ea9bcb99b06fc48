//! What the SDK's behaviours cost: calls to the same server with and without them, a flow of three stages, a stream of tasks; beside the BEAM's,
//! if it is installed.
//!
//! `cargo bench -p regrow-tests --bench sdk [-- PROGRAM…]`

mod programs;

use regrow::engine::Engine;
use regrow_tests::report::without_backtraces;

use crate::programs::{Program, each, measure, of_words, wanted};

fn main() {
    without_backtraces();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    measure("sdk", &engine, &of_words(&PROGRAMS, &words));
}

/// All of them. GenServer may add 0.3 µs to the first.
const PROGRAMS: [Program; 7] = [
    each("bare call", "call, to a process that receives and replies", 200_000),
    each("gen_server", "call, to a GenServer with messages of its own", 200_000),
    each("derived", "call, to a server from its methods", 200_000),
    each("agent", "call, to an agent", 200_000),
    each("machine", "call, to a StateMachine", 200_000),
    wanted(2.0, each("flow", "event through a flow of three stages", 1_000_000)),
    wanted(50.0, each("async_stream", "short task of a stream of 10,000", 10_000)),
];
