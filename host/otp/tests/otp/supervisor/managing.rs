//! The management interface (rules S11, S12, S36, S37, S43, S51 to S60).

use super::*;

fn worker(trace: &Trace, id: &str) -> ChildSpec {
    ChildSpec::worker(id, scripted(trace, id, &[Script::Run]))
}

#[test]
fn s51_a_started_child_goes_last_and_its_id_is_its_own() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        let spec = worker(&tree.trace, "d");
        let Ok(StartedChild::Running { pid, info: None }) = tree.start_child(spec.clone()) else { panic!() };
        assert_eq!(tree.pid("d"), Some(pid));
        assert_eq!(tree.start_child(spec.clone()), Err(ManagementError::AlreadyStarted(pid)));
        assert_eq!(tree.which(), ["d:running", "c:running", "b:running", "a:running"], "S56");
        assert_eq!(tree.terminate("d"), Ok(()));
        assert_eq!(tree.start_child(spec), Err(ManagementError::AlreadyPresent));
        let failing = ChildSpec::worker("e", scripted(&tree.trace, "e", &[Script::Fail]));
        assert_eq!(tree.start_child(failing), Err(ManagementError::StartFailed(oops())));
        assert_eq!(tree.which(), ["d:stopped", "c:running", "b:running", "a:running"], "e is forgotten");
    });
}

#[test]
fn s4_s6_a_wrong_specification_is_refused_at_run_time_and_nothing_happens() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        let wrong = [
            (worker(&tree.trace, "x/y"), SpecError::InvalidId("x/y".into())),
            (
                worker(&tree.trace, "x").restart(Restart::Temporary).significant(),
                SpecError::SignificantWithoutAutoShutdown("x".into()),
            ),
        ];
        for (spec, error) in wrong {
            assert_eq!(tree.start_child(spec), Err(ManagementError::Invalid(error)));
        }
        assert_eq!(tree.history().len(), 3);
        assert_eq!(tree.which().len(), 3);
    });
}

#[test]
fn s52_a_name_that_somebody_else_has_is_already_started() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        let other = scripted(&tree.trace, "a", &[Script::Run]);
        let (started, a) = (tree.start_child(ChildSpec::worker("other", other)), tree.pid("a").unwrap());
        assert_eq!(started, Err(ManagementError::StartFailed(ExitReason::already_started(a))));
    });
}

#[test]
fn s11_what_a_child_says_when_it_has_started_is_passed_on() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        let informing = scripted(&tree.trace, "d", &[Script::Inform("first"), Script::Inform("second")]);
        let said = |started| match started {
            Ok(StartedChild::Running { info: Some(info), .. }) => info,
            other => panic!("{other:?}"),
        };
        assert_eq!(said(tree.start_child(ChildSpec::worker("d", informing))), "first");
        assert_eq!(tree.terminate("d"), Ok(()));
        assert_eq!(said(tree.restart("d")), "second", "S54");
    });
}

#[test]
fn s12_a_child_that_ignores_is_kept_unless_it_is_temporary() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        let ignoring = |id: &str| ChildSpec::worker(id, scripted(&tree.trace, id, &[Script::Ignore]));
        let (kept, dropped) = (ignoring("d"), ignoring("e").restart(Restart::Temporary));
        assert_eq!(tree.start_child(kept), Ok(StartedChild::Ignored));
        assert_eq!(tree.start_child(dropped), Ok(StartedChild::Ignored));
        assert_eq!(tree.which()[0], "d:stopped");
        assert_eq!(tree.which().len(), 4);
    });
}

#[test]
fn s53_to_s55_what_runs_is_terminated_restarted_and_deleted_in_that_order() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        assert_eq!(tree.restart("b"), Err(ManagementError::Running));
        assert_eq!(tree.delete("b"), Err(ManagementError::Running));
        let b = tree.pid("b").unwrap();
        assert_eq!(tree.terminate("b"), Ok(()));
        assert!(!tree.simulator.runtime().is_alive(b), "terminate waits for the end");
        assert_eq!(tree.terminate("b"), Ok(()), "S53: it is stopped already");
        let Ok(StartedChild::Running { pid, .. }) = tree.restart("b") else { panic!() };
        assert_eq!(tree.pid("b"), Some(pid));
        assert_eq!(tree.which(), ["c:running", "b:running", "a:running"], "in its old place");
        assert_eq!(tree.terminate("b"), Ok(()));
        assert_eq!(tree.delete("b"), Ok(()));
        for gone in [tree.terminate("b"), tree.delete("b"), tree.restart("b").map(drop)] {
            assert_eq!(gone, Err(ManagementError::NotFound));
        }
        assert_eq!(tree.terminate(pid), Err(ManagementError::NotFound), "S53: not by pid");
        assert!(tree.is_alive());
    });
}

