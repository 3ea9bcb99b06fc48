//! Who waits for whom: cycles of processes that wait for each other are found at once, and nothing else is reported.

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::{EventLog, first_panic};
use regrow_otp::{
    Context, Event, ExitReason, Limits, MessageKind, Pid, Received, Simulator, SpawnOptions, WhenFull,
};

use crate::support::*;

/// The reported cycles of a run, each as the names of its members.
fn cycles<F, B>(seed: u64, body: F) -> Vec<Vec<String>>
where
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    let log = EventLog::default();
    let mut simulator = Simulator::new(seed, Box::new(log.clone()));
    let body = |context: Context| async move {
        body(context).await;
        ExitReason::Normal
    };
    simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
    simulator.run();
    assert_eq!(simulator.runtime().process_count(), 0, "with seed {seed}");
    assert_eq!(first_panic(&log.events()), None, "with seed {seed}");
    let cycles = log.events().into_iter().filter_map(|event| match event {
        Event::WaitCycle { waiters } => Some(waiters),
        _ => None,
    });
    cycles
        .map(|waiters| waiters.into_iter().map(|waiter| waiter.name.unwrap_or_default()).collect())
        .collect()
}

fn named(name: &str) -> SpawnOptions {
    SpawnOptions { name: Some(name.to_owned()), ..Default::default() }
}

/// A process that, told so by a message, calls `next` by name.
fn caller(context: &Context, name: &str, next: &'static str, timeout: Option<Duration>) -> Pid {
    child(context, named(name), move |context| async move {
        context.receive(None).await;
        match context.call(&next.into(), Bytes::new(), timeout).await {
            Ok(_) => ExitReason::Normal,
            Err(_) => oops(),
        }
    })
}

/// The members of a cycle, beginning with the first name.
fn rotated(mut names: Vec<String>) -> Vec<String> {
    let first =
        names.iter().enumerate().min_by_key(|(_, name)| (*name).clone()).map_or(0, |(index, _)| index);
    names.rotate_left(first);
    names
}

#[test]
fn a_cycle_of_calls_is_reported_once_by_name_before_its_timeout() {
    for seed in 0..SEEDS {
        let found = cycles(seed, move |context| async move {
            let timeout = Some(Duration::from_secs(5));
            let members = [("a", "b"), ("b", "c"), ("c", "a")];
            let pids = members.map(|(name, next)| caller(&context, name, next, timeout));
            for pid in pids {
                send(&context, pid, "go");
            }
            settle(&context).await;
            let runtime = context.runtime();
            assert!(runtime.now().since_start() < Duration::from_secs(5));
            for (index, pid) in pids.into_iter().enumerate() {
                let cycle = runtime.process_info(pid).expect("nobody is killed").wait_cycle;
                assert_eq!(cycle, [0, 1, 2].map(|step| pids[(index + step) % 3]), "seed {seed}");
            }
        });
        let found: Vec<_> = found.into_iter().map(rotated).collect();
        assert_eq!(found, [["a", "b", "c"]], "with seed {seed}");
    }
}

#[test]
fn a_chain_of_calls_that_ends_is_no_cycle() {
    for seed in 0..SEEDS {
        let found = cycles(seed, |context| async move {
            let server = child(&context, named("server"), |context| async move {
                let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
                let MessageKind::Call(from) = message.kind else { return oops() };
                settle(&context).await;
                context.reply(from, Bytes::new()).unwrap();
                ExitReason::Normal
            });
            let middle = child(&context, named("middle"), move |context| async move {
                let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
                let MessageKind::Call(from) = message.kind else { return oops() };
                context.call(&server.into(), Bytes::new(), None).await.unwrap();
                context.reply(from, Bytes::new()).unwrap();
                ExitReason::Normal
            });
            context.call(&middle.into(), Bytes::new(), None).await.unwrap();
        });
        assert_eq!(found, Vec::<Vec<String>>::new(), "with seed {seed}");
    }
}

/// Each answers the other before it calls: there is always an answer on its way.
#[test]
fn processes_that_call_each_other_in_turn_are_no_cycle() {
    for seed in 0..SEEDS {
        let found = cycles(seed, |context| async move {
            let peer = |name: &'static str, other: &'static str, first: bool| {
                child(&context, named(name), move |context| async move {
                    context.receive_matching(None, |received| received.kind() == "message").await;
                    for round in 0..50 {
                        if first || round > 0 {
                            context.call(&other.into(), Bytes::new(), None).await.unwrap();
                        }
                        if first && round == 49 {
                            break;
                        }
                        let call = context.receive_matching(None, |received| received.kind() == "call").await;
                        let Some(Received::Message(message)) = call else { return oops() };
                        let MessageKind::Call(from) = message.kind else { return oops() };
                        context.reply(from, Bytes::new()).unwrap();
                    }
                    ExitReason::Normal
                })
            };
            let pids = [peer("first", "second", true), peer("second", "first", false)];
            for pid in pids {
                send(&context, pid, "go");
            }
            for pid in pids {
                let reason = context.await_down(pid).await;
                assert!(matches!(reason, ExitReason::Normal | ExitReason::NoProc), "{reason}");
            }
        });
        assert_eq!(found, Vec::<Vec<String>>::new(), "with seed {seed}");
    }
}

