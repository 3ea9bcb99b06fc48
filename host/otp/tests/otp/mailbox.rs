//! The mailbox: selective receive, timeouts, bounds (rules P49 to P53).

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{
    Destination, ExitReason, LimitKind, Limits, MessageKind, Received, SendError, SpawnOptions,
};

use crate::calls::{answer, echo};
use crate::support::*;

fn text(received: &Received) -> &[u8] {
    match received {
        Received::Message(message) => &message.payload,
        _ => b"",
    }
}

#[test]
fn p50_a_selective_receive_takes_the_first_match_and_keeps_the_others_in_order() {
    check(&["b1", "a1", "a2", "b2", "a3"], |context, trace| async move {
        for message in ["a1", "a2", "b1", "b2", "a3"] {
            send(&context, context.pid(), message);
        }
        let b = |received: &Received| text(received).starts_with(b"b");
        trace.note(show(context.receive_matching(None, b).await));
        for _ in 0..4 {
            trace.note(next(&context).await);
        }
    });
}

#[test]
fn p50_a_selective_receive_waits_for_a_match_behind_what_it_passed_over() {
    check(&["wanted", "other"], |context, trace| async move {
        let parent = context.pid();
        send(&context, parent, "other");
        child(&context, Default::default(), move |context| async move {
            send(&context, parent, "wanted");
            ExitReason::Normal
        });
        let wanted = |received: &Received| text(received) == b"wanted";
        trace.note(show(context.receive_matching(None, wanted).await));
        trace.note(next(&context).await);
    });
}

#[test]
fn p51_after_zero_looks_through_the_whole_queue() {
    check(&["last", "timeout"], |context, trace| async move {
        for message in ["x", "y", "last"] {
            send(&context, context.pid(), message);
        }
        let last = |received: &Received| text(received) == b"last";
        trace.note(show(context.receive_matching(Some(Duration::ZERO), last).await));
        trace.note(show(context.receive_matching(Some(Duration::ZERO), last).await));
    });
}

#[test]
fn p51_messages_that_do_not_match_do_not_restart_the_timeout() {
    check(&["timeout after 100 ms"], |context, trace| async move {
        let parent = context.pid();
        let sender = child(&context, Default::default(), move |context| async move {
            loop {
                context.receive(Some(Duration::from_millis(30))).await;
                send(&context, parent, "noise");
            }
        });
        let before = context.runtime().now();
        let received = context.receive_matching(Some(Duration::from_millis(100)), |_| false).await;
        let waited = context.runtime().now().saturating_since(before).as_millis();
        trace.note(format!("{} after {waited} ms", show(received)));
        context.exit_process(sender, ExitReason::Kill);
    });
}

#[test]
fn p49_the_dead_take_messages_silently_and_an_unknown_name_is_an_error() {
    check(&["no process is registered as \"nobody\""], |context, trace| async move {
        let dead = child(&context, Default::default(), |_| async { ExitReason::Normal });
        context.await_down(dead).await;
        send(&context, dead, "hello");
        let to = Destination::Name("nobody".into());
        let error = context.send_nosuspend(&to, MessageKind::Info, Bytes::new()).unwrap_err();
        trace.note(error.to_string().replace("\\\"", ""));
    });
}

#[test]
fn p53_an_answer_is_found_behind_a_backlog() {
    check(&["reply pong", "100000 left"], |context, trace| async move {
        for _ in 0..50_000 {
            send(&context, context.pid(), "backlog");
        }
        let server = echo(&context);
        trace.note(format!("reply {}", answer(&context, server).await.unwrap()));
        for _ in 0..50_000 {
            send(&context, context.pid(), "more");
        }
        let left = context.runtime().process_info(context.pid()).unwrap().message_queue_len;
        trace.note(format!("{left} left"));
        context.exit_process(server, ExitReason::Kill);
    });
}

#[test]
fn a_full_mailbox_refuses_messages_but_never_signals() {
    check(&["2 messages fit", "EXIT error(\"oops\")", "a third fits again"], |context, trace| async move {
        let limits = Limits { mailbox_messages: 2, ..Limits::default() };
        let parent = context.pid();
        let receiver = child(&context, SpawnOptions { limits, ..trapping() }, move |context| async move {
            let go = |received: &Received| matches!(received, Received::Exit { .. });
            let exit = context.receive_matching(None, go).await;
            send(&context, parent, &show(exit));
            context.receive(None).await;
            send(&context, parent, "room");
            context.receive(None).await;
            context.receive(None).await;
            ExitReason::Normal
        });
        let to = Destination::Pid(receiver);
        let mut fitted = 0;
        let error = loop {
            match context.send_nosuspend(&to, MessageKind::Info, Bytes::from_static(b"x")) {
                Ok(()) => fitted += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, SendError::Full(limit) if limit.limit == LimitKind::MailboxMessages));
        trace.note(format!("{fitted} messages fit"));
        context.exit_process(receiver, oops());
        trace.note(next(&context).await);
        next(&context).await;
        send(&context, receiver, "third");
        trace.note("a third fits again");
    });
}

