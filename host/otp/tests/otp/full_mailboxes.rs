//! What a full mailbox does to senders: the receiver's choice.

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::EventLog;
use regrow_otp::{
    CallError, Context, Event, ExitReason, Flag, Limits, MessageKind, Pid, Received, SendError, Simulator,
    SpawnOptions, Status, Waiting, WhenFull,
};

use crate::support::*;

/// A process whose mailbox has room for two messages. It forwards what it receives to `to`, one message for every EXIT
/// that it gets.
fn narrow(context: &Context, when_full: WhenFull, to: Pid) -> Pid {
    let limits = Limits { mailbox_messages: 2, when_full, ..Limits::default() };
    child(context, SpawnOptions { limits, ..trapping() }, move |context| async move {
        loop {
            context.receive_matching(None, |received| matches!(received, Received::Exit { .. })).await;
            let message =
                context.receive_matching(None, |received| matches!(received, Received::Message(_))).await;
            send(&context, to, &show(message));
        }
    })
}

fn next_one(context: &Context, receiver: Pid) {
    context.exit_process(receiver, ExitReason::error("next"));
}

async fn write(context: &Context, to: Pid, text: &'static str) -> Result<(), SendError> {
    context.send(&to.into(), MessageKind::Info, Bytes::from_static(text.as_bytes())).await
}

/// Sends texts one after the other, and says when it has.
fn writer(context: &Context, to: Pid, texts: &'static [&'static str]) -> Pid {
    child(context, Default::default(), move |context| async move {
        for text in texts {
            write(&context, to, text).await.unwrap();
        }
        ExitReason::Normal
    })
}

fn waits_for_room_at(context: &Context, sender: Pid) -> Option<Pid> {
    match context.runtime().process_info(sender)?.waiting {
        Some(Waiting::Room { at, .. }) => Some(at),
        _ => None,
    }
}

#[test]
fn a_mailbox_that_drops_the_newest_keeps_the_oldest_and_tells_nobody() {
    check(&["1", "2", "timeout", "3 dropped"], |context, trace| async move {
        let receiver = narrow(&context, WhenFull::DropNewest, context.pid());
        for text in ["1", "2", "3", "4", "5"] {
            write(&context, receiver, text).await.unwrap();
        }
        next_one(&context, receiver);
        trace.note(next(&context).await);
        next_one(&context, receiver);
        trace.note(next(&context).await);
        next_one(&context, receiver);
        settle(&context).await;
        trace.note(poll(&context).await);
        let info = context.runtime().process_info(receiver).unwrap();
        trace.note(format!("{} dropped", info.mailbox.dropped));
        context.exit_process(receiver, ExitReason::Kill);
    });
}

#[test]
fn a_sender_waits_for_room_is_seen_waiting_and_keeps_its_order() {
    let expected = ["waits", "1", "waits", "2", "3", "4", "0 rejected, 2 suspended"];
    check(&expected, |context, trace| async move {
        let receiver = narrow(&context, WhenFull::SuspendSender, context.pid());
        let sender = writer(&context, receiver, &["1", "2", "3", "4"]);
        settle(&context).await;
        for _ in 0..2 {
            let waits = waits_for_room_at(&context, sender) == Some(receiver);
            let status = context.runtime().process_info(sender).unwrap().status;
            trace.note(if waits && status == Status::Waiting { "waits" } else { "does not wait" });
            next_one(&context, receiver);
            trace.note(next(&context).await);
            settle(&context).await;
        }
        context.await_down(sender).await;
        for _ in 0..2 {
            next_one(&context, receiver);
            trace.note(next(&context).await);
        }
        let counters = context.runtime().process_info(receiver).unwrap().mailbox;
        trace.note(format!("{} rejected, {} suspended", counters.rejected, counters.suspended));
        context.exit_process(receiver, ExitReason::Kill);
    });
}

#[test]
fn senders_get_room_in_the_order_in_which_they_asked_and_nobody_overtakes_them() {
    let expected = ["a", "b", "first", "second", "third"];
    check(&expected, |context, trace| async move {
        let receiver = narrow(&context, WhenFull::SuspendSender, context.pid());
        write(&context, receiver, "a").await.unwrap();
        write(&context, receiver, "b").await.unwrap();
        for texts in [&["first"], &["second"], &["third"]] {
            writer(&context, receiver, texts);
            settle(&context).await;
        }
        for _ in 0..5 {
            next_one(&context, receiver);
            trace.note(next(&context).await);
        }
        context.exit_process(receiver, ExitReason::Kill);
    });
}

#[test]
fn a_sender_that_does_not_want_to_wait_is_told() {
    check(&["full", "ok"], |context, trace| async move {
        let receiver = narrow(&context, WhenFull::SuspendSender, context.pid());
        writer(&context, receiver, &["1", "2"]);
        settle(&context).await;
        let send =
            |text| context.send_nosuspend(&receiver.into(), MessageKind::Info, Bytes::from_static(text));
        trace.note(if matches!(send(b"3"), Err(SendError::Full(_))) { "full" } else { "sent" });
        next_one(&context, receiver);
        next(&context).await;
        trace.note(if send(b"3").is_ok() { "ok" } else { "full" });
        context.exit_process(receiver, ExitReason::Kill);
    });
}

