//! What the manifest declares of tables, registries and scopes of groups.

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
        id = "people"
        registry = {{ name = "people", partitions = 4 }}
        [[supervisor.children]]
        id = "news"
        registry = {{ name = "news", kind = "duplicate" }}
        [[supervisor.children]]
        id = "rooms"
        groups = {{ name = "rooms" }}
        [[supervisor.children]]
        id = "visitor"
        component = "behaviour"
        entry = "helper-visitor"
        restart = "transient"
        significant = true
        "#
    )
}

const GRANTS: &str =
    "grants.tables = [\"visits\"]\ngrants.groups = [\"rooms\"]\ngrants.registries = [\"people\", \"news\"]";

/// The visitor counts its starts in the table, crashes after the first two, and is content with the third.
#[test]
fn what_is_declared_outlives_those_who_use_it() {
    for kind in ["set", "ordered_set"] {
        let node = TestNode::start_with(&tree(kind), GRANTS);
        let ended = node.await_ended(|ended| ended.reason == ExitReason::Normal);
        assert_eq!(ended.identity.entry.as_deref(), Some("helper-visitor"), "{}", node.log());
        let log = node.log();
        assert_eq!(log.matches("on visit").count(), 2, "{log}");
    }
}