#[test]
fn a_message_larger_than_the_limit_is_refused() {
    check(&["over message_bytes"], |context, trace| async move {
        let limits = Limits { message_bytes: 10, ..Limits::default() };
        let pid = child(&context, SpawnOptions { limits, ..Default::default() }, |context| async move {
            let parent = context.identity().parent.unwrap();
            let large = Bytes::from_static(b"eleven bytes");
            let sent = context.send_nosuspend(&parent.into(), MessageKind::Info, large);
            assert!(matches!(sent, Err(SendError::TooLarge(_))));
            send(&context, parent, "over");
            ExitReason::Normal
        });
        trace.note(format!("{} message_bytes", next(&context).await));
        context.await_down(pid).await;
    });
}

/// A small mailbox: room for four signals.
fn small() -> Limits {
    Limits { links: 1, monitors: 2, timers: 1, mailbox_bytes: 1000, ..Limits::default() }
}

#[test]
fn what_is_not_received_keeps_its_slot_and_its_bytes() {
    let expected = [
        "monitors is limited to 2, 3 were needed",
        "room again",
        "DOWN normal",
        "mailbox_bytes is limited to 1000, 1200 were needed",
        "room again",
        "DOWN normal",
    ];
    check(&expected, |context, trace| async move {
        let options = SpawnOptions { limits: small(), monitor: true, ..Default::default() };
        let parent = context.pid();
        let (_, monitor) = context
            .spawn(options.clone(), move |context| async move {
                context.monitor("nobody".into()).unwrap();
                context.monitor("nobody".into()).unwrap();
                let error = context.monitor("nobody".into()).unwrap_err();
                send(&context, parent, &error.to_string());
                next(&context).await;
                context.monitor("nobody".into()).unwrap();
                send(&context, parent, "room again");
                ExitReason::Normal
            })
            .unwrap();
        trace.note(next(&context).await);
        trace.note(next(&context).await);
        trace.note(down(&context, monitor.unwrap()).await);
        let limits = Limits { timers: 100, ..small() };
        let options = SpawnOptions { limits, ..options };
        let (_, monitor) = context
            .spawn(options, move |context| async move {
                let own = context.pid();
                let start = || context.start_timer(Duration::ZERO, own.into(), Bytes::from(vec![0; 400]));
                for _ in 0..2 {
                    start().unwrap();
                    settle(&context).await;
                }
                send(&context, parent, &start().unwrap_err().to_string());
                next(&context).await;
                start().unwrap();
                send(&context, parent, "room again");
                ExitReason::Normal
            })
            .unwrap();
        trace.note(next(&context).await);
        trace.note(next(&context).await);
        trace.note(down(&context, monitor.unwrap()).await);
    });
}

#[test]
fn nobody_can_end_a_process_by_filling_its_mailbox_with_signals() {
    check(&["alive", "EXIT error(\"oops\")", "reply pong"], |context, trace| async move {
        let server = echo(&context);
        let parent = context.pid();
        let options = SpawnOptions { limits: small(), ..trapping() };
        let victim = child(&context, options, move |context| async move {
            let go = |received: &Received| text(received) == b"go";
            context.receive_matching(None, go).await;
            let exit = next(&context).await;
            send(&context, parent, &exit);
            let answer = answer(&context, server).await.unwrap();
            send(&context, parent, &format!("reply {answer}"));
            ExitReason::Normal
        });
        // A stranger: the parent's exit signals are orders.
        let attacker = child(&context, Default::default(), move |context| async move {
            for _ in 0..100 {
                context.exit_process(victim, oops());
                context.start_timer(Duration::ZERO, victim.into(), Bytes::from(vec![0; 900])).unwrap();
                settle(&context).await;
            }
            ExitReason::Normal
        });
        context.await_down(attacker).await;
        trace.note(if context.runtime().is_alive(victim) { "alive" } else { "dead" });
        send(&context, victim, "go");
        trace.note(next(&context).await);
        trace.note(next(&context).await);
        context.exit_process(server, ExitReason::Kill);
    });
}

#[test]
fn the_bytes_of_running_timers_are_limited() {
    check(&["2 fit", "room again"], |context, trace| async move {
        let parent = context.pid();
        let limits = Limits { mailbox_bytes: 1000, ..Limits::default() };
        child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
            let start = || {
                let payload = Bytes::from(vec![0; 400]);
                context.start_timer(Duration::from_secs(1), context.pid().into(), payload)
            };
            let timers: Vec<_> = (0..10).filter_map(|_| start().ok()).collect();
            send(&context, parent, &format!("{} fit", timers.len()));
            context.cancel_timer(timers[0]);
            send(&context, parent, if start().is_ok() { "room again" } else { "no room" });
            ExitReason::Normal
        });
        trace.note(next(&context).await);
        trace.note(next(&context).await);
    });
}

