//! Dynamic children: simple_one_for_one and DynamicSupervisor (rules S61 to S65, DS1 to DS7).

use regrow_otp::BlobId;
use regrow_otp::testing::blobs;

use super::*;

/// What a template starts: its last argument is its script, those before it are noted.
#[derive(Clone)]
struct Template {
    trace: Trace,
    arguments: Term,
}

impl StartChild for Template {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let Term::List(arguments) = &self.arguments else { panic!("arguments are a list") };
        let words: Vec<String> =
            arguments.iter().map(|term| term.preview(20).to_string().replace('"', "")).collect();
        self.trace.note(format!("start {}", words.join(" ")));
        let script = match words.last().map(String::as_str) {
            Some("fail") => Script::Fail,
            Some("ignore") => Script::Ignore,
            Some("stubborn") => Script::Stubborn,
            Some("once") if self.trace.lines().len() > 1 => Script::Fail,
            Some("then-ignore") if self.trace.lines().len() > 1 => Script::Ignore,
            _ => Script::Run,
        };
        let options = SpawnOptions { link: true, init_ack: Some(ack), ..Default::default() };
        let (pid, _) = supervisor.spawn(options, move |context| follow(context, script))?;
        Ok(Started { pid, acknowledges: true })
    }

    fn with_arguments(&self, before: &[Term], after: &[Term]) -> Option<Arc<dyn StartChild>> {
        let arguments = joined_arguments(before, &self.arguments, after);
        Some(Arc::new(Self { trace: self.trace.clone(), arguments }))
    }
}

fn template(trace: &Trace, own: &[&str]) -> ChildSpec {
    let arguments = Term::List(own.iter().map(|word| Term::from(*word)).collect());
    ChildSpec::worker("template", Arc::new(Template { trace: trace.clone(), arguments }))
}

fn simple(seed: u64, intensity: u32, change: impl Fn(ChildSpec) -> ChildSpec) -> Tree {
    Tree::start(seed, flags(Strategy::SimpleOneForOne, intensity), |trace| {
        vec![change(template(trace, &["own"]))]
    })
}

fn dynamic(seed: u64, max_children: Option<u64>, extra: &[&str]) -> Tree {
    let extra: Vec<Term> = extra.iter().map(|word| Term::from(*word)).collect();
    Tree::start_spec(seed, |_| {
        SupervisorSpec::dynamic("app", None, 3, Duration::from_secs(5), max_children, extra).unwrap()
    })
}

fn running(started: Result<StartedChild, ManagementError>) -> Pid {
    match started {
        Ok(StartedChild::Running { pid, .. }) => pid,
        other => panic!("{other:?}"),
    }
}

fn kill(tree: &mut Tree, pid: Pid) {
    tree.simulator.runtime().exit(pid, oops());
    tree.run_for(1);
}

fn word(word: &str) -> Vec<Term> {
    vec![Term::from(word)]
}

#[test]
fn s62_children_come_from_the_template_with_more_arguments() {
    for_seeds(|seed| {
        let mut tree = simple(seed, 5, |spec| spec);
        assert_eq!(tree.history(), [] as [&str; 0], "no child at the start");
        let pid = running(tree.start_instance(word("extra")));
        assert_eq!(tree.history(), ["start own extra"]);
        kill(&mut tree, pid);
        assert_eq!(tree.history(), ["start own extra", "start own extra"], "also when it is restarted");
        assert_eq!(tree.start_instance(word("fail")), Err(ManagementError::StartFailed(oops())));
        assert_eq!(tree.start_instance(word("ignore")), Ok(StartedChild::Ignored));
        let counts = ChildCounts { specs: 1, active: 1, workers: 1, ..ChildCounts::default() };
        assert_eq!(tree.counts(), counts, "S65: what failed or ignored is not kept");
        assert_eq!(tree.which(), ["template:running"]);
    });
}

#[test]
fn s63_dynamic_children_are_terminated_by_pid_and_nothing_else() {
    for_seeds(|seed| {
        let mut tree = simple(seed, 5, |spec| spec);
        let pid = running(tree.start_instance(vec![]));
        let own = tree.root;
        assert_eq!(tree.terminate("template"), Err(ManagementError::DynamicChildren));
        assert_eq!(tree.restart("template"), Err(ManagementError::DynamicChildren));
        assert_eq!(tree.delete("template"), Err(ManagementError::DynamicChildren));
        assert_eq!(tree.terminate(own), Err(ManagementError::NotFound), "a live stranger");
        assert_eq!(tree.terminate(pid), Ok(()));
        assert!(!tree.simulator.runtime().is_alive(pid));
        assert_eq!(tree.terminate(pid), Ok(()), "a dead process");
        let spec = template(&tree.trace, &[]);
        assert_eq!(tree.start_child(spec), Err(ManagementError::DynamicChildren));
        assert_eq!(tree.counts().active, 0);
    });
}

