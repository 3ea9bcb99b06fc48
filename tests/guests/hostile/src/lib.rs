//! Guests that mean harm, and a victim that answers calls beside them.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use regrow_sdk::{ExitReason, mailbox, process, request, timer};

/// Runs for ever without a call to the host.
fn endless_loop(_: ()) {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Calls the host for ever.
fn endless_calls(_: ()) {
    loop {
        black_box(regrow_sdk::process::self_pid());
    }
}

/// Calls the host for ever, with a name that is long to copy and is nobody's.
fn long_names(_: ()) {
    let name = "n".repeat(8 << 20);
    loop {
        black_box(mailbox::send(name.as_str(), &0u8).is_err());
    }
}

/// Calls itself until the stack ends.
fn recursion(_: ()) {
    black_box(recurse(1));
}

/// Nothing of a call is in memory, so that the stack of the engine ends before that of the language.
fn recurse(depth: u64) -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    if CALLS.fetch_add(depth, Ordering::Relaxed) == u64::MAX {
        return 0;
    }
    recurse(depth | 1).rotate_left(1) ^ depth
}

/// Takes all the memory that it can get, and touches it.
fn memory_bomb(_: ()) {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![0xff; 1 << 20]));
    }
}

/// Children without end that leave timers behind, each with a payload.
fn timer_bomb(_: ()) {
    loop {
        let child = process::spawn("timer-bomb-child", &(), &process::SpawnOptions::monitor());
        if let Some(monitor) = child.ok().and_then(|child| child.monitor) {
            mailbox::wait_for(monitor, None);
        }
    }
}

fn timer_bomb_child(_: ()) {
    let payload = "x".repeat(1 << 20);
    for _ in 0..60 {
        let _ = timer::start(Duration::from_secs(1 << 30), "nobody", &payload);
    }
}

/// Asks for ever about a process with many monitors.
fn info_storm(_: ()) {
    let own = process::self_pid();
    let target = process::spawn("endless-wait", &(), &Default::default()).map_or(own, |spawned| spawned.pid);
    while process::monitor(target).is_ok() {}
    loop {
        black_box(process::info_items(own, &["monitors"; 64]).is_err());
        black_box(process::info_items(target, &["monitored_by"]).is_err());
        black_box(process::info_items(own, &["message_queue_len"]).is_err());
    }
}

fn endless_wait(_: ()) {
    loop {
        mailbox::receive(None);
    }
}

/// Waits for a hundred thousand references, again and again.
fn reference_storm(_: ()) {
    let own = process::self_pid();
    let mut requests = request::Collection::new();
    let target = process::spawn("endless-wait", &(), &Default::default()).map_or(own, |spawned| spawned.pid);
    while let Ok(request) = request::send(target, &0u8) {
        let _ = requests.add(request, ());
        if requests.len() == 50_000 {
            break;
        }
    }
    loop {
        black_box(matches!(requests.wait::<u8>(Some(Duration::ZERO)), request::NextResponse::Timeout));
    }
}

/// Answers every call with what it was asked.
fn victim(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        if let Some(from) = message.reply_to() {
            let number: u64 = message.decode()?;
            mailbox::reply(from, &number)?;
        }
    }
}

regrow_sdk::component! {
    /// A loop without end.
    "endless-loop" => process endless_loop,
    /// A loop of host calls without end.
    "endless-calls" => process endless_calls,
    /// A loop of host calls that copy much.
    "long-names" => process long_names,
    /// Recursion without end.
    "recursion" => process recursion,
    /// Memory without end.
    "memory-bomb" => process memory_bomb,
    /// Timers that outlive their creators, without end.
    "timer-bomb" => process timer_bomb,
    /// One of its children.
    "timer-bomb-child" => process timer_bomb_child,
    /// Questions about a process with many monitors, without end.
    "info-storm" => process info_storm,
    /// Waits for very many answers, without end.
    "reference-storm" => process reference_storm,
    /// Waits for ever.
    "endless-wait" => process endless_wait,
    /// Answers calls.
    "victim" => process victim,
}
