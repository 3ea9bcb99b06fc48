//! Spawning, exiting, links, monitors, names.

use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions, Spawned};
use regrow_sdk::{Destination, Error, ExitReason, Pid, names};

use crate::helpers::Ending;

fn spawn_end(how: &Ending) -> Spawned {
    process::spawn("helper-end", how, &SpawnOptions::monitor()).expect("a helper")
}

fn end(how: Ending) -> ExitReason {
    let helper = spawn_end(&how);
    mailbox::send(helper.pid, &"go").expect("the helper is there");
    reason_of(helper)
}

fn reason_of(helper: Spawned) -> ExitReason {
    let monitor = helper.monitor.expect("it is monitored");
    match mailbox::wait_for(monitor, None) {
        Some(Received::Down { reason, object, .. }) => {
            assert_eq!(object, Destination::Pid(helper.pid));
            reason
        }
        other => panic!("expected DOWN, got {other:?}"),
    }
}

fn sleeper() -> Pid {
    process::spawn("helper-sleep", &(), &SpawnOptions::default()).expect("a helper").pid
}

pub fn exit_reasons(_: ()) {
    assert_eq!(end(Ending::Return), ExitReason::Normal);
    assert_eq!(end(Ending::Shutdown), ExitReason::Shutdown);
    assert_eq!(end(Ending::Kill), ExitReason::Kill);
    assert_eq!(end(Ending::ShutdownWith).to_string(), "shutdown(\"done\")");
    assert_eq!(end(Ending::Other).to_string(), "[1, 2, 3]");
    let error = end(Ending::Error);
    assert_eq!(error.error_as::<(String, u32)>(), Some(("code".to_owned(), 7)));

    let ExitReason::Trap(panic) = end(Ending::Panic) else { panic!("a panic is a trap") };
    assert_eq!((panic.code.as_str(), panic.message.as_str()), ("panic", "on purpose"));
    assert!(panic.location.is_some_and(|location| location.contains("helpers.rs:")));
    assert!(
        panic.backtrace.iter().any(|function| function.contains("helpers::end")),
        "{:?}",
        panic.backtrace
    );

    let code = |reason| match reason {
        ExitReason::Trap(trap) => trap.code,
        other => panic!("expected a trap, got {other}"),
    };
    assert_eq!(code(end(Ending::Unreachable)), "unreachable");
    assert_eq!(code(end(Ending::OutOfBounds)), "memory-out-of-bounds");
    assert_eq!(code(end(Ending::StackOverflow)), "stack-overflow");

    let ExitReason::Limit(limit) = end(Ending::Memory) else { panic!("memory is limited") };
    assert_eq!(limit.which, "memory_bytes");
    assert!(limit.requested > limit.allowed);

    let tight = SpawnOptions { max_memory_bytes: Some(2 << 20), ..SpawnOptions::monitor() };
    let helper = process::spawn("helper-end", &Ending::Memory, &tight).unwrap();
    mailbox::send(helper.pid, &"go").unwrap();
    let ExitReason::Limit(limit) = reason_of(helper) else { panic!("the tighter limit counts") };
    assert_eq!(limit.allowed, 2 << 20);

    let helper = spawn_end(&Ending::Return);
    process::exit_process(helper.pid, ExitReason::Kill).unwrap();
    assert_eq!(reason_of(helper), ExitReason::Killed);
}

