//! Mailboxes of guests, bounded by the manifest.

use bytes::Bytes;
use regrow_otp::{Context, ExitReason, MailboxCounters, MessageKind, Pid, SendError};
use regrow_tests::TestNode;

/// A guest that leaves its messages where they are.
fn hoarder(limits: &str) -> (TestNode, Pid) {
    let node = TestNode::start(&format!(
        r#"
        [supervisor]
        [[supervisor.children]]
        id = "hoarder"
        component = "behaviour"
        entry = "helper-hoard"
        name = "hoarder"
        limits = {{ {limits} }}
        "#
    ));
    let pid = node.await_name("hoarder");
    (node, pid)
}

async fn send(context: &Context, to: Pid) -> Result<(), SendError> {
    context.send(&to.into(), MessageKind::Info, Bytes::from_static(&[0x64; 5])).await
}

/// How five messages fare, and what the mailbox counts.
fn send_five(limits: &str) -> (Vec<bool>, MailboxCounters) {
    let (node, pid) = hoarder(limits);
    let sent = node.run(move |context| async move {
        let mut sent = Vec::new();
        for _ in 0..5 {
            sent.push(send(&context, pid).await.is_ok());
        }
        sent
    });
    let info = node.node().runtime().process_info(pid).unwrap();
    assert_eq!(info.message_queue_len, 2);
    (sent, info.mailbox)
}

#[test]
fn the_manifest_bounds_mailboxes_and_says_what_becomes_of_the_rest() {
    // In messages, and in bytes: each has five.
    for bound in ["mailbox_messages = 2", "mailbox_bytes = 14"] {
        let (sent, counters) = send_five(bound);
        assert_eq!(
            sent,
            [true, true, false, false, false],
            "senders are told, unless the manifest says otherwise"
        );
        assert_eq!((counters.rejected, counters.dropped), (3, 0));
        let (sent, counters) = send_five(&format!("{bound}, when_full = \"drop_newest\""));
        assert_eq!(sent, [true; 5]);
        assert_eq!((counters.rejected, counters.dropped), (0, 3));
    }
}

#[test]
fn senders_of_a_full_guest_wait_and_go_on_when_it_ends() {
    let (node, pid) = hoarder("mailbox_bytes = 14, when_full = \"suspend_sender\"");
    let sender = node.start_native(move |context| async move {
        for _ in 0..5 {
            send(&context, pid).await.unwrap();
        }
    });
    let runtime = node.node().runtime().clone();
    node.run(move |context| async move {
        while runtime.process_info(pid).is_some_and(|info| info.mailbox.suspended == 0) {
            context.yield_now().await;
        }
        context.exit_process(pid, ExitReason::Kill);
    });
    sender.wait();
    assert_eq!(node.await_down(pid), ExitReason::Killed);
}
