//! Calls and requests.

use std::time::Duration;

use regrow_sdk::mailbox::{self, CallError, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{ExitReason, timer};

use crate::helpers::Ending;

const NOW: Option<Duration> = Some(Duration::ZERO);

fn spawn(entry: &str) -> regrow_sdk::Pid {
    process::spawn(entry, &(), &SpawnOptions::default()).expect("a helper").pid
}

pub fn calls(_: ()) {
    let echo = spawn("helper-echo");
    assert_eq!(mailbox::call(echo, &"ping", None), Ok("ping".to_owned()));
    let misfit = mailbox::call::<_, u64>(echo, &"no number", None);
    assert!(matches!(misfit, Err(CallError::Decode(_))));

    // G9: the timeout; the request stays, and its late answer vanishes (G14).
    let sleeper = spawn("helper-sleep");
    let timed_out = mailbox::call::<_, ()>(sleeper, &1, Some(Duration::from_millis(5)));
    assert_eq!(timed_out, Err(CallError::Timeout));

    // G11: a server that dies is known at once, even without a timeout.
    for (how, reason) in [(Ending::Return, ExitReason::Normal), (Ending::Shutdown, ExitReason::Shutdown)] {
        let mortal = process::spawn("helper-end", &how, &SpawnOptions::default()).unwrap().pid;
        assert_eq!(mailbox::call::<_, ()>(mortal, &"end", None), Err(CallError::Down(reason)));
    }
    // G10: one that is not there, too.
    assert_eq!(mailbox::call::<_, ()>("nobody", &1, None), Err(CallError::Down(ExitReason::NoProc)));
    // G13
    assert_eq!(mailbox::call::<_, ()>(process::self_pid(), &1, None), Err(CallError::CallingSelf));
    assert_eq!(mailbox::receive(NOW), None, "calls leave nothing behind");
}

pub fn requests(_: ()) {
    let echo = spawn("helper-echo");
    let first = mailbox::send_request(echo, &1u32).unwrap();
    let second = mailbox::send_request(echo, &2u32).unwrap();
    for (request, expected) in [(second, 2u32), (first, 1)] {
        match mailbox::wait_for(request, None) {
            Some(Received::Reply { payload, .. }) => assert_eq!(regrow_sdk::decode(&payload), Ok(expected)),
            other => panic!("expected a reply, got {other:?}"),
        }
    }
    // G39: a server that is not there is reported down.
    let lost = mailbox::send_request("nobody", &1).unwrap();
    assert!(matches!(mailbox::wait_for(lost, None), Some(Received::Down { reason: ExitReason::NoProc, .. })));
    // G40: waiting in vain keeps the request usable.
    let sleeper = spawn("helper-sleep");
    let waiting = mailbox::send_request(sleeper, &1).unwrap();
    assert_eq!(mailbox::wait_for(waiting, Some(Duration::from_millis(2))), None);
    process::exit_process(sleeper, ExitReason::Kill).unwrap();
    assert!(matches!(
        mailbox::wait_for(waiting, None),
        Some(Received::Down { reason: ExitReason::Killed, .. })
    ));
    timer::start(Duration::ZERO, process::self_pid(), &()).unwrap();
    assert!(matches!(mailbox::receive(None), Some(Received::Timer { .. })));
}
