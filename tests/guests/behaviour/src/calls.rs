//! Calls and requests.

use std::time::Duration;

use regrow_sdk::mailbox::{self, CallError, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::request::{self, Collection, NextResponse};
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

    // G9: the timeout.
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
    let first = request::send(echo, &1u32).unwrap();
    let second = request::send(echo, &2u32).unwrap();
    for (request, expected) in [(second, 2u32), (first, 1)] {
        match mailbox::wait_for(request, None) {
            Some(Received::Reply { payload, .. }) => assert_eq!(regrow_sdk::decode(&payload), Ok(expected)),
            other => panic!("expected a reply, got {other:?}"),
        }
    }
    // G39: a server that is not there is reported down.
    let lost = request::send("nobody", &1).unwrap();
    assert!(matches!(mailbox::wait_for(lost, None), Some(Received::Down { reason: ExitReason::NoProc, .. })));
    // G40: waiting in vain keeps the request usable.
    let sleeper = spawn("helper-sleep");
    let waiting = request::send(sleeper, &1).unwrap();
    assert_eq!(mailbox::wait_for(waiting, Some(Duration::from_millis(2))), None);
    process::exit_process(sleeper, ExitReason::Kill).unwrap();
    assert!(matches!(
        mailbox::wait_for(waiting, None),
        Some(Received::Down { reason: ExitReason::Killed, .. })
    ));
    timer::start(Duration::ZERO, process::self_pid(), &()).unwrap();
    assert!(matches!(mailbox::receive(None), Some(Received::Timer { .. })));
    // G40: receiving in vain gives the request up; its late answer vanishes.
    let slow = spawn("helper-slow-echo");
    assert_eq!(request::send(slow, &1u32).unwrap().receive::<u32>(NOW), Err(CallError::Timeout));
    tell(slow);
    assert_eq!(mailbox::receive(NOW), None, "the late answer has vanished");
    let second = request::send(slow, &2u32).unwrap();
    tell(slow);
    assert_eq!(second.receive::<u32>(NOW), Ok(2), "it was there");
    // G41: something received is the answer, or is given back.
    let request = request::send(echo, &3u32).unwrap();
    mailbox::send(process::self_pid(), &"other").unwrap();
    let mut other = None;
    let answer = loop {
        match request.check::<u32>(mailbox::receive(None).unwrap()) {
            Ok(answer) => break answer,
            Err(received) => other = Some(received),
        }
    };
    assert_eq!(answer, Ok(3));
    assert!(matches!(other.or_else(|| mailbox::receive(None)), Some(Received::Message(_))));
    collections(echo, slow);
}

/// Has the slow one answer, and waits until it has.
fn tell(slow: regrow_sdk::Pid) {
    mailbox::send(slow, &"go").unwrap();
    assert!(mailbox::receive_message(None).is_some());
}

/// G42: answers surface in the order in which they come, with the labels of their requests.
fn collections(echo: regrow_sdk::Pid, slow: regrow_sdk::Pid) {
    let mut requests: Collection<&str> = Collection::new();
    assert_eq!(requests.receive::<u32>(None), NextResponse::NoRequest);
    let first = request::send(slow, &1u32).unwrap();
    requests.add(first, "slow").unwrap();
    requests.add(request::send(echo, &2u32).unwrap(), "quick").unwrap();
    requests.add(request::send("nobody", &3u32).unwrap(), "nobody").unwrap();
    assert!(requests.add(first, "again").is_err(), "a request is in a collection once");
    let mut labels = Vec::new();
    while let NextResponse::Response { label, response } = requests.receive::<u32>(None) {
        match label {
            "slow" => assert_eq!(response, Ok(1)),
            "quick" => assert_eq!(response, Ok(2)),
            _ => assert_eq!(response, Err(CallError::Down(ExitReason::NoProc))),
        }
        labels.push(label);
        if labels.len() == 2 {
            tell(slow);
        }
    }
    assert_eq!(labels.len(), 3);
    assert_eq!(labels[2], "slow", "the others were quicker");
    // After a timeout all are given up.
    requests.add(request::send(slow, &1u32).unwrap(), "never").unwrap();
    assert_eq!(requests.wait::<u32>(NOW), NextResponse::Timeout);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests.receive::<u32>(NOW), NextResponse::Timeout);
    assert!(requests.is_empty());
    tell(slow);
    assert_eq!(mailbox::receive(NOW), None, "late answers vanish");
}
