//! Nothing that a process can be made to do costs more than its share: the work of ten times as much is ten times as
//! large, counted in operations, not in time.

use bytes::Bytes;
use regrow_otp::testing::{EventLog, first_panic};
use regrow_otp::{
    Context, Event, ExitReason, Limits, MessageKind, Pid, Received, SignalWork, Simulator, SpawnOptions,
};

use crate::support::*;

/// What all processes of a run have cost together: polls, signals, steps in mailboxes.
fn cost<F, B>(n: u64, body: F) -> [u64; 3]
where
    F: FnOnce(Context, u64) -> B + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    let log = EventLog::default();
    let mut simulator = Simulator::new(n, Box::new(log.clone()));
    let options = SpawnOptions { limits: wide(), trap_exit: true, ..SpawnOptions::default() };
    let body = move |context: Context| async move {
        body(context, n).await;
        ExitReason::Normal
    };
    simulator.runtime().spawn(options, body).unwrap();
    simulator.run();
    assert_eq!(simulator.runtime().process_count(), 0, "nobody is left");
    assert_eq!(first_panic(&log.events()), None);
    let works = log.events().into_iter().filter_map(|event| match event {
        Event::Exited(exited) => Some(exited.work),
        _ => None,
    });
    let total = works.fold(SignalWork::default(), |sum, work| SignalWork {
        signals: sum.signals + work.signals,
        mailbox_steps: sum.mailbox_steps + work.mailbox_steps,
    });
    [simulator.polls(), total.signals, total.mailbox_steps]
}

fn wide() -> Limits {
    Limits {
        links: 1 << 20,
        monitors: 1 << 20,
        timers: 1 << 20,
        mailbox_messages: 1 << 20,
        ..Limits::default()
    }
}

/// Ten times as much costs at most twelve times as many operations of each kind, and a constant.
fn stays_linear<F, B>(n: u64, body: F)
where
    F: FnOnce(Context, u64) -> B + Copy + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    let (few, many) = (cost(n / 10, body), cost(n, body));
    for (few, many) in few.into_iter().zip(many) {
        assert!(many <= 12 * few + 1000, "{few} operations for {}, {many} for {n}", n / 10);
    }
}

fn waiting(context: &Context, options: SpawnOptions) -> Pid {
    child(context, options, |context| async move {
        context.receive_matching(None, |received| matches!(received, Received::Exit { .. })).await;
        ExitReason::Normal
    })
}

/// The hub of `n` links and `n` monitors ends; then everybody else does.
#[test]
fn the_end_of_a_process_with_100_000_links_and_monitors_is_linear() {
    stays_linear(100_000, |context, n| async move {
        let hub = child(&context, SpawnOptions { limits: wide(), ..trapping() }, move |context| async move {
            for _ in 0..n {
                waiting(&context, SpawnOptions { link: true, monitor: true, ..Default::default() });
            }
            ExitReason::Shutdown
        });
        context.await_down(hub).await;
    });
}

/// `n` linked and monitored processes end, and their spawner receives what it hears of them.
#[test]
fn hearing_of_100_000_ends_is_linear() {
    stays_linear(100_000, |context, n| async move {
        for _ in 0..n {
            let options = SpawnOptions { link: true, monitor: true, ..Default::default() };
            child(&context, options, |_| async { ExitReason::Normal });
        }
        for _ in 0..2 * n {
            context.receive(None).await;
        }
    });
}

#[test]
fn removing_100_000_monitors_is_linear() {
    stays_linear(100_000, |context, n| async move {
        let target = waiting(&context, trapping());
        let monitors: Vec<_> = (0..n).map(|_| context.monitor(target.into()).unwrap()).collect();
        for monitor in monitors.into_iter().rev() {
            assert!(context.demonitor(monitor, true));
        }
        assert!(context.runtime().process_info(target).unwrap().monitored_by.is_empty());
        context.exit_process(target, oops());
    });
}

/// Answers are taken out of the middle of the mailbox, behind a backlog and in the opposite order.
#[test]
fn p53_taking_50_000_answers_from_behind_a_backlog_is_linear() {
    stays_linear(50_000, |context, n| async move {
        let server =
            child(&context, SpawnOptions { limits: wide(), ..Default::default() }, |context| async move {
                loop {
                    if let Some(Received::Message(message)) = context.receive(None).await
                        && let MessageKind::Call(from) = message.kind
                    {
                        context.reply(from, Bytes::new()).unwrap();
                    }
                }
            });
        for _ in 0..n {
            send(&context, context.pid(), "backlog");
        }
        let mut requests = Vec::new();
        for _ in 0..n {
            requests.push(context.send_request(&server.into(), Bytes::new()).await.unwrap());
        }
        for request in requests.into_iter().rev() {
            assert!(context.receive_answer(request, None).await.is_some());
        }
        context.exit_process(server, ExitReason::Kill);
        while poll(&context).await != "timeout" {}
    });
}

/// A selective receive looks at each message once while it waits, however many polls it takes.
#[test]
fn a_selective_receive_does_not_look_twice() {
    stays_linear(100_000, |context, n| async move {
        let parent = context.pid();
        child(&context, Default::default(), move |context| async move {
            for index in 0..n {
                send(&context, parent, "other");
                if index % 10 == 0 {
                    context.yield_now().await;
                }
            }
            send(&context, parent, "wanted");
            ExitReason::Normal
        });
        let wanted = |received: &Received| matches!(received, Received::Message(m) if m.payload == "wanted");
        context.receive_matching(None, wanted).await;
    });
}

/// Answers to any of many requests, one at a time: what has been looked at is not looked at again.
#[test]
fn g42_waiting_for_any_of_many_answers_looks_only_at_what_is_new() {
    stays_linear(2_000, |context, n| async move {
        let own = context.pid();
        let mut requests = Vec::new();
        for _ in 0..n {
            requests.push(context.monitor(own.into()).unwrap());
        }
        let last = context.start_timer(std::time::Duration::from_secs(1), own.into(), Bytes::new()).unwrap();
        requests.push(last);
        child(&context, Default::default(), move |context| async move {
            for _ in 0..n {
                send(&context, own, "other");
                context.yield_now().await;
            }
            ExitReason::Normal
        });
        assert_eq!(context.receive_any_answer(requests, None).await.unwrap().answers(), Some(last));
    });
}

#[test]
fn the_end_of_a_process_with_many_watchers_is_linear() {
    stays_linear(50_000, |context, n| async move {
        let target = waiting(&context, trapping());
        for _ in 0..n {
            child(&context, Default::default(), move |context| async move {
                context.await_down(target).await;
                ExitReason::Normal
            });
        }
        settle(&context).await;
        context.exit_process(target, oops());
    });
}
