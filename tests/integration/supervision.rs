//! Supervision trees of guests.

use std::time::Duration;

use bytes::Bytes;
use regrow::node::Outcome;
use regrow_otp::supervisor;
use regrow_otp::{ExitReason, Pid};
use regrow_term::Term;
use regrow_tests::TestNode;

fn tree(flags: &str) -> TestNode {
    TestNode::start(&format!(
        r#"
        [supervisor]
        {flags}
        [[supervisor.children]]
        id = "first"
        component = "hostile"
        entry = "victim"
        name = "first"
        [[supervisor.children]]
        id = "inner"
        [supervisor.children.supervisor]
        strategy = "one_for_one"
        intensity = 10
        [[supervisor.children.supervisor.children]]
        id = "leaf"
        count = 2
        component = "hostile"
        entry = "victim"
        name = "leaf"
        [[supervisor.children]]
        id = "last"
        component = "hostile"
        entry = "victim"
        name = "last"
        "#
    ))
}

fn kill(node: &TestNode, name: &str) -> Pid {
    let pid = node.await_name(name);
    node.node().runtime().exit(pid, ExitReason::Kill);
    assert_eq!(node.await_down(pid), ExitReason::Killed);
    pid
}

/// Asks a victim, as a client that is told nothing but its name.
fn answers(node: &TestNode, name: &'static str) -> bool {
    node.run(move |context| async move {
        let question = Bytes::from(regrow_term::encode(&42u64).unwrap());
        let timeout = Some(Duration::from_secs(60));
        let answer = context.call(&name.into(), question.clone(), timeout).await;
        answer == Ok(question)
    })
}

#[test]
fn s19_a_killed_guest_regrows_alone() {
    let node = tree("intensity = 5");
    let (first, last) = (node.await_name("first"), node.await_name("last"));
    let leaf = kill(&node, "leaf-1");
    node.await_successor("leaf-1", leaf);
    assert!(answers(&node, "leaf-1"));
    assert_eq!((node.await_name("first"), node.await_name("last")), (first, last));
}

#[test]
fn s21_rest_for_one_regrows_those_behind() {
    let node = tree("strategy = \"rest_for_one\"\nintensity = 5");
    let (first, leaf, last) = (node.await_name("first"), node.await_name("leaf-2"), node.await_name("last"));
    kill(&node, "last");
    let last = node.await_successor("last", last);
    assert_eq!(node.await_name("leaf-2"), leaf);
    let old = kill(&node, "first");
    node.await_successor("first", old);
    node.await_successor("leaf-2", leaf);
    node.await_successor("last", last);
    assert_ne!(node.await_name("first"), first);
    assert!(answers(&node, "last"));
}

#[test]
fn s10_s38_the_tree_starts_in_order_and_stops_in_reverse() {
    let node = tree("");
    node.await_name("last");
    assert!(answers(&node, "last"));
    node.node().stop();
    assert_eq!(node.await_outcome(), Outcome::Stopped);
    let log = node.log();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} is not in\n{log}"));
    assert!(at("first started") < at("leaf-1 started"));
    assert!(at("leaf-2 started") < at("inner started"));
    assert!(at("inner started") < at("last started"));
    assert_eq!(node.node().runtime().process_count(), 0);
}

#[test]
fn s29_a_tree_that_gives_up_has_failed() {
    let node = tree("intensity = 1");
    let first = kill(&node, "first");
    node.await_successor("first", first);
    kill(&node, "first");
    assert_eq!(node.await_outcome(), Outcome::GaveUp);
    assert!(node.log().contains("app: gives up on first: more than 1 restarts within 5 s"), "{}", node.log());
}

#[test]
fn s13_a_guest_that_fails_to_start_is_named_with_its_path() {
    let node = TestNode::start(
        r#"
        [supervisor]
        [[supervisor.children]]
        id = "pool"
        [[supervisor.children.supervisor.children]]
        id = "worker"
        component = "behaviour"
        entry = "helper-init"
        args = "Error"
        "#,
    );
    let (path, reason) = ("app/pool/worker".to_owned(), "\"oops\"".to_owned());
    assert_eq!(node.await_outcome(), Outcome::FailedToStart { path, reason });
    assert!(
        node.log().contains("app/pool could not be started: its child worker could not"),
        "{}",
        node.log()
    );
    assert!(node.log().contains("app/pool/worker could not be started: error(\"oops\")"), "{}", node.log());
}

