//! Timers (rules P56 to P62).

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::running_timers;
use regrow_otp::{
    Context, Destination, ExitReason, Instant, Limits, Received, Reference, SpawnOptions, SystemKind,
    TimerError,
};

use crate::support::*;

fn start(context: &Context, ms: u64, to: impl Into<Destination>, text: &str) -> Reference {
    context.start_timer(Duration::from_millis(ms), to.into(), Bytes::from(text.to_owned())).unwrap()
}

#[test]
fn p56_p62_timers_deliver_in_the_order_of_their_times() {
    check(&["timer now", "timer 10", "timer 20", "20 ms"], |context, trace| async move {
        start(&context, 20, context.pid(), "20");
        start(&context, 10, context.pid(), "10");
        start(&context, 0, context.pid(), "now");
        for _ in 0..3 {
            trace.note(next(&context).await);
        }
        trace.note(format!("{} ms", context.runtime().now().since_start().as_millis()));
    });
}

#[test]
fn p57_p58_cancel_and_read_tell_what_was_left() {
    check(&["read 100", "cancel 70", "cancel none", "timeout"], |context, trace| async move {
        let timer = start(&context, 100, context.pid(), "never");
        trace.note(format!("read {}", context.read_timer(timer).unwrap().as_millis()));
        context.receive(Some(Duration::from_millis(30))).await;
        trace.note(format!("cancel {}", context.cancel_timer(timer).unwrap().as_millis()));
        trace.note(match context.cancel_timer(timer) {
            Some(_) => "cancel some",
            None => "cancel none",
        });
        trace.note(show(context.receive(Some(Duration::from_secs(1))).await));
    });
}

#[test]
fn p59_a_timer_to_a_process_that_ends_is_removed() {
    check(&["none"], |context, trace| async move {
        let pid = sleeper(&context, Default::default());
        let timer = start(&context, 1000, pid, "x");
        context.exit_process(pid, ExitReason::Kill);
        context.await_down(pid).await;
        trace.note(if context.read_timer(timer).is_some() { "some" } else { "none" });
    });
}

#[test]
fn p60_a_name_is_looked_up_when_the_timer_runs_out() {
    check(&["timer x"], |context, trace| async move {
        start(&context, 10, "later", "x");
        start(&context, 20, "nobody", "y");
        context.register("later", context.pid()).unwrap();
        trace.note(next(&context).await);
        assert_eq!(show(context.receive(Some(Duration::from_millis(100))).await), "timeout");
    });
}

#[test]
fn p61_a_timer_outlives_its_creator() {
    check(&["timer x"], |context, trace| async move {
        let parent = context.pid();
        let creator = child(&context, Default::default(), move |context| async move {
            start(&context, 10, parent, "x");
            ExitReason::Normal
        });
        context.await_down(creator).await;
        trace.note(next(&context).await);
    });
}

#[test]
fn timers_are_limited_and_a_timer_that_is_gone_makes_room() {
    check(&["refused", "room", "room"], |context, trace| async move {
        let limits = Limits { timers: 1, ..Limits::default() };
        let parent = context.pid();
        child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
            let say = |room: bool| send(&context, parent, if room { "room" } else { "refused" });
            let own = Destination::Pid(context.pid());
            let try_start = |ms| context.start_timer(Duration::from_millis(ms), own.clone(), Bytes::new());
            let timer = try_start(1000).unwrap();
            say(try_start(10).is_ok());
            context.cancel_timer(timer);
            say(try_start(10).is_ok());
            context.receive(None).await;
            say(try_start(10).is_ok());
            ExitReason::Normal
        });
        for _ in 0..3 {
            trace.note(next(&context).await);
        }
    });
}

#[test]
fn p56_send_after_sends_a_plain_message_from_its_creator() {
    check(
        &["message hello from itself", "at 10 ms", "message hello from the other"],
        |context, trace| async move {
            let own = context.pid();
            context.send_after(Duration::from_millis(10), own.into(), Bytes::from_static(b"hello")).unwrap();
            let Some(Received::Message(message)) = context.receive(None).await else { panic!("a message") };
            let whose = if message.from == own { "itself" } else { "?" };
            trace.note(format!("message {} from {whose}", String::from_utf8_lossy(&message.payload)));
            trace.note(format!("at {} ms", context.runtime().now().since_start().as_millis()));
            // P61: the creator's end does not stop it.
            let other = child(&context, Default::default(), move |context| async move {
                context
                    .send_after(Duration::from_millis(10), own.into(), Bytes::from_static(b"hello"))
                    .unwrap();
                ExitReason::Normal
            });
            let Some(Received::Message(message)) = context.receive(None).await else { panic!("a message") };
            let whose = if message.from == other { "the other" } else { "?" };
            trace.note(format!("message {} from {whose}", String::from_utf8_lossy(&message.payload)));
        },
    );
}