#[test]
fn s16_s17_a_dynamic_child_that_is_not_restarted_is_forgotten() {
    for_seeds(|seed| {
        for restart in [Restart::Transient, Restart::Temporary] {
            let mut tree = simple(seed, 0, |spec| spec.restart(restart));
            let pid = running(tree.start_instance(vec![]));
            tree.simulator.runtime().exit(pid, ExitReason::Shutdown);
            tree.run_for(1);
            assert_eq!(tree.which(), [] as [&str; 0], "{restart:?}");
        }
    });
}

#[test]
fn s64_dynamic_children_are_stopped_together_with_one_timer() {
    for_seeds(|seed| {
        let mut tree = simple(seed, 5, |spec| spec.shutdown(Shutdown::Timeout(Duration::from_millis(100))));
        let stubborn: Vec<Pid> = (0..20).map(|_| running(tree.start_instance(word("stubborn")))).collect();
        let quick = running(tree.start_instance(vec![]));
        let root = tree.root;
        tree.simulator.runtime().exit(root, ExitReason::Shutdown);
        tree.run_for(50);
        assert!(!tree.simulator.runtime().is_alive(quick), "nobody waits for another's turn");
        assert!(stubborn.iter().all(|pid| tree.simulator.runtime().is_alive(*pid)));
        tree.run_for(51);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        assert_eq!(tree.simulator.runtime().process_count(), 0);
        let killed = tree
            .reports()
            .into_iter()
            .filter(|report| matches!(report, ReportKind::ShutdownError { reason: ExitReason::Killed, .. }));
        assert_eq!(killed.count(), 20, "S40");
    });
}

#[test]
fn s65_a_restart_that_ignores_drops_the_child() {
    for_seeds(|seed| {
        let mut tree = simple(seed, 5, |spec| spec);
        let pid = running(tree.start_instance(word("then-ignore")));
        kill(&mut tree, pid);
        assert_eq!(tree.which(), [] as [&str; 0]);
        assert!(tree.is_alive());
    });
}

#[test]
fn s29_a_dynamic_supervisor_gives_up_and_takes_all_along() {
    for_seeds(|seed| {
        let mut tree = simple(seed, 1, |spec| spec);
        let (a, _b) = (running(tree.start_instance(vec![])), running(tree.start_instance(vec![])));
        kill(&mut tree, a);
        assert!(tree.is_alive());
        let pids = tree.simulator.runtime().processes();
        let victim = pids.into_iter().find(|pid| *pid != tree.root).unwrap();
        kill(&mut tree, victim);
        assert_eq!(tree.root_reason(), Some(ExitReason::Shutdown));
        assert_eq!(tree.simulator.runtime().process_count(), 0);
    });
}

#[test]
fn ds3_no_more_than_max_children_also_while_one_is_restarted() {
    for_seeds(|seed| {
        let mut tree = dynamic(seed, Some(2), &[]);
        let spec = template(&tree.trace, &["x"]).backoff(Backoff::constant(Duration::from_secs(9)));
        let pid = running(tree.start_child(spec.clone()));
        running(tree.start_child(spec.clone()));
        assert_eq!(tree.start_child(spec.clone()), Err(ManagementError::MaxChildren(2)), "ids may be equal");
        kill(&mut tree, pid);
        let counts = ChildCounts { specs: 2, active: 1, workers: 2, ..ChildCounts::default() };
        assert_eq!(tree.counts(), counts);
        assert_eq!(tree.start_child(spec.clone()), Err(ManagementError::MaxChildren(2)), "it is restarting");
        assert_eq!(tree.terminate(pid), Ok(()), "DS6: by the pid that it had");
        running(tree.start_child(spec));
    });
}

