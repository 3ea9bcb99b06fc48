//! Attacks on the others' CPU time.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use regrow_sdk::process::{self, Grants, SpawnOptions};
use regrow_sdk::sys::bindings::regrow::otp::types::ExitReason as RawReason;
use regrow_sdk::sys::bindings::regrow::otp::{
    log as raw_log, process as raw_process, supervisor as raw_supervisor,
};
use regrow_sdk::{mailbox, request};

/// Runs for ever without a call to the host.
pub fn endless_loop(_: ()) {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Calls the host for ever.
pub fn endless_calls(_: ()) {
    loop {
        black_box(process::self_pid());
    }
}

/// Calls WASI for ever.
pub fn endless_wasi(_: ()) {
    loop {
        black_box(Instant::now());
        black_box(std::env::vars().count());
        black_box(std::fs::metadata("/").is_err());
        print!("");
        std::thread::yield_now();
    }
}

/// Calls the host for ever, with a name that is long to copy and is nobody's.
pub fn long_names(_: ()) {
    let name = "n".repeat(4 << 20);
    loop {
        black_box(mailbox::send(name.as_str(), &0u8).is_err());
    }
}

/// Calls itself until the stack ends.
pub fn recursion(_: ()) {
    black_box(recurse(1));
}

/// A term within a term within a term …, as deep as one may hand over.
static NESTED: [u8; 60_000] = [0x81; 60_000];

/// Calls the host at every depth, with what takes the host much stack of its own, until the guest's stack ends.
pub fn deep_calls(_: ()) {
    process::trap_exit(true);
    black_box(call_deeply(1));
}

fn call_deeply(depth: u64) -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let _refused = raw_supervisor::partition("victim", &NESTED);
    if depth.is_multiple_of(8) {
        raw_log::write(raw_log::Level::Trace, "", "deep");
        let _none = raw_process::info(raw_process::self_(), &[]);
        let _until_it_is_full =
            raw_process::exit_process(raw_process::self_(), &RawReason::Error(NESTED.to_vec()));
    }
    if CALLS.fetch_add(depth, Ordering::Relaxed) == u64::MAX {
        return 0;
    }
    call_deeply(depth + 1) + CALLS.load(Ordering::Relaxed)
}

/// Nothing of a call is in memory, so that the stack of the engine ends before that of the language.
fn recurse(depth: u64) -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    if CALLS.fetch_add(depth, Ordering::Relaxed) == u64::MAX {
        return 0;
    }
    recurse(depth | 1).rotate_left(1) ^ depth
}

/// Gives the host's own parsers what takes parsers long: patterns that nearly match, and deeply nested terms.
pub fn parser_bombs(_: ()) {
    let almost = format!("{}*", "a".repeat(1 << 10));
    let grants = Grants { lookup: vec![almost; 900], ..Grants::default() };
    let options = SpawnOptions { grants: Some(grants), ..SpawnOptions::default() };
    // A list in a list in a list …: one byte each in CBOR.
    let nested = vec![0x81u8; 1 << 16];
    // Each of its bytes would be a term of its own.
    let flat = vec![0u8; 1 << 20];
    loop {
        black_box(process::spawn("endless-wait", &(), &options).is_err());
        let name = String::from_utf8_lossy(&nested[..200]).into_owned();
        black_box(regrow_sdk::names::register(&name, process::self_pid()).is_err());
        black_box(regrow_sdk::supervisor::partition(&name, &nested).is_err());
        black_box(regrow_sdk::supervisor::partition("victim", &flat).is_err());
    }
}

/// Asks for ever about a process with many monitors.
pub fn info_storm(_: ()) {
    let own = process::self_pid();
    let target = process::spawn("endless-wait", &(), &Default::default()).map_or(own, |spawned| spawned.pid);
    while process::monitor(target).is_ok() {}
    loop {
        black_box(process::info_items(own, &["monitors"; 64]).is_err());
        black_box(process::info_items(target, &["monitored_by"]).is_err());
        black_box(process::info_items(own, &["message_queue_len"]).is_err());
    }
}

/// Waits for a hundred thousand references, again and again.
pub fn reference_storm(_: ()) {
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
