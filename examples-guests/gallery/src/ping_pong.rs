//! Two processes, plain messages, and a wait that ends.

use std::time::Duration;

use regrow_sdk::process::SpawnOptions;
use regrow_sdk::{ExitReason, Pid, mailbox, process};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Ball {
    Ping(Pid, u32),
    Pong(u32),
    Stop,
}

/// Returns every ping, until it is told to stop.
pub fn ponger(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { return Ok(()) };
        match message.decode()? {
            Ball::Ping(from, number) => mailbox::send(from, &Ball::Pong(number))?,
            Ball::Pong(_) => {}
            Ball::Stop => return Ok(()),
        }
    }
}

/// The number of the next pong, if one comes within a time. Other messages stay in the mailbox.
fn pong(timeout: Duration) -> Option<u32> {
    mailbox::receive_match(Some(timeout), |received| match received {
        mailbox::Received::Message(message) => match message.decode() {
            Ok(Ball::Pong(number)) => Some(number),
            _ => None,
        },
        _ => None,
    })
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let ponger = process::spawn("ponger", &(), &SpawnOptions::link())?.pid;
    for number in 0..1_000 {
        mailbox::send(ponger, &Ball::Ping(process::self_pid(), number))?;
        assert_eq!(pong(Duration::from_secs(5)), Some(number));
    }
    mailbox::send(ponger, &Ball::Stop)?;
    let monitor = process::monitor(ponger)?;
    mailbox::wait_for(monitor, None);
    // Nobody is there any more: sending harms nobody, and the wait ends.
    mailbox::send(ponger, &Ball::Ping(process::self_pid(), 1_000))?;
    assert_eq!(pong(Duration::from_millis(10)), None);
    log::info!("ping pong: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn every_ping_is_returned() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
