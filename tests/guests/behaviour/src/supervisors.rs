//! Supervisors, started and managed by a guest.

use std::time::Duration;

use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, Started};
use regrow_sdk::supervisor::{
    self, AutoShutdown, Backoff, ChildCounts, ChildSpec, ChildState, Strategy, Supervisor, SupervisorError,
    SupervisorRef,
};
use regrow_sdk::{Destination, Error, ExitReason, Pid};

use crate::helpers::{Ending, Word};

fn worker(id: &str) -> ChildSpec {
    ChildSpec::worker(id, "helper-sleep")
}

fn ids(supervisor: &SupervisorRef) -> Vec<String> {
    supervisor.which_children().unwrap().into_iter().map(|child| child.id).collect()
}

/// Ends a process and waits until its supervisor, which is the last to hear of it, has done something about it.
fn kill(pid: Pid, supervisor: &SupervisorRef) {
    process::exit_process(pid, ExitReason::Kill).unwrap();
    let has = |child: &regrow_sdk::supervisor::ChildInfo| child.state == ChildState::Running(pid);
    while supervisor.which_children().unwrap().iter().any(has) {}
}

fn pid_of(supervisor: &SupervisorRef, id: &str) -> Pid {
    let children = supervisor.which_children().unwrap();
    match children.into_iter().find(|child| child.id == id).map(|child| child.state) {
        Some(ChildState::Running(pid)) => pid,
        other => panic!("{id}: {other:?}"),
    }
}

pub fn static_children(_: ()) {
    process::trap_exit(true);
    let tree = Supervisor::new().intensity(5, Duration::from_secs(5));
    let tree = tree.child(worker("a").named("a")).child(worker("b")).start_link().unwrap();
    assert_eq!(ids(&tree), ["b", "a"], "S56");
    let started = tree.start_child(&worker("c")).unwrap().unwrap();
    assert_eq!(tree.start_child(&worker("c")), Err(SupervisorError::AlreadyStarted(started.pid)), "S51");
    let a = pid_of(&tree, "a");
    assert_eq!(regrow_sdk::names::whereis("a"), Some(a));
    kill(a, &tree);
    assert_ne!(pid_of(&tree, "a"), a, "S19");
    assert_eq!(pid_of(&tree, "c"), started.pid);
    assert_eq!(tree.delete_child("b"), Err(SupervisorError::Running), "S55");
    tree.terminate_child("b").unwrap();
    assert_eq!(tree.start_child(&worker("b")), Err(SupervisorError::AlreadyPresent), "S51");
    assert!(tree.restart_child("b").unwrap().is_some(), "S54");
    tree.terminate_child("b").unwrap();
    tree.delete_child("b").unwrap();
    assert_eq!(tree.terminate_child("b"), Err(SupervisorError::NotFound), "S53");
    assert_eq!(
        tree.count_children().unwrap(),
        ChildCounts { specs: 2, active: 2, workers: 2, ..Default::default() }
    );
    // It is a child of this process: it stops its children when this process tells it to.
    let supervisor = tree.pid().unwrap();
    assert!(
        matches!(process::info_items(supervisor, &["parent"]), Ok(Some(_))),
        "a descendant may be looked at"
    );
    process::unlink(supervisor);
    let monitor = process::monitor(supervisor).unwrap();
    process::exit_process(supervisor, ExitReason::Shutdown).unwrap();
    let down = mailbox::wait_for(monitor, None);
    assert!(matches!(down, Some(Received::Down { reason: ExitReason::Shutdown, .. })));
}

