//! Beyond OTP: restarts that wait, and children that are parked.

use regrow_otp::SplitMix64;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn crashing(trace: &Trace, id: &str, backoff: Backoff) -> ChildSpec {
    ChildSpec::worker(id, scripted(trace, id, &[Script::Run])).backoff(backoff)
}

#[test]
fn waits_grow_up_to_their_cap() {
    let mut random = SplitMix64::new(1);
    let mut waits =
        |backoff: Backoff| (1..=6).map(|n| backoff.wait(n, &mut random).as_millis()).collect::<Vec<_>>();
    assert_eq!(waits(Backoff::constant(ms(50))), [50; 6]);
    assert_eq!(waits(Backoff::exponential(ms(100), ms(1000))), [100, 200, 400, 800, 1000, 1000]);
    let huge = Backoff::exponential(ms(1), Duration::MAX);
    assert_eq!(huge.wait(u32::MAX, &mut random), Duration::MAX);
}

proptest! {
    #[test]
    fn jitter_takes_away_no_more_than_its_share(seed: u64, jitter in 0.0f64..=1.0, crashes in 1u32..40) {
        let full = Backoff::exponential(ms(100), ms(60_000));
        let (mut a, mut b) = (SplitMix64::new(seed), SplitMix64::new(seed));
        let wait = full.jitter(jitter).wait(crashes, &mut a);
        let longest = full.wait(crashes, &mut b);
        prop_assert!(wait <= longest);
        prop_assert!(wait.as_secs_f64() >= longest.as_secs_f64() * (1.0 - jitter) - 1e-6);
        let again = full.jitter(jitter).wait(crashes, &mut SplitMix64::new(seed));
        prop_assert_eq!(wait, again, "the seed decides");
    }
}

#[test]
fn a_crash_loop_waits_longer_and_longer_and_a_long_life_is_forgiven() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 1000), |trace| {
            let backoff = Backoff::exponential(ms(100), ms(1_000));
            vec![crashing(trace, "a", backoff), ChildSpec::worker("b", scripted(trace, "b", &[Script::Run]))]
        });
        for wait in [100, 200, 400, 800, 1000, 1000] {
            tree.end("a", oops());
            let reported = tree.reports().into_iter().rev().find_map(|report| match report {
                ReportKind::ChildTerminated { decision: Decision::Restart { wait, .. }, .. } => Some(wait),
                _ => None,
            });
            assert_eq!(reported, Some(ms(wait)));
            assert_eq!(tree.pid("a"), None);
            tree.run_for(wait - 5);
            assert_eq!(tree.pid("a"), None, "not yet");
            assert_eq!(tree.which(), ["b:running", "a:restarting"], "others are served meanwhile");
            tree.run_for(10);
            assert!(tree.pid("a").is_some());
        }
        tree.run_for(1_001);
        tree.end("a", oops());
        tree.run_for(101);
        assert!(tree.pid("a").is_some(), "it had run for long enough");
    });
}

#[test]
fn a_group_is_stopped_at_once_and_started_together_after_the_wait() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForAll, 5), |trace| {
            let worker = |id: &str| ChildSpec::worker(id, scripted(trace, id, &[Script::Run]));
            vec![worker("a"), crashing(trace, "b", Backoff::constant(ms(500))), worker("c")]
        });
        tree.end("b", oops());
        assert_eq!(tree.which(), ["c:stopped", "b:restarting", "a:stopped"]);
        tree.run_for(500);
        assert_eq!(tree.which(), ["c:running", "b:running", "a:running"]);
        assert_eq!(tree.history()[3..], ["start a", "start b", "start c"]);
    });
}

#[test]
fn a_start_that_fails_again_and_again_waits_too_and_is_counted_once_each_time() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 3), |trace| {
            let scripts = scripted(trace, "a", &[Script::Run, Script::Fail]);
            vec![ChildSpec::worker("a", scripts).backoff(Backoff::constant(ms(100)))]
        });
        tree.end("a", oops());
        tree.run_for(250);
        assert_eq!(tree.history().len(), 3);
        assert!(tree.is_alive());
        tree.run_for(1000);
        assert_eq!(tree.history().len(), 1 + 3, "S32: as many attempts as are allowed");
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
    });
}

