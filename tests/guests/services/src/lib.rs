//! What tables, registries and topics cost, measured by guests. A component of its own: what it imports would make processes of others dearer.

mod programs;
mod registries;

use regrow_sdk::table::Kind;
use regrow_sdk::{ExitReason, mailbox};

use programs::*;

/// Serves calls, each a program and how much of it to do, with the time that it took, in microseconds.
fn bench(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let Some(from) = message.reply_to() else { continue };
        let (program, count): (String, u32) = message.decode()?;
        let time = match program.as_str() {
            "lookup in 10" => lookups(Kind::Set, 10, count),
            "lookup in 1000" => lookups(Kind::Set, 1_000, count),
            "lookup in 1000000" => lookups(Kind::Set, 1_000_000, count),
            "lookup by two" => by_two(false, count),
            "ordered lookup" => lookups(Kind::OrderedSet, 1_000_000, count),
            "insert new" => inserts(true, count),
            "insert again" => inserts(false, count),
            "insert by two" => by_two(true, count),
            "counter" => counter(count),
            "delete" => deletes(count),
            "select" => select(count),
            "traverse" => traverse(count),
            "registry lookup" => registries::lookups(count),
            "registry whereis" => registries::whereis(count),
            "registration" => registries::registrations(count),
            "broadcast to 10" => registries::broadcasts(10, count),
            "broadcast to 10000" => registries::broadcasts(10_000, count),
            other => Err(ExitReason::error(&format!("there is no program {other:?}"))),
        };
        mailbox::reply(from, &(time?.as_secs_f64() * 1e6))?;
    }
}

regrow_sdk::component! {
    /// Measures.
    "bench" => process bench,
    /// Reads or writes beside another process.
    "table half" => process half,
    /// Counts what it gets.
    "subscriber" => process registries::subscriber,
}
