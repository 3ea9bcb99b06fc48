//! How children and trees are stopped (rules S10, S38 to S48).

use super::*;

#[test]
fn s10_s38_children_start_in_order_and_stop_in_reverse() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), three);
        assert_eq!(tree.history(), ["start a", "start b", "start c"]);
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.simulator.run();
        assert_eq!(tree.ended(), ["c", "b", "a", "supervisor"]);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn s39_s40_each_way_to_stop_a_child() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            let worker = |id: &str, script| ChildSpec::worker(id, scripted(trace, id, &[script]));
            vec![
                worker("patient", Script::EndWith(ExitReason::Normal)).shutdown(Shutdown::Infinity),
                worker("late", Script::Stubborn).shutdown(Shutdown::Timeout(Duration::from_millis(100))),
                worker("brutal", Script::Stubborn).shutdown(Shutdown::BrutalKill),
            ]
        });
        let before = tree.simulator.runtime().now();
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.simulator.run();
        let took = tree.simulator.runtime().now().saturating_since(before);
        assert_eq!(took, Duration::from_millis(100), "only the stubborn one was waited for");
        assert_eq!(tree.ended(), ["brutal", "late", "patient", "supervisor"]);
        let reasons: HashMap<String, ExitReason> = tree
            .events
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Exited(exited) => Some((exited.name?, exited.reason)),
                _ => None,
            })
            .collect();
        assert_eq!(reasons["brutal"], ExitReason::Killed);
        assert_eq!(reasons["late"], ExitReason::Killed);
        let reported: Vec<_> = tree
            .reports()
            .into_iter()
            .filter_map(|report| match report {
                ReportKind::ShutdownError { child, .. } => Some(child),
                _ => None,
            })
            .collect();
        assert_eq!(reported, ["late", "patient"], "S41: brutal_kill is expected to end killed");
    });
}

#[test]
fn s42_a_child_that_unlinked_does_not_hang_its_supervisor() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            vec![ChildSpec::worker("a", scripted(trace, "a", &[Script::Unlink]))]
        });
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.simulator.run();
        assert_eq!(tree.ended(), ["a", "supervisor"]);
    });
}

#[test]
fn s46_s47_s48_significant_children_end_their_supervisor_by_the_rules() {
    let ends = |auto_shutdown, reasons: [ExitReason; 2]| {
        let mut tree = Tree::start(1, SupFlags { auto_shutdown, ..flags(Strategy::OneForOne, 5) }, |trace| {
            let mut reasons = reasons.iter();
            let mut worker = |id: &str| {
                let script = Script::EndAfter(5, reasons.next().unwrap().clone());
                ChildSpec::worker(id, scripted(trace, id, &[script, Script::Run]))
                    .restart(Restart::Transient)
                    .significant()
            };
            vec![worker("a"), worker("b")]
        });
        tree.run_for(20);
        !tree.is_alive()
    };
    let (any, all) = (AutoShutdown::AnySignificant, AutoShutdown::AllSignificant);
    assert!(ends(any, [ExitReason::Normal, oops()]));
    assert!(!ends(any, [oops(), oops()]), "S48: one that crashes is restarted instead");
    assert!(!ends(all, [ExitReason::Normal, oops()]), "S47: the other one still runs");
    assert!(ends(all, [ExitReason::Normal, ExitReason::Shutdown]));
}

#[test]
fn a_stop_during_start_up_stops_what_has_been_started() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            vec![
                ChildSpec::worker("a", scripted(trace, "a", &[Script::Run])),
                ChildSpec::worker("b", scripted(trace, "b", &[Script::Hang])),
                ChildSpec::worker("c", scripted(trace, "c", &[Script::Run])),
            ]
        });
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.simulator.run();
        assert_eq!(tree.history(), ["start a", "start b"]);
        assert_eq!(tree.ended(), ["b", "a", "supervisor"]);
    });
}
