//! Calls, requests and their answers (rules P44, G9 to G16, G39).

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{
    CallError, Context, ExitReason, Limits, MessageKind, Received, ReplyTo, SendError, SpawnOptions,
};

use crate::support::*;

pub(crate) fn echo(context: &Context) -> regrow_otp::Pid {
    child(context, Default::default(), |context| async move {
        loop {
            if let Some(Received::Message(message)) = context.receive(None).await
                && let MessageKind::Call(from) = message.kind
            {
                context.reply(from, Bytes::from_static(b"pong")).unwrap();
            }
        }
    })
}

pub(crate) async fn answer(context: &Context, server: regrow_otp::Pid) -> Result<String, CallError> {
    let timeout = Some(Duration::from_secs(5));
    let answer = context.call(&server.into(), Bytes::from_static(b"ping"), timeout).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A server that hands the token of its first call to `parent`'s mailbox by ending with it unanswered.
fn silent(context: &Context, then: ExitReason, after: Duration) -> regrow_otp::Pid {
    child(context, Default::default(), move |context| async move {
        context.receive(None).await;
        let never = context.new_reference();
        context.receive_answer(never, Some(after)).await;
        then
    })
}

#[test]
fn g9_a_call_times_out() {
    check(&["timeout at 5000 ms"], |context, trace| async move {
        let server = silent(&context, ExitReason::Normal, Duration::from_secs(60));
        let error = answer(&context, server).await.unwrap_err();
        trace.note(format!("{error} at {} ms", context.runtime().now().since_start().as_millis()));
    });
}

#[test]
fn g10_g11_a_call_fails_at_once_when_the_server_ends_or_is_not_there() {
    let expected = ["the server ended: error(\"oops\") at 10 ms", "the server ended: noproc"];
    check(&expected, |context, trace| async move {
        let server = silent(&context, oops(), Duration::from_millis(10));
        let error = context.call(&server.into(), Bytes::new(), None).await.unwrap_err();
        trace.note(format!("{error} at {} ms", context.runtime().now().since_start().as_millis()));
        trace.note(context.call(&"nobody".into(), Bytes::new(), None).await.unwrap_err());
    });
}

#[test]
fn g13_a_process_can_not_call_itself() {
    check(&["a process can't call itself"], |context, trace| async move {
        trace.note(context.call(&context.pid().into(), Bytes::new(), None).await.unwrap_err());
    });
}

#[test]
fn p44_g14_a_late_reply_vanishes() {
    check(&["timeout", "timeout"], |context, trace| async move {
        let server = child(&context, Default::default(), |context| async move {
            let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
            let MessageKind::Call(from) = message.kind else { return oops() };
            context.receive(Some(Duration::from_secs(1))).await;
            context.reply(from, Bytes::from_static(b"late")).unwrap();
            ExitReason::Normal
        });
        let timeout = Some(Duration::from_millis(10));
        trace.note(context.call(&server.into(), Bytes::new(), timeout).await.unwrap_err());
        context.await_down(server).await;
        trace.note(poll(&context).await);
    });
}

#[test]
fn g16_any_process_may_reply_and_only_the_first_reply_counts() {
    check(&["reply from the helper", "timeout"], |context, trace| async move {
        let server = child(&context, Default::default(), |context| async move {
            let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
            let MessageKind::Call(from) = message.kind else { return oops() };
            let helper = child(&context, Default::default(), move |context| async move {
                let text = Bytes::from_static(b"reply from the helper");
                context.reply(from, text.clone()).unwrap();
                context.reply(from, text).unwrap();
                ExitReason::Normal
            });
            context.await_down(helper).await;
            ExitReason::Normal
        });
        trace.note(answer(&context, server).await.unwrap());
        context.await_down(server).await;
        trace.note(poll(&context).await);
    });
}

#[test]
fn an_invented_reply_token_reaches_nobody() {
    check(&["timeout"], |context, trace| async move {
        let parent = context.pid();
        let forger = child(&context, Default::default(), move |context| async move {
            for _ in 0..1000 {
                let reference = context.new_reference();
                context.reply(ReplyTo { pid: parent, reference }, Bytes::from_static(b"forged")).unwrap();
            }
            ExitReason::Normal
        });
        context.await_down(forger).await;
        trace.note(poll(&context).await);
    });
}

#[test]
fn g39_a_request_is_answered_later_or_reported_down() {
    check(&["reply pong", "DOWN nobody noproc"], |context, trace| async move {
        let server = echo(&context);
        let request = context.send_request(&server.into(), Bytes::new()).await.unwrap();
        trace.note(show(context.receive_answer(request, None).await));
        let request = context.send_request(&"nobody".into(), Bytes::new()).await.unwrap();
        trace.note(show(context.receive_answer(request, None).await));
        context.exit_process(server, ExitReason::Kill);
    });
}

/// The size of an answer is another's choice.
#[test]
fn an_answer_that_has_no_room_ends_its_call_and_not_the_caller() {
    check(&["the server ended: limit(mailbox_bytes)", "still there"], |context, trace| async move {
        let server = child(&context, Default::default(), |context| async move {
            let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
            let MessageKind::Call(from) = message.kind else { return oops() };
            context.reply(from, Bytes::from(vec![0; 2000])).unwrap();
            ExitReason::Normal
        });
        let parent = context.pid();
        let limits = Limits { mailbox_bytes: 1000, ..Limits::default() };
        child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
            let error = context.call(&server.into(), Bytes::new(), None).await.unwrap_err();
            send(&context, parent, &error.to_string());
            context.receive(Some(Duration::from_secs(1))).await;
            send(&context, parent, "still there");
            ExitReason::Normal
        });
        trace.note(next(&context).await);
        trace.note(next(&context).await);
    });
}