pub fn informs(_: ()) {
    let tree = Supervisor::new().start_link().unwrap();
    let child = tree.start_child(&ChildSpec::worker("i", "helper-informs")).unwrap().unwrap();
    assert_eq!(child.info::<String>().as_deref(), Some("ready"), "S11");
    let ignoring = ChildSpec::worker("j", "helper-init").argument(&Word::Ignore);
    assert_eq!(tree.start_child(&ignoring), Ok(None), "S12");
    let failing = ChildSpec::worker("k", "helper-init").argument(&Word::Error);
    assert!(matches!(tree.start_child(&failing), Err(SupervisorError::StartFailed(_))), "S51");
    let silent = ChildSpec::worker("l", "helper-init").argument(&Word::Nothing);
    let silent = silent.start_timeout(Some(Duration::from_millis(20)));
    assert!(matches!(tree.start_child(&silent), Err(SupervisorError::StartFailed(_))), "never acknowledged");
    assert_eq!(ids(&tree), ["j", "i"]);
}

pub fn dynamic_children(_: ()) {
    process::trap_exit(true);
    let jobs = Supervisor::dynamic().max_children(2).start_link().unwrap();
    let job = worker("job");
    let (a, _b) = (jobs.start_child(&job).unwrap().unwrap(), jobs.start_child(&job).unwrap().unwrap());
    assert_eq!(jobs.start_child(&job), Err(SupervisorError::MaxChildren(2)), "DS3");
    assert_eq!(jobs.terminate_child("job"), Err(SupervisorError::DynamicChildren), "S63");
    jobs.terminate_child(a.pid).unwrap();
    assert_eq!(jobs.terminate_child(a.pid), Err(SupervisorError::NotFound), "DS6");
    assert_eq!(jobs.count_children().unwrap().active, 1);

    let template = ChildSpec::worker("echo", "helper-twice").argument(&("one",));
    let echoes = Supervisor::from_template(template).start_link().unwrap();
    let echo = echoes.start_from_template("two").unwrap().unwrap();
    let answer: Vec<String> = mailbox::call(echo.pid, &(), None).unwrap();
    assert_eq!(answer, ["one", "two"], "S62");
    kill(echo.pid, &echoes);
    let again = match echoes.which_children().unwrap()[..] {
        [ref child] => child.state,
        ref other => panic!("{other:?}"),
    };
    let ChildState::Running(again) = again else { panic!("{again:?}") };
    let answer: Vec<String> = mailbox::call(again, &(), None).unwrap();
    assert_eq!(answer, ["one", "two"], "also when it is restarted");

    let template = ChildSpec::worker("part", "helper-twice").argument(&("p",));
    Supervisor::partitioned("parts", 3, template).start_link().unwrap();
    let of = |key: i64| -> Vec<serde_term::Value> {
        mailbox::call(supervisor::partition("parts", &key).unwrap(), &(), None).unwrap()
    };
    assert_eq!(of(-4), [serde_term::text("p"), serde_term::number(1)], "PS2, PS3");
    let parts = SupervisorRef::new("parts");
    assert_eq!(parts.resize(2), Ok(3), "PS4");
    assert_eq!(of(5), [serde_term::text("p"), serde_term::number(1)]);
    assert_eq!(parts.resize(0), Ok(2));
    assert_eq!(supervisor::partition("parts", &1), Err(SupervisorError::NoPartitions(0)));
    assert_eq!(supervisor::partition("nobody", &1), Err(SupervisorError::NoProc));
}

/// Terms of which a list has several kinds.
mod serde_term {
    pub use regrow_sdk::Term as Value;

    pub fn text(text: &str) -> Value {
        Value::from(text)
    }

    pub fn number(number: u64) -> Value {
        Value::from(number)
    }
}

