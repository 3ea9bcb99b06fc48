//! The scheduler: determinism under a seed, real threads, panics, limits, linear costs.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::{EventLog, first_panic, simulator};
use regrow_otp::{
    Context, Destination, Event, ExitReason, LimitKind, MessageKind, ProcessKind, Runtime, RuntimeConfig,
    Simulator, SpawnError, SpawnOptions, SplitMix64, SystemClock,
};

use crate::support::*;

/// Processes that send to each other at random; what happened, and how many polls it took.
fn random_traffic(seed: u64) -> (Vec<String>, u64) {
    let trace = Trace::default();
    let mut simulator = simulator(seed);
    let noted = trace.clone();
    let body = move |context: Context| async move {
        for name in 0..5 {
            let parent = context.pid();
            child(&context, Default::default(), move |context| async move {
                for round in 0..5 {
                    context.receive(Some(Duration::from_millis(10 * (5 - name)))).await;
                    send(&context, parent, &format!("{name}.{round}"));
                }
                ExitReason::Normal
            });
        }
        for _ in 0..25 {
            noted.note(next(&context).await);
        }
        ExitReason::Normal
    };
    simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
    simulator.run();
    (trace.lines(), simulator.polls())
}

#[test]
fn a_seed_fixes_the_whole_run() {
    for seed in 0..SEEDS {
        assert_eq!(random_traffic(seed), random_traffic(seed));
    }
}

#[test]
fn different_seeds_give_different_orders() {
    let orders: std::collections::HashSet<_> = (0..SEEDS).map(|seed| random_traffic(seed).0).collect();
    assert!(orders.len() > 5, "{} orders under {SEEDS} seeds", orders.len());
}

#[test]
fn a_panic_ends_its_process_only() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    check(&["DOWN error(\"panic in the host: bug\")"], |context, trace| async move {
        let options = SpawnOptions { monitor: true, ..Default::default() };
        let (_, monitor) = context.spawn(options, |_| async { panic!("bug") }).unwrap();
        trace.note(down(&context, monitor.unwrap()).await);
    });
    std::panic::set_hook(quiet);
}

pub(crate) fn threads(
    workers: usize,
    max_processes: u64,
    events: EventLog,
) -> (Runtime, regrow_otp::Workers) {
    let runtime = Runtime::new(RuntimeConfig {
        clock: Arc::new(SystemClock::start()),
        random: Box::new(SplitMix64::new(7)),
        events: Box::new(events),
        surroundings: None,
        workers,
        max_processes,
    });
    let workers = runtime.start_workers().unwrap();
    (runtime, workers)
}

/// Runs a process on two threads: nobody panics, and it ends normally.
pub(crate) fn ends_well_on_two_threads<F: Future<Output = ExitReason> + Send + 'static>(
    what: &str,
    body: impl FnOnce(Context) -> F + Send + 'static,
) {
    let log = EventLog::default();
    let (runtime, workers) = threads(2, 1_000, log.clone());
    let (done, finished) = mpsc::channel();
    let watcher = move |context: Context| async move {
        let watched = child(&context, SpawnOptions::default(), body);
        done.send(context.await_down(watched).await).unwrap();
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::default(), watcher).unwrap();
    let reason = finished.recv().unwrap();
    drop(workers);
    assert_eq!((reason, first_panic(&log.events())), (ExitReason::Normal, None), "{what}");
}

#[test]
fn a_ring_of_processes_runs_on_several_threads() {
    let (runtime, workers) = threads(2, 1000, EventLog::default());
    let (done, finished) = mpsc::channel();
    let body = move |context: Context| async move {
        let mut next_pid = context.pid();
        for _ in 0..100 {
            let to = Destination::Pid(next_pid);
            next_pid = child(&context, linked(), move |context| async move {
                loop {
                    if let Some(regrow_otp::Received::Message(message)) = context.receive(None).await {
                        context.send_nosuspend(&to, MessageKind::Info, message.payload).unwrap();
                    }
                }
            });
        }
        for lap in 0..100 {
            send(&context, next_pid, &format!("lap {lap}"));
            assert_eq!(next(&context).await, format!("lap {lap}"));
        }
        done.send(()).unwrap();
        ExitReason::Shutdown
    };
    runtime.spawn(SpawnOptions::default(), body).unwrap();
    finished.recv().unwrap();
    drop(workers);
    assert_eq!(runtime.process_count(), 0);
}

/// One that never waits neither starves the others nor outlives a kill.
#[test]
fn processes_that_never_wait_share_with_the_others_and_can_be_killed() {
    let (runtime, workers) = threads(1, 1000, EventLog::default());
    let (done, finished) = mpsc::channel();
    let body = move |context: Context| async move {
        let spin = |context: Context| async move {
            loop {
                context.yield_now().await;
            }
        };
        let spinners: Vec<_> = (0..4).map(|_| child(&context, Default::default(), spin)).collect();
        for round in 0..100 {
            let own = context.pid();
            send(&context, own, &format!("{round}"));
            context.yield_now().await;
            next(&context).await;
        }
        for spinner in spinners {
            context.exit_process(spinner, ExitReason::Kill);
            done.send(context.await_down(spinner).await).unwrap();
        }
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::default(), body).unwrap();
    let reasons: Vec<_> = finished.iter().take(4).collect();
    assert_eq!(reasons.len(), 4);
    assert!(reasons.iter().all(|reason| matches!(reason, ExitReason::Killed | ExitReason::NoProc)));
    drop(workers);
}

