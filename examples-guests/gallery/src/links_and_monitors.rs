//! Links, by which processes end together, and monitors, by which one only watches.

use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{ExitReason, Pid};

/// Ends with a reason when it gets one.
pub fn fragile(_: ()) -> Result<(), ExitReason> {
    match mailbox::receive_message(None) {
        Some(message) => Err(ExitReason::error(&message.decode::<String>()?)),
        None => Ok(()),
    }
}

/// Starts another one that it is linked to, tells who that is, and waits.
pub fn coupled(parent: Pid) -> Result<(), ExitReason> {
    let other = process::spawn("fragile", &(), &SpawnOptions::link())?.pid;
    mailbox::send(parent, &other)?;
    mailbox::receive_match(None, |_| None::<()>);
    Ok(())
}

fn down(received: Option<Received>) -> Option<ExitReason> {
    match received {
        Some(Received::Down { reason, .. }) => Some(reason),
        _ => None,
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let broken = ExitReason::error("broken");

    // A monitor: this process is told, and goes on.
    let watched = process::spawn("fragile", &(), &SpawnOptions::monitor())?;
    mailbox::send(watched.pid, "broken")?;
    let monitor = watched.monitor.ok_or(ExitReason::NoProc)?;
    assert_eq!(down(mailbox::wait_for(monitor, None)), Some(broken.clone()));

    // A link: when one of two breaks, so does the other, with the same reason.
    let coupled = process::spawn("coupled", &process::self_pid(), &SpawnOptions::monitor())?;
    let other: Pid = mailbox::receive_message(None).ok_or(ExitReason::NoProc)?.decode()?;
    mailbox::send(other, "broken")?;
    let monitor = coupled.monitor.ok_or(ExitReason::NoProc)?;
    assert_eq!(down(mailbox::wait_for(monitor, None)), Some(broken.clone()));

    // Who traps exits gets a message in place of the end.
    process::trap_exit(true);
    let linked = process::spawn("fragile", &(), &SpawnOptions::link())?.pid;
    mailbox::send(linked, "broken")?;
    assert_eq!(mailbox::receive(None), Some(Received::Exit { from: linked, reason: broken }));
    process::trap_exit(false);
    log::info!("links and monitors: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn ends_are_shared_or_seen() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
