//! Messages and timers.

use std::time::Duration;

use regrow_sdk::mailbox::{self, MessageKind, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{Error, ExitReason, Pid, registry, timer};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn next<T: serde::de::DeserializeOwned>() -> T {
    match mailbox::receive(NOW) {
        Some(Received::Message(message)) => message.decode().expect("a message of that type"),
        other => panic!("expected a message, got {other:?}"),
    }
}

pub fn selective_receive(_: ()) {
    let own = process::self_pid();
    for n in 0..10u32 {
        mailbox::send(own, &n).unwrap();
    }
    let odd = |received: Received| match received {
        Received::Message(message) => message.decode::<u32>().ok().filter(|n| n % 2 == 1),
        _ => None,
    };
    for expected in [1, 3, 5] {
        assert_eq!(mailbox::receive_match(NOW, odd), Some(expected));
    }
    assert_eq!(mailbox::receive_match(NOW, |_| None::<()>), None, "nothing matches, nothing is taken");
    for expected in [0, 2, 4, 6, 7, 8, 9] {
        assert_eq!(next::<u32>(), expected);
    }
    assert_eq!(mailbox::receive(NOW), None);
}

pub fn timeouts(_: ()) {
    let waited = |timeout| {
        let before = timer::monotonic_time();
        assert_eq!(mailbox::receive(Some(timeout)), None);
        timer::monotonic_time() - before
    };
    waited(Duration::ZERO);
    assert!(waited(Duration::from_millis(20)) >= Duration::from_millis(19));
    // A timeout beyond the end of time waits for ever: until there is a message.
    mailbox::send(process::self_pid(), &1).unwrap();
    assert!(mailbox::receive(Some(Duration::MAX)).is_some());
}

pub fn timers(_: ()) {
    let own = process::self_pid();
    let late = timer::start(Duration::from_millis(30), own, &"late").unwrap();
    let soon = timer::start(Duration::from_millis(1), own, &"soon").unwrap();
    let never = timer::start(Duration::from_secs(1000), own, &"never").unwrap();
    assert!(timer::read(never).is_some_and(|left| left > Duration::from_secs(900)));
    assert!(timer::cancel(never).is_some_and(|left| left > Duration::from_secs(900)));
    assert_eq!(timer::cancel(never), None);
    for expected in [soon, late] {
        match mailbox::receive(None) {
            Some(Received::Timer { reference, .. }) => assert_eq!(reference, expected.into()),
            other => panic!("expected a timer, got {other:?}"),
        }
    }
    let direct = timer::start(Duration::ZERO, own, &7u32).unwrap();
    let Some(Received::Timer { payload, .. }) = mailbox::wait_for(direct, None) else {
        panic!("it runs out")
    };
    assert_eq!(regrow_sdk::decode::<u32>(&payload), Ok(7));
    // P60: to a name that nobody has, it runs out without effect.
    timer::start(Duration::ZERO, "nobody", &()).unwrap();
    assert_eq!(mailbox::receive(Some(Duration::from_millis(5))), None);
}

pub fn full_mailbox(_: ()) {
    let options = SpawnOptions { max_mailbox_messages: Some(3), ..Default::default() };
    let hoarder = process::spawn("helper-hoard", &(), &options).unwrap().pid;
    for n in 0..3u32 {
        mailbox::send(hoarder, &n).unwrap();
    }
    match mailbox::send(hoarder, &3u32) {
        Err(Error::Full(limit)) => assert_eq!((limit.which.as_str(), limit.allowed), ("mailbox_messages", 3)),
        other => panic!("expected a full mailbox, got {other:?}"),
    }
    // A signal is never refused.
    process::exit_process(hoarder, ExitReason::Kill).unwrap();
    assert!(!process::is_alive(hoarder));
}

pub fn payloads(_: ()) {
    let echo = process::spawn("helper-echo", &(), &SpawnOptions::default()).unwrap().pid;
    for size in [0, 1, 64, 4096, 65_536, 1 << 20] {
        let payload = "x".repeat(size);
        mailbox::send(echo, &payload).unwrap();
        let message = mailbox::receive_message(None).unwrap();
        assert_eq!((message.from, message.kind), (echo, MessageKind::Info));
        assert_eq!(message.decode::<String>().unwrap().len(), size);
    }
    let too_large = mailbox::send(echo, &"x".repeat(17 << 20));
    assert!(matches!(too_large, Err(Error::Limit(limit)) if limit.which == "message_bytes"));
}

pub fn absurd_arguments(_: ()) {
    let own = process::self_pid();
    let huge_name = "n".repeat(1 << 20);
    assert_eq!(mailbox::send(huge_name.as_str(), &1), Err(Error::NoProc));
    assert!(matches!(registry::register(&huge_name, own), Err(Error::BadArgument(_))));
    assert_eq!(registry::whereis(&huge_name), None);
    timer::start(Duration::from_millis(u64::MAX), own, &()).unwrap();
    let unknown: regrow_sdk::Reference = regrow_sdk::decode(&regrow_sdk::encode(&42u64).unwrap()).unwrap();
    assert_eq!(mailbox::wait_for(unknown, Some(Duration::from_millis(1))), None);
    let nobody: Pid = {
        let parts = [("node", 9u64), ("slot", u64::from(u32::MAX)), ("incarnation", 0), ("nonce", 0)];
        let parts: std::collections::BTreeMap<_, _> = parts.into_iter().collect();
        regrow_sdk::decode(&regrow_sdk::encode(&parts).unwrap()).unwrap()
    };
    mailbox::send(nobody, &1).unwrap();
    process::exit_process(nobody, ExitReason::Kill).unwrap();
    assert!(!process::is_alive(nobody));
    assert_eq!(process::link(nobody), Err(Error::NoProc));
    log::info!("{}", "long ".repeat(100_000));
    log::info!("escape \u{1b}[31m and\nnew line");
}
