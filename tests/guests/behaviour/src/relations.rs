//! Aliases, options of monitors, flags, process info, and who waits for whom.

use std::time::Duration;

use regrow_sdk::mailbox::{self, AliasMode, CallError, Received};
use regrow_sdk::process::{self, Flag, MonitorAlias, MonitorOptions, SpawnOptions, WhenFull};
use regrow_sdk::{Error, ExitReason, Pid, ReplyTo, Term, names, timer};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn spawn(entry: &str) -> Pid {
    process::spawn(entry, &(), &SpawnOptions::default()).expect("a helper").pid
}

/// What arrives when somebody sends 1, 2 and 3 through an alias.
fn arrives_through(alias: ReplyTo) -> Vec<u32> {
    let sender = process::spawn("helper-thrice", &alias, &SpawnOptions::monitor()).unwrap();
    mailbox::wait_for(sender.monitor.unwrap(), None);
    let number = |received: Received| match received {
        Received::Message(message) => message.decode().ok(),
        _ => None,
    };
    std::iter::from_fn(|| mailbox::receive_match(NOW, number)).collect()
}

pub fn aliases(_: ()) {
    let alias = mailbox::alias(AliasMode::Explicit).unwrap();
    assert_eq!(arrives_through(alias), [1, 2, 3], "P44");
    assert!(mailbox::unalias(alias.reference()));
    assert!(!mailbox::unalias(alias.reference()));
    assert_eq!(arrives_through(alias), [0; 0], "P44");
    assert_eq!(arrives_through(mailbox::alias(AliasMode::Reply).unwrap()), [1], "P45");

    // P46: the three ways in which a monitor is an alias, and its tag (P42).
    for (mode, before, after) in [
        (MonitorAlias::ExplicitUnalias, &[1, 2, 3][..], &[1, 2, 3][..]),
        (MonitorAlias::Demonitor, &[1, 2, 3], &[]),
        (MonitorAlias::ReplyDemonitor, &[1], &[]),
    ] {
        let sleeper = spawn("helper-sleep");
        let options = MonitorOptions { alias: Some(mode), tag: Some(regrow_sdk::encode("tag").unwrap()) };
        let monitor = process::monitor_with(sleeper, &options).unwrap();
        assert_eq!(arrives_through(monitor.alias()), before, "{mode:?}");
        process::exit_process(sleeper, ExitReason::Kill).unwrap();
        // The one that a message has ended has no DOWN to wait for.
        let timeout = (mode == MonitorAlias::ReplyDemonitor).then_some(Duration::from_millis(20));
        let down = mailbox::wait_for(monitor, timeout);
        match (mode, down) {
            (MonitorAlias::ReplyDemonitor, None) => {}
            (_, Some(Received::Down { tag: Some(tag), .. })) => {
                assert_eq!(regrow_sdk::decode::<String>(&tag).unwrap(), "tag");
            }
            (_, other) => panic!("{mode:?}: {other:?}"),
        }
        assert_eq!(arrives_through(monitor.alias()), after, "{mode:?}");
    }
    // P36: what `info` says, without and with `flush`.
    let sleeper = spawn("helper-sleep");
    let [kept, flushed] = [process::monitor(sleeper).unwrap(), process::monitor(sleeper).unwrap()];
    let active = process::monitor(sleeper).unwrap();
    assert!(process::demonitor_keep(active));
    assert!(!process::demonitor_keep(active));
    assert!(!process::demonitor(active), "it is not active any more");
    process::exit_process(sleeper, ExitReason::Kill).unwrap();
    // Until both DOWNs have arrived.
    while process::info(process::self_pid()).unwrap().unwrap().message_queue_len < 2 {
        mailbox::receive_match(Some(Duration::from_millis(1)), |_| None::<()>);
    }
    assert!(!process::demonitor_keep(kept));
    assert!(!process::demonitor(flushed), "its DOWN was there");
    assert!(
        matches!(mailbox::receive(NOW), Some(Received::Down { reference, .. }) if reference == kept.into())
    );
    assert_eq!(mailbox::receive(NOW), None);
}