#[test]
fn ds2_ds4_specifications_are_checked_and_get_the_extra_arguments_first() {
    for_seeds(|seed| {
        let mut tree = dynamic(seed, None, &["extra"]);
        let spec = template(&tree.trace, &["own"]);
        let pid = running(tree.start_child(spec.clone()));
        kill(&mut tree, pid);
        assert_eq!(tree.history(), ["start extra own", "start extra own"]);
        let significant = spec.clone().restart(Restart::Transient).significant();
        assert!(matches!(tree.start_child(significant), Err(ManagementError::Invalid(_))));
        let fixed = ChildSpec::worker("fixed", scripted(&tree.trace, "fixed", &[Script::Run]));
        let refused = Err(ManagementError::Invalid(SpecError::TakesNoArguments("fixed".into())));
        assert_eq!(tree.start_child(fixed), refused);
        assert_eq!(tree.start_instance(vec![]), Err(ManagementError::StaticChildren));
    });
}

#[test]
fn ds5_ds6_starts_that_fail_are_bare_and_unknown_pids_not_found() {
    for_seeds(|seed| {
        let mut tree = dynamic(seed, None, &[]);
        let spec = |word| template(&tree.trace, &[word]);
        let (failing, ignoring) = (spec("fail"), spec("ignore"));
        assert_eq!(tree.start_child(failing), Err(ManagementError::StartFailed(oops())));
        assert_eq!(tree.start_child(ignoring), Ok(StartedChild::Ignored));
        let spec = template(&tree.trace, &[]);
        let pid = running(tree.start_child(spec));
        assert_eq!(tree.terminate(pid), Ok(()));
        assert_eq!(tree.terminate(pid), Err(ManagementError::NotFound));
        assert_eq!(tree.counts(), ChildCounts::default());
    });
}

#[test]
fn ds7_on_stop_each_child_has_its_own_time() {
    for_seeds(|seed| {
        let mut tree = dynamic(seed, None, &[]);
        let stubborn =
            |ms| template(&tree.trace, &["stubborn"]).shutdown(Shutdown::Timeout(Duration::from_millis(ms)));
        let (short, long) = (stubborn(100), stubborn(200));
        let brutal = template(&tree.trace, &["stubborn"]).shutdown(Shutdown::BrutalKill);
        let pids = [brutal, short, long].map(|spec| running(tree.start_child(spec)));
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        let alive = |tree: &Tree| pids.map(|pid| tree.simulator.runtime().is_alive(pid));
        tree.run_for(50);
        assert_eq!(alive(&tree), [false, true, true]);
        tree.run_for(100);
        assert_eq!(alive(&tree), [false, false, true]);
        tree.run_for(100);
        assert_eq!(tree.simulator.runtime().process_count(), 0);
    });
}

/// Rule S61: ten times as many children cost ten times as much, within a slack.
#[test]
fn arguments_hold_the_blobs_that_they_refer_to_as_long_as_the_child_is_kept() {
    for_seeds(|seed| {
        let mut tree = simple(seed, 5, |spec| spec);
        let ids = tree.ask(|context, root| async move {
            let ids = [0; 2].map(|_| context.create_blob(bytes::Bytes::from_static(b"bytes")).unwrap());
            let arguments = |id: &BlobId| vec![Term::Bytes(id.to_handle()), Term::from("run")];
            let mut pids = Vec::new();
            for id in &ids {
                pids.push(running(supervisors::start_from_template(&context, &root, arguments(id)).await));
            }
            supervisors::terminate_child(&context, &root, pids[1]).await.unwrap();
            ids
        });
        // Its creator has ended, and the children have not said that they hold anything.
        assert_eq!(blobs(tree.simulator.runtime()), 1, "{ids:?}");
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.simulator.run();
        assert_eq!(blobs(tree.simulator.runtime()), 0);
    });
}

#[test]
fn s61_starting_and_stopping_scales_linearly() {
    let polls = |children: usize, dynamic: bool| {
        let mut tree = if dynamic {
            simple(1, 5, |spec| spec)
        } else {
            Tree::start(1, SupFlags::default(), |trace| {
                (0..children).map(|n| ChildSpec { id: n.to_string(), ..template(trace, &[]) }).collect()
            })
        };
        if dynamic {
            tree.ask(move |context, root| async move {
                for _ in 0..children {
                    supervisors::start_from_template(&context, &root, vec![]).await.unwrap();
                }
            });
        }
        tree.run_for(1000);
        assert_eq!(tree.simulator.runtime().process_count(), children as u64 + 1);
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.simulator.run();
        assert_eq!(tree.simulator.runtime().process_count(), 0);
        tree.simulator.polls()
    };
    for dynamic in [false, true] {
        let (few, many) = (polls(1_000, dynamic), polls(10_000, dynamic));
        assert!(many <= few * 12, "{few} polls for 1,000 children, {many} for 10,000");
    }
}
