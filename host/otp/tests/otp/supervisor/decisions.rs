//! The tables: restart type, intensity, nonsense (rules S2 to S6, S15 to S17, S26, S27).

use super::*;

#[test]
fn s15_to_s17_restart_type_and_reason_decide() {
    let clean = [ExitReason::Normal, ExitReason::Shutdown];
    let abnormal = [oops(), ExitReason::Killed, ExitReason::NoProc, ExitReason::Kill];
    for reason in clean.iter().chain(&abnormal) {
        assert_eq!(after_exit(Restart::Permanent, reason), Fate::Restart, "S15");
        assert_eq!(after_exit(Restart::Temporary, reason), Fate::Delete, "S17");
    }
    clean.iter().for_each(|reason| assert_eq!(after_exit(Restart::Transient, reason), Fate::Keep, "S16"));
    abnormal
        .iter()
        .for_each(|reason| assert_eq!(after_exit(Restart::Transient, reason), Fate::Restart, "S16"));
}

fn at(ms: u64) -> Instant {
    Instant::from_start(Duration::from_millis(ms))
}

#[test]
fn s26_s27_the_window_counts_whole_seconds_and_includes_both_ends() {
    let mut window = RestartWindow::new(2, Duration::from_secs(5));
    assert!(window.admit(at(999)));
    assert!(window.admit(at(5_000)));
    assert!(!window.admit(at(5_999)), "0 s and 5 s are both inside the window");
    let mut window = RestartWindow::new(1, Duration::from_secs(5));
    assert!(window.admit(at(999)));
    assert!(window.admit(at(6_000)), "0 s is outside the window of 6 s");
    let mut window = RestartWindow::new(0, Duration::from_secs(5));
    assert!(!window.admit(at(0)), "intensity 0 trips at once");
}

proptest! {
    /// OTP's own words, on a list: keep what is not older than the period, prepend, compare the length.
    #[test]
    fn s26_the_window_is_otps(steps in prop::collection::vec(0u64..4000, 1..60), intensity in 0u32..5, period in 1u64..6) {
        let mut window = RestartWindow::new(intensity, Duration::from_secs(period));
        let (mut stamps, mut now): (Vec<u64>, u64) = (Vec::new(), 0);
        for step in steps {
            now += step;
            let second = now / 1000;
            stamps.retain(|stamp| *stamp >= second.saturating_sub(period));
            stamps.insert(0, second);
            let admitted = stamps.len() <= intensity as usize;
            prop_assert_eq!(window.admit(at(now)), admitted);
            if !admitted {
                break;
            }
        }
    }
}

#[test]
fn s2_s5_s6_nonsense_is_refused() {
    let trace = Trace::default();
    let worker = |id: &str| ChildSpec::worker(id, scripted(&trace, id, &[Script::Run]));
    let errors = |flags: SupFlags, children| SupervisorSpec::new("app", None, flags, children).err().unwrap();
    let too_short = SupFlags { period: Duration::from_millis(10), ..SupFlags::default() };
    assert!(matches!(errors(too_short, vec![])[..], [SpecError::InvalidPeriod(_)]));
    let twice = vec![worker("a"), worker("a")];
    assert_eq!(errors(SupFlags::default(), twice), [SpecError::DuplicateChildId("a".into())]);
    let children = vec![worker("a").significant(), worker("b").restart(Restart::Transient).significant()];
    let without = |id: &str| SpecError::SignificantWithoutAutoShutdown(id.into());
    assert_eq!(errors(SupFlags::default(), children.clone()), [without("a"), without("b")]);
    let auto = SupFlags { auto_shutdown: AutoShutdown::AllSignificant, ..SupFlags::default() };
    assert_eq!(errors(auto, children), [SpecError::SignificantPermanent("a".into())]);
}

#[test]
fn s29_one_restart_too_many_ends_the_supervisor_or_parks_the_child() {
    for over in [OverIntensity::GiveUp, OverIntensity::Park] {
        assert_eq!(at_restart(over, true), Verdict::Restart);
    }
    assert_eq!(at_restart(OverIntensity::GiveUp, false), Verdict::GiveUp);
    assert_eq!(at_restart(OverIntensity::Park, false), Verdict::Park);
}

#[test]
fn s46_s47_the_first_or_the_last_significant_child_ends_the_supervisor() {
    let table = [
        (AutoShutdown::Never, false, false),
        (AutoShutdown::AnySignificant, true, true),
        (AutoShutdown::AllSignificant, false, true),
    ];
    for (auto_shutdown, while_others_run, as_the_last) in table {
        assert_eq!(ends_supervisor(auto_shutdown, true), while_others_run, "{auto_shutdown:?}");
        assert_eq!(ends_supervisor(auto_shutdown, false), as_the_last, "{auto_shutdown:?}");
    }
}

