//! Tables that the manifest declares.

use regrow_otp::ExitReason;
use regrow_tests::TestNode;

fn tree(kind: &str) -> String {
    format!(
        r#"
        [supervisor]
        auto_shutdown = "any_significant"
        intensity = 5
        [[supervisor.children]]
        id = "visits"
        table = {{ name = "visits", kind = "{kind}" }}
        limits = {{ kept_bytes = "1 MiB" }}
        [[supervisor.children]]
        id = "visitor"
        component = "behaviour"
        entry = "helper-visitor"
        restart = "transient"
        significant = true
        "#
    )
}

/// The visitor counts its starts in the table, crashes after the first two, and is content with the third.
#[test]
fn a_declared_table_outlives_those_who_use_it() {
    for kind in ["set", "ordered_set"] {
        let node = TestNode::start_with(&tree(kind), "grants.tables = [\"visits\"]");
        let ended = node.await_ended(|ended| ended.reason == ExitReason::Normal);
        assert_eq!(ended.identity.entry.as_deref(), Some("helper-visitor"), "{}", node.log());
        let log = node.log();
        assert_eq!(log.matches("on visit").count(), 2, "{log}");
    }
}