pub fn gives_up(_: ()) {
    process::trap_exit(true);
    let one_for_all = Supervisor::new().strategy(Strategy::OneForAll).intensity(0, Duration::from_secs(1));
    let tree = one_for_all.child(worker("a")).child(worker("b")).start_link().unwrap();
    let (a, b) = (pid_of(&tree, "a"), pid_of(&tree, "b"));
    let watch = process::monitor(b).unwrap();
    process::exit_process(a, ExitReason::Kill).unwrap();
    let Some(Received::Down { reason, .. }) = mailbox::wait_for(watch, None) else { panic!("a DOWN") };
    assert_eq!(reason, ExitReason::Shutdown, "S29");
    let supervisor = tree.pid().unwrap();
    let exit = mailbox::receive_match(None, |received| match received {
        Received::Exit { from, reason } if from == supervisor => Some(reason),
        _ => None,
    });
    assert_eq!(exit, Some(ExitReason::Shutdown));
    assert_eq!(tree.count_children(), Err(SupervisorError::NoProc), "S59");

    let parking = Supervisor::new().intensity(1, Duration::from_secs(60));
    let parking = parking.child(worker("p").parked_over_intensity()).child(worker("q")).start_link().unwrap();
    kill(pid_of(&parking, "p"), &parking);
    kill(pid_of(&parking, "p"), &parking);
    let state = |id: &str| {
        let children = parking.which_children().unwrap();
        children.into_iter().find(|child| child.id == id).unwrap().state
    };
    assert_eq!(state("p"), ChildState::Parked);
    assert!(matches!(state("q"), ChildState::Running(_)));
    assert!(parking.restart_child("p").unwrap().is_some(), "it can be resumed");

    let waiting = Supervisor::new().child(worker("w").backoff(Backoff::constant(Duration::from_secs(3600))));
    let waiting = waiting.start_link().unwrap();
    kill(pid_of(&waiting, "w"), &waiting);
    let state = waiting.which_children().unwrap()[0].state;
    assert!(matches!(state, ChildState::Restarting(wait) if wait > Duration::from_secs(3000)), "{state:?}");

    let ending =
        ChildSpec::worker("e", "helper-end").argument(&Ending::Return).named("e").transient().significant();
    let auto = Supervisor::new().auto_shutdown(AutoShutdown::AnySignificant).child(ending).child(worker("x"));
    let auto = auto.start_link().unwrap();
    let watch = process::monitor(auto.pid().unwrap()).unwrap();
    mailbox::send("e", &()).unwrap();
    let Some(Received::Down { reason, .. }) = mailbox::wait_for(watch, None) else { panic!("a DOWN") };
    assert_eq!(reason, ExitReason::Shutdown, "S46");
}

/// Every specification that makes no sense, with its words; nothing is started.
pub fn nonsense(_: ()) {
    process::trap_exit(true);
    let second = Duration::from_secs(1);
    let start = |supervisor: Supervisor| supervisor.start_link().unwrap_err().to_string();
    let of = |child: ChildSpec| start(Supervisor::new().child(worker("ok").named("never")).child(child));
    let cases = [
        (
            of(worker("a/b")),
            "the id \"a/b\" is none: it needs 1 to 255 bytes without control characters and slashes",
        ),
        (of(worker("ok")), "two children have the id \"ok\"; ids are unique within a supervisor"),
        (
            start(
                Supervisor::new()
                    .auto_shutdown(AutoShutdown::AllSignificant)
                    .child(worker("x").significant()),
            ),
            "child \"x\" is significant and permanent; make it transient or temporary",
        ),
        (
            of(worker("x").temporary().significant()),
            "child \"x\" is significant, but the supervisor's auto_shutdown is \"never\"; make it \"any_significant\" or \"all_significant\"",
        ),
        (
            of(worker("x").backoff(Backoff { factor: f64::NAN, ..Backoff::constant(second) })),
            "child \"x\": the factor of a back-off is from 1 to 1000",
        ),
        (
            start(Supervisor::new().intensity(1, Duration::ZERO)),
            "the period is 0ns, but at least 1 s is needed",
        ),
        (
            start(
                Supervisor::new().strategy(Strategy::RestForOne).child(worker("x").parked_over_intensity()),
            ),
            "child \"x\" can't be parked: its siblings are restarted with it; use one_for_one, or over_intensity \"give_up\"",
        ),
        (
            start(Supervisor::dynamic().auto_shutdown(AutoShutdown::AnySignificant)),
            "a supervisor whose children are dynamic can't have auto_shutdown; leave it \"never\"",
        ),
        (
            start(Supervisor::partitioned("p", 0, worker("x"))),
            "a PartitionSupervisor needs at least one partition",
        ),
        (of(ChildSpec::worker("x", "nothing")), "bad argument: \"behaviour\" has no entry \"nothing\""),
        (
            of(worker("x").named("")),
            "bad argument: the name of child \"x\": a name has 1 to 255 bytes without control characters and is not \"undefined\"",
        ),
        (
            of(worker("x").named("reserved")),
            "denied: the name \"reserved\" belongs to a child in the manifest",
        ),
        (
            of(worker("x").of_component("hostile")),
            "denied: start_children: \"hostile.helper-sleep\" is not among the grants",
        ),
    ];
    for (said, expected) in cases {
        assert_eq!(said, expected);
    }
    assert_eq!(regrow_sdk::names::whereis("never"), None, "nothing was started");
    let failing = ChildSpec::worker("f", "helper-init").argument(&Word::Error);
    let rolled_back = Supervisor::new().child(worker("ok").named("ok")).child(failing).start_link();
    assert!(matches!(rolled_back, Err(SupervisorError::StartFailed(_))), "S13");
    assert_eq!(regrow_sdk::names::whereis("ok"), None, "it was stopped again");

    let tree = Supervisor::new().child(worker("a")).start_link().unwrap();
    let refused = tree.start_child(&worker("x/y")).unwrap_err().to_string();
    assert!(refused.starts_with("the id \"x/y\" is none"), "{refused}");
    assert_eq!(tree.start_from_template(&()), Err(SupervisorError::StaticChildren));
    assert_eq!(ids(&tree), ["a"]);
    let child = pid_of(&tree, "a");
    assert_eq!(SupervisorRef::new(child).count_children(), Err(SupervisorError::NotASupervisor));
}

