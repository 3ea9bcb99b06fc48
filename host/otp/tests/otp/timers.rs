//! Timers (rules P56 to P62).

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{Context, Destination, ExitReason, Limits, Reference, SpawnOptions};

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
