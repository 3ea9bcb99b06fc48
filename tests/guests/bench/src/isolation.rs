//! What it is like to be beside processes that compute.

use std::hint::black_box;
use std::time::{Duration, Instant};

use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{ExitReason, mailbox, timer};
use serde_bytes::ByteBuf;

/// Computes without end.
pub fn spin(_: ()) {
    let mut n = 1u64;
    loop {
        n ^= n << 13;
        n ^= n >> 7;
        n = black_box(n ^ (n << 17));
    }
}

/// Serves calls, each with what to measure and how often; all that was measured, in microseconds.
pub fn probe(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let Some(from) = message.reply_to() else { continue };
        let (what, count): (String, u32) = message.decode()?;
        let times: Vec<f64> = match what.as_str() {
            "round trip" => round_trips(count)?,
            "timer" => timers(count)?,
            other => return Err(ExitReason::error(&format!("there is nothing like {other:?}"))),
        };
        mailbox::reply(from, &times)?;
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn round_trips(count: u32) -> Result<Vec<f64>, ExitReason> {
    let echo = process::spawn("echo", &(), &SpawnOptions::link())?.pid;
    let payload = ByteBuf::from(vec![b'x'; 64]);
    let mut times = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let start = Instant::now();
        mailbox::send(echo, &payload)?;
        mailbox::receive_message(None);
        times.push(micros(start.elapsed()));
    }
    process::unlink(echo);
    process::exit_process(echo, ExitReason::Kill)?;
    Ok(times)
}

/// How late timers of a millisecond are.
fn timers(count: u32) -> Result<Vec<f64>, ExitReason> {
    let mut times = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let start = Instant::now();
        let started = timer::start(Duration::from_millis(1), process::self_pid(), &0u8)?;
        mailbox::wait_for(started, None);
        times.push(micros(start.elapsed()) - 1_000.0);
    }
    Ok(times)
}