pub fn links(_: ()) {
    process::trap_exit(true);
    let helper = process::spawn("helper-end", &Ending::Error, &SpawnOptions::link()).unwrap().pid;
    mailbox::send(helper, &"go").unwrap();
    match mailbox::receive(None) {
        Some(Received::Exit { from, reason }) => {
            assert_eq!(from, helper);
            assert!(matches!(reason, ExitReason::Error(_)));
        }
        other => panic!("expected EXIT, got {other:?}"),
    }
    // P26: a trapping process hears of it, another one gets an error.
    process::link(helper).unwrap();
    assert!(matches!(mailbox::receive(None), Some(Received::Exit { reason: ExitReason::NoProc, .. })));
    assert!(process::trap_exit(false), "the previous choice");
    assert_eq!(process::link(helper), Err(Error::NoProc));

    // P27: after unlink the other's end has no effect.
    let helper = process::spawn("helper-end", &Ending::Error, &SpawnOptions::link()).unwrap().pid;
    process::unlink(helper);
    let monitor = process::monitor(helper).unwrap();
    mailbox::send(helper, &"go").unwrap();
    assert!(matches!(mailbox::wait_for(monitor, None), Some(Received::Down { .. })));
    assert!(!process::is_alive(helper));
}

pub fn monitors(_: ()) {
    let options = SpawnOptions::monitor().named("watched");
    let helper = process::spawn("helper-end", &Ending::Error, &options).unwrap();
    let second = process::monitor(helper.pid).unwrap();
    let by_name = process::monitor("watched").unwrap();
    let removed = process::monitor(helper.pid).unwrap();
    assert!(process::demonitor(removed), "it was active");
    assert!(!process::demonitor(removed), "it is not any more");
    mailbox::send("watched", &"go").unwrap();
    reason_of(helper);
    assert!(matches!(mailbox::wait_for(second, None), Some(Received::Down { .. })));
    match mailbox::wait_for(by_name, None) {
        Some(Received::Down { object, .. }) => assert_eq!(object, Destination::from("watched")),
        other => panic!("expected DOWN, got {other:?}"),
    }
    assert_eq!(
        mailbox::receive(Some(std::time::Duration::ZERO)),
        None,
        "P35: nothing of the one that was removed"
    );
    for gone in [Destination::Pid(helper.pid), Destination::from("watched")] {
        let monitor = process::monitor(gone).unwrap();
        let down = mailbox::wait_for(monitor, None);
        assert!(matches!(down, Some(Received::Down { reason: ExitReason::NoProc, .. })), "P32: {down:?}");
    }
}

pub fn itself(_: ()) {
    let own = process::self_pid();
    process::link(own).unwrap();
    process::unlink(own);
    process::monitor(own).unwrap();
    assert_eq!(mailbox::receive(Some(std::time::Duration::ZERO)), None);
    assert!(process::is_alive(own));
    process::set_label(Some("itself")).unwrap();
    assert!(matches!(process::set_label(Some(&"x".repeat(256))), Err(Error::Limit(_))));
    // P13: with its own normal it ends, in order.
    process::exit_process(own, ExitReason::Normal).unwrap();
    unreachable!("nobody runs after his own exit");
}

pub fn spawn_errors(_: ()) {
    let spawn =
        |entry: &str, options: SpawnOptions| process::spawn(entry, &(), &options).map(|spawned| spawned.pid);
    assert!(matches!(spawn("no-such-entry", SpawnOptions::default()), Err(Error::BadArgument(_))));
    let other = SpawnOptions { component: Some("hostile".into()), ..Default::default() };
    assert!(matches!(spawn("helper-sleep", other), Err(Error::Denied(_))));
    for bad in ["", "undefined", "line\nbreak"] {
        let named = SpawnOptions::default().named(bad);
        assert!(matches!(spawn("helper-sleep", named), Err(Error::BadArgument(_))), "{bad:?}");
    }
    let named = SpawnOptions::default().named("taken");
    let owner = spawn("helper-sleep", named.clone()).unwrap();
    assert_eq!(spawn("helper-sleep", named), Err(Error::NameTaken(owner)));

    // P1: an argument that does not fit shows as the exit reason of the process.
    let misfit = process::spawn("helper-end", &"no such ending", &SpawnOptions::monitor()).unwrap();
    assert!(reason_of(misfit).to_string().contains("the argument does not fit"));
}

pub fn authority(_: ()) {
    let supervisor = process::parent().expect("it is supervised");
    assert!(matches!(process::exit_process(supervisor, ExitReason::Kill), Err(Error::Denied(_))));
    assert!(matches!(process::link(supervisor), Err(Error::Denied(_))));
    process::monitor(supervisor).unwrap();
    assert!(process::is_alive(supervisor));
}

