//! Crash reports: one for each crash, with all that it needs.

use regrow_tests::TestNode;

#[test]
fn a_crash_report_has_everything_once() {
    let node = TestNode::start(
        r#"
        [supervisor]
        auto_shutdown = "any_significant"
        [[supervisor.children]]
        id = "pool"
        [supervisor.children.supervisor]
        intensity = 1
        [[supervisor.children.supervisor.children]]
        id = "mortal"
        component = "behaviour"
        entry = "helper-end"
        name = "mortal"
        args = "Panic"
        "#,
    );
    let pid = node.await_name("mortal");
    node.run(move |context| async move {
        let payload = bytes::Bytes::from(regrow_term::encode("go").unwrap());
        context.send(&pid.into(), regrow_otp::MessageKind::Info, payload).await.unwrap();
    });
    node.await_successor("mortal", pid);
    let log = node.log();
    let report: Vec<&str> = log.split("ERROR ").skip(1).collect();
    assert_eq!(report.len(), 1, "one report:\n{log}");
    for part in [
        "mortal <0.",
        "crashed: trap(panic)",
        "message       on purpose",
        "helpers.rs:",
        "backtrace      0: test_behaviour::helpers::end",
        "component behaviour, entry helper-end",
        "last message  message, 3 bytes from <0.",
        "reductions",
        "supervisor    app/pool/mortal: restarted (restart 1)",
    ] {
        assert!(report[0].contains(part), "{part:?} is not in\n{}", report[0]);
    }
}

#[test]
fn a_hundred_crashes_of_one_kind_are_counted_not_repeated() {
    let node = TestNode::start(
        r#"
        [supervisor]
        intensity = 99
        period_s = 3600
        [[supervisor.children]]
        id = "crashing"
        component = "behaviour"
        entry = "crashes"
        args = "purpose"
        "#,
    );
    node.await_outcome();
    let log = node.log();
    assert_eq!(log.matches("crashed: trap(panic)").count(), 5, "{log}");
    drop(node);
}
