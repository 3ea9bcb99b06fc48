//! Monitors (rules P2, P30 to P41) and what a death releases first (P8).

use bytes::Bytes;
use regrow_otp::{Destination, ExitReason, MonitorAlias, MonitorOptions, ReplyTo, SpawnOptions};

use crate::support::*;

#[test]
fn p30_n_monitors_give_n_downs() {
    check(&["DOWN error(\"oops\")", "DOWN error(\"oops\")", "timeout"], |context, trace| async move {
        let pid = child(&context, Default::default(), |context| async move {
            context.receive(None).await;
            oops()
        });
        context.monitor(pid.into()).unwrap();
        context.monitor(pid.into()).unwrap();
        send(&context, pid, "go");
        context.await_down(pid).await;
        for _ in 0..3 {
            trace.note(poll(&context).await);
        }
    });
}

#[test]
fn p31_p33_a_monitor_by_name_names_it_and_stays_with_the_process() {
    check(&["DOWN first error(\"oops\")"], |context, trace| async move {
        let pid = child(
            &context,
            SpawnOptions { name: Some("first".into()), ..Default::default() },
            |context| async move {
                context.receive(None).await;
                oops()
            },
        );
        let monitor = context.monitor("first".into()).unwrap();
        context.unregister("first");
        let second = sleeper(&context, SpawnOptions { name: Some("first".into()), ..Default::default() });
        send(&context, pid, "go");
        trace.note(down(&context, monitor).await);
        context.exit_process(second, ExitReason::Kill);
    });
}

#[test]
fn p32_monitoring_the_dead_is_reported_down_at_once() {
    check(&["DOWN noproc", "DOWN nobody noproc"], |context, trace| async move {
        let dead = child(&context, Default::default(), |_| async { ExitReason::Normal });
        context.await_down(dead).await;
        let by_pid = context.monitor(dead.into()).unwrap();
        let by_name = context.monitor("nobody".into()).unwrap();
        trace.note(down(&context, by_pid).await);
        trace.note(down(&context, by_name).await);
    });
}

#[test]
fn p8_p34_a_name_is_free_before_anybody_hears_of_the_death() {
    check(&["free"], |context, trace| async move {
        for _ in 0..10 {
            let options = SpawnOptions { name: Some("it".into()), monitor: true, ..Default::default() };
            let (_, monitor) = context.spawn(options, |_| async { oops() }).unwrap();
            down(&context, monitor.unwrap()).await;
            assert_eq!(context.runtime().whereis("it"), None);
        }
        trace.note("free");
    });
}

#[test]
fn p35_after_demonitor_no_down_comes_and_flush_removes_one_that_came() {
    check(&["active", "timeout", "gone", "timeout"], |context, trace| async move {
        let pid = sleeper(&context, Default::default());
        let active = context.monitor(pid.into()).unwrap();
        trace.note(if context.demonitor(active, false) { "active" } else { "gone" });
        let fired = context.monitor(pid.into()).unwrap();
        context.exit_process(pid, oops());
        settle(&context).await;
        // The DOWN is in the mailbox now; look for anything else without taking it.
        let other = context
            .receive_matching(Some(std::time::Duration::ZERO), |received| received.answers() == Some(active))
            .await;
        trace.note(show(other));
        trace.note(if context.demonitor(fired, true) { "active" } else { "gone" });
        trace.note(poll(&context).await);
    });
}

#[test]
fn p39_monitoring_oneself_never_fires() {
    check(&["timeout"], |context, trace| async move {
        context.monitor(context.pid().into()).unwrap();
        trace.note(poll(&context).await);
    });
}

#[test]
fn p40_the_end_of_the_watcher_removes_its_monitors() {
    check(&["1", "0"], |context, trace| async move {
        let target = sleeper(&context, Default::default());
        let watcher = child(&context, Default::default(), move |context| async move {
            context.monitor(target.into()).unwrap();
            context.receive(None).await;
            ExitReason::Normal
        });
        settle(&context).await;
        let watchers = |context: &regrow_otp::Context| {
            context.runtime().process_info(target).unwrap().monitored_by.len()
        };
        trace.note(watchers(&context));
        send(&context, watcher, "end");
        settle(&context).await;
        trace.note(watchers(&context));
        context.exit_process(target, ExitReason::Kill);
    });
}

#[test]
fn p41_p48_messages_come_before_the_down_of_their_sender_however_addressed() {
    check(&["1", "2", "3", "DOWN normal"], |context, trace| async move {
        context.register("me", context.pid()).unwrap();
        let parent = context.pid();
        let options = SpawnOptions { monitor: true, ..Default::default() };
        let (_, monitor) = context
            .spawn(options, move |context| async move {
                send(&context, parent, "1");
                send(&context, Destination::Name("me".into()), "2");
                send(&context, parent, "3");
                ExitReason::Normal
            })
            .unwrap();
        assert!(monitor.is_some());
        for _ in 0..4 {
            trace.note(next(&context).await);
        }
    });
}

#[test]
fn p35_flush_finds_a_down_behind_a_reply_through_the_same_alias() {
    check(&["reply early", "timeout"], |context, trace| async move {
        let (tell, told) = std::sync::mpsc::channel();
        let other = child(&context, Default::default(), move |context| async move {
            context.receive(None).await;
            context.reply(told.recv().unwrap(), Bytes::from_static(b"early")).unwrap();
            ExitReason::Normal
        });
        let options = MonitorOptions { alias: Some(MonitorAlias::Demonitor), tag: None };
        let monitor = context.monitor_with(other.into(), options).unwrap();
        tell.send(ReplyTo { pid: context.pid(), reference: monitor }).unwrap();
        send(&context, other, "go");
        settle(&context).await;
        context.demonitor(monitor, true);
        trace.note(poll(&context).await);
        trace.note(poll(&context).await);
    });
}

#[test]
fn p38_only_the_watcher_can_remove_its_monitor() {
    check(&["not its monitor", "DOWN killed"], |context, trace| async move {
        let target = sleeper(&context, Default::default());
        let monitor = context.monitor(target.into()).unwrap();
        let parent = context.pid();
        child(&context, Default::default(), move |context| async move {
            let removed = context.demonitor(monitor, true);
            send(&context, parent, if removed { "removed" } else { "not its monitor" });
            ExitReason::Normal
        });
        trace.note(next(&context).await);
        context.exit_process(target, ExitReason::Kill);
        trace.note(down(&context, monitor).await);
    });
}
