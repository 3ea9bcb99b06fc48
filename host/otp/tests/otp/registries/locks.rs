//! Locks on keys (rule R16).

use regrow_otp::testing::kept_bytes;
use regrow_otp::{Context, ExitReason, Pid, RegistryError, RegistryKind, SpawnOptions};

use super::{start, term};
use crate::support::*;

/// A process that locks the key, says so, and lets go when it gets a message, or dies of it.
fn locker(context: &Context, trace: &Trace, name: &'static str) -> Pid {
    let trace = trace.clone();
    child(context, SpawnOptions::default(), move |context| async move {
        context.lock_key("r", &term("k")).await.unwrap();
        trace.note(name);
        context.receive(None).await;
        if name == "crashes" {
            return ExitReason::error("bug");
        }
        assert_eq!(context.unlock_key("r", &term("k")), Ok(true));
        assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
        ExitReason::Normal
    })
}

#[test]
fn r16_one_at_a_time_in_order_whoever_dies_meanwhile() {
    check(&["first", "other key", "crashes", "last"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        let mut lockers = Vec::new();
        for name in ["first", "killed", "crashes", "last"] {
            lockers.push(locker(&context, &trace, name));
            settle(&context).await;
        }
        context.lock_key("r", &term("another")).await.unwrap();
        trace.note("other key");
        context.exit_process(lockers[1], ExitReason::Kill);
        context.await_down(lockers[1]).await;
        for locker in [lockers[0], lockers[2], lockers[3]] {
            send(&context, locker, "go");
            context.await_down(locker).await;
            settle(&context).await;
        }
    });
}

#[test]
fn r16_a_process_does_not_wait_for_itself_nor_for_a_registry_that_is_gone() {
    check(&["locked already", "not mine", "free", "waits", "gone"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        context.lock_key("r", &term("k")).await.unwrap();
        assert_eq!(context.lock_key("r", &term("k")).await, Err(RegistryError::LockedAlready));
        trace.note("locked already");
        assert_eq!(context.unlock_key("r", &term("other")), Ok(false));
        trace.note("not mine");
        assert_eq!(context.unlock_key("r", &term("k")), Ok(true));
        assert_eq!(context.unlock_key("r", &term("k")), Ok(false));
        assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
        trace.note("free");
        context.lock_key("r", &term("k")).await.unwrap();
        let waiting = trace.clone();
        let waiter = child(&context, SpawnOptions::default(), move |context| async move {
            waiting.note("waits");
            assert_eq!(context.lock_key("r", &term("k")).await, Err(RegistryError::NoRegistry));
            assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
            ExitReason::Normal
        });
        settle(&context).await;
        let (_, keeper) = context.runtime().registry_info("r").unwrap();
        context.unlink(keeper);
        context.exit_process(keeper, ExitReason::Kill);
        assert_eq!(context.await_down(waiter).await, ExitReason::Normal);
        assert_eq!(context.unlock_key("r", &term("k")), Err(RegistryError::NoRegistry));
        trace.note("gone");
    });
}
