//! How long it takes guests to talk to each other: whole figures from guest bodies, medians over rounds.

use std::time::{Duration, Instant};

use regrow_sdk::gen_server::{self, CallResult, Init, ServerRef};
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{ExitReason, GenServer, Pid, ReplyTo};
use serde::Deserialize;

/// How much is done in each round.
#[derive(Deserialize)]
struct Config {
    rounds: usize,
    messages: u32,
    spawns: u32,
    ring: u32,
}

/// Runs every measurement and prints a table.
fn bench(config: Config) -> Result<(), ExitReason> {
    let median = |measure: &dyn Fn() -> Result<Duration, ExitReason>| {
        let mut rounds: Vec<Duration> = (0..config.rounds).map(|_| measure()).collect::<Result<_, _>>()?;
        rounds.sort();
        Ok::<_, ExitReason>(rounds[rounds.len() / 2].as_secs_f64() * 1e6)
    };
    println!("{:<52} {:>10}", "each, in µs (median of rounds)", "");
    for (name, size) in [("64 B", 64), ("64 KiB", 64 << 10)] {
        let messages = if size > 1000 { config.messages / 20 } else { config.messages };
        let time = median(&|| round_trips(messages, size))?;
        println!("{:<52} {time:>10.2}", format!("message round trip between two guests, {name}"));
    }
    println!("{:<52} {:>10.2}", "GenServer call", median(&|| calls(config.messages))?);
    println!(
        "{:<52} {:>10.2}",
        "spawn to the first message back, then exit",
        median(&|| spawns(config.spawns))?
    );
    let hop = median(&|| ring(config.ring, config.messages))?;
    println!("{:<52} {hop:>10.2}", format!("ring of {}, each hop", config.ring));
    Ok(())
}

fn each(start: Instant, count: u32) -> Duration {
    start.elapsed() / count.max(1)
}

/// Sends back what it gets.
fn echo(_: ()) -> Result<(), ExitReason> {
    loop {
        if let Some(Received::Message(message)) = mailbox::receive(None) {
            let payload: String = message.decode()?;
            mailbox::send(message.from, &payload)?;
        }
    }
}

fn round_trips(count: u32, size: usize) -> Result<Duration, ExitReason> {
    let peer = process::spawn("echo", &(), &SpawnOptions::link())?.pid;
    let payload = "x".repeat(size);
    let start = Instant::now();
    for _ in 0..count {
        mailbox::send(peer, &payload)?;
        mailbox::receive(None);
    }
    let time = each(start, count);
    end(peer)?;
    Ok(time)
}

fn end(pid: Pid) -> Result<(), ExitReason> {
    process::unlink(pid);
    Ok(process::exit_process(pid, ExitReason::Kill)?)
}

/// Counts its calls.
struct Counter(u64);

impl GenServer for Counter {
    type Argument = ();
    type Call = u64;
    type Reply = u64;
    type Cast = ();

    fn init((): ()) -> Init<Self> {
        Init::Started(Counter(0))
    }

    fn handle_call(&mut self, by: u64, _: ReplyTo) -> CallResult<u64> {
        self.0 += by;
        CallResult::Reply(self.0)
    }
}

fn calls(count: u32) -> Result<Duration, ExitReason> {
    let server: ServerRef<Counter> = gen_server::start_link("counter", &(), &SpawnOptions::default())?;
    let start = Instant::now();
    for _ in 0..count {
        server.call(&1)?;
    }
    let time = each(start, count);
    server.pid().map_or(Ok(()), end)?;
    Ok(time)
}

/// Says that it is there, and ends.
fn hello(to: Pid) -> Result<(), ExitReason> {
    Ok(mailbox::send(to, &())?)
}

fn spawns(count: u32) -> Result<Duration, ExitReason> {
    let own = process::self_pid();
    let start = Instant::now();
    for _ in 0..count {
        process::spawn("hello", &own, &SpawnOptions::default())?;
        mailbox::receive(None);
    }
    Ok(each(start, count))
}

/// Passes on to the next one what it gets.
fn link(next: Pid) -> Result<(), ExitReason> {
    loop {
        if let Some(Received::Message(message)) = mailbox::receive(None) {
            let left: u32 = message.decode()?;
            mailbox::send(next, &left)?;
        }
    }
}

fn ring(size: u32, hops: u32) -> Result<Duration, ExitReason> {
    let mut members = Vec::new();
    let mut next = process::self_pid();
    for _ in 0..size {
        next = process::spawn("link", &next, &SpawnOptions::default())?.pid;
        members.push(next);
    }
    let laps = (hops / size).max(1);
    let start = Instant::now();
    for lap in 0..laps {
        mailbox::send(next, &lap)?;
        mailbox::receive(None);
    }
    let time = each(start, laps * size);
    members
        .into_iter()
        .try_for_each(|member| Ok::<_, ExitReason>(process::exit_process(member, ExitReason::Kill)?))?;
    Ok(time)
}

regrow_sdk::component! {
    /// Measures, and prints a table.
    "bench" => process bench,
    /// Sends back what it gets.
    "echo" => process echo,
    /// Counts its calls.
    "counter" => server Counter,
    /// Says that it is there, and ends.
    "hello" => process hello,
    /// Passes messages on.
    "link" => process link,
}
