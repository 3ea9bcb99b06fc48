//! Budgets: what a process and all below it use together.

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::{EventLog, first_panic};
use regrow_otp::{
    Budget, Context, Destination, ExitReason, LimitExceeded, LimitKind, Limits, MessageKind, Pid, Resource,
    Runtime, SendError, Simulator, SpawnError, SpawnOptions, WhenFull,
};

use crate::support::*;

pub(crate) fn budgeted(path: &str, budget: Budget) -> SpawnOptions {
    SpawnOptions { budget: Some((path.into(), budget)), ..SpawnOptions::default() }
}

/// What is in use of the innermost budget of a process.
fn used(runtime: &Runtime, pid: Pid, resource: Resource) -> u64 {
    let budgets = runtime.budgets(pid);
    budgets[0].resources.iter().find(|of| of.resource == resource).unwrap().used
}

#[test]
fn processes_are_counted_over_the_whole_subtree() {
    check(&["refused budget.processes 3 4", "again"], |context, trace| async move {
        let budget = Budget { processes: Some(3), ..Budget::default() };
        let body = move |context: Context| async move {
            let inner = child(&context, Default::default(), |context| async move {
                sleeper(&context, Default::default());
                context.receive(None).await;
                ExitReason::Normal
            });
            settle(&context).await;
            match context.spawn(SpawnOptions::default(), |_| async { ExitReason::Normal }) {
                Err(SpawnError::Limit(LimitExceeded { limit, allowed, requested })) => {
                    trace.note(format!("refused {} {allowed} {requested}", limit.name()));
                }
                other => trace.note(format!("{other:?}")),
            }
            context.exit_process(inner, ExitReason::Kill);
            context.await_down(inner).await;
            // Its child lives on, and takes its place; there is one again.
            child(&context, Default::default(), |_| async { ExitReason::Normal });
            trace.note("again");
            ExitReason::Normal
        };
        let pid = child(&context, budgeted("app/a", budget), body);
        context.await_down(pid).await;
        for pid in context.runtime().processes() {
            context.exit_process(pid, ExitReason::Kill);
        }
    });
}

#[test]
fn a_process_has_a_limit_of_children_of_its_own() {
    check(&["children 2 3", "again"], |context, trace| async move {
        let limits = Limits { children: 2, ..Limits::default() };
        let body = move |context: Context| async move {
            let first = sleeper(&context, linked());
            let second = sleeper(&context, linked());
            let Err(SpawnError::Limit(limit)) = context.spawn(linked(), |_| async { ExitReason::Normal })
            else {
                return oops();
            };
            trace.note(format!("{} {} {}", limit.limit.name(), limit.allowed, limit.requested));
            context.unlink(first);
            context.exit_process(first, ExitReason::Kill);
            context.await_down(first).await;
            let third = sleeper(&context, linked());
            trace.note("again");
            for pid in [second, third] {
                context.unlink(pid);
                context.exit_process(pid, ExitReason::Kill);
            }
            ExitReason::Normal
        };
        child(&context, SpawnOptions { limits, ..SpawnOptions::default() }, body);
    });
}

#[test]
fn reductions_in_total_are_limited_for_a_process_and_for_a_budget() {
    check(&["40 reductions 30", "70 budget.reductions 60", "after 20 0"], |context, trace| async move {
        let limits = Limits { reductions: 30, ..Limits::default() };
        let note = trace.clone();
        let own = SpawnOptions { limits, ..SpawnOptions::default() };
        let pid = child(&context, own, move |context| async move {
            assert_eq!(context.charge_reductions(20), Ok(()));
            let over = context.charge_reductions(20).unwrap_err();
            note.note(format!("{} {} {}", over.requested, over.limit.name(), over.allowed));
            ExitReason::Normal
        });
        context.await_down(pid).await;

        let note = trace.clone();
        let budget = Budget { reductions: Some(60), ..Budget::default() };
        child(&context, budgeted("app/a", budget), move |context| async move {
            let other = child(&context, Default::default(), |context| async move {
                assert_eq!(context.charge_reductions(50), Ok(()));
                // It turns out that it was less: that much is not given back, it has been promised.
                context.settle_reductions(50);
                ExitReason::Normal
            });
            context.await_down(other).await;
            let over = context.charge_reductions(20).unwrap_err();
            note.note(format!("{} {} {}", over.requested, over.limit.name(), over.allowed));
            let info = context.runtime().process_info(context.pid()).unwrap();
            note.note(format!(
                "after {} {}",
                info.reductions,
                used(context.runtime(), context.pid(), Resource::Timers)
            ));
            ExitReason::Normal
        });
    });
}