#[test]
fn timers_run_out_on_real_clocks_while_everybody_waits() {
    let (runtime, workers) = threads(2, 1000, EventLog::default());
    let (done, finished) = mpsc::channel();
    let body = move |context: Context| async move {
        for ms in [1, 5, 2] {
            context.start_timer(Duration::from_millis(ms), context.pid().into(), Bytes::new()).unwrap();
        }
        for _ in 0..3 {
            context.receive(None).await;
        }
        context.receive(Some(Duration::from_millis(1))).await;
        done.send(()).unwrap();
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::default(), body).unwrap();
    finished.recv().unwrap();
    drop(workers);
}

#[test]
fn the_number_of_processes_is_limited_and_the_spawner_is_told() {
    let events = EventLog::default();
    let (runtime, workers) = threads(1, 3, events.clone());
    let (done, finished) = mpsc::channel();
    let body = move |context: Context| async move {
        let guest = || SpawnOptions { kind: ProcessKind::Guest, ..SpawnOptions::default() };
        let children = [sleeper(&context, guest()), sleeper(&context, guest())];
        let refused = context.spawn(guest(), |_| async { ExitReason::Normal });
        // A process of the host finds a place all the same: a full node must still be steered.
        let steered = context.spawn(SpawnOptions::default(), |_| async { ExitReason::Normal }).unwrap().0;
        context.await_down(steered).await;
        context.exit_process(children[0], ExitReason::Kill);
        context.await_down(children[0]).await;
        let again = context.spawn(guest(), |_| async { ExitReason::Normal });
        done.send((refused, again.is_ok())).unwrap();
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::default(), body).unwrap();
    let (refused, again) = finished.recv().unwrap();
    let Err(SpawnError::Limit(limit)) = refused else { panic!("{refused:?}") };
    assert_eq!((limit.limit, limit.allowed, limit.requested), (LimitKind::Processes, 3, 4));
    assert!(again);
    drop(workers);
    let spawned = events.events().iter().filter(|event| matches!(event, Event::Spawned { .. })).count();
    assert_eq!(spawned, 5, "a refused spawn is no process");
}

/// A guest that spawns without end leaves places for the tree, and for who steers the node.
#[test]
fn guests_leave_places_for_supervisors() {
    let (runtime, workers) = threads(1, 500, EventLog::default());
    let (done, finished) = mpsc::channel();
    let guest = || SpawnOptions { kind: ProcessKind::Guest, ..SpawnOptions::default() };
    let bomb = move |context: Context| async move {
        while context.spawn(guest(), |_| std::future::pending()).is_ok() {}
        done.send(context.runtime().process_count()).unwrap();
        std::future::pending().await
    };
    runtime.spawn(guest(), bomb).unwrap();
    assert_eq!(finished.recv().unwrap(), 495);
    for _ in 0..5 {
        assert!(runtime.spawn(guest(), |_| std::future::pending()).is_ok());
    }
    assert!(runtime.spawn(guest(), |_| std::future::pending()).is_err());
    drop(workers);
}

/// A chain of links collapses and a crowd of monitors is served without recursion and in linear time.
#[test]
fn ten_thousand_links_collapse() {
    let mut simulator = simulator(1);
    simulator
        .runtime()
        .spawn(trapping(), |context| async move {
            let mut last = context.pid();
            for _ in 0..10_000 {
                let previous = last;
                last = child(&context, Default::default(), move |context| async move {
                    context.link(previous).ok();
                    loop {
                        context.receive(None).await;
                    }
                });
            }
            settle(&context).await;
            context.exit_process(last, oops());
            assert_eq!(next(&context).await, "EXIT error(\"oops\")");
            ExitReason::Normal
        })
        .unwrap();
    simulator.run();
    assert_eq!(simulator.runtime().process_count(), 0);
    assert!(simulator.polls() < 60_000, "{} polls", simulator.polls());
}

/// Processes that never wait get the same share of several simulated workers, also beside many that come and go.
#[test]
fn simulated_workers_share_themselves_out_fairly() {
    const SPINNERS: usize = 7;
    for seed in 0..SEEDS {
        let turns: Arc<[std::sync::atomic::AtomicU64; SPINNERS]> = Arc::default();
        let mut simulator = Simulator::with_workers(seed, 3, Box::new(EventLog::default()));
        for index in 0..SPINNERS {
            let turns = turns.clone();
            let spin = move |context: Context| async move {
                loop {
                    turns[index].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    context.yield_now().await;
                }
            };
            simulator.runtime().spawn(SpawnOptions::default(), spin).unwrap();
        }
        let come_and_go = |context: Context| async move {
            loop {
                child(&context, Default::default(), |_| async { ExitReason::Normal });
                context.yield_now().await;
            }
        };
        simulator.runtime().spawn(SpawnOptions::default(), come_and_go).unwrap();
        for _ in 0..50_000 {
            assert!(simulator.step());
        }
        let turns: Vec<u64> =
            turns.iter().map(|turns| turns.load(std::sync::atomic::Ordering::Relaxed)).collect();
        let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
        assert!(most * 10 <= least * 13, "with seed {seed}: {turns:?}");
    }
}