#[test]
fn s41_what_a_child_that_was_told_to_stop_may_end_with() {
    let with = ExitReason::ShutdownWith(Arc::new(Term::from("bye")));
    let (kill, shutdown) = (ExitReason::Kill, ExitReason::Shutdown);
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let not_permanent = restart != Restart::Permanent;
        let table = [
            (ExitReason::Killed, true, false),
            (ExitReason::Shutdown, not_permanent, true),
            (ExitReason::Normal, not_permanent, not_permanent),
            (with.clone(), not_permanent, not_permanent),
            (oops(), false, false),
            (ExitReason::NoProc, false, false),
        ];
        for (reason, after_kill, after_shutdown) in table {
            assert_eq!(is_expected_end(restart, &kill, &reason), after_kill, "{restart:?} {reason}");
            assert_eq!(is_expected_end(restart, &shutdown, &reason), after_shutdown, "{restart:?} {reason}");
        }
    }
}

/// Every kind of nonsense that can be said, with the words that a person gets (rules S2, S4 to S8).
#[test]
fn s2_s4_to_s8_each_nonsense_has_its_words() {
    let trace = Trace::default();
    let worker = |id: &str| ChildSpec::worker(id, scripted(&trace, id, &[Script::Run]));
    let simple = SupFlags { strategy: Strategy::SimpleOneForOne, ..SupFlags::default() };
    let auto = |flags: SupFlags| SupFlags { auto_shutdown: AutoShutdown::AnySignificant, ..flags };
    let backoff = |backoff| worker("a").backoff(backoff);
    let second = Duration::from_secs(1);
    let table = [
        (
            SupFlags { period: Duration::ZERO, ..SupFlags::default() },
            vec![],
            "the period is 0ns, but at least 1 s is needed",
        ),
        (
            SupFlags::default(),
            vec![worker("a/b")],
            "the id \"a/b\" is none: it needs 1 to 255 bytes without control characters and slashes",
        ),
        (
            SupFlags::default(),
            vec![worker("")],
            "the id \"\" is none: it needs 1 to 255 bytes without control characters and slashes",
        ),
        (
            SupFlags::default(),
            vec![worker("a"), worker("a")],
            "two children have the id \"a\"; ids are unique within a supervisor",
        ),
        (
            auto(SupFlags::default()),
            vec![worker("a").significant()],
            "child \"a\" is significant and permanent; make it transient or temporary",
        ),
        (
            SupFlags::default(),
            vec![worker("a").restart(Restart::Transient).significant()],
            "child \"a\" is significant, but the supervisor's auto_shutdown is \"never\"; make it \"any_significant\" or \"all_significant\"",
        ),
        (
            auto(simple.clone()),
            vec![worker("a")],
            "a supervisor whose children are dynamic can't have auto_shutdown; leave it \"never\"",
        ),
        (
            simple.clone(),
            vec![],
            "simple_one_for_one needs exactly one child specification, its template, and there are 0",
        ),
        (
            simple,
            vec![worker("a"), worker("b")],
            "simple_one_for_one needs exactly one child specification, its template, and there are 2",
        ),
        (
            flags(Strategy::OneForAll, 1),
            vec![worker("a").parked_over_intensity()],
            "child \"a\" can't be parked: its siblings are restarted with it; use one_for_one, or over_intensity \"give_up\"",
        ),
        (
            SupFlags::default(),
            vec![backoff(Backoff { factor: 0.5, ..Backoff::constant(second) })],
            "child \"a\": the factor of a back-off is from 1 to 1000",
        ),
        (
            SupFlags::default(),
            vec![backoff(Backoff::constant(second).jitter(f64::NAN))],
            "child \"a\": the jitter of a back-off is from 0 to 1",
        ),
        (
            SupFlags::default(),
            vec![backoff(Backoff::exponential(second, Duration::ZERO))],
            "child \"a\": the longest wait of a back-off is shorter than the first",
        ),
    ];
    for (flags, children, words) in table {
        let errors = SupervisorSpec::new("app", None, flags, children).err().unwrap();
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [words]);
    }
    let none = SupervisorSpec::partitioned("app", "p".into(), SupFlags::default(), 0, |_| worker("a"));
    assert_eq!(none.err().unwrap()[0].to_string(), "a PartitionSupervisor needs at least one partition");
    let dynamic = SupervisorSpec::dynamic("app", None, 1, Duration::ZERO, None, vec![]);
    assert!(matches!(dynamic.err().unwrap()[..], [SpecError::InvalidPeriod(_)]));
}

#[test]
fn s1_s3_the_defaults_are_otps() {
    let flags = SupFlags::default();
    assert_eq!((flags.strategy, flags.intensity), (Strategy::OneForOne, 1));
    assert_eq!((flags.period, flags.auto_shutdown), (Duration::from_secs(5), AutoShutdown::Never));
    let start = || scripted(&Trace::default(), "a", &[Script::Run]);
    let (worker, supervisor) = (ChildSpec::worker("a", start()), ChildSpec::supervisor("a", start()));
    for spec in [&worker, &supervisor] {
        assert_eq!((spec.restart, spec.significant), (Restart::Permanent, false));
        assert_eq!((&spec.backoff, spec.over_intensity), (&None, OverIntensity::GiveUp), "beyond OTP: off");
    }
    assert_eq!(worker.shutdown, Shutdown::Timeout(Duration::from_secs(5)));
    assert_eq!(supervisor.shutdown, Shutdown::Infinity);
}
