//! Aliases (rules P44 to P47) and the options of monitors (rule P42).

use bytes::Bytes;
use regrow_otp::{
    AliasMode, Context, Destination, ExitReason, LimitKind, Limits, MessageKind, MonitorAlias,
    MonitorOptions, Pid, Received, Reference, ReplyTo, SpawnOptions,
};

use crate::support::*;

/// Sends three texts through an alias, from another process, and waits until they have been sent.
async fn thrice(context: &Context, alias: ReplyTo) {
    let sender = child(context, Default::default(), move |context| async move {
        for text in ["one", "two", "three"] {
            let payload = Bytes::from_static(text.as_bytes());
            context.send_to_alias(alias, MessageKind::Info, payload).await.unwrap();
        }
        ExitReason::Normal
    });
    context.await_down(sender).await;
}

async fn show_all(context: &Context, trace: &Trace) {
    loop {
        let shown = poll(context).await;
        trace.note(&shown);
        if shown == "timeout" {
            return;
        }
    }
}

#[test]
fn p44_an_alias_delivers_as_long_as_it_is_active_and_what_has_arrived_stays() {
    let expected = [
        "one",
        "two",
        "three",
        "timeout",
        "was active",
        "was not active",
        "timeout",
        "one",
        "two",
        "three",
        "timeout",
    ];
    check(&expected, |context, trace| async move {
        let alias = context.alias(AliasMode::Explicit).unwrap();
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        for _ in 0..2 {
            trace.note(if context.unalias(alias.reference) { "was active" } else { "was not active" });
        }
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        let again = context.alias(AliasMode::Explicit).unwrap();
        thrice(&context, again).await;
        context.unalias(again.reference);
        show_all(&context, &trace).await;
    });
}

#[test]
fn p45_a_reply_alias_delivers_once() {
    check(&["one", "timeout", "was not active"], |context, trace| async move {
        let alias = context.alias(AliasMode::Reply).unwrap();
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        trace.note(if context.unalias(alias.reference) { "was active" } else { "was not active" });
    });
}

#[test]
fn p44_an_alias_that_is_somebody_elses_or_invented_reaches_nobody() {
    check(&["timeout"], |context, trace| async move {
        let other = sleeper(&context, Default::default());
        let alias = context.alias(AliasMode::Explicit).unwrap();
        thrice(&context, ReplyTo { pid: other, ..alias }).await;
        thrice(&context, ReplyTo { reference: context.new_reference(), ..alias }).await;
        thrice(&context, ReplyTo { pid: Pid { nonce: 1, ..alias.pid }, ..alias }).await;
        show_all(&context, &trace).await;
        context.exit_process(other, ExitReason::Kill);
    });
}

fn aliased(context: &Context, pid: Pid, mode: MonitorAlias) -> (Reference, ReplyTo) {
    let options = MonitorOptions { alias: Some(mode), ..Default::default() };
    let reference = context.monitor_with(pid.into(), options).unwrap();
    (reference, ReplyTo { pid: context.pid(), reference })
}

#[test]
fn p46_an_explicit_alias_of_a_monitor_outlives_the_monitor() {
    let expected =
        ["DOWN killed", "one", "two", "three", "timeout", "was active", "one", "two", "three", "timeout"];
    check(&expected, |context, trace| async move {
        let other = sleeper(&context, Default::default());
        let (monitor, alias) = aliased(&context, other, MonitorAlias::ExplicitUnalias);
        context.exit_process(other, ExitReason::Kill);
        trace.note(down(&context, monitor).await);
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        trace.note(if context.unalias(monitor) { "was active" } else { "was not active" });
        // By demonitor, too.
        let other = sleeper(&context, Default::default());
        let (monitor, alias) = aliased(&context, other, MonitorAlias::ExplicitUnalias);
        context.demonitor(monitor, false);
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        context.exit_process(other, ExitReason::Kill);
    });
}

#[test]
fn p46_a_demonitor_alias_ends_with_its_monitor() {
    let expected = ["one", "two", "three", "timeout", "DOWN killed", "timeout", "timeout"];
    check(&expected, |context, trace| async move {
        let other = sleeper(&context, Default::default());
        let (monitor, alias) = aliased(&context, other, MonitorAlias::Demonitor);
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        context.exit_process(other, ExitReason::Kill);
        trace.note(down(&context, monitor).await);
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        let other = sleeper(&context, Default::default());
        let (monitor, alias) = aliased(&context, other, MonitorAlias::Demonitor);
        context.demonitor(monitor, false);
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        context.exit_process(other, ExitReason::Kill);
    });
}