pub fn flags(_: ()) {
    assert!(!process::trap_exit(true));
    assert!(process::trap_exit(true));
    assert_eq!(process::set_flag(Flag::TrapExit(false)), Ok(Flag::TrapExit(true)), "P64");
    let suspend = Flag::WhenFull(WhenFull::SuspendSender);
    assert_eq!(process::set_flag(suspend), Ok(Flag::WhenFull(WhenFull::Reject)));
    assert_eq!(process::set_flag(Flag::WhenFull(WhenFull::DropNewest)), Ok(suspend));
    let Ok(Flag::MaxMailboxMessages(given)) = process::set_flag(Flag::MaxMailboxMessages(1)) else {
        panic!("bounds can be tightened")
    };
    assert!(matches!(process::set_flag(Flag::MaxMailboxMessages(given + 1)), Err(Error::BadArgument(_))));
    assert!(matches!(process::set_flag(Flag::MaxMailboxBytes(u64::MAX)), Err(Error::BadArgument(_))));
    let own = process::self_pid();
    for n in 0..3u32 {
        mailbox::send(own, &n).unwrap();
    }
    assert!(mailbox::receive(NOW).is_some());
    assert_eq!(mailbox::receive(NOW), None, "the newest were dropped");
    assert_eq!(process::info(own).unwrap().unwrap().mailbox_refused.dropped, 2);
}

pub fn info(_: ()) {
    let own = process::self_pid();
    process::set_label(Some("curious")).unwrap();
    names::register("curious", own).unwrap();
    let sleeper = process::spawn("helper-sleep", &(), &SpawnOptions::link()).unwrap().pid;
    process::monitor("reserved").unwrap();
    process::monitor(sleeper).unwrap();
    process::monitor("curious").unwrap();
    mailbox::send(own, &"unread").unwrap();
    let info = process::info(own).unwrap().expect("it lives");
    assert_eq!((info.status.as_str(), info.message_queue_len), ("running", 1));
    assert_eq!((info.registered_name.as_deref(), info.label.as_deref()), (Some("curious"), Some("curious")));
    assert_eq!(info.links.iter().filter(|pid| **pid == sleeper).count(), 1);
    assert!(info.monitors.contains(&"reserved".into()) && info.monitors.contains(&sleeper.into()));
    assert_eq!(info.monitors.len(), 2, "a monitor of oneself is none (P39)");
    assert_eq!(info.parent, process::parent());
    assert_eq!(info.initial_call, (Some("behaviour".into()), Some("info".into())));
    assert!(info.memory > 0);
    assert_eq!(process::info(sleeper).unwrap().unwrap().monitored_by, [own]);

    // P65: order as asked for, repeats allowed, unknown ones refused, none of the dead.
    let asked = ["trap_exit", "message_queue_len", "trap_exit"];
    let values = process::info_items(own, &asked).unwrap().unwrap();
    assert_eq!(values, [Term::from(false), Term::from(1u64), Term::from(false)]);
    for bad in [&["heap_size"][..], &[""], &["trap_exit"; 1000]] {
        assert!(matches!(process::info_items(own, bad), Err(Error::BadArgument(_))));
    }
    assert_eq!(process::info_items(own, &[]).unwrap(), Some(Vec::new()));
    let Term::List(messages) = process::info_items(own, &["messages"]).unwrap().unwrap().remove(0) else {
        panic!("a list")
    };
    assert_eq!(messages.len(), 1);
    process::unlink(sleeper);
    process::exit_process(sleeper, ExitReason::Kill).unwrap();
    assert_eq!(process::info(sleeper), Ok(None));

    // Whose signals it may not send, it may not look into.
    let neighbour = names::whereis("reserved").unwrap();
    assert!(matches!(process::info(neighbour), Err(Error::Denied(_))));
    let supervisor = process::parent().unwrap();
    assert!(matches!(process::info(supervisor), Err(Error::Denied(_))));

    // To whom it is subject, alive: to its ancestors, and to processes of its component.
    assert_eq!([neighbour, supervisor, own].map(process::is_subject_to), [false, true, true]);
    let sleeper = spawn("helper-sleep");
    assert!(process::is_subject_to(sleeper));
    process::exit_process(sleeper, ExitReason::Kill).unwrap();
    mailbox::wait_for(process::monitor(sleeper).unwrap(), None);
    assert!(!process::is_subject_to(sleeper), "the dead have no say");

    // P67: what runs uses reductions, while it runs: counted by slices, which the engine for speed measures in time.
    let reductions = || process::info(own).unwrap().unwrap().reductions;
    let before = reductions();
    let mut n = 1u64;
    let grew = (0..1_000).any(|_| {
        for step in 0..300_000u64 {
            n = std::hint::black_box(n.wrapping_mul(step | 1));
        }
        reductions() > before
    });
    assert!(grew);
}