#[test]
fn a_sender_that_is_killed_while_it_waits_gives_up_its_place() {
    check(&["DOWN killed", "1", "2", "next in line", "timeout"], |context, trace| async move {
        let receiver = narrow(&context, WhenFull::SuspendSender, context.pid());
        let victim = writer(&context, receiver, &["1", "2", "never"]);
        settle(&context).await;
        let behind = writer(&context, receiver, &["next in line"]);
        settle(&context).await;
        let monitor = context.monitor(victim.into()).unwrap();
        context.exit_process(victim, ExitReason::Kill);
        trace.note(down(&context, monitor).await);
        for _ in 0..3 {
            next_one(&context, receiver);
            trace.note(next(&context).await);
        }
        context.await_down(behind).await;
        next_one(&context, receiver);
        settle(&context).await;
        trace.note(poll(&context).await);
        context.exit_process(receiver, ExitReason::Kill);
    });
}

#[test]
fn the_end_of_the_receiver_lets_its_senders_go_on() {
    check(&["normal", "normal"], |context, trace| async move {
        let receiver = narrow(&context, WhenFull::SuspendSender, context.pid());
        let senders = [writer(&context, receiver, &["1", "2", "3"]), writer(&context, receiver, &["4", "5"])];
        settle(&context).await;
        context.exit_process(receiver, ExitReason::Kill);
        for sender in senders {
            let monitor = context.monitor(sender.into()).unwrap();
            let reason = down(&context, monitor).await;
            // Those that had ended before are `noproc`.
            trace.note(reason.replace("DOWN ", "").replace("noproc", "normal"));
        }
    });
}

#[test]
fn signals_pass_a_full_mailbox_whose_senders_wait() {
    check(&["DOWN error(\"oops\")"], |context, trace| async move {
        let limits = Limits { mailbox_messages: 1, when_full: WhenFull::SuspendSender, ..Limits::default() };
        let receiver = sleeper_that_hoards(&context, SpawnOptions { limits, ..Default::default() });
        let sender = writer(&context, receiver, &["1", "2"]);
        settle(&context).await;
        let monitor = context.monitor(receiver.into()).unwrap();
        context.exit_process(receiver, oops());
        trace.note(down(&context, monitor).await);
        context.await_down(sender).await;
    });
}

fn sleeper_that_hoards(context: &Context, options: SpawnOptions) -> Pid {
    child(context, options, |context| async move {
        context.receive_matching(None, |_| false).await;
        ExitReason::Normal
    })
}

#[test]
fn a_call_waits_for_room_no_longer_than_its_timeout() {
    check(&["timeout at 50 ms", "1 message left"], |context, trace| async move {
        let limits = Limits { mailbox_messages: 1, when_full: WhenFull::SuspendSender, ..Limits::default() };
        let server = sleeper_that_hoards(&context, SpawnOptions { limits, ..Default::default() });
        write(&context, server, "in the way").await.unwrap();
        let timeout = Some(Duration::from_millis(50));
        let error = context.call(&server.into(), Bytes::new(), timeout).await.unwrap_err();
        trace.note(format!("{error} at {} ms", context.runtime().now().since_start().as_millis()));
        assert_eq!(error, CallError::Timeout);
        let info = context.runtime().process_info(server).unwrap();
        trace.note(format!("{} message left", info.message_queue_len));
        assert_eq!(info.monitored_by, vec![], "nothing of the call is left");
        context.exit_process(server, ExitReason::Kill);
    });
}

#[test]
fn a_process_never_waits_for_room_in_its_own_mailbox_and_nobody_for_what_can_not_fit() {
    check(&["full", "full"], |context, trace| async move {
        context.set_flag(Flag::WhenFull(WhenFull::SuspendSender)).unwrap();
        context.set_flag(Flag::MailboxMessages(0)).unwrap();
        let own = write(&context, context.pid(), "to myself").await;
        trace.note(if matches!(own, Err(SendError::Full(_))) { "full" } else { "sent" });
        let limits = Limits { mailbox_bytes: 10, when_full: WhenFull::SuspendSender, ..Limits::default() };
        let receiver = sleeper_that_hoards(&context, SpawnOptions { limits, ..Default::default() });
        let sent = write(&context, receiver, "eleven bytes").await;
        trace.note(if matches!(sent, Err(SendError::Full(_))) { "full" } else { "sent" });
        context.exit_process(receiver, ExitReason::Kill);
    });
}

