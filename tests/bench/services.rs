//! What tables, registries and topics cost: programs in guests, beside ETS and Elixir's Registry on the BEAM if they are installed.
//!
//! `cargo bench -p regrow-tests --bench services [-- PROGRAM…]`

mod programs;

use regrow::engine::Engine;
use regrow_tests::report::without_backtraces;

use crate::programs::{Program, each, measure, of_words, wanted};

fn main() {
    without_backtraces();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let engine = Engine::new().unwrap_or_else(|error| panic!("{error}"));
    measure("services", &engine, &of_words(&PROGRAMS, &words));
}

/// All of them. Rows have integers as keys and 64 bytes as values.
const PROGRAMS: [Program; 17] = [
    wanted(0.4, each("lookup in 10", "lookup in a set of 10 rows", 500_000)),
    wanted(0.4, each("lookup in 1000", "lookup in a set of 1,000 rows", 500_000)),
    wanted(0.4, each("lookup in 1000000", "lookup in a set of 1,000,000 rows", 500_000)),
    each("lookup by two", "lookup in a set of 1,000 rows, 2 processes at once", 1_000_000),
    each("ordered lookup", "lookup in an ordered set of 1,000,000 rows", 300_000),
    each("insert new", "insert of a new row, up to 300,000", 300_000),
    each("insert again", "insert in place of a row, of 1,000", 300_000),
    each("insert by two", "insert in place of a row, of 1,000, 2 processes at once", 600_000),
    each("counter", "update_counter", 300_000),
    each("delete", "insert and delete of a row", 200_000),
    each("select", "row looked at by a selection, of 100,000, 1 of 100 wanted", 1_000_000),
    each("traverse", "first and next, a key", 100_000),
    each("registry lookup", "lookup in a registry of 1,000 keys", 300_000),
    each("registry whereis", "pid by its key, of 1,000", 300_000),
    each("registration", "register and unregister", 100_000),
    each("broadcast to 10", "broadcast to 10, a delivery", 200_000),
    each("broadcast to 10000", "broadcast to 10,000, a delivery", 200_000),
];