#[test]
fn p46_a_reply_demonitor_alias_ends_with_its_first_message_and_takes_the_monitor_along() {
    let expected = ["one", "timeout", "0 monitors", "monitored by 0", "timeout"];
    check(&expected, |context, trace| async move {
        let other = sleeper(&context, Default::default());
        let (_, alias) = aliased(&context, other, MonitorAlias::ReplyDemonitor);
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        let info = context.runtime().process_info(context.pid()).unwrap();
        trace.note(format!("{} monitors", info.monitors.len()));
        let info = context.runtime().process_info(other).unwrap();
        trace.note(format!("monitored by {}", info.monitored_by.len()));
        context.exit_process(other, ExitReason::Kill);
        context.await_down(other).await;
        trace.note(poll(&context).await);
    });
}

#[test]
fn p47_unalias_leaves_the_monitor() {
    check(&["was active", "timeout", "DOWN killed"], |context, trace| async move {
        let other = sleeper(&context, Default::default());
        let (monitor, alias) = aliased(&context, other, MonitorAlias::Demonitor);
        trace.note(if context.unalias(monitor) { "was active" } else { "was not active" });
        thrice(&context, alias).await;
        show_all(&context, &trace).await;
        context.exit_process(other, ExitReason::Kill);
        trace.note(down(&context, monitor).await);
    });
}

#[test]
fn p42_a_tag_comes_with_its_down_and_with_no_other() {
    check(&["killed Some(b\"tag\")", "killed None", "noproc Some(b\"tag\")"], |context, trace| async move {
        let other = sleeper(&context, Default::default());
        let options = MonitorOptions { tag: Some(Bytes::from_static(b"tag")), alias: None };
        let monitors = [
            context.monitor_with(other.into(), options.clone()).unwrap(),
            context.monitor(other.into()).unwrap(),
        ];
        context.exit_process(other, ExitReason::Kill);
        let nobody = context.monitor_with(Destination::from("nobody"), options).unwrap();
        for monitor in monitors.into_iter().chain([nobody]) {
            let Some(Received::Down { reason, tag, .. }) = context.receive_answer(monitor, None).await else {
                panic!("the monitor fires");
            };
            trace.note(format!("{reason} {tag:?}"));
        }
    });
}

#[test]
fn aliases_take_slots_of_monitors() {
    check(&["refused", "room again"], |context, trace| async move {
        let limits = Limits { monitors: 2, ..Limits::default() };
        let parent = context.pid();
        child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
            let first = context.alias(AliasMode::Explicit).unwrap();
            context.alias(AliasMode::Reply).unwrap();
            let refused = context.alias(AliasMode::Explicit).unwrap_err();
            assert_eq!((refused.limit, refused.allowed), (LimitKind::Monitors, 2));
            send(&context, parent, "refused");
            context.unalias(first.reference);
            context.monitor(parent.into()).unwrap();
            send(&context, parent, "room again");
            ExitReason::Normal
        });
        trace.note(next(&context).await);
        trace.note(next(&context).await);
    });
}

#[test]
fn messages_to_a_dead_alias_take_no_room() {
    check(&["1", "2", "timeout"], |context, trace| async move {
        let limits = Limits { mailbox_messages: 2, ..Limits::default() };
        let parent = context.pid();
        let (receiver, alias) = {
            let alias = std::sync::Arc::new(std::sync::Mutex::new(None));
            let made = alias.clone();
            let options = SpawnOptions { limits, ..Default::default() };
            let receiver = child(&context, options, move |context| async move {
                let own = context.alias(AliasMode::Explicit).unwrap();
                context.unalias(own.reference);
                *made.lock().unwrap() = Some(own);
                settle(&context).await;
                loop {
                    let shown = show(context.receive(None).await);
                    send(&context, parent, &shown);
                }
            });
            settle(&context).await;
            let alias = alias.lock().unwrap().unwrap();
            (receiver, alias)
        };
        for _ in 0..100 {
            context.send_to_alias(alias, MessageKind::Info, Bytes::from_static(b"lost")).await.ok();
            settle(&context).await;
        }
        send(&context, receiver, "1");
        send(&context, receiver, "2");
        trace.note(next(&context).await);
        trace.note(next(&context).await);
        trace.note(poll(&context).await);
        context.exit_process(receiver, ExitReason::Kill);
    });
}

#[test]
fn the_tags_of_all_monitors_must_fit_into_the_mailbox() {
    check(&["2 fit", "room again"], |context, trace| async move {
        let parent = context.pid();
        let limits = Limits { mailbox_bytes: 1000, ..Limits::default() };
        child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
            let monitor = || {
                let options = MonitorOptions { tag: Some(Bytes::from(vec![0; 400])), alias: None };
                context.monitor_with(parent.into(), options)
            };
            let monitors: Vec<_> = (0..9).filter_map(|_| monitor().ok()).collect();
            send(&context, parent, &format!("{} fit", monitors.len()));
            context.demonitor(monitors[0], false);
            send(&context, parent, if monitor().is_ok() { "room again" } else { "no room" });
            ExitReason::Normal
        });
        trace.note(next(&context).await);
        trace.note(next(&context).await);
    });
}
