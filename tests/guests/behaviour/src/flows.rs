//! Stages, from inside.

use regrow_sdk::{ExitReason, Pid, flow, mailbox, names, process};

pub fn naturals(from: u64) -> impl Iterator<Item = u64> {
    from..
}

/// A large event of a small one.
pub fn inflate(number: u64) -> (u64, String) {
    (number, "x".repeat(1_000))
}

/// Says what it has, and waits until it may go on.
pub fn sip((number, _): (u64, String)) {
    let _told: Result<(), _> = mailbox::call("owner of a flow", &number, None);
}

/// A producer that never ends, a slow consumer: memory stays flat.
pub fn slow_consumer(_: ()) -> Result<(), ExitReason> {
    names::register("owner of a flow", process::self_pid())?;
    let flow = flow!(naturals(0), max_demand 20 => inflate => sip)?;
    let memory = || -> Result<u64, ExitReason> {
        let of = |pid: &Pid| Ok(process::info(*pid)?.map_or(0, |info| info.memory));
        flow.stages().iter().map(of).sum()
    };
    let mut at_first = 0;
    for expected in 0..20_000_u64 {
        let message = mailbox::receive_message(None).ok_or(ExitReason::NoProc)?;
        assert_eq!(message.decode::<u64>()?, expected, "in order, and none is lost");
        if expected == 1_000 {
            at_first = memory()?;
        }
        mailbox::reply(message.reply_to().ok_or(ExitReason::NoProc)?, &())?;
    }
    assert!(memory()? <= at_first + (128 << 10), "{} bytes at first, {} now", at_first, memory()?);
    let messages: u64 = flow
        .stages()
        .iter()
        .map(|pid| process::info(*pid).ok().flatten().map_or(0, |info| info.message_queue_len))
        .sum();
    assert!(messages < 20, "{messages}");
    Ok(())
}
