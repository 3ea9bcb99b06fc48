//! Guests that mean harm, and a victim that answers calls beside them.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use regrow_sdk::{ExitReason, mailbox};

/// Runs for ever without a call to the host.
fn endless_loop(_: ()) {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Calls the host for ever.
fn endless_calls(_: ()) {
    loop {
        black_box(regrow_sdk::process::self_pid());
    }
}

/// Calls the host for ever, with a name that is long to copy and is nobody's.
fn long_names(_: ()) {
    let name = "n".repeat(8 << 20);
    loop {
        black_box(mailbox::send(name.as_str(), &0u8).is_err());
    }
}

/// Calls itself until the stack ends.
fn recursion(_: ()) {
    black_box(recurse(1));
}

/// Nothing of a call is in memory, so that the stack of the engine ends before that of the language.
fn recurse(depth: u64) -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    if CALLS.fetch_add(depth, Ordering::Relaxed) == u64::MAX {
        return 0;
    }
    recurse(depth | 1).rotate_left(1) ^ depth
}

/// Takes all the memory that it can get, and touches it.
fn memory_bomb(_: ()) {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![0xff; 1 << 20]));
    }
}

/// Answers every call with what it was asked.
fn victim(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        if let Some(from) = message.reply_to() {
            let number: u64 = message.decode()?;
            mailbox::reply(from, &number)?;
        }
    }
}

regrow_sdk::component! {
    /// A loop without end.
    "endless-loop" => process endless_loop,
    /// A loop of host calls without end.
    "endless-calls" => process endless_calls,
    /// A loop of host calls that copy much.
    "long-names" => process long_names,
    /// Recursion without end.
    "recursion" => process recursion,
    /// Memory without end.
    "memory-bomb" => process memory_bomb,
    /// Answers calls.
    "victim" => process victim,
}