/// A mailbox whose senders wait, seen from the sender.
pub fn back_pressure(_: ()) {
    let slow = spawn("helper-slow-reader");
    assert!(mailbox::receive_message(None).is_some(), "it is ready");
    for n in 0..20u32 {
        mailbox::send(slow, &n).unwrap();
    }
    assert!(matches!(mailbox::send_nosuspend(slow, &20u32), Ok(()) | Err(Error::Full(_))));
    let numbers: Vec<u32> = mailbox::call(slow, &(), None).unwrap();
    assert_eq!(numbers[..20], (0..20).collect::<Vec<u32>>(), "nothing is lost, and all in order");
    assert!(process::info(slow).unwrap().unwrap().mailbox_refused.suspended > 0);

    // A sender that waits can be killed.
    let full = spawn("helper-full");
    assert!(mailbox::receive_message(None).is_some(), "it is ready");
    let flooder = process::spawn("helper-flood", &full, &SpawnOptions::monitor()).unwrap();
    while process::info(flooder.pid).unwrap().unwrap().waits_for != Some(full) {
        mailbox::receive(Some(Duration::from_millis(1)));
    }
    assert_eq!(
        process::info(flooder.pid).unwrap().unwrap().current_function.as_deref(),
        Some("mailbox.send")
    );
    assert!(matches!(mailbox::send_nosuspend(full, &1), Err(Error::Full(_))));
    let timed_out = mailbox::call::<_, ()>(full, &1, Some(Duration::from_millis(5)));
    assert_eq!(timed_out, Err(CallError::Timeout), "also for room");
    process::exit_process(flooder.pid, ExitReason::Kill).unwrap();
    assert!(matches!(mailbox::wait_for(flooder.monitor.unwrap(), None), Some(Received::Down { .. })));
    process::exit_process(full, ExitReason::Kill).unwrap();
}

/// Two processes call each other, without a timeout. The host says so, and kills nobody.
pub fn wait_cycle(_: ()) {
    let spawn = |name: &str, other: &str| {
        let options = SpawnOptions::default().named(name);
        process::spawn("helper-caller", &other, &options).unwrap().pid
    };
    let (first, second) = (spawn("first", "second"), spawn("second", "first"));
    for pid in [first, second] {
        mailbox::send(pid, &"go").unwrap();
    }
    let cycle = loop {
        let info = process::info(first).unwrap().expect("nobody is killed");
        if !info.wait_cycle.is_empty() {
            break info.wait_cycle;
        }
        mailbox::receive(Some(Duration::from_millis(1)));
    };
    assert_eq!(cycle, [first, second]);
    for pid in [first, second] {
        process::exit_process(pid, ExitReason::Kill).unwrap();
    }
}

/// Messages that come later, and answers about timers as messages.
pub fn delayed_messages(_: ()) {
    let own = process::self_pid();
    timer::send_after(Duration::from_millis(5), own, &"later").unwrap();
    let message = mailbox::receive_message(None).unwrap();
    assert_eq!((message.from, message.decode::<String>().unwrap().as_str()), (own, "later"), "P56");
    // P63: a point in time, also one in the past.
    timer::start_at(Duration::ZERO, own, &()).unwrap();
    assert!(matches!(mailbox::receive(None), Some(Received::Timer { .. })));
    let due = timer::monotonic_time() + Duration::from_millis(10);
    timer::send_at(due, own, &()).unwrap();
    assert!(mailbox::receive_message(None).is_some());
    assert!(timer::monotonic_time() >= due);

    let timer = timer::start(Duration::from_secs(1000), own, &()).unwrap();
    timer::read_async(timer);
    timer::cancel_async(timer);
    timer::cancel_async(timer);
    let mut left = Vec::new();
    for expected in ["read-timer", "cancel-timer", "cancel-timer"] {
        let Some(Received::System { kind, reference, from, payload }) = mailbox::receive(None) else {
            panic!("an answer")
        };
        assert_eq!((kind.as_str(), reference, from), (expected, timer.into(), own));
        left.push(regrow_sdk::decode::<Option<u64>>(&payload).unwrap());
    }
    assert!(left[0] > Some(900_000) && left[1] > Some(900_000) && left[2].is_none(), "{left:?}");
    // Its own mailbox is full: a message to itself has no room there later, either.
    process::set_flag(Flag::MaxMailboxMessages(0)).unwrap();
    assert!(matches!(timer::send_after(Duration::ZERO, own, &()), Err(Error::Full(_))));
}
