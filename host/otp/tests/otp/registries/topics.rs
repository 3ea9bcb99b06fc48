//! Topics (rules PB1 to PB6).

use bytes::Bytes;
use regrow_otp::{
    Context, ExitReason, Limits, Pid, Received, RegistryError, RegistryKind, SpawnOptions, Topic, WhenFull,
};

use super::{NOW, start, term};
use crate::support::*;

fn subscribe(context: &Context, topic: &str) {
    context.subscribe("r", &Topic::parse(topic).unwrap(), &term("data")).unwrap();
}

/// Delivered and refused.
fn broadcast(context: &Context, topic: &str, except: Option<Pid>, payload: &[u8]) -> (u64, u64) {
    let mut broadcast = context.broadcast("r", topic, except, Bytes::copy_from_slice(payload)).unwrap();
    while broadcast.send_some(context, 3) > 0 {}
    (broadcast.delivered, broadcast.refused)
}

/// How many messages have arrived.
async fn arrived(context: &Context) -> usize {
    let mut messages = 0;
    while let Some(Received::Message(_)) = context.receive(NOW).await {
        messages += 1;
    }
    messages
}

#[test]
fn pb1_pb2_pb3_each_subscription_gets_the_bare_message() {
    let expected = ["2 of 2", "none of other topics", "all but mine", "unsubscribed"];
    check(&expected, |context, trace| async move {
        start(&context, RegistryKind::Duplicate);
        subscribe(&context, "news");
        subscribe(&context, "news");
        assert_eq!(broadcast(&context, "news", None, b"\x01"), (2, 0));
        let Some(Received::Message(message)) = context.receive(None).await else { panic!("no message") };
        assert_eq!((message.from, &message.payload[..]), (context.pid(), &b"\x01"[..]));
        trace.note(format!("{} of 2", 1 + arrived(&context).await));
        assert_eq!(broadcast(&context, "new", None, b"\x01"), (0, 0));
        trace.note("none of other topics");
        let other = child(&context, SpawnOptions::default(), |context| async move {
            subscribe(&context, "news");
            context.receive(None).await;
            ExitReason::Normal
        });
        settle(&context).await;
        assert_eq!(broadcast(&context, "news", Some(context.pid()), b"\x01"), (1, 0));
        assert_eq!((context.await_down(other).await, arrived(&context).await), (ExitReason::Normal, 0));
        trace.note("all but mine");
        for _ in 0..2 {
            context.unsubscribe("r", &Topic::parse("news").unwrap()).unwrap();
            assert_eq!(broadcast(&context, "news", None, b"\x01"), (0, 0));
        }
        trace.note("unsubscribed");
    });
}

#[test]
fn patterns_take_all_topics_with_their_beginning() {
    check(&["orders:1 3", "orders: 2", "order 1", "orders:é 2", "orders:1 1"], |context, trace| async move {
        start(&context, RegistryKind::Duplicate);
        ["orders:1", "orders:*", "*"].into_iter().for_each(|topic| subscribe(&context, topic));
        for topic in ["orders:1", "orders:", "order", "orders:é"] {
            broadcast(&context, topic, None, b"\x01");
            trace.note(format!("{topic} {}", arrived(&context).await));
        }
        for topic in ["orders:*", "*"] {
            context.unsubscribe("r", &Topic::parse(topic).unwrap()).unwrap();
        }
        broadcast(&context, "orders:1", None, b"\x01");
        trace.note(format!("orders:1 {}", arrived(&context).await));
    });
}

#[test]
fn bad_topics_and_unique_registries_are_refused() {
    check(&["bad", "unique"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        for bad in ["", "a*b", "**", &"x".repeat(256)] {
            assert_eq!(Topic::parse(bad).err(), Some(RegistryError::BadTopic), "{bad}");
        }
        for bad in ["", "a*", &"x".repeat(256)] {
            let refused = context.broadcast("r", bad, None, Bytes::new()).err();
            assert_eq!(refused, Some(RegistryError::BadTopic), "{bad}");
        }
        trace.note("bad");
        let refused = context.subscribe("r", &Topic::parse("news").unwrap(), &term("data"));
        assert_eq!(refused, Err(RegistryError::WrongKind));
        trace.note("unique");
    });
}

#[test]
fn a_full_subscriber_holds_up_nobody() {
    check(&["(2, 1)", "3 of 3"], |context, trace| async move {
        start(&context, RegistryKind::Duplicate);
        let mut others = Vec::new();
        // One of each kind that is full, and one that is not.
        for (mailbox_messages, when_full) in [
            (1, WhenFull::Reject),
            (1, WhenFull::DropNewest),
            (1, WhenFull::SuspendSender),
            (9, WhenFull::SuspendSender),
        ] {
            let limits = Limits { mailbox_messages, when_full, ..Limits::default() };
            let options = SpawnOptions { limits, ..SpawnOptions::default() };
            others.push(child(&context, options, |context| async move {
                subscribe(&context, "news");
                context.receive_matching(None, |_| false).await;
                ExitReason::Normal
            }));
        }
        settle(&context).await;
        assert_eq!(broadcast(&context, "news", None, b"\x01"), (4, 0));
        // What is dropped is dropped by its receiver's choice.
        let (delivered, refused) = broadcast(&context, "news", None, b"\x02");
        trace.note(format!("({delivered}, {})", refused / 2));
        let queue = |pid| context.runtime().process_info(pid).unwrap().message_queue_len;
        trace.note(format!("{} of 3", others[..3].iter().filter(|pid| queue(**pid) == 1).count()));
        others.iter().for_each(|pid| context.exit_process(*pid, ExitReason::Kill));
    });
}

#[test]
fn pb5_pb6_subscriptions_have_metadata_and_end_with_their_process() {
    check(&["[\"data\"]", "in order", "nobody"], |context, trace| async move {
        start(&context, RegistryKind::Duplicate);
        let other = child(&context, SpawnOptions::default(), |context| async move {
            subscribe(&context, "news");
            subscribe(&context, "new*");
            for expected in 0..10_u8 {
                for _ in 0..2 {
                    let Some(Received::Message(message)) = context.receive(None).await else {
                        panic!("no message")
                    };
                    assert_eq!(message.payload[..], [expected]);
                }
            }
            ExitReason::Normal
        });
        settle(&context).await;
        let subscribers = context.subscribers("r", "new").unwrap().next_some(1_000);
        let metadata: Vec<String> =
            subscribers.iter().map(|of| regrow_term::decode(&of.value).unwrap()).collect();
        trace.note(format!("{metadata:?}"));
        for number in 0..10 {
            broadcast(&context, "news", None, &[number]);
        }
        assert_eq!(context.await_down(other).await, ExitReason::Normal);
        trace.note("in order");
        assert_eq!(context.subscribers("r", "news").unwrap().next_some(1), []);
        trace.note("nobody");
    });
}

#[test]
fn who_subscribes_again_when_it_is_told_does_not_keep_a_broadcast_going() {
    check(&["100 of 100"], |context, trace| async move {
        start(&context, RegistryKind::Duplicate);
        for _ in 0..100 {
            subscribe(&context, "news");
        }
        let mut broadcast = context.broadcast("r", "news", None, Bytes::from_static(b"\x01")).unwrap();
        while broadcast.send_some(&context, 7) > 0 {
            subscribe(&context, "news");
        }
        trace.note(format!("{} of 100", broadcast.delivered));
    });
}