#[test]
fn p64_the_policy_and_the_bounds_are_flags_and_can_only_be_tightened() {
    let expected = [
        "Ok(WhenFull(Reject))",
        "Ok(WhenFull(DropNewest))",
        "Ok(MailboxMessages(100000))",
        "Ok(MailboxMessages(5))",
        "mailbox_messages is limited to 100000, 100001 were needed",
        "mailbox_bytes is limited to 67108864, 18446744073709551615 were needed",
        "Ok(TrapExit(false))",
        "Ok(TrapExit(true))",
    ];
    check(&expected, |context, trace| async move {
        let set = |flag| match context.set_flag(flag) {
            Ok(previous) => trace.note(format!("Ok({previous:?})")),
            Err(error) => trace.note(error),
        };
        set(Flag::WhenFull(WhenFull::DropNewest));
        set(Flag::WhenFull(WhenFull::Reject));
        set(Flag::MailboxMessages(5));
        set(Flag::MailboxMessages(100_000));
        set(Flag::MailboxMessages(100_001));
        set(Flag::MailboxBytes(u64::MAX));
        set(Flag::TrapExit(true));
        set(Flag::TrapExit(true));
    });
}

#[test]
fn senders_that_wait_are_told_when_the_policy_changes() {
    check(&["full"], |context, trace| async move {
        let parent = context.pid();
        let limits = Limits { mailbox_messages: 1, when_full: WhenFull::SuspendSender, ..Limits::default() };
        let receiver = child(&context, SpawnOptions { limits, ..trapping() }, move |context| async move {
            context.receive_matching(None, |received| matches!(received, Received::Exit { .. })).await;
            context.set_flag(Flag::WhenFull(WhenFull::Reject)).unwrap();
            context.receive_matching(None, |_| false).await;
            ExitReason::Normal
        });
        write(&context, receiver, "1").await.unwrap();
        child(&context, Default::default(), move |context| async move {
            let sent = write(&context, receiver, "2").await;
            send(&context, parent, if matches!(sent, Err(SendError::Full(_))) { "full" } else { "sent" });
            ExitReason::Normal
        });
        settle(&context).await;
        next_one(&context, receiver);
        trace.note(next(&context).await);
        context.exit_process(receiver, ExitReason::Kill);
    });
}

/// Many senders and a slow receiver: everything arrives, in each sender's order, and the mailbox never holds more than
/// it may.
#[test]
fn back_pressure_loses_nothing() {
    for seed in 0..SEEDS {
        let log = EventLog::default();
        let mut simulator = Simulator::new(seed, Box::new(log.clone()));
        let body = |context: Context| async move {
            context.set_flag(Flag::WhenFull(WhenFull::SuspendSender)).unwrap();
            context.set_flag(Flag::MailboxMessages(3)).unwrap();
            let parent = context.pid();
            let mut next = [0u32; 10];
            for sender in 0..next.len() {
                child(&context, Default::default(), move |context| async move {
                    for number in 0..50u32 {
                        let payload = [(sender as u32).to_le_bytes(), number.to_le_bytes()].concat();
                        let sent =
                            context.send(&parent.into(), MessageKind::Info, Bytes::from(payload)).await;
                        sent.unwrap();
                    }
                    ExitReason::Normal
                });
            }
            for _ in 0..500 {
                let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
                let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
                let expected = &mut next[number(&message.payload[..4]) as usize];
                assert_eq!(number(&message.payload[4..]), *expected);
                *expected += 1;
                let waiting = context.runtime().process_info(parent).unwrap().message_queue_len;
                assert!(waiting <= 3, "{waiting} messages wait");
            }
            ExitReason::Normal
        };
        simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
        simulator.run();
        assert_eq!(simulator.runtime().process_count(), 0);
        let wrong = log
            .events()
            .into_iter()
            .find(|event| matches!(event, Event::Exited(exited) if exited.reason != ExitReason::Normal));
        assert!(wrong.is_none(), "with seed {seed}: {wrong:?}");
    }
}

#[test]
fn other_limits_hold_from_now_on_and_what_the_process_tightened_itself_stays_tight() {
    check(&["2 fit", "4 fit", "3 fit"], |context, trace| async move {
        let count = |receiver: Pid| {
            let sent = (0..10).take_while(|_| {
                context.send_nosuspend(&receiver.into(), MessageKind::Info, Bytes::new()).is_ok()
            });
            sent.count()
        };
        let limits = |messages| Limits { mailbox_messages: messages, ..Limits::default() };
        let spawn = || sleeper_with(&context, limits(2));
        trace.note(format!("{} fit", count(spawn())));
        let wider = spawn();
        context.runtime().change_limits(wider, &limits(4));
        trace.note(format!("{} fit", count(wider)));
        let own =
            child(&context, SpawnOptions { limits: limits(5), ..Default::default() }, |context| async move {
                context.set_flag(Flag::MailboxMessages(3)).unwrap();
                std::future::pending().await
            });
        settle(&context).await;
        context.runtime().change_limits(own, &limits(6));
        trace.note(format!("{} fit", count(own)));
        for pid in context.runtime().processes().into_iter().filter(|pid| *pid != context.pid()) {
            context.exit_process(pid, ExitReason::Kill);
        }
    });
}

/// A process with these limits that never receives.
fn sleeper_with(context: &Context, limits: Limits) -> Pid {
    child(context, SpawnOptions { limits, ..Default::default() }, |_| std::future::pending())
}