#[test]
fn messages_that_wait_are_counted_over_the_whole_subtree() {
    check(
        &["1 full budget.mailbox_messages", "2 dropped", "3 not full any more", "0 messages, 0 bytes"],
        |context, trace| async move {
            let budget = Budget { mailbox_messages: Some(3), mailbox_bytes: Some(100), ..Budget::default() };
            let owner = child(&context, budgeted("app/a", budget), |context| async move {
                for (name, when_full) in [
                    ("rejects", WhenFull::Reject),
                    ("suspends", WhenFull::SuspendSender),
                    ("drops", WhenFull::DropNewest),
                ] {
                    let limits = Limits { when_full, ..Limits::default() };
                    let named =
                        SpawnOptions { name: Some(name.to_owned()), limits, ..SpawnOptions::default() };
                    child(&context, named, |context| async move {
                        let wait = context.new_reference();
                        context.receive_answer(wait, Some(Duration::from_millis(10))).await;
                        while context.receive(Some(Duration::ZERO)).await.is_some() {}
                        context.receive_answer(wait, None).await;
                        ExitReason::Normal
                    });
                }
                let never = context.new_reference();
                context.receive_answer(never, None).await;
                ExitReason::Normal
            });
            settle(&context).await;
            let to = |name: &str| Destination::Name(name.to_owned());
            let info =
                async |name| context.send(&to(name), MessageKind::Info, Bytes::from_static(b"hello")).await;
            for name in ["rejects", "suspends", "drops"] {
                info(name).await.unwrap();
            }
            // Not even a sender that would wait: nobody could say for whom.
            for name in ["rejects", "suspends"] {
                let Err(SendError::Full(limit)) = info(name).await else { panic!("it is full") };
                assert_eq!(limit.limit, LimitKind::BudgetMailboxMessages);
            }
            trace.note("1 full budget.mailbox_messages");
            info("drops").await.unwrap();
            let drops = context.runtime().whereis("drops").unwrap();
            assert_eq!(context.runtime().process_info(drops).unwrap().mailbox.dropped, 1);
            trace.note("2 dropped");
            let never = context.new_reference();
            context.receive_answer(never, Some(Duration::from_millis(20))).await;
            context.send(&to("rejects"), MessageKind::Info, Bytes::from(vec![0; 90])).await.unwrap();
            let Err(SendError::Full(limit)) =
                context.send(&to("suspends"), MessageKind::Info, Bytes::from(vec![0; 11])).await
            else {
                panic!("it is full")
            };
            assert_eq!(limit.limit, LimitKind::BudgetMailboxBytes);
            trace.note("3 not full any more");
            for name in ["rejects", "suspends", "drops"] {
                let pid = context.runtime().whereis(name).unwrap();
                context.exit_process(pid, ExitReason::Kill);
                context.await_down(pid).await;
            }
            let of = |resource| used(context.runtime(), owner, resource);
            trace.note(format!(
                "{} messages, {} bytes",
                of(Resource::MailboxMessages),
                of(Resource::MailboxBytes)
            ));
            context.exit_process(owner, ExitReason::Kill);
        },
    );
}

#[test]
fn timers_are_counted_until_they_are_gone_even_if_their_creator_is() {
    check(&["refused budget.timers", "2", "1", "0"], |context, trace| async move {
        let budget = Budget { timers: Some(2), ..Budget::default() };
        let me = context.pid();
        let owner = child(&context, budgeted("app/a", budget), move |context| async move {
            let creator = child(&context, Default::default(), move |context| async move {
                for ms in [10, 20] {
                    context.start_timer(Duration::from_millis(ms), me.into(), Bytes::new()).unwrap();
                }
                ExitReason::Normal
            });
            context.await_down(creator).await;
            let refused = context.start_timer(Duration::from_millis(1), me.into(), Bytes::new()).unwrap_err();
            send(&context, me, &format!("refused {}", refused.limit.name()));
            context.receive(None).await;
            ExitReason::Normal
        });
        trace.note(next(&context).await);
        let of = || used(context.runtime(), owner, Resource::Timers).to_string();
        trace.note(of());
        next(&context).await;
        trace.note(of());
        next(&context).await;
        trace.note(of());
        context.exit_process(owner, ExitReason::Kill);
    });
}

/// One that has not enough left charges nobody.
#[test]
fn a_charge_goes_to_every_budget_around_a_process_or_to_none() {
    check(&["10 10", "10 10 budget.memory_bytes of 20", "0 0"], |context, trace| async move {
        let outer = Budget { memory_bytes: Some(20), ..Budget::default() };
        child(&context, budgeted("app", outer), move |context| async move {
            let inner = Budget { memory_bytes: Some(100), ..Budget::default() };
            let inner = child(&context, budgeted("app/a", inner), move |context| async move {
                let of = || {
                    let budgets = context.runtime().budgets(context.pid());
                    let memory: Vec<_> = budgets.iter().map(|of| of.resources[1].used.to_string()).collect();
                    memory.join(" ")
                };
                context.charge(Resource::Memory, 10).unwrap();
                trace.note(of());
                let over = context.charge(Resource::Memory, 11).unwrap_err();
                trace.note(format!("{} {} of {}", of(), over.limit.name(), over.allowed));
                context.release(Resource::Memory, 10);
                trace.note(of());
                ExitReason::Normal
            });
            context.await_down(inner).await;
            ExitReason::Normal
        });
    });
}