#[test]
fn senders_that_wait_for_each_others_room_are_a_cycle_and_so_are_a_sender_and_a_caller() {
    for seed in 0..SEEDS {
        let found = cycles(seed, |context| async move {
            let full = |name: &str| {
                let limits =
                    Limits { mailbox_messages: 1, when_full: WhenFull::SuspendSender, ..Limits::default() };
                SpawnOptions { limits, ..named(name) }
            };
            let writer = |name: &'static str, to: &'static str| {
                child(&context, full(name), move |context| async move {
                    settle(&context).await;
                    // The first finds room.
                    for _ in 0..2 {
                        context.send(&to.into(), MessageKind::Info, Bytes::new()).await.ok();
                    }
                    ExitReason::Normal
                })
            };
            let first = [writer("a", "b"), writer("b", "a")];
            settle(&context).await;
            settle(&context).await;
            let reader = child(&context, full("d"), |context| async move {
                settle(&context).await;
                context.call(&"c".into(), Bytes::new(), None).await.ok();
                ExitReason::Normal
            });
            let second = [writer("c", "d"), reader];
            settle(&context).await;
            settle(&context).await;
            for pid in first.into_iter().chain(second) {
                context.exit_process(pid, ExitReason::Kill);
            }
        });
        let found: Vec<_> = found.into_iter().map(rotated).collect();
        assert_eq!(found, [["a", "b"], ["c", "d"]], "with seed {seed}");
    }
}

#[test]
fn a_cycle_that_somebody_else_ends_was_reported_and_goes_on() {
    check(&["answered from outside", "DOWN normal"], |context, trace| async move {
        let parent = context.pid();
        let a = child(&context, named("a"), move |context| async move {
            let reference = context.send_request(&"b".into(), Bytes::new()).await.unwrap();
            send(&context, parent, "asked");
            match context.receive_answer(reference, None).await {
                Some(Received::Reply { payload, .. }) => {
                    send(&context, parent, &String::from_utf8_lossy(&payload));
                    ExitReason::Normal
                }
                _ => oops(),
            }
        });
        // It lets the parent answer for it, and waits for whom it was asked by.
        let b = child(&context, named("b"), move |context| async move {
            let Some(Received::Message(message)) = context.receive(None).await else { return oops() };
            let MessageKind::Call(from) = message.kind else { return oops() };
            let helper = child(&context, Default::default(), move |context| async move {
                settle(&context).await;
                settle(&context).await;
                context.reply(from, Bytes::from_static(b"answered from outside")).unwrap();
                ExitReason::Normal
            });
            let _ = helper;
            context.call(&a.into(), Bytes::new(), None).await.ok();
            ExitReason::Normal
        });
        let monitor = context.monitor(a.into()).unwrap();
        let told = |received: &Received| matches!(received, Received::Message(_));
        context.receive_matching(None, told).await;
        trace.note(show(context.receive_matching(None, told).await));
        trace.note(down(&context, monitor).await);
        context.await_down(b).await;
    });
}

/// Each new cycle is reported, also through the same first wait; and the same one is not reported again.
#[test]
fn another_cycle_with_the_same_process_is_another_report() {
    for seed in 0..SEEDS {
        let found = cycles(seed, |context| async move {
            let timeout = Some(Duration::from_millis(10));
            let a = caller(&context, "a", "b", None);
            let b = child(&context, named("b"), move |context| async move {
                context.receive_matching(None, |received| received.kind() == "message").await;
                context.call(&"a".into(), Bytes::new(), timeout).await.ok();
                context.call(&"c".into(), Bytes::new(), None).await.ok();
                ExitReason::Normal
            });
            let c = caller(&context, "c", "a", None);
            send(&context, a, "go");
            send(&context, b, "go");
            context.receive(Some(Duration::from_secs(1))).await;
            send(&context, c, "go");
            context.receive(Some(Duration::from_secs(1))).await;
            for pid in [a, b, c] {
                context.exit_process(pid, ExitReason::Kill);
            }
        });
        let found: Vec<_> = found.into_iter().map(rotated).collect();
        assert_eq!(found, [vec!["a", "b"], vec!["a", "b", "c"]], "with seed {seed}");
    }
}
