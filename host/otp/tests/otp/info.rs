//! `process_info` (rules P65 to P69, P72).

use std::sync::Arc;

use regrow_otp::{ExitReason, InfoItem, SpawnOptions};
use regrow_term::Term;

use crate::support::*;

#[test]
fn p65_the_dead_have_no_info_and_a_list_is_answered_in_its_order() {
    check(&["None", "[false, 0, false]", "unknown item"], |context, trace| async move {
        let dead = child(&context, Default::default(), |_| async { ExitReason::Normal });
        context.await_down(dead).await;
        let runtime = context.runtime();
        trace.note(format!("{:?}", runtime.process_info_items(dead, &[InfoItem::Links], 10_000).unwrap()));
        let items = [InfoItem::TrapExit, InfoItem::MessageQueueLen, InfoItem::TrapExit];
        trace.note(Term::List(runtime.process_info_items(context.pid(), &items, 10_000).unwrap().unwrap()));
        trace.note(if InfoItem::from_name("heap_size").is_none() { "unknown item" } else { "known" });
    });
}

#[test]
fn p66_p67_p72_every_item_has_a_value() {
    let expected = [
        "status: \"waiting\"",
        "message_queue_len: 2",
        "links: 1",
        "monitors: 2",
        "monitored_by: 2",
        "registered_name: \"server\"",
        "trap_exit: true",
        "label: \"a label\"",
        "dictionary: {}",
        "initial_call: [null, \"entry\"]",
        "current_function: \"mailbox.receive\"",
        "group_leader: null",
        "waits_for: null",
        "wait_cycle: []",
        "children: 0",
        "denied: 0",
        "parent is the spawner",
        "messages: [message of 5 bytes, message of 6 bytes]",
        "unnamed: [null, null]",
    ];
    check(&expected, |context, trace| async move {
        let options = SpawnOptions {
            name: Some("server".into()),
            entry: Some(Arc::from("entry")),
            link: true,
            monitor: true,
            ..trapping()
        };
        let parent = context.pid();
        let server = child(&context, options, move |context| async move {
            context.set_label(Some("a label".into()));
            context.monitor(parent.into()).unwrap();
            context.monitor("other".into()).unwrap();
            context.receive_matching(None, |_| false).await;
            ExitReason::Normal
        });
        let other = sleeper(&context, SpawnOptions { name: Some("other".into()), ..Default::default() });
        context.monitor(server.into()).unwrap();
        send(&context, server, "hello");
        send(&context, server, "hello!");
        settle(&context).await;
        let value =
            |item| context.runtime().process_info_items(server, &[item], 10_000).unwrap().unwrap().remove(0);
        let length = |item| match value(item) {
            Term::List(items) => items.len(),
            other => panic!("{other} is no list"),
        };
        for (name, item) in InfoItem::ALL {
            match item {
                InfoItem::Links | InfoItem::Monitors | InfoItem::MonitoredBy => {
                    trace.note(format!("{name}: {}", length(*item)));
                }
                InfoItem::Messages
                | InfoItem::Memory
                | InfoItem::Reductions
                | InfoItem::Parent
                | InfoItem::MailboxRefused => {}
                _ => trace.note(format!("{name}: {}", value(*item))),
            }
        }
        trace.note(if value(InfoItem::Parent) == parent.to_term() { "parent is the spawner" } else { "?" });
        let Term::List(messages) = value(InfoItem::Messages) else { panic!("a list") };
        let shown: Vec<String> = messages
            .iter()
            .map(|message| {
                let kind = message.get("kind").and_then(Term::as_text).unwrap();
                assert_eq!(message.get("from"), Some(&parent.to_term()));
                format!("{kind} of {} bytes", message.get("payload_bytes").unwrap())
            })
            .collect();
        trace.note(format!("messages: [{}]", shown.join(", ")));
        let items = [InfoItem::RegisteredName, InfoItem::Label];
        trace.note(format!(
            "unnamed: {}",
            Term::List(context.runtime().process_info_items(context.pid(), &items, 10_000).unwrap().unwrap())
        ));
        context.unlink(server);
        context.exit_process(server, ExitReason::Kill);
        context.exit_process(other, ExitReason::Kill);
    });
}

#[test]
fn p69_info_observes_what_its_caller_has_sent() {
    check(&["3", "exiting"], |context, trace| async move {
        let other = child(&context, Default::default(), |context| async move {
            context.receive_matching(None, |_| false).await;
            ExitReason::Normal
        });
        for _ in 0..3 {
            send(&context, other, "x");
        }
        trace.note(context.runtime().process_info(other).unwrap().message_queue_len);
        context.exit_process(other, ExitReason::Kill);
        let info = context.runtime().process_info_items(other, &[InfoItem::Status], 10_000).unwrap();
        trace.note(if info.is_none() { "exiting" } else { "alive" });
    });
}

#[test]
fn info_that_is_too_large_is_refused_before_it_is_made() {
    check(&["the lists have 200 entries together, and may have 150", "fits"], |context, trace| async move {
        let own = context.pid();
        let target = sleeper(&context, Default::default());
        for _ in 0..100 {
            context.monitor(target.into()).unwrap();
        }
        let items = [InfoItem::Monitors; 2];
        trace.note(context.runtime().process_info_items(own, &items, 150).unwrap_err());
        let one = context.runtime().process_info_items(own, &items[..1], 150);
        trace.note(if one.is_ok() { "fits" } else { "refused" });
        context.exit_process(target, ExitReason::Kill);
    });
}
