//! Supervisors (rules S1 to S50) on scripted children.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use regrow_otp::supervisor::{
    AutoShutdown, ChildSpec, Fate, Restart, RestartWindow, Shutdown, SpecError, StartChild, Started,
    Strategy, SupFlags, SupervisorSpec, after_exit,
};
use regrow_otp::testing::EventLog;
use regrow_otp::{
    Context, Event, ExitReason, InitAck, Instant, Pid, Received, Reference, ReportKind, Simulator,
    SpawnError, SpawnOptions,
};

use crate::support::{SEEDS, Trace, oops};

/// What a child does on one of its starts.
#[derive(Clone, Debug)]
enum Script {
    /// Runs until it is told to end; then ends as it is told.
    Run,
    /// Runs, traps exits, and ends with this reason when it is told to shut down.
    EndWith(ExitReason),
    /// Runs and takes no notice of being told to shut down.
    Stubborn,
    /// Runs for so many milliseconds, then ends.
    EndAfter(u64, ExitReason),
    /// Can't start.
    Fail,
    /// Has nothing to do.
    Ignore,
    /// Never says anything.
    Hang,
    /// Unlinks itself from its supervisor and goes on.
    Unlink,
}

/// A child that follows a script: one entry a start, the last for ever.
struct Scripted {
    id: String,
    scripts: Mutex<VecDeque<Script>>,
    trace: Trace,
}

impl StartChild for Scripted {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let mut scripts = self.scripts.lock().unwrap();
        let script = if scripts.len() > 1 { scripts.pop_front() } else { scripts.front().cloned() };
        let (id, trace) = (self.id.clone(), self.trace.clone());
        trace.note(format!("start {id}"));
        let options = SpawnOptions { link: true, init_ack: Some(ack), name: Some(id), ..Default::default() };
        let (pid, _) = supervisor.spawn(options, move |context| follow(context, script.unwrap()))?;
        Ok(Started { pid, acknowledges: true })
    }
}

async fn follow(context: Context, script: Script) -> ExitReason {
    let trapping = matches!(script, Script::EndWith(_) | Script::Stubborn);
    context.set_trap_exit(trapping);
    match &script {
        Script::Fail => {
            context.init_ack(InitAck::Error(oops()));
            return oops();
        }
        Script::Ignore => {
            context.init_ack(InitAck::Ignore);
            return ExitReason::Normal;
        }
        Script::Hang => loop {
            context.receive(None).await;
        },
        Script::Unlink => context.unlink(context.identity().parent.unwrap()),
        _ => {}
    }
    context.init_ack(InitAck::Started);
    if let Script::EndAfter(ms, reason) = script {
        context.receive(Some(Duration::from_millis(ms))).await;
        return reason;
    }
    loop {
        let received = context.receive(None).await;
        match (&script, received) {
            (Script::EndWith(reason), Some(Received::Exit { .. })) => return reason.clone(),
            (_, Some(Received::Message(message))) => {
                return match &message.payload[..] {
                    b"normal" => ExitReason::Normal,
                    b"shutdown" => ExitReason::Shutdown,
                    _ => oops(),
                };
            }
            _ => {}
        }
    }
}

/// A supervision tree under test.
struct Tree {
    simulator: Simulator,
    events: EventLog,
    trace: Trace,
    root: Pid,
}

fn scripted(trace: &Trace, id: &str, scripts: &[Script]) -> Arc<Scripted> {
    let scripts = Mutex::new(scripts.iter().cloned().collect());
    Arc::new(Scripted { id: id.to_owned(), scripts, trace: trace.clone() })
}

fn flags(strategy: Strategy, intensity: u32) -> SupFlags {
    SupFlags { strategy, intensity, ..SupFlags::default() }
}

impl Tree {
    /// Starts a tree and lets it run for a moment.
    fn start(seed: u64, flags: SupFlags, children: impl FnOnce(&Trace) -> Vec<ChildSpec>) -> Self {
        let (events, trace) = (EventLog::default(), Trace::default());
        let mut simulator = Simulator::new(seed, Box::new(events.clone()));
        let spec = SupervisorSpec::new("app", None, flags, children(&trace)).unwrap();
        let root = spec.start_root(simulator.runtime()).unwrap();
        simulator.run_for(Duration::from_millis(1));
        Self { simulator, events, trace, root }
    }

    fn run_for(&mut self, ms: u64) {
        self.simulator.run_for(Duration::from_millis(ms));
    }

    fn pid(&self, id: &str) -> Option<Pid> {
        self.simulator.runtime().whereis(id)
    }

    /// Ends a child with a reason, and lets the tree settle.
    fn end(&mut self, id: &str, reason: ExitReason) {
        let pid = self.pid(id).unwrap();
        self.simulator.runtime().exit(pid, reason);
        self.run_for(1);
    }

    fn is_alive(&self) -> bool {
        self.simulator.runtime().is_alive(self.root)
    }

    /// The starts, and the ends of children, in order.
    fn history(&self) -> Vec<String> {
        self.trace.lines()
    }

    /// The names of the processes that ended, in order.
    fn ended(&self) -> Vec<String> {
        let exited = self.events.events().into_iter().filter_map(|event| match event {
            Event::Exited(exited) => Some(exited.name.unwrap_or_else(|| "supervisor".into())),
            _ => None,
        });
        exited.collect()
    }

    /// Why the root ended.
    fn root_reason(&self) -> Option<ExitReason> {
        self.events.events().into_iter().find_map(|event| match event {
            Event::Exited(exited) if exited.pid == self.root => Some(exited.reason),
            _ => None,
        })
    }

    fn reports(&self) -> Vec<ReportKind> {
        let reports = self.events.events().into_iter().filter_map(|event| match event {
            Event::Supervisor(report) => Some(report.kind),
            _ => None,
        });
        reports.collect()
    }
}

fn three(trace: &Trace) -> Vec<ChildSpec> {
    ["a", "b", "c"].map(|id| ChildSpec::worker(id, scripted(trace, id, &[Script::Run]))).into()
}

fn for_seeds(test: impl Fn(u64)) {
    (0..SEEDS).for_each(test);
}

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
