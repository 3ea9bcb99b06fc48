//! Messages and timers.

use std::time::Duration;

use regrow_sdk::mailbox::{self, MessageKind, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{Error, ExitReason, Pid, names, timer};

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
    let too_large = mailbox::send(echo, &"x".repeat(5 << 20));
    assert!(matches!(too_large, Err(Error::Limit(limit)) if limit.which == "message_bytes"));
}

pub fn absurd_arguments(_: ()) {
    absurd_timeouts_and_names();
    unknown_references();
    bad_encodings();
    invented_capabilities();
    refused_requests();
    misused_cursor();
    let own = process::self_pid();
    let huge_name = "n".repeat(1 << 20);
    assert_eq!(mailbox::send(huge_name.as_str(), &1), Err(Error::NoProc));
    assert!(matches!(names::register(&huge_name, own), Err(Error::BadArgument(_))));
    assert_eq!(names::whereis(&huge_name), None);
    timer::start(Duration::from_millis(u64::MAX), own, &()).unwrap();
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

fn absurd_timeouts_and_names() {
    let own = process::self_pid();
    for name in ["", "undefined", "tab\there", "null\0", &"x".repeat(256), &"ü".repeat(1 << 19)] {
        assert!(matches!(names::register(name, own), Err(Error::BadArgument(_))), "{:.20}", name);
        assert!(matches!(names::unregister(name), Err(Error::BadArgument(_))));
        assert_eq!(names::whereis(name), None);
        assert_eq!(mailbox::send(name, &0), Err(Error::NoProc));
        let down = mailbox::wait_for(process::monitor(name).unwrap(), None);
        assert!(matches!(down, Some(Received::Down { reason: ExitReason::NoProc, .. })));
        assert_eq!(
            mailbox::call::<_, ()>(name, &0, Some(Duration::MAX)),
            Err(mailbox::CallError::Down(ExitReason::NoProc))
        );
        timer::start(Duration::ZERO, name, &()).unwrap();
        let named = SpawnOptions::default().named(name);
        assert!(matches!(process::spawn("helper-sleep", &(), &named), Err(Error::BadArgument(_))));
        assert!(matches!(process::spawn(name, &(), &Default::default()), Err(Error::BadArgument(_))));
    }
    // Beyond the end of time, and before its beginning.
    for never in [Duration::MAX, Duration::from_millis(u64::MAX), Duration::from_secs(1 << 40)] {
        let timer = timer::start(never, own, &()).unwrap();
        assert!(timer::read(timer) > Some(Duration::from_secs(1 << 33)));
        assert!(timer::cancel(timer).is_some());
    }
    assert_eq!(process::set_label(Some(&"x".repeat(255))), Ok(()));
    assert!(matches!(process::set_label(Some(&"x".repeat(256))), Err(Error::Limit(_))));
    // Everything of itself, also twice.
    for _ in 0..2 {
        process::link(own).unwrap();
        process::unlink(own);
        let monitor = process::monitor(own).unwrap();
        assert!(!process::demonitor(monitor), "it was never made");
        assert!(!process::demonitor_keep(monitor));
    }
    assert_eq!(mailbox::receive(NOW), None);
}

fn unknown_references() {
    let unknown: regrow_sdk::Reference = regrow_sdk::decode(&regrow_sdk::encode(&42u64).unwrap()).unwrap();
    assert_eq!(mailbox::wait_for(unknown, NOW), None);
    assert_eq!(mailbox::wait_for(unknown, Some(Duration::from_millis(1))), None);
    assert!(!mailbox::unalias(unknown));
    // A monitor's reference is no timer's, and so on.
    let monitor = process::monitor(process::self_pid()).unwrap();
    assert!(!mailbox::unalias(monitor));
    let timer = timer::start(Duration::from_secs(9), process::self_pid(), &()).unwrap();
    assert_eq!(mailbox::wait_for(timer, NOW), None);
    assert!(timer::cancel(timer).is_some());
    assert_eq!(timer::cancel(timer), None);
    assert!(!process::demonitor(monitor));

    // A reply counts once, and to one that nobody waits for, not at all.
    let twice = process::spawn("helper-reply-twice", &(), &Default::default()).unwrap().pid;
    assert_eq!(mailbox::call(twice, &(), None), Ok(1));
    assert_eq!(mailbox::call(twice, &(), None), Ok(1));
    assert_eq!(mailbox::receive(Some(Duration::from_millis(5))), None);
}

/// By the bindings: the SDK's own receive can't be misused like this.
fn misused_cursor() {
    use regrow_sdk::sys::bindings::regrow::otp::mailbox as raw;
    let own = process::self_pid();
    assert!(!raw::take(), "nothing was looked at");
    mailbox::send(own, &1).unwrap();
    mailbox::send(own, &2).unwrap();
    assert!(!raw::take(), "nothing was looked at");
    assert!(raw::scan(Some(0)).is_some());
    assert!(raw::take());
    assert!(!raw::take(), "it has been taken");
    // In the middle of a walk the message under the cursor is received in another way.
    assert!(raw::scan(Some(0)).is_some());
    assert!(mailbox::receive(NOW).is_some());
    assert!(!raw::take(), "it has been received");
    assert!(raw::scan(Some(0)).is_none());
    assert!(raw::scan_next().is_none(), "its time has passed");
    assert!(!raw::take(), "the walk is over");
    assert_eq!(mailbox::receive(NOW), None);
}

/// By the bindings: the SDK encodes properly.
fn bad_encodings() {
    use regrow_sdk::sys::bindings::regrow::otp::types as raw_types;
    use regrow_sdk::sys::bindings::regrow::otp::{mailbox as raw, process as raw_process};
    // Messages are opaque to the host.
    let own = raw_process::self_();
    raw::send(&raw_types::Destination::Pid(own), raw::SendKind::Info, &[0xff, 0x00]).unwrap();
    let Some(Received::Message(message)) = mailbox::receive(NOW) else { panic!("it arrives") };
    assert_eq!(message.payload, [0xff, 0x00]);
    assert!(message.decode::<u32>().is_err());
    // Reasons are terms: what is none, is bytes.
    process::trap_exit(true);
    raw_process::exit_process(own, &raw_types::ExitReason::Other(vec![0xff, 0x00])).unwrap();
    let Some(Received::Exit { reason, .. }) = mailbox::receive(NOW) else { panic!("it arrives") };
    assert_eq!(reason, ExitReason::Other(regrow_sdk::Term::Bytes(vec![0xff, 0x00])));
    process::trap_exit(false);
    // A string that is not UTF-8 never reaches the host: a trap is the answer.
    let spawned = process::spawn("helper-bad-string", &(), &SpawnOptions::monitor()).unwrap();
    let down = mailbox::wait_for(spawned.monitor.unwrap(), None);
    assert!(matches!(down, Some(Received::Down { reason: ExitReason::Trap(_), .. })), "{down:?}");
}

/// Pids, references and tokens that nobody has given to this process.
fn invented_capabilities() {
    use regrow_sdk::sys::bindings::regrow::otp::{
        mailbox as raw, process as raw_process, timer as raw_timer, types,
    };
    let real = raw_process::self_();
    for pid in [
        types::Pid { nonce: 0, ..real },
        types::Pid { slot: real.slot.wrapping_add(1), ..real },
        types::Pid { incarnation: real.incarnation.wrapping_add(1), ..real },
        types::Pid { node: 1, ..real },
        types::Pid { node: u32::MAX, slot: u32::MAX, incarnation: u32::MAX, nonce: u64::MAX },
    ] {
        let to = types::Destination::Pid(pid);
        assert!(!raw_process::is_alive(pid));
        assert!(matches!(raw_process::link(pid), Err(types::Error::Noproc)));
        raw_process::unlink(pid);
        raw_process::exit_process(pid, &types::ExitReason::Kill).unwrap();
        raw::send(&to, raw::SendKind::Cast, &[0]).unwrap();
        raw::send_nosuspend(&to, raw::SendKind::Info, &[0]).unwrap();
        assert!(matches!(
            raw::call(&to, &[0], Some(u64::MAX)),
            Err(raw::CallError::Down(types::ExitReason::Noproc))
        ));
        assert!(matches!(raw_process::info(pid, &["links".into()]), Ok(None)));
        assert!(regrow_sdk::sys::bindings::regrow::otp::names::register("invented", pid).is_err());
        let options = raw_process::MonitorOptions { alias: None, tag: None };
        let monitor = raw_process::monitor(&to, &options).unwrap();
        assert!(matches!(raw::wait_for(monitor, None), Some(types::Received::Down(_))));
        let timer = raw_timer::start(raw_timer::Due::AfterMs(u64::MAX), &to, &[0]).unwrap();
        assert_eq!(raw_timer::read(timer), None, "P59");
        let token = types::ReplyTo { pid, reference: 42 };
        raw::reply(token, &[0]).unwrap();
        raw::send_to_alias(token, raw::SendKind::Info, &[0]).unwrap();
    }
    let token = types::ReplyTo { pid: real, reference: 42 };
    raw::reply(token, &[0]).unwrap();
    raw::send_to_alias(token, raw::SendKind::Info, &[0]).unwrap();
    for reference in [0, 42, u64::MAX] {
        assert!(!raw_process::demonitor(reference, true) && !raw_process::demonitor(reference, false));
        assert!(raw::abandon(reference).is_none());
        assert!(raw_timer::cancel(reference).is_none() && raw_timer::read(reference).is_none());
        assert!(matches!(raw::wait_for_any(&[reference; 3], Some(0)), Ok(None)));
    }
    assert_eq!(mailbox::receive(NOW), None, "none of it has reached anybody");
}

fn refused_requests() {
    use regrow_sdk::sys::bindings::regrow::otp::{
        mailbox as raw, process as raw_process, timer as raw_timer, types,
    };
    let own = types::Destination::Pid(raw_process::self_());
    assert!(matches!(raw::wait_for_any(&[], Some(0)), Ok(None)));
    assert!(matches!(raw::wait_for_any(&vec![1; 1 << 18], Some(0)), Err(types::Error::Limit(_))));
    assert!(matches!(raw::send_request(&own, &[0]), Err(types::Error::BadArgument(_))));
    assert!(matches!(raw::call(&own, &[0], Some(0)), Err(raw::CallError::CallingSelf)));
    assert!(!raw_process::init_ack(&raw_process::InitResult::Started), "nobody waits");
    assert!(!raw_process::init_ack(&raw_process::InitResult::Ignore), "nor the second time");
    let huge = vec![0; 5 << 20];
    assert!(matches!(raw::send(&own, raw::SendKind::Info, &huge), Err(types::Error::Limit(_))));
    assert!(matches!(raw_timer::send(raw_timer::Due::AtMs(0), &own, &huge), Err(types::Error::Limit(_))));
    assert!(matches!(raw_timer::start(raw_timer::Due::AtMs(0), &own, &huge), Err(types::Error::Limit(_))));
    // Tags of monitors are limited together.
    let sleeper = process::spawn("helper-sleep", &(), &Default::default()).unwrap().pid;
    let tagged =
        || process::monitor_with(sleeper, &process::MonitorOptions { alias: None, tag: Some(huge.clone()) });
    let monitors: Vec<_> = std::iter::from_fn(|| tagged().ok()).take(100).collect();
    assert!(monitors.len() < 13, "{} tags of 5 MiB", monitors.len());
    for monitor in monitors {
        assert!(process::demonitor(monitor));
    }
    // A start that nobody acknowledges in no time, and a process that may have nothing.
    let none = SpawnOptions {
        max_memory_bytes: Some(0),
        max_mailbox_messages: Some(0),
        max_mailbox_bytes: Some(0),
        ..SpawnOptions::monitor()
    };
    let spawned = process::spawn("helper-sleep", &(), &none).unwrap();
    let down = mailbox::wait_for(spawned.monitor.unwrap(), None);
    assert!(matches!(down, Some(Received::Down { reason: ExitReason::Limit(_), .. })), "{down:?}");
    let silent = crate::helpers::Word::Nothing;
    let started = process::start("helper-init", &silent, &Default::default(), Some(Duration::ZERO));
    assert!(matches!(started, Ok(process::Started::Timeout)), "{started:?}");
    assert_eq!(mailbox::receive(NOW), None);
}