#[test]
fn a_call_is_not_dropped_by_a_mailbox_that_drops_the_newest() {
    check(&["refused"], |context, trace| async move {
        let limits =
            Limits { mailbox_messages: 0, when_full: regrow_otp::WhenFull::DropNewest, ..Limits::default() };
        let server = sleeper(&context, SpawnOptions { limits, ..Default::default() });
        let error = context.call(&server.into(), Bytes::new(), None).await.unwrap_err();
        trace.note(if matches!(error, CallError::NotSent(SendError::Full(_))) { "refused" } else { "?" });
        context.exit_process(server, ExitReason::Kill);
    });
}

/// Neither through an alias, nor after an answer that has just fitted.
#[test]
fn answers_never_end_the_one_who_gets_them() {
    check(&["a reply of 1000 bytes", "DOWN error(\"oops\")", "alive"], |context, trace| async move {
        let parent = context.pid();
        let limits = Limits { mailbox_bytes: 1000, ..Limits::default() };
        let victim =
            child(&context, SpawnOptions { limits, ..Default::default() }, move |context| async move {
                let alias = context.alias(regrow_otp::AliasMode::Reply).unwrap();
                let server = child(&context, Default::default(), move |context| async move {
                    let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
                    let MessageKind::Call(from) = message.kind else { return oops() };
                    context.reply(from, Bytes::from(vec![0; 1000])).unwrap();
                    context.reply(alias, Bytes::from(vec![0; 2000])).unwrap();
                    oops()
                });
                let monitor = context.monitor(server.into()).unwrap();
                let request = context.send_request(&server.into(), Bytes::new()).await.unwrap();
                settle(&context).await;
                let reply = context.receive_answer(request, None).await.unwrap();
                send(&context, parent, &format!("a {} of {} bytes", reply.kind(), reply.payload_len()));
                send(&context, parent, &down(&context, monitor).await);
                context.receive(Some(Duration::from_secs(1))).await;
                ExitReason::Normal
            });
        trace.note(next(&context).await);
        trace.note(next(&context).await);
        trace.note(if context.runtime().is_alive(victim) { "alive" } else { "dead" });
    });
}
