//! Exit signals: the decision table (rules P11 to P23).

use std::time::Duration;

use regrow_otp::{ExitDecision, ExitReason, HOST, Pid, decide_exit, decide_link_exit};

use crate::support::*;

fn other() -> Pid {
    Pid { slot: 99, ..HOST }
}

#[test]
fn p11_to_p14_exit_signals_decide_by_reason_and_trap_exit() {
    use ExitDecision::{Deliver, Die, Drop};
    let receiver = Pid { slot: 1, ..HOST };
    let decide = |from, reason: &ExitReason, trap| decide_exit(from, receiver, reason, trap);
    assert_eq!(decide(other(), &oops(), false), Die(oops()), "P11");
    assert_eq!(decide(other(), &oops(), true), Deliver, "P11");
    assert_eq!(decide(other(), &ExitReason::Normal, false), Drop, "P12");
    assert_eq!(decide(other(), &ExitReason::Normal, true), Deliver, "P12");
    assert_eq!(decide(receiver, &ExitReason::Normal, false), Die(ExitReason::Normal), "P13");
    assert_eq!(decide(receiver, &ExitReason::Normal, true), Deliver, "P13");
    assert_eq!(decide(other(), &ExitReason::Kill, false), Die(ExitReason::Killed), "P14");
    assert_eq!(decide(other(), &ExitReason::Kill, true), Die(ExitReason::Killed), "P14");
}

#[test]
fn p15_to_p17_link_signals_decide_by_reason_and_trap_exit() {
    use ExitDecision::{Deliver, Die, Drop};
    assert_eq!(decide_link_exit(&ExitReason::Normal, false), Drop, "P15");
    assert_eq!(decide_link_exit(&ExitReason::Normal, true), Deliver, "P15");
    assert_eq!(decide_link_exit(&oops(), false), Die(oops()), "P16");
    assert_eq!(decide_link_exit(&oops(), true), Deliver, "P16");
    assert_eq!(decide_link_exit(&ExitReason::Kill, false), Die(ExitReason::Kill), "P17");
    assert_eq!(decide_link_exit(&ExitReason::Kill, true), Deliver, "P17");
}

#[test]
fn p5_the_end_of_the_body_is_normal() {
    check(&["DOWN normal"], |context, trace| async move {
        let pid = child(&context, Default::default(), |_| async { ExitReason::Normal });
        let monitor = context.monitor(pid.into()).unwrap();
        // It may have ended before the monitor was made.
        let line = down(&context, monitor).await;
        trace.note(line.replace("noproc", "normal"));
    });
}

#[test]
fn p14_kill_cannot_be_trapped_and_becomes_killed() {
    check(&["DOWN killed"], |context, trace| async move {
        let pid = sleeper(&context, trapping());
        let monitor = context.monitor(pid.into()).unwrap();
        context.exit_process(pid, ExitReason::Kill);
        trace.note(down(&context, monitor).await);
    });
}

#[test]
fn p17_a_raised_kill_reaches_links_as_kill() {
    check(&["EXIT kill"], |context, trace| async move {
        context.set_trap_exit(true);
        child(&context, linked(), |_| async { ExitReason::Kill });
        trace.note(next(&context).await);
    });
}

#[test]
fn p9_the_first_fatal_signal_fixes_the_reason() {
    check(&["DOWN error(\"oops\")"], |context, trace| async move {
        let pid = sleeper(&context, Default::default());
        let monitor = context.monitor(pid.into()).unwrap();
        context.exit_process(pid, oops());
        context.exit_process(pid, ExitReason::Kill);
        trace.note(down(&context, monitor).await);
    });
}

#[test]
fn p13_exit_normal_to_oneself_ends_the_process() {
    check(&["DOWN normal"], |context, trace| async move {
        let pid = child(&context, Default::default(), |context| async move {
            context.receive(None).await;
            context.exit_process(context.pid(), ExitReason::Normal);
            context.checkpoint().await;
            oops()
        });
        let monitor = context.monitor(pid.into()).unwrap();
        send(&context, pid, "go");
        trace.note(down(&context, monitor).await);
    });
}

#[test]
fn p20_exit_of_a_dead_process_does_nothing() {
    check(&["done"], |context, trace| async move {
        let pid = child(&context, Default::default(), |_| async { ExitReason::Normal });
        context.await_down(pid).await;
        context.exit_process(pid, ExitReason::Kill);
        trace.note("done");
    });
}

#[test]
fn p21_trap_exit_counts_when_the_signal_is_received() {
    check(&["EXIT error(\"oops\")"], |context, trace| async move {
        let parent = context.pid();
        let pid = child(&context, Default::default(), move |context| async move {
            context.set_trap_exit(true);
            send(&context, parent, "ready");
            let line = next(&context).await;
            send(&context, parent, &line);
            ExitReason::Normal
        });
        next(&context).await;
        context.exit_process(pid, oops());
        trace.note(next(&context).await);
    });
}

#[test]
fn p22_what_was_sent_before_the_exit_is_received_and_what_follows_is_not() {
    check(&["before"], |context, trace| async move {
        let parent = context.pid();
        let pid = child(&context, Default::default(), move |context| async move {
            loop {
                let line = next(&context).await;
                send(&context, parent, &line);
            }
        });
        send(&context, pid, "before");
        let first = next(&context).await;
        context.exit_process(pid, oops());
        send(&context, pid, "after");
        context.await_down(pid).await;
        trace.note(first);
        assert_eq!(poll(&context).await, "timeout");
    });
}

#[test]
fn p23_a_killed_process_is_not_alive() {
    check(&["alive", "not alive"], |context, trace| async move {
        let pid = sleeper(&context, trapping());
        let alive = |context: &regrow_otp::Context| context.runtime().is_alive(pid);
        trace.note(if alive(&context) { "alive" } else { "not alive" });
        context.exit_process(pid, ExitReason::Kill);
        trace.note(if alive(&context) { "alive" } else { "not alive" });
    });
}

#[test]
fn p4_a_stale_pid_never_reaches_the_slots_next_owner() {
    check(&["timeout"], |context, trace| async move {
        let old = child(&context, Default::default(), |_| async { ExitReason::Normal });
        context.await_down(old).await;
        // Every slot of every shard gets a new owner.
        let parent = context.pid();
        for _ in 0..64 {
            child(&context, linked(), move |context| async move {
                if context.receive(Some(Duration::from_secs(1))).await.is_some() {
                    send(&context, parent, "reached");
                }
                ExitReason::Normal
            });
        }
        send(&context, old, "hello");
        context.exit_process(old, ExitReason::Kill);
        trace.note(show(context.receive(Some(Duration::from_secs(2))).await));
    });
}
