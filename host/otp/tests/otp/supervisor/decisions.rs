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
    let expected =
        [SpecError::SignificantPermanent("a".into()), SpecError::SignificantWithoutAutoShutdown("b".into())];
    assert_eq!(errors(SupFlags::default(), children), expected);
}
