//! What happens in the same instant: deaths together, deaths and kills in the middle of what a supervisor does.

use super::*;

fn worker(trace: &Trace, id: &str) -> ChildSpec {
    ChildSpec::worker(id, scripted(trace, id, &[Script::Run]))
}

/// Has processes die one after another before anybody else runs.
fn die_together(tree: &mut Tree, ids: &[&str]) {
    for id in ids {
        let pid = tree.pid(id).unwrap();
        tree.simulator.runtime().exit(pid, oops());
        tree.simulator.run_only(pid);
        assert!(!tree.simulator.runtime().is_alive(pid));
    }
}

#[test]
fn s24_children_that_die_in_the_same_instant_are_one_restart_of_the_group() {
    for_seeds(|seed| {
        for ids in [["a", "b"], ["b", "a"], ["a", "c"], ["c", "b"]] {
            let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 1), three);
            die_together(&mut tree, &ids);
            tree.run_for(1);
            assert!(tree.is_alive(), "{ids:?}: counted once");
            assert_eq!(tree.history()[3..], ["start a", "start b", "start c"]);
        }
        let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 1), three);
        die_together(&mut tree, &["a", "b", "c"]);
        tree.run_for(1);
        assert_eq!(tree.which(), ["c:running", "b:running", "a:running"]);
    });
}

#[test]
fn s19_s27_children_of_one_for_one_that_die_in_the_same_instant_count_one_by_one() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 3), three);
        die_together(&mut tree, &["c", "a", "b"]);
        tree.run_for(1);
        assert_eq!(tree.history()[3..], ["start c", "start a", "start b"], "in the order of their deaths");
        die_together(&mut tree, &["b"]);
        tree.run_for(1);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        assert_eq!(tree.simulator.runtime().process_count(), 0);
    });
}

#[test]
fn s21_s24_of_rest_for_one_the_first_death_decides_for_those_behind() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::RestForOne, 2), three);
        die_together(&mut tree, &["b", "c"]);
        tree.run_for(1);
        assert_eq!(tree.history()[3..], ["start b", "start c"], "one restart");
        die_together(&mut tree, &["c", "b"]);
        tree.run_for(1);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown), "two restarts: c, then b and c");
    });
}

#[test]
fn s45_a_supervisor_killed_in_the_middle_of_a_restart_leaves_nobody_behind() {
    for_seeds(|seed| {
        for steps in 0..40 {
            let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 100), |trace| {
                let inner = vec![worker(trace, "x"), worker(trace, "y"), worker(trace, "z")];
                let flags = flags(Strategy::OneForAll, 100);
                let inner = SupervisorSpec::new("app/i", Some("i".into()), flags, inner).unwrap();
                vec![ChildSpec::supervisor("i", Arc::new(inner))]
            });
            let (inner, x) = (tree.pid("i").unwrap(), tree.pid("x").unwrap());
            tree.simulator.runtime().exit(x, oops());
            for _ in 0..steps {
                tree.simulator.step();
            }
            tree.simulator.runtime().exit(inner, ExitReason::Kill);
            tree.run_for(10);
            assert_ne!(tree.pid("i"), Some(inner));
            assert!(["x", "y", "z"].iter().all(|id| tree.pid(id).is_some()), "after {steps} steps");
            assert_eq!(tree.simulator.runtime().process_count(), 5, "no orphan, after {steps} steps");
        }
    });
}

#[test]
fn s41_a_child_that_dies_while_its_sibling_shuts_down_is_only_reported() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            let slow = scripted(trace, "slow", &[Script::Stubborn]);
            let slow =
                ChildSpec::worker("slow", slow).shutdown(Shutdown::Timeout(Duration::from_millis(100)));
            vec![worker(trace, "a"), worker(trace, "b"), slow]
        });
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.run_for(50);
        tree.end("b", oops());
        tree.run_for(100);
        assert_eq!(tree.ended(), ["b", "slow", "a", "supervisor"]);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        let reported = tree.reports().into_iter().filter_map(|report| match report {
            ReportKind::ShutdownError { child, reason, .. } => Some((child, reason)),
            _ => None,
        });
        let expected = [("slow".to_owned(), ExitReason::Killed), ("b".to_owned(), oops())];
        assert_eq!(reported.collect::<Vec<_>>(), expected);
        assert_eq!(tree.history().len(), 3, "nobody is restarted");
    });
}

#[test]
fn a_shutdown_during_start_up_stops_what_was_started_in_reverse() {
    for_seeds(|seed| {
        for steps in 0..40 {
            let trace = Trace::default();
            let events = EventLog::default();
            let mut simulator = Simulator::new(seed, Box::new(events.clone()));
            let spec = SupervisorSpec::new("app", None, SupFlags::default(), three(&trace)).unwrap();
            let root = spec.start_root(simulator.runtime()).unwrap();
            for _ in 0..steps {
                simulator.step();
            }
            simulator.runtime().exit(root, ExitReason::Shutdown);
            simulator.run();
            assert_eq!(simulator.runtime().process_count(), 0);
            let tree = Tree { simulator, events, trace, root };
            let started: Vec<String> = tree.history().iter().map(|line| line.replace("start ", "")).collect();
            let mut expected: Vec<String> = started.into_iter().rev().collect();
            expected.push("supervisor".into());
            assert_eq!(tree.ended(), expected, "after {steps} steps");
            assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        }
    });
}

#[test]
fn start_child_that_races_with_the_end_of_its_supervisor_leaves_nobody_behind() {
    for_seeds(|seed| {
        for steps in 0..40 {
            let mut tree = Tree::start(seed, SupFlags::default(), three);
            let spec = worker(&tree.trace, "late");
            let answer = tree.begin_to_ask(|context, root| async move {
                supervisors::start_child(&context, &root, spec).await
            });
            for _ in 0..steps {
                tree.simulator.step();
            }
            tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
            tree.simulator.run();
            assert_eq!(tree.simulator.runtime().process_count(), 0, "after {steps} steps");
            let answer = answer.lock().unwrap().take().expect("an answer");
            let started = tree.history().iter().any(|line| line == "start late");
            match answer {
                Ok(_) => assert!(started),
                Err(ManagementError::Down(ExitReason::Shutdown) | ManagementError::NoProc) => {}
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn terminate_child_that_races_with_the_childs_own_end_is_in_order() {
    for_seeds(|seed| {
        for steps in 0..20 {
            let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 5), three);
            let b = tree.pid("b").unwrap();
            let answer = tree.begin_to_ask(|context, root| async move {
                supervisors::terminate_child(&context, &root, "b").await
            });
            for _ in 0..steps {
                tree.simulator.step();
            }
            tree.simulator.runtime().exit(b, oops());
            tree.run_for(1);
            assert_eq!(answer.lock().unwrap().take(), Some(Ok(())));
            assert_eq!(tree.which(), ["c:running", "b:stopped", "a:running"], "after {steps} steps");
        }
    });
}
