//! Which children a restart concerns, and how many restarts are too many (rules S19 to S29).

use super::*;

#[test]
fn s19_one_for_one_restarts_just_the_child() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 1), three);
        let (a, c) = (tree.pid("a"), tree.pid("c"));
        tree.end("b", oops());
        assert_eq!(tree.history()[3..], ["start b"]);
        assert_eq!((tree.pid("a"), tree.pid("c")), (a, c));
    });
}

#[test]
fn s20_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 1), three);
        tree.end("b", oops());
        assert_eq!(tree.ended(), ["b", "c", "a"]);
        assert_eq!(tree.history()[3..], ["start a", "start b", "start c"]);
    });
}

#[test]
fn s21_rest_for_one_leaves_the_earlier_ones_alone() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::RestForOne, 1), three);
        let a = tree.pid("a");
        tree.end("b", oops());
        assert_eq!(tree.ended(), ["b", "c"]);
        assert_eq!(tree.history()[3..], ["start b", "start c"]);
        assert_eq!(tree.pid("a"), a);
    });
}

#[test]
fn s22_s23_a_group_restart_deletes_temporary_siblings_and_starts_those_that_had_ended() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 1), |trace| {
            let worker = |id: &str| ChildSpec::worker(id, scripted(trace, id, &[Script::Run]));
            vec![
                worker("transient").restart(Restart::Transient),
                worker("temporary").restart(Restart::Temporary),
                worker("permanent"),
            ]
        });
        let pid = tree.pid("transient").unwrap();
        let body = move |context: Context| async move {
            crate::support::send(&context, pid, "normal");
            ExitReason::Normal
        };
        tree.simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
        tree.run_for(1);
        assert_eq!(tree.pid("transient"), None);
        tree.end("permanent", oops());
        assert_eq!(tree.history()[3..], ["start transient", "start permanent"]);
        assert_eq!(tree.pid("temporary"), None);
    });
}

#[test]
fn s24_children_that_die_together_are_one_restart_of_the_group() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 1), three);
        for id in ["a", "b", "c"] {
            tree.simulator.runtime().exit(tree.pid(id).unwrap(), oops());
        }
        tree.run_for(1);
        assert!(tree.is_alive());
        assert_eq!(tree.history()[3..], ["start a", "start b", "start c"]);
    });
}

#[test]
fn s27_s29_one_restart_too_many_stops_everything_with_shutdown() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 2), three);
        tree.end("b", oops());
        tree.end("b", oops());
        assert!(tree.is_alive());
        tree.end("b", oops());
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        assert_eq!(tree.ended()[3..], ["c", "a", "supervisor"]);
        assert!(
            tree.reports().iter().any(|report| matches!(report, ReportKind::GaveUp { intensity: 2, .. }))
        );
    });
}

#[test]
fn s28_what_is_not_restarted_does_not_count() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 0), |trace| {
            let worker = |id: &str, restart| {
                ChildSpec::worker(id, scripted(trace, id, &[Script::EndAfter(5, ExitReason::Normal)]))
                    .restart(restart)
            };
            vec![worker("a", Restart::Transient), worker("b", Restart::Temporary)]
        });
        tree.run_for(20);
        assert!(tree.is_alive());
        assert_eq!(
            tree.ended(),
            tree.ended().into_iter().filter(|name| name != "supervisor").collect::<Vec<_>>()
        );
    });
}

/// A group restart takes over whatever restarts were to come: their retries do nothing any more.
#[test]
fn s31_s35_a_group_restart_supersedes_the_retries_of_its_members() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::RestForOne, 3), |trace| {
            let worker = |id: &str| {
                ChildSpec::worker(id, scripted(trace, id, &[Script::Run, Script::Fail, Script::Run]))
            };
            vec![worker("b"), worker("c")]
        });
        let pids = ["c", "b"].map(|id| tree.pid(id).unwrap());
        for pid in pids {
            tree.simulator.runtime().exit(pid, oops());
            // Both have ended before the supervisor hears of one: of c first.
            tree.simulator.run_only(pid);
        }
        tree.run_for(10);
        assert_eq!(tree.history()[2..], ["start c", "start b", "start b", "start c"]);
        assert_eq!(tree.which(), ["c:running", "b:running"]);
    });
}

#[test]
fn s35_who_crashed_is_stopped_while_a_sibling_is_tried_again() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 1), |trace| {
            let failing = scripted(trace, "a", &[Script::Run, Script::Fail]);
            let second = Backoff::constant(Duration::from_secs(1));
            let a = ChildSpec::worker("a", failing).backoff(second);
            vec![a, ChildSpec::worker("c", scripted(trace, "c", &[Script::Run]))]
        });
        tree.end("c", oops());
        assert_eq!(tree.which(), ["c:stopped", "a:restarting"]);
        assert_eq!(tree.terminate("a"), Ok(()));
        assert_eq!(tree.delete("c"), Ok(()), "it is not left restarting for ever");
    });
}