#[test]
fn s54_a_restart_that_fails_leaves_the_specification() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            let scripts = [Script::Run, Script::Fail, Script::Ignore, Script::Run];
            vec![ChildSpec::worker("a", scripted(trace, "a", &scripts))]
        });
        tree.terminate("a").unwrap();
        assert_eq!(tree.restart("a"), Err(ManagementError::StartFailed(oops())));
        assert_eq!(tree.which(), ["a:stopped"]);
        assert_eq!(tree.restart("a"), Ok(StartedChild::Ignored));
        assert!(matches!(tree.restart("a"), Ok(StartedChild::Running { .. })));
    });
}

#[test]
fn s53_a_temporary_child_is_forgotten_when_it_is_terminated() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            vec![worker(trace, "a").restart(Restart::Temporary)]
        });
        assert_eq!(tree.terminate("a"), Ok(()));
        assert_eq!(tree.restart("a"), Err(ManagementError::NotFound));
    });
}

#[test]
fn s28_terminating_and_restarting_by_hand_does_not_count() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 0), three);
        for _ in 0..10 {
            tree.terminate("a").unwrap();
            tree.restart("a").unwrap();
        }
        assert!(tree.is_alive());
    });
}

/// A child whose restart fails for ever: with a back-off, so that one can look at it meanwhile.
fn hanging_restart(trace: &Trace, id: &str) -> ChildSpec {
    let scripts = [Script::Run, Script::Fail];
    ChildSpec::worker(id, scripted(trace, id, &scripts)).backoff(Backoff::constant(Duration::from_secs(60)))
}

#[test]
fn s36_what_can_be_done_with_a_child_that_is_being_restarted() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 9), |trace| {
            vec![worker(trace, "a"), hanging_restart(trace, "b"), worker(trace, "c")]
        });
        tree.end("b", oops());
        assert_eq!(tree.which(), ["c:running", "b:restarting", "a:running"]);
        assert_eq!(tree.counts(), ChildCounts { specs: 3, active: 2, workers: 3, ..ChildCounts::default() });
        assert_eq!(tree.restart("b"), Err(ManagementError::Restarting));
        assert_eq!(tree.delete("b"), Err(ManagementError::Restarting));
        let again = worker(&tree.trace, "b");
        assert_eq!(tree.start_child(again), Err(ManagementError::AlreadyPresent));
        assert_eq!(tree.terminate("b"), Ok(()), "S37");
        assert_eq!(tree.which(), ["c:running", "b:stopped", "a:running"]);
        tree.run_for(200_000);
        assert_eq!(tree.history().len(), 3, "its restart was cancelled");
    });
}

#[test]
fn s37_siblings_that_a_cancelled_round_has_stopped_stay_stopped() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::RestForOne, 9), |trace| {
            vec![worker(trace, "a"), hanging_restart(trace, "b"), worker(trace, "c")]
        });
        tree.end("b", oops());
        assert_eq!(tree.which(), ["c:stopped", "b:restarting", "a:running"]);
        assert_eq!(tree.terminate("b"), Ok(()));
        tree.run_for(200_000);
        assert_eq!(tree.which(), ["c:stopped", "b:stopped", "a:running"]);
    });
}

#[test]
fn s43_a_child_that_unlinked_and_died_stays_listed_until_it_is_terminated() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            vec![ChildSpec::worker("a", scripted(trace, "a", &[Script::Unlink]))]
        });
        tree.end("a", oops());
        assert_eq!(tree.which(), ["a:running"]);
        assert_eq!(tree.counts().active, 0, "S57: really alive");
        assert_eq!(tree.restart("a"), Err(ManagementError::Running));
        assert_eq!(tree.delete("a"), Err(ManagementError::Running));
        assert_eq!(tree.terminate("a"), Ok(()), "S42");
        assert_eq!(tree.which(), ["a:stopped"]);
        assert!(tree.restart("a").is_ok());
    });
}

#[test]
fn s57_s58_counts_and_specifications() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            let inner = SupervisorSpec::new("app/i", None, SupFlags::default(), vec![worker(trace, "x")]);
            vec![worker(trace, "a"), ChildSpec::supervisor("i", Arc::new(inner.unwrap()))]
        });
        tree.terminate("i").unwrap();
        let counts = ChildCounts { specs: 2, active: 1, supervisors: 1, workers: 1, parked: 0 };
        assert_eq!(tree.counts(), counts);
        let spec =
            tree.ask(|context, root| async move { supervisors::get_child_spec(&context, &root, "i").await });
        assert_eq!(spec.unwrap().shutdown, Shutdown::Infinity);
        let spec =
            tree.ask(|context, root| async move { supervisors::get_child_spec(&context, &root, "j").await });
        assert_eq!(spec.err(), Some(ManagementError::NotFound));
    });
}

