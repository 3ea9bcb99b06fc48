//! Attacks on the host's memory.

use std::hint::black_box;
use std::time::Duration;

use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::supervisor::{ChildSpec, Supervisor, SupervisorError, SupervisorRef};
use regrow_sdk::{Error, ExitReason, Pid, mailbox, timer};

/// Takes all the memory that it can get, and touches it.
pub fn memory_bomb(_: ()) {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![0xff; 1 << 20]));
    }
}

/// Takes memory slowly, in many processes: none of them has much.
pub fn memory_drip(_: ()) {
    let _hoard = black_box(vec![0xffu8; 4 << 20]);
    let _ = process::spawn("memory-drip", &(), &SpawnOptions::default());
    loop {
        mailbox::receive(None);
    }
}

/// Sends itself tiny messages, and never reads one.
pub fn tiny_messages(_: ()) {
    let own = process::self_pid();
    loop {
        black_box(mailbox::send(own, &()).is_err());
    }
}

/// Children without end that leave timers behind, each with a payload.
pub fn timer_bomb(_: ()) {
    loop {
        let child = process::spawn("timer-bomb-child", &(), &SpawnOptions::monitor());
        if let Some(monitor) = child.ok().and_then(|child| child.monitor) {
            mailbox::wait_for(monitor, None);
        }
    }
}

pub fn timer_bomb_child(_: ()) {
    let payload = "x".repeat(1 << 20);
    for _ in 0..60 {
        let _ = timer::start(Duration::from_secs(1 << 30), "nobody", &payload);
    }
}

/// Opens the same folder again and again, and closes nothing.
pub fn handle_bomb(_: ()) {
    let mut hoard = Vec::new();
    loop {
        if let Ok(file) = std::fs::File::open("/data/readable.txt") {
            hoard.push(file);
        }
    }
}

/// Has a supervisor keep specifications with large arguments, of children that have nothing to do.
pub fn spec_hoard(_: ()) -> Result<(), ExitReason> {
    let supervisor = Supervisor::new().start_link().map_err(|error| ExitReason::error(&error.to_string()))?;
    hoard_specs(&supervisor, 0)
}

/// Adds specifications until there is no room for more.
fn hoard_specs(supervisor: &SupervisorRef, first: u32) -> Result<(), ExitReason> {
    let argument = vec![0u8; 60_000];
    for number in first.. {
        let child = ChildSpec::worker(number.to_string(), "spec-hoard-child").transient().argument(&argument);
        match supervisor.start_child(&child) {
            Ok(_) => {}
            Err(SupervisorError::Refused(Error::Limit(limit))) if limit.which == "memory_bytes" => break,
            Err(error) => return Err(ExitReason::error(&error.to_string())),
        }
        if number > first && first > 0 {
            return Err(ExitReason::error(&"there was room again"));
        }
    }
    Ok(())
}

/// The same, and then once more in another instance.
pub fn spec_hoard_twice(_: ()) -> Result<(), ExitReason> {
    let supervisor = Supervisor::new().start_link().map_err(|error| ExitReason::error(&error.to_string()))?;
    hoard_specs(&supervisor, 0)?;
    mailbox::send(process::self_pid(), &())?;
    Err(process::hibernate(&supervisor.pid()).into())
}

/// There is no more room than before.
pub fn spec_hoard_more(supervisor: Option<Pid>) -> Result<(), ExitReason> {
    let supervisor = supervisor.map(SupervisorRef::new).ok_or(ExitReason::NoProc)?;
    hoard_specs(&supervisor, 1_000_000)
}

/// One of them.
pub fn spec_hoard_child(_: Vec<u8>) {}

/// Sends datagrams, and listens for answers that never come.
pub fn datagram_flood(receiver: String) {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.set_nonblocking(true).expect("a socket that does not wait");
    let mut answer = [0; 1_500];
    loop {
        black_box(socket.send_to(&[7; 1_000], &receiver).is_err());
        black_box(socket.recv_from(&mut answer).is_err());
    }
}

/// Logs without end: long lines, and what moves a terminal's cursor.
pub fn log_flood(_: ()) {
    let line = format!("\u{1b}[2J\u{1b}]0;gotcha\u{7}\r\n\u{202e}{}", "x".repeat(8 << 10));
    loop {
        log::error!("{line}");
        println!("{line}");
    }
}