#[test]
fn a_budget_can_be_changed_while_it_is_in_use() {
    check(&["app/a 100", "app/a 300"], |context, trace| async move {
        let budget = Budget { processes: Some(1), ..Budget::default() };
        let owner = child(&context, budgeted("app/a", budget), |context| async move {
            context.receive(None).await;
            assert!(context.spawn(SpawnOptions::default(), |_| async { ExitReason::Normal }).is_err());
            context.receive(None).await;
            child(&context, Default::default(), |_| async { ExitReason::Normal });
            ExitReason::Normal
        });
        let note = || {
            let budgets = context.runtime().budgets(owner);
            trace.note(format!("{} {}", budgets[0].path, budgets[0].share));
        };
        note();
        send(&context, owner, "now");
        settle(&context).await;
        context
            .runtime()
            .change_budget(owner, &Budget { share: 300, processes: Some(2), ..Budget::default() });
        note();
        send(&context, owner, "now");
        assert_eq!(context.await_down(owner).await, ExitReason::Normal);
    });
}

#[test]
fn lines_in_a_second_are_counted_for_a_process_and_for_its_budgets() {
    check(&["2 of 5", "1 of 5", "then 2 of 5"], |context, trace| async move {
        let budget = Budget { log_lines_per_second: Some(3), ..Budget::default() };
        child(&context, budgeted("app/a", budget), move |context| async move {
            let limits = Limits { log_lines_per_second: 2, ..Limits::default() };
            let count = |context: &Context| (0..5).filter(|_| context.may_log()).count();
            for _ in 0..2 {
                let note = trace.clone();
                let options = SpawnOptions { limits, ..SpawnOptions::default() };
                let pid = child(&context, options, move |context| async move {
                    note.note(format!("{} of 5", count(&context)));
                    ExitReason::Normal
                });
                context.await_down(pid).await;
            }
            context.receive(Some(Duration::from_secs(1))).await;
            let options = SpawnOptions { limits, ..SpawnOptions::default() };
            let last = child(&context, options, move |context| async move {
                trace.note(format!("then {} of 5", count(&context)));
                ExitReason::Normal
            });
            context.await_down(last).await;
            ExitReason::Normal
        });
    });
}

/// Nobody outlives the process that his budget begins with, however fast he spawns.
#[test]
fn all_that_belong_to_a_budget_end_with_the_process_that_it_begins_with() {
    fn bomb(context: Context) -> std::pin::Pin<Box<dyn Future<Output = ExitReason> + Send>> {
        Box::pin(async move {
            context.set_trap_exit(true);
            loop {
                if context.spawn(SpawnOptions::default(), bomb).is_err() {
                    context.receive(Some(Duration::from_millis(1))).await;
                }
                context.yield_now().await;
            }
        })
    }
    for seed in 0..SEEDS {
        let mut simulator =
            Simulator::with_workers(seed, 1 + seed as usize % 3, Box::new(EventLog::default()));
        let runtime = simulator.runtime().clone();
        let budget = Budget { processes: Some(40), ..Budget::default() };
        let owner = runtime.spawn(budgeted("app/bomb", budget), bomb).unwrap();
        let beside = runtime.spawn(budgeted("app/beside", Budget::default()), |context| async move {
            context.receive(None).await;
            ExitReason::Normal
        });
        for _ in 0..200 + seed {
            simulator.step();
        }
        assert!(runtime.process_count() > 5);
        runtime.exit(owner, ExitReason::Kill);
        for _ in 0..2_000 {
            simulator.step();
        }
        assert_eq!(runtime.processes(), [beside.unwrap()], "with seed {seed}");
        assert_eq!(runtime.balance().error(), None);
    }
}

/// Whoever is restarted finds the room that those before him had.
#[test]
fn the_parent_hears_of_an_end_when_nobody_belongs_to_that_budget_any_more() {
    for seed in 0..SEEDS {
        let log = EventLog::default();
        let mut simulator = Simulator::with_workers(seed, 1 + seed as usize % 3, Box::new(log.clone()));
        let body = move |context: Context| async move {
            let tenant = |context: &Context| {
                let options = SpawnOptions { monitor: true, ..budgeted("app/a/b", Budget::default()) };
                let spawned = context.spawn(options, |context| async move {
                    for _ in 0..8 {
                        sleeper(&context, trapping());
                    }
                    context.receive(None).await;
                    ExitReason::Normal
                });
                let (pid, monitor) = spawned.unwrap();
                (pid, monitor.unwrap())
            };
            // Room for this one, and for one tenant with its eight.
            for _ in 0..5 {
                let (pid, monitor) = tenant(&context);
                settle(&context).await;
                assert_eq!(used(context.runtime(), context.pid(), Resource::Processes), 10);
                context.exit_process(pid, ExitReason::Kill);
                assert_eq!(down(&context, monitor).await, "DOWN killed");
                assert_eq!(used(context.runtime(), context.pid(), Resource::Processes), 1);
            }
            ExitReason::Normal
        };
        let outer = Budget { processes: Some(10), ..Budget::default() };
        simulator.runtime().spawn(budgeted("app/a", outer), body).unwrap();
        simulator.run();
        assert_eq!(first_panic(&log.events()), None, "with seed {seed}");
        assert_eq!(simulator.runtime().process_count(), 0);
        assert_eq!(simulator.runtime().balance().error(), None);
    }
}
