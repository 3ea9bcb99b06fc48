//! The programs. Each returns the time that all of it took.

use std::time::{Duration, Instant};

use regrow_sdk::gen_server::{self, CallResult, Caller, Hibernate, Init, ServerRef};
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, Flag, SpawnOptions, WhenFull};
use regrow_sdk::{ExitReason, GenServer, Pid, timer};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

type Time = Result<Duration, ExitReason>;

fn end(pid: Pid) -> Result<(), ExitReason> {
    process::unlink(pid);
    Ok(process::exit_process(pid, ExitReason::Kill)?)
}

pub(crate) fn echo(_: ()) -> Result<(), ExitReason> {
    loop {
        if let Some(Received::Message(message)) = mailbox::receive(None) {
            let payload: ByteBuf = message.decode()?;
            mailbox::send(message.from, &payload)?;
        }
    }
}

/// There and back.
pub(crate) fn round_trips(count: u32, size: usize) -> Time {
    let peer = process::spawn("echo", &(), &SpawnOptions::link())?.pid;
    let payload = ByteBuf::from(vec![b'x'; size]);
    let start = Instant::now();
    for _ in 0..count {
        mailbox::send(peer, &payload)?;
        mailbox::receive(None);
    }
    let time = start.elapsed();
    end(peer)?;
    Ok(time)
}

pub(crate) struct Counter(u64);

impl GenServer for Counter {
    type Argument = ();
    type Call = u64;
    type Reply = u64;
    type Cast = ();

    fn init((): ()) -> Init<Self> {
        Init::Started(Counter(0))
    }

    fn handle_call(&mut self, by: u64, _: Caller<u64>) -> CallResult<Self> {
        self.0 += by;
        CallResult::Reply(self.0)
    }
}

pub(crate) fn calls(count: u32) -> Time {
    let server: ServerRef<Counter> = gen_server::start_link("counter", &(), &SpawnOptions::default())?;
    let start = Instant::now();
    for _ in 0..count {
        server.call(&1)?;
    }
    let time = start.elapsed();
    server.pid().map_or(Ok(()), end)?;
    Ok(time)
}

/// A counter that hibernates as soon as it has answered.
pub(crate) struct Sleeper(u64);

impl GenServer for Sleeper {
    type Argument = u64;
    type Call = ();
    type Reply = u64;
    type Cast = ();

    fn init(start: u64) -> Init<Self> {
        Init::Started(Sleeper(start))
    }

    fn handle_call(&mut self, (): (), _: Caller<u64>) -> CallResult<Self> {
        self.0 += 1;
        CallResult::Reply(self.0).hibernate()
    }
}

impl Hibernate for Sleeper {
    type State = u64;

    fn save(&self) -> u64 {
        self.0
    }

    fn restore(state: u64) -> Self {
        Sleeper(state)
    }

