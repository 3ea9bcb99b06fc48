//! Starts that are waited for (rules G1 to G8).

use std::time::Duration;

use regrow_otp::{Context, ExitReason, InitAck, SpawnOptions, StartOutcome};

use crate::support::*;

/// Starts a linked, named process that says `word`, if it says any, and then ends with `reason` or goes on.
async fn start(context: &Context, word: Option<InitAck>, reason: Option<ExitReason>) -> StartOutcome {
    let options = SpawnOptions { name: Some("it".into()), ..linked() };
    let outcome = context.start(options, Some(Duration::from_secs(1)), |context, options| {
        context.spawn(options, |context| async move {
            if let Some(word) = word {
                context.init_ack(word);
            }
            match reason {
                Some(reason) => reason,
                None => loop {
                    context.receive(None).await;
                },
            }
        })
    });
    outcome.await.unwrap()
}

#[test]
fn g1_a_start_returns_when_it_is_acknowledged() {
    check(&["started"], |context, trace| async move {
        let outcome = start(&context, Some(InitAck::Started), None).await;
        let StartOutcome::Started { pid, monitor: None } = outcome else { panic!("{outcome:?}") };
        trace.note("started");
        assert_eq!(poll(&context).await, "timeout");
        context.unlink(pid);
        context.exit_process(pid, ExitReason::Kill);
    });
}

#[test]
fn g3_g4_g5_a_start_that_fails_leaves_nothing_behind() {
    let expected = ["Ignore", "Failed(Error(Text(\"oops\")))", "Failed(Error(Text(\"oops\")))", "Timeout"];
    check(&expected, |context, trace| async move {
        context.set_trap_exit(true);
        let cases = [
            (Some(InitAck::Ignore), Some(ExitReason::Normal)),
            (Some(InitAck::Error(oops())), Some(ExitReason::Normal)),
            (None, Some(oops())),
            (None, None),
        ];
        for (word, reason) in cases {
            trace.note(format!("{:?}", start(&context, word, reason).await));
            assert_eq!(context.runtime().whereis("it"), None, "the name is free");
            assert_eq!(poll(&context).await, "timeout", "neither EXIT nor DOWN is left");
        }
    });
}

#[test]
fn g5_a_starter_that_does_not_trap_dies_of_a_failed_linked_start() {
    check(&["DOWN error(\"oops\")"], |context, trace| async move {
        let options = SpawnOptions { monitor: true, ..Default::default() };
        let (_, monitor) = context
            .spawn(options, |context| async move {
                start(&context, Some(InitAck::Error(ExitReason::Shutdown)), Some(oops())).await;
                ExitReason::Normal
            })
            .unwrap();
        trace.note(down(&context, monitor.unwrap()).await);
    });
}

#[test]
fn p3_a_new_process_begins_with_nothing() {
    check(
        &["no trap, no messages, no links, no monitors, its spawner as parent"],
        |context, trace| async move {
            context.set_trap_exit(true);
            let parent = context.pid();
            send(&context, parent, "mine");
            let new = sleeper(&context, Default::default());
            let info = context.runtime().process_info(new).unwrap();
            assert!(info.links.is_empty() && info.monitors.is_empty() && info.monitored_by.is_empty());
            assert_eq!(
                (info.trap_exit, info.message_queue_len, info.label, info.registered_name),
                (false, 0, None, None)
            );
            assert_eq!(info.identity.parent, Some(parent));
            trace.note("no trap, no messages, no links, no monitors, its spawner as parent");
            context.exit_process(new, ExitReason::Kill);
        },
    );
}