#[test]
fn an_orderly_stop_does_not_wait_for_a_restart() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 3), |trace| {
            vec![crashing(trace, "a", Backoff::constant(Duration::from_secs(3600)))]
        });
        tree.end("a", oops());
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.run_for(1);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        assert_eq!(regrow_otp::testing::running_timers(tree.simulator.runtime()), 0);
    });
}

#[test]
fn a_child_over_its_intensity_is_parked_and_its_siblings_go_on() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 1), |trace| {
            let worker = |id: &str| ChildSpec::worker(id, scripted(trace, id, &[Script::Run]));
            vec![worker("a").parked_over_intensity(), worker("b")]
        });
        tree.end("a", oops());
        tree.end("b", oops());
        assert!(tree.is_alive(), "each counts for itself");
        tree.end("a", oops());
        assert_eq!(tree.which(), ["b:running", "a:parked"]);
        assert_eq!(tree.counts(), ChildCounts { specs: 2, active: 1, workers: 2, parked: 1, supervisors: 0 });
        assert!(tree.reports().iter().any(|r| matches!(r, ReportKind::Parked { child, .. } if child == "a")));
        tree.run_for(60_000);
        assert_eq!(tree.history().len(), 4, "nobody restarts it");
        assert!(matches!(tree.restart("a"), Ok(StartedChild::Running { .. })));
        tree.end("a", oops());
        assert_eq!(tree.which(), ["b:running", "a:running"], "it begins anew");
        tree.end("a", oops());
        assert_eq!(tree.which(), ["b:running", "a:parked"]);
        assert_eq!(tree.terminate("a"), Ok(()));
        assert_eq!(tree.delete("a"), Ok(()));
        assert_eq!(tree.which(), ["b:running"]);
    });
}

#[test]
fn crashes_are_charged_to_the_supervisor() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::OneForOne, 1000), three);
        let used = |tree: &Tree| tree.simulator.runtime().process_info(tree.root).unwrap().reductions;
        let before = used(&tree);
        for _ in 0..10 {
            tree.end("a", oops());
        }
        assert_eq!(used(&tree) - before, 10 * 20_000);
    });
}

#[test]
fn the_wait_of_a_group_is_that_of_the_crash_which_came_last() {
    for_seeds(|seed| {
        let mut tree = Tree::start(seed, flags(Strategy::RestForOne, 5), |trace| {
            let worker = |id: &str, seconds| {
                let spec = ChildSpec::worker(id, scripted(trace, id, &[Script::Run]));
                spec.backoff(Backoff::constant(Duration::from_secs(seconds)))
            };
            vec![worker("a", 20), worker("b", 10)]
        });
        tree.end("b", oops());
        assert_eq!(tree.which(), ["b:restarting", "a:running"]);
        tree.end("a", oops());
        assert_eq!(tree.which(), ["b:stopped", "a:restarting"]);
        tree.run_for(15_000);
        assert_eq!(tree.history()[2..], [""; 0], "b is not started without a");
        tree.run_for(10_000);
        assert_eq!(tree.history()[2..], ["start a", "start b"]);
    });
}

/// One that can't be resumed is parked as before: it can be tried again, or terminated.
#[test]
fn a_dynamic_child_that_can_not_be_resumed_stays_parked() {
    for_seeds(|seed| {
        let mut tree = Tree::start_spec(seed, |_| {
            SupervisorSpec::dynamic("app", None, 0, Duration::from_secs(5), None, Vec::new()).unwrap()
        });
        let scripts = [Script::Run, Script::Fail, Script::Run];
        let spec = ChildSpec::worker("d", scripted(&tree.trace, "d", &scripts)).parked_over_intensity();
        let Ok(StartedChild::Running { pid, .. }) = tree.start_child(spec) else { panic!() };
        tree.end("d", oops());
        assert_eq!(tree.which(), ["d:parked"]);
        assert_eq!(tree.restart(pid), Err(ManagementError::StartFailed(oops())));
        assert_eq!(tree.which(), ["d:parked"]);
        assert!(matches!(tree.restart(pid), Ok(StartedChild::Running { .. })));
    });
}