pub fn names(_: ()) {
    let own = process::self_pid();
    names::register("me", own).unwrap();
    assert_eq!(names::whereis("me"), Some(own));
    assert_eq!(names::register("me", own), Err(Error::NameTaken(own)));
    assert!(matches!(names::register("another", own), Err(Error::BadArgument(_))), "P70: one name a process");
    names::unregister("me").unwrap();
    assert!(matches!(names::unregister("me"), Err(Error::BadArgument(_))));
    assert_eq!(names::whereis("me"), None);
    assert_eq!(mailbox::send("me", &1), Err(Error::NoProc));

    // A name of the manifest is its child's, even while nobody has it.
    assert!(matches!(names::register("reserved", own), Err(Error::Denied(_))));
    let named = SpawnOptions::default().named("reserved");
    assert!(matches!(process::spawn("helper-sleep", &(), &named), Err(Error::Denied(_))));
    let neighbour = names::whereis("reserved").expect("the neighbour is there");
    assert!(matches!(names::unregister("reserved"), Err(Error::Denied(_))));
    assert!(matches!(process::exit_process(neighbour, ExitReason::Kill), Err(Error::Denied(_))));
    assert!(matches!(process::link(neighbour), Err(Error::Denied(_))));
    assert_eq!(mailbox::call(neighbour, &7u64, None), Ok(7u64), "anybody may ask it");

    // P8: the name is free before the DOWN comes.
    for _ in 0..20 {
        let options = SpawnOptions::monitor().named("short-lived");
        let helper = process::spawn("helper-end", &Ending::Panic, &options).unwrap();
        mailbox::send("short-lived", &"go").unwrap();
        reason_of(helper);
        assert_eq!(names::whereis("short-lived"), None);
    }
    let sleeper = sleeper();
    names::register("sleeper", sleeper).unwrap();
    process::exit_process(sleeper, ExitReason::Kill).unwrap();
    assert!(matches!(names::register("late", sleeper), Err(Error::NoProc) | Err(Error::BadArgument(_))));
}

pub fn invented_pids(_: ()) {
    let victim = sleeper();
    let monitor = process::monitor(victim).unwrap();
    // A pid is plain data: take a real one apart and change it.
    let encoded = regrow_sdk::encode(&victim).unwrap();
    let real: std::collections::BTreeMap<String, u64> = regrow_sdk::decode(&encoded).unwrap();
    let mut parts = real.clone();
    for guess in 0..1_000_000u64 {
        let noise = (guess + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *parts.get_mut("nonce").unwrap() = real["nonce"] ^ noise;
        *parts.get_mut("slot").unwrap() =
            real["slot"].wrapping_add(noise % 64).saturating_sub(32) & 0xffff_ffff;
        *parts.get_mut("incarnation").unwrap() = noise % 3;
        let invented: Pid = regrow_sdk::decode(&regrow_sdk::encode(&parts).unwrap()).unwrap();
        match guess % 4 {
            0 => process::exit_process(invented, ExitReason::Kill).unwrap(),
            1 => mailbox::send(invented, &"hello").unwrap(),
            2 => assert_eq!(process::link(invented), Err(Error::NoProc)),
            _ => assert!(!process::is_alive(invented)),
        }
    }
    assert!(process::is_alive(victim));
    assert_eq!(process::info(victim).unwrap().unwrap().message_queue_len, 0);
    assert!(process::demonitor(monitor), "nothing happened to it");
}

/// A memory that grows, and moves on the way, keeps what is in it.
pub fn memory_grows(_: ()) {
    let mut blocks = Vec::new();
    for number in 0..600usize {
        blocks.push(vec![number as u8; 64 << 10]);
    }
    for (number, block) in blocks.iter().enumerate() {
        assert!(block.iter().all(|byte| *byte == number as u8), "block {number}");
    }
}