#[test]
fn the_order_to_stop_reaches_a_process_whose_mailbox_is_full_of_signals() {
    check(&["DOWN shutdown"], |context, trace| async move {
        let victim = child(&context, SpawnOptions { limits: small(), ..trapping() }, |context| async move {
            let parent = context.identity().parent.unwrap();
            let order =
                |received: &Received| matches!(received, Received::Exit { from, .. } if *from == parent);
            context.receive_matching(None, order).await;
            ExitReason::Shutdown
        });
        let stranger = child(&context, Default::default(), move |context| async move {
            for _ in 0..100 {
                context.exit_process(victim, oops());
            }
            ExitReason::Normal
        });
        context.await_down(stranger).await;
        let monitor = context.monitor(victim.into()).unwrap();
        context.exit_process(victim, ExitReason::Shutdown);
        trace.note(down(&context, monitor).await);
    });
}

#[test]
fn what_others_do_takes_no_slots_of_ones_own() {
    check(&["a timer", "a monitor", "a call"], |context, trace| async move {
        let server = echo(&context);
        let parent = context.pid();
        let victim =
            child(&context, SpawnOptions { limits: small(), ..trapping() }, move |context| async move {
                let go = |received: &Received| text(received) == b"go";
                context.receive_matching(None, go).await;
                let timer = context.start_timer(Duration::ZERO, context.pid().into(), Bytes::new()).unwrap();
                assert!(context.receive_answer(timer, None).await.is_some());
                send(&context, parent, "a timer");
                let monitor = context.monitor("nobody".into()).unwrap();
                assert!(context.receive_answer(monitor, None).await.is_some());
                send(&context, parent, "a monitor");
                answer(&context, server).await.unwrap();
                send(&context, parent, "a call");
                ExitReason::Normal
            });
        let stranger = child(&context, Default::default(), move |context| async move {
            for _ in 0..20 {
                context.start_timer(Duration::ZERO, victim.into(), Bytes::new()).unwrap();
                context.exit_process(victim, oops());
            }
            settle(&context).await;
            ExitReason::Normal
        });
        context.await_down(stranger).await;
        send(&context, victim, "go");
        for _ in 0..3 {
            trace.note(next(&context).await);
        }
        context.exit_process(server, ExitReason::Kill);
    });
}

/// A message that stays at the front, and one behind it that is taken again and again.
#[test]
fn p50_holes_behind_a_message_that_stays_are_jumped_over() {
    check(&["few steps"], |context, trace| async move {
        const MESSAGES: u64 = 20_000;
        send(&context, context.pid(), "stays");
        for _ in 0..MESSAGES {
            send(&context, context.pid(), "goes");
        }
        let parent = context.pid();
        for _ in 0..MESSAGES / 2 {
            let goes = |received: &Received| text(received) == b"goes";
            context.receive_matching(None, goes).await.unwrap();
        }
        let steps = regrow_otp::testing::mailbox_steps(context.runtime(), parent);
        trace.note(if steps < 10 * MESSAGES { "few steps".to_owned() } else { format!("{steps} steps") });
    });
}

#[test]
fn p54_whoever_hibernates_wakes_for_whatever_is_in_the_mailbox_and_finds_it_there() {
    check(&["at once: early", "for a message: late", "for a DOWN"], |context, trace| async move {
        let parent = context.pid();
        send(&context, parent, "early");
        context.hibernate().await;
        trace.note(format!("at once: {}", next(&context).await));
        child(&context, Default::default(), move |context| async move {
            send(&context, parent, "late");
            ExitReason::Normal
        });
        context.hibernate().await;
        trace.note(format!("for a message: {}", next(&context).await));
        let ended = sleeper(&context, Default::default());
        context.monitor(ended.into()).unwrap();
        context.exit_process(ended, ExitReason::Kill);
        context.hibernate().await;
        let down = context.receive(None).await;
        trace.note(if matches!(down, Some(Received::Down { .. })) { "for a DOWN" } else { "for nothing" });
    });
}

#[test]
fn p54_whoever_hibernates_can_be_looked_at_and_killed() {
    check(&["process.hibernate", "killed"], |context, trace| async move {
        let sleeps = child(&context, Default::default(), |context| async move {
            context.hibernate().await;
            ExitReason::Normal
        });
        let runtime = context.runtime().clone();
        while runtime.process_info(sleeps).is_some_and(|info| info.waiting.is_none()) {
            context.yield_now().await;
        }
        trace.note(runtime.process_info(sleeps).unwrap().waiting.unwrap().function());
        context.monitor(sleeps.into()).unwrap();
        context.exit_process(sleeps, ExitReason::Kill);
        match context.receive(None).await {
            Some(Received::Down { reason, .. }) => trace.note(reason),
            other => trace.note(show(other)),
        }
    });
}