#[test]
fn s59_a_supervisor_that_is_not_there_is_noproc_and_one_that_dies_meanwhile_says_why() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            vec![worker(trace, "a"), ChildSpec::worker("s", scripted(trace, "s", &[Script::Stubborn]))]
        });
        let nobody = tree.ask(|context, _| async move {
            supervisors::which_children(&context, &Destination::from("nobody")).await
        });
        assert_eq!(nobody, Err(ManagementError::NoProc));
        let a = Destination::Pid(tree.pid("a").unwrap());
        let worker =
            tree.ask(move |context, _| async move { supervisors::count_children(&context, &a).await });
        assert_eq!(worker, Err(ManagementError::NotASupervisor));
        // It waits five seconds for the stubborn child, and is killed meanwhile.
        let answer = tree.begin_to_ask(|context, root| async move {
            supervisors::terminate_child(&context, &root, "s").await
        });
        tree.run_for(10);
        assert_eq!(*answer.lock().unwrap(), None);
        tree.simulator.runtime().exit(tree.root, ExitReason::Kill);
        tree.run_for(10);
        assert_eq!(*answer.lock().unwrap(), Some(Err(ManagementError::Down(ExitReason::Killed))));
        let late =
            tree.ask(|context, root| async move { supervisors::count_children(&context, &root).await });
        assert_eq!(late, Err(ManagementError::NoProc));
    });
}

#[test]
fn s44_a_call_that_is_no_request_is_answered_as_not_understood() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        let answer = tree.ask(|context, root| async move {
            context.call(&root, "what?".into(), Some(Duration::from_secs(1))).await
        });
        assert_eq!(answer.unwrap(), "");
        assert!(tree.is_alive());
    });
}

/// Those who look on need not wait for a start that hangs.
#[test]
fn a_glance_does_not_wait_for_what_the_supervisor_is_doing() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            vec![worker(trace, "a"), ChildSpec::worker("h", scripted(trace, "h", &[Script::Hang]))]
        });
        let asked =
            tree.try_ask(|context, root| async move { supervisors::which_children(&context, &root).await });
        assert!(asked.is_none(), "which_children waits");
        let seen: Vec<ChildInfo> = tree
            .ask(|context, root| async move { supervisors::glance_at_children(&context, &root).await })
            .unwrap();
        assert!(matches!(seen[0].state, ChildState::Starting(_)), "{:?}", seen[0]);
        assert!(matches!(seen[1].state, ChildState::Running(_)));
    });
}

#[test]
fn s60_flags_and_specifications_are_swapped_under_running_children() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 0), three);
        let pids = ["a", "b", "c"].map(|id| tree.pid(id));
        let trace = tree.trace.clone();
        let specs =
            vec![worker(&trace, "c"), worker(&trace, "new"), worker(&trace, "a").restart(Restart::Temporary)];
        let wrong = SupervisorSpec::dynamic("app", None, 1, Duration::from_secs(5), None, vec![]).unwrap();
        let refused =
            tree.ask(|context, root| async move { supervisors::configure(&context, &root, wrong).await });
        assert_eq!(refused, Err(ManagementError::StaticChildren));
        let spec = SupervisorSpec::new("app", None, flags(Strategy::OneForOne, 5), specs).unwrap();
        tree.ask(|context, root| async move { supervisors::configure(&context, &root, spec).await }).unwrap();
        assert_eq!(["a", "b", "c"].map(|id| tree.pid(id)), pids);
        let expected = ["b:running", "a:running", "new:stopped", "c:running"];
        assert_eq!(tree.which(), expected, "new ones are not started, those that are not mentioned stay");
        tree.end("a", oops());
        assert_eq!(tree.which(), ["b:running", "new:stopped", "c:running"], "a is temporary now");
        tree.end("b", oops());
        assert!(tree.is_alive(), "the intensity is 5 now");
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.run_for(1);
        assert_eq!(tree.ended()[tree.ended().len() - 3..], ["b", "c", "supervisor"]);
    });
}

#[test]
fn s18_nothing_is_kept_of_a_temporary_child_however_it_ends() {
    for_seeds(|seed| {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, oops(), ExitReason::Kill] {
            let mut tree = Tree::start(seed, SupFlags::default(), |_| vec![]);
            let start = scripted(&tree.trace, "a", &[Script::Run]);
            let spec = ChildSpec::worker("a", start.clone()).restart(Restart::Temporary);
            tree.start_child(spec).unwrap();
            let root = tree.root;
            // `normal` only ends it if it says so itself.
            if reason == ExitReason::Normal {
                let a = tree.pid("a").unwrap();
                tree.ask(move |context, _| async move { crate::support::send(&context, a, "normal") });
            } else {
                tree.end("a", reason);
            }
            assert_eq!(tree.which(), [] as [&str; 0]);
            assert_eq!(Arc::strong_count(&start), 1, "nor its arguments");
            assert!(tree.simulator.runtime().is_alive(root));
        }
    });
}
