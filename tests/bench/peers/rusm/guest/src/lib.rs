//! The programs of tests/guests/bench, for RUSM: payloads are bytes as they come, with nothing encoded.
//!
//! A process is spawned without an argument, so the first message it gets is the process it's to send to.

use std::time::{Duration, Instant};

use rusm::runtime::actor;

wit_bindgen::generate!({ path: "wit", world: "bench" });

struct Bench;

export!(Bench);

impl Guest for Bench {
    /// The time is taken in here, so that the host's way to a guest isn't in it, and goes to the host.
    fn drive() {
        let request = actor::receive();
        let (host, rest) = request.split_at(8);
        let (count, name) = rest.split_at(4);
        let count = u32::from_le_bytes(count.try_into().unwrap());
        if let Some(time) = program(name, count) {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap();
            actor::send(pid(host), &nanoseconds.to_le_bytes());
        }
    }

    fn echo() {
        let to = pid(&actor::receive());
        loop {
            actor::send(to, &actor::receive());
        }
    }

    fn hello() {
        actor::send(pid(&actor::receive()), &[]);
    }

    fn pass() {
        let next = pid(&actor::receive());
        loop {
            actor::send(next, &actor::receive());
        }
    }

    fn flood() {
        let request = actor::receive();
        let (to, count) = request.split_at(8);
        let (to, count) = (pid(to), u32::from_le_bytes(count.try_into().unwrap()));
        let payload = [b'x'; 64];
        (0..count).for_each(|_| actor::send(to, &payload));
    }
}

fn program(name: &[u8], count: u32) -> Option<Duration> {
    match name {
        b"spawn" => Some(spawns(count)),
        b"send 64 B" => Some(round_trips(count, 64)),
        b"send 64 KiB" => Some(round_trips(count, 64 << 10)),
        b"send 1 MiB" => Some(round_trips(count, 1 << 20)),
        b"ring" => Some(ring(count)),
        b"fan-in" => Some(fan_in(count)),
        b"timer" => Some(timers(count)),
        b"expire" => Some(expiries(count)),
        _ => None,
    }
}

fn pid(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

fn start(entry: &str) -> u64 {
    actor::spawn(entry).unwrap()
}

/// One after the other: spawned, heard of, and ended. It can't be gone before it's monitored, for it waits for
/// whom to greet.
fn spawns(count: u32) -> Duration {
    let own = actor::own_pid().to_le_bytes();
    let time = Instant::now();
    for _ in 0..count {
        let spawned = start("hello");
        actor::monitor(spawned);
        actor::send(spawned, &own);
        assert!(actor::receive().is_empty(), "ended before it was heard of");
        assert!(!actor::receive().is_empty(), "heard of twice");
    }
    time.elapsed()
}

/// There and back. A first one waits for the peer's start.
fn round_trips(count: u32, size: usize) -> Duration {
    let peer = start("echo");
    actor::send(peer, &actor::own_pid().to_le_bytes());
    let payload = vec![b'x'; size];
    let trip = || {
        actor::send(peer, &payload);
        assert_eq!(actor::receive().len(), size);
    };
    trip();
    let time = Instant::now();
    (0..count).for_each(|_| trip());
    let time = time.elapsed();
    actor::kill(peer);
    time
}

/// With this one in it.
const RING: u32 = 1_000;

/// Once around a ring for each thousand. RUSM starts a process after `spawn` has returned: a lap before the
/// time is taken waits for all.
fn ring(hops: u32) -> Duration {
    let mut members = Vec::new();
    let mut next = actor::own_pid();
    for _ in 1..RING {
        let member = start("pass");
        actor::send(member, &next.to_le_bytes());
        members.push(member);
        next = member;
    }
    let lap = |lap: u32| {
        actor::send(next, &lap.to_le_bytes());
        assert_eq!(actor::receive(), lap.to_le_bytes());
    };
    lap(u32::MAX);
    let time = Instant::now();
    (0..hops / RING).for_each(lap);
    let time = time.elapsed();
    for member in members {
        actor::kill(member);
    }
    time
}

/// Two processes send to this one. RUSM's mailbox has no bound, and so none waits.
fn fan_in(count: u32) -> Duration {
    let mut request = actor::own_pid().to_le_bytes().to_vec();
    request.extend((count / 2).to_le_bytes());
    let time = Instant::now();
    for _ in 0..2 {
        actor::send(start("flood"), &request);
    }
    for _ in 0..count / 2 * 2 {
        assert_eq!(actor::receive().len(), 64);
    }
    time.elapsed()
}

/// Started and cancelled.
fn timers(count: u32) -> Duration {
    let own = actor::own_pid();
    let time = Instant::now();
    for _ in 0..count {
        actor::cancel_timer(actor::send_after(own, 60_000, &[]));
    }
    time.elapsed()
}

/// Started all together, to run out at once, and received.
fn expiries(count: u32) -> Duration {
    let own = actor::own_pid();
    let time = Instant::now();
    for _ in 0..count {
        actor::send_after(own, 0, &[]);
    }
    for _ in 0..count {
        actor::receive();
    }
    time.elapsed()
}