#[test]
fn p57_a_cancelled_send_after_never_arrives_and_gives_its_room_back() {
    check(&["2 fit", "room again", "timeout"], |context, trace| async move {
        let parent = context.pid();
        let limits = Limits { mailbox_messages: 2, ..Limits::default() };
        child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
            let own = context.pid();
            let start = || context.send_after(Duration::from_secs(1), own.into(), Bytes::new());
            let timers: Vec<_> = (0..5).filter_map(|_| start().ok()).collect();
            send(&context, parent, &format!("{} fit", timers.len()));
            assert!(matches!(start(), Err(TimerError::Full(_))), "the mailbox has no room for a third");
            for timer in timers {
                assert_eq!(context.cancel_timer(timer), Some(Duration::from_secs(1)));
            }
            send(&context, own, "1");
            send(&context, own, "2");
            send(&context, parent, "room again");
            context.receive(None).await;
            context.receive(None).await;
            send(&context, parent, &show(context.receive(Some(Duration::from_secs(5))).await));
            ExitReason::Normal
        });
        for _ in 0..3 {
            trace.note(next(&context).await);
        }
    });
}

#[test]
fn a_send_after_of_another_that_finds_no_room_is_lost() {
    check(&["x", "timeout"], |context, trace| async move {
        let parent = context.pid();
        let limits = Limits { mailbox_messages: 1, ..Limits::default() };
        let receiver =
            child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
                settle(&context).await;
                context.receive(Some(Duration::from_secs(1))).await;
                loop {
                    let shown = show(context.receive(Some(Duration::from_secs(9))).await);
                    send(&context, parent, &shown);
                    if shown == "timeout" {
                        return ExitReason::Normal;
                    }
                }
            });
        send(&context, receiver, "taken first");
        settle(&context).await;
        for _ in 0..3 {
            let payload = Bytes::from_static(b"x");
            context.send_after(Duration::from_millis(1), receiver.into(), payload).unwrap();
        }
        trace.note(next(&context).await);
        trace.note(next(&context).await);
    });
}

#[test]
fn p63_absolute_time_and_results_as_messages() {
    let expected =
        ["timer now", "timer at 50", "50 ms", "read 10s", "cancelled 10s", "cancelled none", "timeout"];
    check(&expected, |context, trace| async move {
        let own = Destination::from(context.pid());
        let at = |ms| Instant::from_start(Duration::from_millis(ms));
        context.start_timer_at(at(50), own.clone(), Bytes::from_static(b"at 50")).unwrap();
        context.start_timer_at(at(0), own.clone(), Bytes::from_static(b"now")).unwrap();
        trace.note(next(&context).await);
        trace.note(next(&context).await);
        trace.note(format!("{} ms", context.runtime().now().since_start().as_millis()));
        let timer = context.start_timer(Duration::from_secs(10), own, Bytes::new()).unwrap();
        context.read_timer_async(timer);
        context.cancel_timer_async(timer);
        context.cancel_timer_async(timer);
        for _ in 0..3 {
            let Some(Received::System(system)) = context.receive(None).await else { panic!("an answer") };
            assert_eq!((system.reference, system.from), (timer, context.pid()));
            let left = |left: Option<Duration>| left.map_or("none".into(), |left| format!("{left:?}"));
            trace.note(match system.kind {
                SystemKind::ReadTimer(time) => format!("read {}", left(time)),
                SystemKind::CancelTimer(time) => format!("cancelled {}", left(time)),
                other => other.name().to_owned(),
            });
        }
        trace.note(show(context.receive(Some(Duration::from_secs(60))).await));
    });
}

/// Otherwise a guest could leave any number of timers behind, by children that end.
#[test]
fn p61_timers_that_outlive_their_creators_are_limited_by_component() {
    check(
        &["16 of 4 MiB left of 20", "1 of another component", "none when they have run out"],
        |context, trace| async move {
            let payload = Bytes::from(vec![0; 4 << 20]);
            let running = |context: &Context| running_timers(context.runtime());
            let leave = |component: &'static str| {
                let options = SpawnOptions { component: Some(component.into()), ..Default::default() };
                let payload = payload.clone();
                child(&context, options, move |context| async move {
                    let to = Destination::from("nobody");
                    context.start_timer(Duration::from_secs(60), to, payload).unwrap();
                    ExitReason::Normal
                })
            };
            for _ in 0..20 {
                let creator = leave("one");
                context.await_down(creator).await;
            }
            let left = running(&context);
            trace.note(format!("{left} of 4 MiB left of 20"));
            let creator = leave("other");
            context.await_down(creator).await;
            trace.note(format!("{} of another component", running(&context) - left));
            context.receive(Some(Duration::from_secs(120))).await;
            trace.note(if running(&context) == 0 { "none when they have run out" } else { "some" });
        },
    );
}