    fn hibernate_after(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// Each of so many servers of the tree, once.
pub(crate) fn call_all(count: u32) -> Time {
    let start = Instant::now();
    for number in 1..=count {
        // A tree with a single one has not numbered it.
        let name = if count == 1 { "idle".to_owned() } else { format!("idle-{number}") };
        mailbox::call::<_, u64>(name, &(), None)?;
    }
    Ok(start.elapsed())
}

pub(crate) fn hello(to: Pid) -> Result<(), ExitReason> {
    Ok(mailbox::send(to, &())?)
}

/// One after the other: spawned, heard of, and ended.
pub(crate) fn spawns(count: u32) -> Time {
    let own = process::self_pid();
    let start = Instant::now();
    for _ in 0..count {
        let spawned = process::spawn("hello", &own, &SpawnOptions::monitor())?;
        mailbox::receive_message(None);
        if let Some(monitor) = spawned.monitor {
            mailbox::wait_for(monitor, None);
        }
    }
    Ok(start.elapsed())
}

pub(crate) fn pass(next: Pid) -> Result<(), ExitReason> {
    loop {
        if let Some(Received::Message(message)) = mailbox::receive(None) {
            let left: u32 = message.decode()?;
            mailbox::send(next, &left)?;
        }
    }
}

const RING: u32 = 1_000;

/// Once around a ring for each thousand.
pub(crate) fn ring(hops: u32) -> Time {
    let mut members = Vec::new();
    let mut next = process::self_pid();
    for _ in 0..RING {
        next = process::spawn("pass", &next, &SpawnOptions::default())?.pid;
        members.push(next);
    }
    let start = Instant::now();
    for lap in 0..hops / RING {
        mailbox::send(next, &lap)?;
        mailbox::receive(None);
    }
    let time = start.elapsed();
    members.into_iter().try_for_each(end)?;
    Ok(time)
}

pub(crate) fn flood((to, count): (Pid, u32)) -> Result<(), ExitReason> {
    let payload = "x".repeat(64);
    (0..count).try_for_each(|_| Ok(mailbox::send(to, &payload)?))
}

/// Two processes send to this one, which has them wait when it can't keep up.
pub(crate) fn fan_in(count: u32) -> Time {
    let previous = process::set_flag(Flag::WhenFull(WhenFull::SuspendSender))?;
    let own = process::self_pid();
    let start = Instant::now();
    for _ in 0..2 {
        process::spawn("flood", &(own, count / 2), &SpawnOptions::default())?;
    }
    for _ in 0..count / 2 * 2 {
        mailbox::receive(None);
    }
    let time = start.elapsed();
    process::set_flag(previous)?;
    Ok(time)
}

/// Spawns the rest of the chain, linked, and waits for the end.
pub(crate) fn chain_link((left, last): (u32, Pid)) -> Result<(), ExitReason> {
    if left == 0 {
        mailbox::send(last, &process::self_pid())?;
    } else {
        process::spawn("chain", &(left - 1, last), &SpawnOptions::link())?;
    }
    loop {
        mailbox::receive(None);
    }
}

/// A chain of linked processes collapses from one end to the other.
pub(crate) fn chain(count: u32) -> Time {
    let own = process::self_pid();
    let first = process::spawn("chain", &(count - 1, own), &SpawnOptions::monitor())?.pid;
    let last: Pid = match mailbox::receive(None) {
        Some(Received::Message(message)) => message.decode()?,
        Some(Received::Down { reason, .. }) => return Err(reason),
        other => return Err(ExitReason::error(&format!("{other:?}"))),
    };
    let monitor = process::monitor(last)?;
    let start = Instant::now();
    process::exit_process(first, ExitReason::error("collapse"))?;
    mailbox::wait_for(monitor, None);
    let time = start.elapsed();
    // The first one's DOWN.
    mailbox::receive(None);
    Ok(time)
}

/// Started and cancelled.
pub(crate) fn timers(count: u32) -> Time {
    let own = process::self_pid();
    let start = Instant::now();
    for _ in 0..count {
        timer::cancel(timer::start(Duration::from_secs(60), own, &())?);
    }
    Ok(start.elapsed())
}

/// Started all together, to run out at once, and received.
pub(crate) fn expiries(count: u32) -> Time {
    let own = process::self_pid();
    let start = Instant::now();
    for _ in 0..count {
        timer::start(Duration::ZERO, own, &())?;
    }
    for _ in 0..count {
        mailbox::receive(None);
    }
    Ok(start.elapsed())
}

/// A supervised child: `driver` hears of each start.
pub(crate) fn restartable(driver: String) -> Result<(), ExitReason> {
    mailbox::send(driver, &())?;
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        match message.reply_to() {
            Some(from) => mailbox::reply(from, &())?,
            None => std::process::abort(),
        }
    }
}

/// The least that the host can be asked.
pub(crate) fn host_calls(count: u32) -> Time {
    let start = Instant::now();
    for _ in 0..count {
        std::hint::black_box(process::self_pid());
    }
    Ok(start.elapsed())
}

/// Workers of a pool.
const WORKERS: usize = 8;

/// A little work.
pub(crate) fn pool_worker(_: ()) -> Result<(), ExitReason> {
    loop {
        if let Some(Received::Message(message)) = mailbox::receive(None) {
            let mut job: u64 = message.decode()?;
            for _ in 0..100 {
                job ^= job << 13;
                job ^= job >> 7;
                job ^= job << 17;
            }
            mailbox::send(message.from, &job)?;
        }
    }
}

/// Jobs for a pool, each worker with one at a time.
pub(crate) fn pool(jobs: u32) -> Time {
    let spawn = |_| Ok(process::spawn("pool worker", &(), &SpawnOptions::link())?.pid);
    let workers = (0..WORKERS).map(spawn).collect::<Result<Vec<Pid>, ExitReason>>()?;
    let start = Instant::now();
    let (mut given, mut done) = (0, 0);
    for worker in &workers {
        given += 1;
        mailbox::send(*worker, &u64::from(given))?;
    }
    while done < jobs {
        let Some(Received::Message(message)) = mailbox::receive(None) else { continue };
        done += 1;
        if given < jobs {
            given += 1;
            mailbox::send(message.from, &u64::from(given))?;
        }
    }
    let time = start.elapsed();
    workers.into_iter().try_for_each(end)?;
    Ok(time)
}

/// Between the stages of a pipeline.
#[derive(Serialize, Deserialize)]
enum Flow {
    Ask(u32),
    Events(Vec<u64>),
}

/// Events that a consumer has room for, and how many it demands at a time.
const ROOM: u32 = 100;
const AT_ONCE: u32 = 50;

pub(crate) fn producer(_: ()) -> Result<(), ExitReason> {
    let mut next = 0;
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        if let Flow::Ask(demand) = message.decode()? {
            let events = (next..next + u64::from(demand)).collect();
            next += u64::from(demand);
            mailbox::send(message.from, &Flow::Events(events))?;
        }
    }
}

pub(crate) fn mapper(producer: Pid) -> Result<(), ExitReason> {
    let mut consumer = None;
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        match (message.decode()?, consumer) {
            (ask @ Flow::Ask(_), _) => {
                consumer = Some(message.from);
                mailbox::send(producer, &ask)?;
            }
            (Flow::Events(events), Some(consumer)) => {
                let changed = events.into_iter().map(|event| event * 2 + 1).collect();
                mailbox::send(consumer, &Flow::Events(changed))?;
            }
            (Flow::Events(_), None) => {}
        }
    }
}

/// Events through three stages, of which this is the last.
pub(crate) fn pipeline(events: u32) -> Time {
    let producer = process::spawn("producer", &(), &SpawnOptions::link())?.pid;
    let mapper = process::spawn("mapper", &producer, &SpawnOptions::link())?.pid;
    let start = Instant::now();
    for _ in 0..ROOM / AT_ONCE {
        mailbox::send(mapper, &Flow::Ask(AT_ONCE))?;
    }
    let (mut seen, mut sum) = (0, 0u64);
    while seen < events {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let Flow::Events(events) = message.decode()? else { continue };
        seen += events.len() as u32;
        sum = events.into_iter().fold(sum, u64::wrapping_add);
        mailbox::send(mapper, &Flow::Ask(AT_ONCE))?;
    }
    std::hint::black_box(sum);
    let time = start.elapsed();
    end(mapper)?;
    end(producer)?;
    Ok(time)
}