#[test]
fn a_start_that_is_not_acknowledged_is_given_up_in_time() {
    let node = TestNode::start(
        r#"
        [supervisor]
        [[supervisor.children]]
        id = "hanging"
        component = "behaviour"
        entry = "helper-init"
        args = "Nothing"
        start_timeout_ms = 50
        "#,
    );
    assert!(matches!(node.await_outcome(), Outcome::FailedToStart { path, .. } if path == "app/hanging"));
    assert!(node.log().contains("app/hanging could not be started: error(\"timeout"), "{}", node.log());
}

/// Random kills of a real tree: it is whole in the end.
#[test]
fn a_tree_of_guests_survives_a_hail_of_kills() {
    let node = tree("strategy = \"one_for_all\"\nintensity = 1000");
    let names = ["first", "leaf-1", "leaf-2", "last"];
    for round in 0..40 {
        let name = names[(round * 7) % names.len()];
        let pid = node.await_name(name);
        node.node().runtime().exit(pid, ExitReason::Kill);
        node.await_down(pid);
    }
    for name in names {
        node.await_name(name);
    }
    // Two in the same instant, at last; then nobody is killed any more.
    let (first, last) = (node.await_name("first"), node.await_name("last"));
    node.node().runtime().exit(first, ExitReason::Kill);
    node.node().runtime().exit(last, ExitReason::Kill);
    node.await_successor("last", last);
    node.await_successor("first", first);
    assert!(names.iter().all(|name| answers(&node, name)));
}

#[test]
fn events_tell_every_restart() {
    let node = tree("intensity = 5");
    let leaf = kill(&node, "leaf-2");
    node.await_successor("leaf-2", leaf);
    let log = node.log();
    assert!(log.contains("app/inner: leaf-2 started again"), "{log}");
    assert!(!log.contains("first started again"), "{log}");
}

/// Rules PS1 to PS3, DS1 and S62, from a manifest.
#[test]
fn partitions_templates_and_dynamic_children_come_from_the_manifest() {
    let node = TestNode::start(
        r#"
        [supervisor]
        [[supervisor.children]]
        id = "parts"
        [supervisor.children.supervisor]
        name = "parts"
        partitions = 3
        [[supervisor.children.supervisor.children]]
        id = "part"
        component = "behaviour"
        entry = "helper-twice"
        name = "part"
        args = ["own"]
        [[supervisor.children]]
        id = "templates"
        [supervisor.children.supervisor]
        name = "templates"
        strategy = "simple_one_for_one"
        max_children = 1
        [[supervisor.children.supervisor.children]]
        id = "template"
        component = "behaviour"
        entry = "helper-twice"
        args = ["own"]
        [[supervisor.children]]
        id = "end"
        component = "hostile"
        entry = "victim"
        name = "end"
        "#,
    );
    node.await_name("end");
    let asked = |pid: Pid| {
        let answer = node.run(move |context| async move {
            let nothing = Bytes::from(regrow_term::encode(&Term::Null).unwrap());
            context.call(&pid.into(), nothing, Some(Duration::from_secs(60))).await.unwrap()
        });
        regrow_term::decode::<Term>(&answer).unwrap().to_string()
    };
    let runtime = node.node().runtime();
    let of = |key: i64| runtime.partition("parts", &Term::from(key)).unwrap().unwrap();
    assert_eq!(asked(of(5)), r#"["own", 2]"#);
    assert_eq!(runtime.whereis("part-2"), Some(of(2)));
    let start = || {
        node.run(|context| async move {
            let arguments = vec![Term::from("more")];
            supervisor::start_from_template(&context, &"templates".into(), arguments).await
        })
    };
    let Ok(supervisor::StartedChild::Running { pid, .. }) = start() else { panic!("it starts") };
    assert_eq!(asked(pid), r#"["own", "more"]"#);
    assert_eq!(start(), Err(supervisor::ManagementError::MaxChildren(1)));
}

#[test]
fn a_crash_loop_waits_and_the_log_says_how_long() {
    let node = TestNode::start(
        r#"
        [supervisor]
        intensity = 100
        [[supervisor.children]]
        id = "first"
        component = "hostile"
        entry = "victim"
        name = "first"
        backoff = { initial_ms = 20, max_ms = 40, reset_after_ms = 1_000_000 }
        "#,
    );
    let mut pid = node.await_name("first");
    for _ in 0..3 {
        let old = kill(&node, "first");
        assert_eq!(old, pid);
        pid = node.await_successor("first", old);
    }
    let log = node.log();
    for said in ["(restart 1) in 20 ms", "(restart 2) in 40 ms", "(restart 3) in 40 ms"] {
        assert!(log.contains(said), "{said} is not in\n{log}");
    }
    assert!(answers(&node, "first"));
}