/// Without grants nothing can be started or managed.
pub fn denied(_: ()) {
    let is_denied = |outcome: Result<(), SupervisorError>| {
        assert!(matches!(&outcome, Err(SupervisorError::Refused(Error::Denied(_)))), "{outcome:?}");
    };
    is_denied(Supervisor::new().start_link().map(drop));
    is_denied(Supervisor::new().child(worker("a")).start_link().map(drop));
    let own = SupervisorRef::new(process::parent().unwrap());
    is_denied(own.count_children().map(drop));
    is_denied(own.which_children().map(drop));
    is_denied(own.start_child(&worker("a")).map(drop));
    is_denied(own.start_from_template(&()).map(drop));
    is_denied(own.terminate_child("neighbour"));
    is_denied(own.restart_child("neighbour").map(drop));
    is_denied(own.delete_child("neighbour"));
    is_denied(own.resize(1).map(drop));
    let nobody = SupervisorRef::new(Destination::from("nobody"));
    assert_eq!(nobody.count_children(), Err(SupervisorError::NoProc));
    assert!(matches!(
        process::start("helper-sleep", &(), &Default::default(), None),
        Ok(Started::Started(_))
    ));
}

/// Manages the supervisors `jobs` and `templates` of the manifest, which it has a grant for.
pub fn manages(_: ()) {
    let jobs = SupervisorRef::new("jobs");
    let job = jobs.start_child(&worker("job")).unwrap().unwrap();
    assert!(process::is_alive(job.pid));
    let not_granted = ChildSpec::worker("job", "helper-echo");
    assert!(matches!(jobs.start_child(&not_granted), Err(SupervisorError::Refused(Error::Denied(_)))));
    jobs.terminate_child(job.pid).unwrap();
    let templates = SupervisorRef::new("templates");
    let started = templates.start_from_template("extra").unwrap().unwrap();
    let answer: Vec<String> = mailbox::call(started.pid, &(), None).unwrap();
    assert_eq!(answer, ["extra"]);
    let other = SupervisorRef::new("forbidden-templates");
    assert!(matches!(other.start_from_template(&()), Err(SupervisorError::Refused(Error::Denied(_)))));
    let ungranted = SupervisorRef::new("others");
    assert!(matches!(ungranted.count_children(), Err(SupervisorError::Refused(Error::Denied(_)))));
}
