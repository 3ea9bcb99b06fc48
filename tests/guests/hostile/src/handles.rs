//! Attacks by handles that were made up, used twice, or kept too long. By the bindings: the SDK has no way to make them up.

use std::time::Duration;

use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::sys::bindings::regrow::otp::types::{
    Destination, ExitReason as RawReason, Pid as RawPid, ReplyTo,
};
use regrow_sdk::sys::bindings::regrow::otp::{mailbox as raw, process as raw_process, timer as raw_timer};
use regrow_sdk::{Error, ExitReason, mailbox, names, timer};

/// Numbers that look like references.
fn invented() -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state
    })
}

/// Invents references of monitors, timers, calls and aliases by the hundred thousand: none of them is anybody's.
pub fn invented_references(_: ()) {
    let victim: RawPid = names::whereis("victim").expect("it is registered").into();
    for reference in invented().take(30_000).chain([0, 1, u64::MAX]) {
        assert!(!raw_process::demonitor(reference, true));
        assert_eq!((raw_timer::cancel(reference), raw_timer::read(reference)), (None, None));
        let to = ReplyTo { pid: victim, reference };
        assert!(raw::reply(to, &[1]).is_ok(), "it vanishes");
        assert!(raw::send_to_alias(to, raw::SendKind::Info, &[1]).is_ok(), "it vanishes");
        assert!(!raw::unalias(reference));
        assert!(raw::abandon(reference).is_none());
    }
}

/// Uses everything twice, and once more when it is gone.
pub fn used_twice(_: ()) -> Result<(), ExitReason> {
    for _ in 0..300 {
        let child = process::spawn("endless-wait", &(), &SpawnOptions::monitor())?;
        let monitor = child.monitor.expect("it was asked for");
        process::exit_process(child.pid, ExitReason::Kill)?;
        mailbox::wait_for(monitor, None);
        assert!(!process::demonitor(monitor) && !process::demonitor(monitor));
        assert!(!process::is_alive(child.pid));
        assert_eq!(mailbox::send(child.pid, &0u8), Ok(()));
        assert_eq!(process::link(child.pid), Err(Error::NoProc));
        assert_eq!(process::exit_process(child.pid, ExitReason::Kill), Ok(()));
        let started = timer::start(Duration::from_secs(100), process::self_pid(), &0u8)?;
        assert!(timer::cancel(started).is_some());
        assert_eq!((timer::cancel(started), timer::read(started)), (None, None));
    }
    Ok(())
}

/// Sends to processes that it has made up, kills and links them, for ever.
pub fn invented_pids(_: ()) {
    let own: RawPid = process::self_pid().into();
    for nonce in invented() {
        let slot = nonce as u32 % 64;
        let pid = RawPid { slot, incarnation: slot % 4, nonce, ..own };
        assert!(!raw_process::is_alive(pid));
        let _it_vanishes = raw::send(&Destination::Pid(pid), raw::SendKind::Info, &[1]);
        let _it_vanishes = raw_process::exit_process(pid, &RawReason::Kill);
        assert!(raw_process::link(pid).is_err());
    }
}
