//! Nested trees, strangers, kills at random (rules S30, S44, S45).

use super::*;

#[test]
fn s30_a_permanent_child_supervisor_that_gives_up_is_restarted_by_its_parent() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 1), |trace| {
            let inner = vec![ChildSpec::worker("w", scripted(trace, "w", &[Script::Run]))];
            let inner =
                SupervisorSpec::new("app/inner", Some("inner".into()), flags(Strategy::OneForOne, 0), inner);
            vec![ChildSpec::supervisor("inner", Arc::new(inner.unwrap()))]
        });
        let inner = tree.pid("inner");
        tree.end("w", oops());
        assert!(tree.is_alive());
        assert_ne!(tree.pid("inner"), inner);
        assert_eq!(tree.history(), ["start w", "start w"]);
        tree.end("w", oops());
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown), "the parent counts, too");
    });
}

#[test]
fn s44_exits_of_strangers_and_stray_messages_do_not_harm_a_supervisor() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        let root = tree.root;
        let body = move |context: Context| async move {
            crate::support::send(&context, root, "hello");
            context.exit_process(root, oops());
            ExitReason::Normal
        };
        tree.simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
        tree.run_for(1);
        assert!(tree.is_alive());
        assert_eq!(tree.history().len(), 3);
    });
}

#[test]
fn s45_a_killed_supervisor_takes_its_children_along_and_is_restarted() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 1), |trace| {
            let inner = vec![ChildSpec::worker("w", scripted(trace, "w", &[Script::Run]))];
            let inner = SupervisorSpec::new("app/inner", Some("inner".into()), SupFlags::default(), inner);
            vec![ChildSpec::supervisor("inner", Arc::new(inner.unwrap()))]
        });
        let worker = tree.pid("w");
        tree.end("inner", ExitReason::Kill);
        assert!(tree.is_alive());
        assert_eq!(tree.history(), ["start w", "start w"]);
        assert_ne!(tree.pid("w"), worker);
        assert_eq!(tree.simulator.runtime().process_count(), 3);
    });
}

#[test]
fn nested_trees_stop_from_the_last_leaf_up() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            let mut nested = ChildSpec::worker("leaf", scripted(trace, "leaf", &[Script::Run]));
            for depth in 0..20 {
                let name = format!("level-{depth}");
                let spec =
                    SupervisorSpec::new(name.clone(), Some(name.clone()), SupFlags::default(), vec![nested]);
                nested = ChildSpec::supervisor(name, Arc::new(spec.unwrap()));
            }
            vec![nested]
        });
        assert_eq!(tree.simulator.runtime().process_count(), 22);
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.simulator.run();
        let expected: Vec<String> = std::iter::once("leaf".to_owned())
            .chain((0..20).map(|depth| format!("level-{depth}")))
            .chain(["supervisor".to_owned()])
            .collect();
        assert_eq!(tree.ended(), expected);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever is killed whenever, a tree whose intensity is not reached ends up whole: every child alive,
    /// once, and nobody else.
    #[test]
    fn a_tree_regrows_after_random_kills(
        seed in any::<u64>(),
        strategy in prop::sample::select(vec![Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
        kills in prop::collection::vec((0usize..6, 0u64..4, 0usize..30), 1..20),
    ) {
        let names = ["a", "b", "inner", "c", "d", "e"];
        let mut tree = Tree::start(seed, flags(strategy, 1000), |trace| {
            let worker = |id: &str| ChildSpec::worker(id, scripted(trace, id, &[Script::Run]));
            let inner = SupervisorSpec::new("app/inner", Some("inner".into()), flags(strategy, 1000), vec![worker("c"), worker("d")]);
            vec![worker("a"), worker("b"), ChildSpec::supervisor("inner", Arc::new(inner.unwrap())), worker("e")]
        });
        for (victim, pause, steps) in kills {
            if let Some(pid) = tree.pid(names[victim]) {
                tree.simulator.runtime().exit(pid, ExitReason::Kill);
            }
            // Kill again in the middle of what the last kill has caused.
            for _ in 0..steps {
                tree.simulator.step();
            }
            if pause > 2 {
                tree.run_for(pause);
            }
        }
        tree.run_for(1000);
        prop_assert!(tree.is_alive());
        for name in names {
            prop_assert!(tree.pid(name).is_some(), "{} is not there", name);
        }
        prop_assert_eq!(tree.simulator.runtime().process_count(), 7);
    }
}

#[test]
fn s25_children_that_were_added_are_lost_when_their_supervisor_is_restarted() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 5), |trace| {
            let worker = ChildSpec::worker("w", scripted(trace, "w", &[Script::Run]));
            let inner =
                SupervisorSpec::new("app/i", Some("i".into()), flags(Strategy::OneForOne, 5), vec![worker]);
            vec![ChildSpec::supervisor("i", Arc::new(inner.unwrap()))]
        });
        let added = ChildSpec::worker("added", scripted(&tree.trace, "added", &[Script::Run]));
        let started = tree
            .ask(|context, _| async move { supervisors::start_child(&context, &"i".into(), added).await });
        assert!(started.is_ok());
        tree.end("i", ExitReason::Kill);
        assert!(tree.pid("w").is_some());
        assert_eq!(tree.pid("added"), None);
    });
}

/// Between the attempts of a restart that always fails, requests and the parent's order are served.
#[test]
fn s33_a_restart_that_fails_for_ever_does_not_make_a_supervisor_deaf() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::RestForOne, u32::MAX), |trace| {
            let failing = scripted(trace, "b", &[Script::Run, Script::Fail]);
            vec![
                ChildSpec::worker("a", scripted(trace, "a", &[Script::Run])),
                ChildSpec::worker("b", failing),
            ]
        });
        let b = tree.pid("b").unwrap();
        tree.simulator.runtime().exit(b, oops());
        let steps = |tree: &mut Tree| {
            for _ in 0..500 {
                tree.simulator.step();
            }
        };
        steps(&mut tree);
        assert!(tree.history().len() > 10, "it goes on trying");
        let counts = tree
            .begin_to_ask(|context, root| async move { supervisors::count_children(&context, &root).await });
        steps(&mut tree);
        assert_eq!(counts.lock().unwrap().take().unwrap().unwrap().active, 1);
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        steps(&mut tree);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s50_the_shutdown_of_a_significant_supervisor_goes_on_to_its_parent() {
    for_seeds(|seed| {
        for significant in [true, false] {
            let auto = SupFlags { auto_shutdown: AutoShutdown::AnySignificant, ..SupFlags::default() };
            let mut tree = Tree::start(seed, auto.clone(), |trace| {
                let worker = ChildSpec::worker("w", scripted(trace, "w", &[Script::Run]));
                let worker = worker.restart(Restart::Transient).significant();
                let inner = SupervisorSpec::new("app/i", Some("i".into()), auto, vec![worker]).unwrap();
                let inner = ChildSpec::supervisor("i", Arc::new(inner)).restart(Restart::Transient);
                vec![if significant { inner.significant() } else { inner }]
            });
            tree.end("w", ExitReason::Shutdown);
            assert_eq!(tree.pid("i"), None);
            assert_eq!(tree.is_alive(), !significant);
        }
    });
}
