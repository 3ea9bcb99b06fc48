//! What processes and signals cost, measured by guests. `tests/bench/beam/processes.erl` has the same programs.

mod isolation;
mod programs;

use regrow_sdk::{ExitReason, mailbox};

use programs::*;

/// Serves calls, each a program and how much of it to do, with the time that it took, in microseconds.
fn bench(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let Some(from) = message.reply_to() else { continue };
        let (program, count): (String, u32) = message.decode()?;
        let time = match program.as_str() {
            "host call" => host_calls(count),
            "spawn" => spawns(count),
            "send 64 B" => round_trips(count, 64),
            "send 64 KiB" => round_trips(count, 64 << 10),
            "send 1 MiB" => round_trips(count, 1 << 20),
            "call" => calls(count),
            "ring" => ring(count),
            "fan-in" => fan_in(count),
            "chain" => chain(count),
            "call all" => call_all(count),
            "pool" => pool(count),
            "pipeline" => pipeline(count),
            "timer" => timers(count),
            "expire" => expiries(count),
            other => Err(ExitReason::error(&format!("there is no program {other:?}"))),
        };
        mailbox::reply(from, &(time?.as_secs_f64() * 1e6))?;
    }
}

regrow_sdk::component! {
    /// Measures.
    "bench" => process bench,
    /// Sends back what it gets.
    "echo" => process echo,
    /// Counts its calls.
    "counter" => server Counter,
    /// Counts its calls, and hibernates between them.
    "sleeper" => hibernating Sleeper,
    /// Says that it is there, and ends.
    "hello" => process hello,
    /// Passes messages on.
    "pass" => process pass,
    /// Sends so many messages.
    "flood" => process flood,
    /// Does jobs.
    "pool worker" => process pool_worker,
    /// Has events, as many as are demanded.
    "producer" => process producer,
    /// Changes events on their way.
    "mapper" => process mapper,
    /// Says that it has started, answers calls, and crashes when it gets a message.
    "restartable" => process restartable,
    /// Measures what it is like beside others.
    "probe" => process isolation::probe,
    /// Computes without end.
    "spin" => process isolation::spin,
    /// Links a chain behind itself.
    "chain" => process chain_link,
}
