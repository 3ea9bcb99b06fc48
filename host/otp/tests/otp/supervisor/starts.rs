//! Starts that fail, are ignored or hang; restarts that fail (rules S12, S13, S31 to S35).

use super::*;

#[test]
fn s13_a_child_that_fails_to_start_rolls_back_what_was_started() {
    for_seeds(|seed| {
        let tree = Tree::start(seed, SupFlags::default(), |trace| {
            vec![
                ChildSpec::worker("a", scripted(trace, "a", &[Script::Run])),
                ChildSpec::worker("b", scripted(trace, "b", &[Script::Fail])),
                ChildSpec::worker("c", scripted(trace, "c", &[Script::Run])),
            ]
        });
        assert_eq!(tree.history(), ["start a", "start b"]);
        assert_eq!(tree.ended(), ["b", "a", "supervisor"]);
        let reason = tree.root_reason().unwrap().to_string();
        assert_eq!(reason, r#"shutdown(["failed_to_start_child", "b", "oops"])"#);
        assert_eq!(tree.simulator.runtime().process_count(), 0);
    });
}

#[test]
fn s12_a_child_that_ignores_its_start_is_kept_or_dropped_and_the_next_one_starts() {
    for_seeds(|seed| {
        let tree = Tree::start(seed, SupFlags::default(), |trace| {
            let ignoring = |id: &str| ChildSpec::worker(id, scripted(trace, id, &[Script::Ignore]));
            let next = ChildSpec::worker("next", scripted(trace, "next", &[Script::Run]));
            vec![ignoring("a"), ignoring("b").restart(Restart::Temporary), next]
        });
        assert!(tree.is_alive());
        assert_eq!(tree.history(), ["start a", "start b", "start next"]);
    });
}

#[test]
fn a_start_that_is_not_acknowledged_in_time_fails() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, SupFlags::default(), |trace| {
            let start_timeout = Some(Duration::from_millis(100));
            vec![ChildSpec { start_timeout, ..ChildSpec::worker("a", scripted(trace, "a", &[Script::Hang])) }]
        });
        assert!(tree.is_alive());
        tree.run_for(200);
        assert!(tree.root_reason().unwrap().to_string().contains("timeout"));
    });
}

#[test]
fn s31_s32_a_restart_that_fails_is_tried_again_and_every_try_counts() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 3), |trace| {
            vec![ChildSpec::worker("a", scripted(trace, "a", &[Script::Run, Script::Fail]))]
        });
        tree.end("a", oops());
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        assert_eq!(tree.history().len(), 1 + 3, "the first start and as many attempts as are allowed");
    });
}

#[test]
fn s31_a_restart_that_fails_once_succeeds_the_next_time() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 2), |trace| {
            vec![ChildSpec::worker("a", scripted(trace, "a", &[Script::Run, Script::Fail, Script::Run]))]
        });
        tree.end("a", oops());
        assert!(tree.is_alive());
        assert_eq!(tree.history(), ["start a", "start a", "start a"]);
    });
}

#[test]
fn s34_one_for_all_begins_again_when_another_child_fails_to_restart() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 5), |trace| {
            vec![
                ChildSpec::worker("a", scripted(trace, "a", &[Script::Run])),
                ChildSpec::worker("b", scripted(trace, "b", &[Script::Run, Script::Fail, Script::Run])),
                ChildSpec::worker("c", scripted(trace, "c", &[Script::Run])),
            ]
        });
        tree.end("c", oops());
        assert!(tree.is_alive());
        assert_eq!(tree.history()[3..], ["start a", "start b", "start a", "start b", "start c"]);
    });
}

#[test]
fn s35_rest_for_one_begins_again_from_the_one_that_failed() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::RestForOne, 5), |trace| {
            vec![
                ChildSpec::worker("a", scripted(trace, "a", &[Script::Run])),
                ChildSpec::worker("b", scripted(trace, "b", &[Script::Run, Script::Fail, Script::Run])),
                ChildSpec::worker("c", scripted(trace, "c", &[Script::Run])),
            ]
        });
        tree.end("a", oops());
        assert!(tree.is_alive());
        assert_eq!(tree.history()[3..], ["start a", "start b", "start b", "start c"]);
    });
}
