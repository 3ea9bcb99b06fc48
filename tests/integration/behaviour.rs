//! What guests try out from inside: a test for every entry of the behaviour guest.

use std::collections::BTreeSet;

use regrow::engine::EngineKind;
use regrow_otp::ExitReason;
use regrow_tests::{Guest, TestNode, block_on, engine};

fn passes(entry: &str, argument: &str, component: &str) -> String {
    let (reason, log) = TestNode::run_entry(entry, argument, component);
    if let ExitReason::Trap(trap) = &reason {
        panic!("{entry}: {} at {:?}\n{log}", trap.message, trap.location);
    }
    assert_eq!(reason, ExitReason::Normal, "{log}");
    log
}

/// A test for each entry, on both engines, and their names, so that none is forgotten.
macro_rules! entries {
    ($($test:ident: $entry:literal,)+) => {
        $(#[test]
        fn $test() {
            passes($entry, "", "");
            passes($entry, "", "engine = \"speed\"");
        })+

        const PLAIN: &[&str] = &[$($entry),+];
    };
}

entries! {
    p5_to_p10_exit_reasons: "exit-reasons",
    p16_p26_p27_links: "links",
    p30_to_p37_monitors: "monitors",
    p13_p25_p39_itself: "itself",
    p1_g6_spawn_errors: "spawn-errors",
    signals_need_authority: "authority",
    p8_p70_p71_names: "names",
    p4_invented_pids: "invented-pids",
    p50_selective_receive: "selective-receive",
    p51_p52_timeouts: "timeouts",
    p56_to_p60_timers: "timers",
    p42_p44_to_p47_p36_aliases: "aliases",
    p64_flags: "flags",
    p65_to_p69_p72_info: "info",
    back_pressure: "back-pressure",
    p56_p63_delayed_messages: "delayed-messages",
    full_mailbox: "full-mailbox",
    payloads: "payloads",
    absurd_arguments: "absurd-arguments",
    g9_to_g14_calls: "calls",
    g39_g40_requests: "requests",
    g17_to_g33_gen_server: "gen-server",
    g1_to_g8_gen_server_starts: "gen-server-start",
    g2_to_g44_servers_from_methods: "gen-server-derived",
    a1_a3_agents: "agents",
    d12_a_slow_consumer_slows_its_producer: "slow-consumer",
    memory_that_grows_keeps_what_is_in_it: "memory-grows",
    who_waits_for_long_finds_everything_as_it_was: "waits-long",
    p54_hibernation_keeps_everything_but_memory: "hibernate",
    p54_hibernation_ends_at_once_if_messages_wait: "hibernate-queue",
    p54_who_hibernates_can_be_killed: "hibernate-killed",
    g29_g30_servers_that_hibernate: "hibernate-servers",
    e1_to_e14_tables: "tables",
    what_makes_no_sense_for_a_blob: "blob-nonsense",
    t1_to_t22_tasks: "tasks",
    t6_t8_t15_to_t19_many_tasks: "many-tasks",
    e15_e16_table_selections: "table-selections",
    e3_e4_e17_to_e20_table_owners: "table-owners",
    e21_table_nonsense: "table-nonsense",
    supervision_needs_grants: "supervisor-denied",
}

/// Those whose component may start children.
macro_rules! supervising_entries {
    ($($test:ident: $entry:literal,)+) => {
        $(#[test]
        fn $test() {
            passes($entry, "", "grants.start_children = [\"behaviour\"]");
        })+

        const SUPERVISING: &[&str] = &[$($entry),+];
    };
}

supervising_entries! {
    s19_s51_to_s57_supervisor: "supervisor",
    s11_s12_s51_supervisor_starts: "supervisor-starts",
    s62_s63_ds3_ds6_ps2_ps4_supervisor_dynamic: "supervisor-dynamic",
    s29_s46_supervisor_gives_up: "supervisor-gives-up",
    s4_s13_supervisor_nonsense: "supervisor-nonsense",
}

#[test]
fn a_guest_manages_the_supervisors_that_it_has_a_grant_for_and_no_others() {
    let dynamic = |name: &str| {
        format!(
            "[[supervisor.children]]\nid = \"{name}\"\n[supervisor.children.supervisor]\nname = \"{name}\"\nstrategy = \"dynamic\"\n"
        )
    };
    let template = |name: &str, entry: &str| {
        format!(
            r#"
            [[supervisor.children]]
            id = "{name}"
            [supervisor.children.supervisor]
            name = "{name}"
            strategy = "simple_one_for_one"
            [[supervisor.children.supervisor.children]]
            id = "template"
            component = "behaviour"
            entry = "{entry}"
            "#
        )
    };
    let more = [
        dynamic("jobs"),
        dynamic("others"),
        template("templates", "helper-twice"),
        template("forbidden-templates", "helper-echo"),
    ];
    let grants = r#"
        grants.supervise = ["jobs", "templates", "forbidden-templates"]
        grants.start_children = ["behaviour.helper-sleep", "behaviour.helper-twice"]
        "#;
    let (reason, log) = TestNode::run_entry_in("supervisor-manages", "", grants, &more.concat());
    assert_eq!(reason, ExitReason::Normal, "{log}");
}

/// Entries whose tests need more than the entry.
const OTHERS: &[&str] = &[
    "supervisor-manages",
    "prints",
    "files",
    "environment",
    "crashes",
    "wait-cycle",
    "hibernate-refused",
    "table-limits",
    "table-denied",
    "groups",
    "groups-denied",
    "registry",
    "registry-via",
    "registry-locks",
    "registry-listeners",
    "registry-nonsense",
    "registry-denied",
    "topics",
    "blobs",
    "linked-task",
    // What the servers, agents and tasks of other tests do.
    "shop",
    "tally",
    "naturals",
    "inflate",
    "sip",
    "work",
];

/// Those of `grants.rs`.
const GRANTS: &[&str] = &[
    "nothing-granted",
    "no-randomness",
    "hands-on",
    "narrowed",
    "network",
    "lookups",
    "taken-name",
    "escapes",
];

#[test]
fn prints_go_to_the_log() {
    let log = passes("prints", "", "");
    assert!(log.contains("INFO  prints"), "{log}");
    assert!(log.contains("stdio: printed to the standard output"), "{log}");
    assert!(log.contains("stdio: printed to the standard error"), "{log}");
    assert!(log.contains("written to the log"), "{log}");
}

/// The log names those who wait for each other, before any timeout.
#[test]
fn a_cycle_of_calls_is_reported_by_name() {
    let log = passes("wait-cycle", "", "");
    let (_, report) =
        log.split_once("these processes wait for each other").unwrap_or_else(|| panic!("{log}"));
    for edge in [("first <", "second <"), ("second <", "first <")] {
        let named = report.lines().any(|line| line.trim_start().starts_with(edge.0) && line.contains(edge.1));
        assert!(named, "{edge:?} in {report}");
    }
    assert_eq!(log.matches("wait for each other").count(), 1, "{log}");
}

#[test]
fn a_folder_may_be_read_and_nothing_beside_it() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.txt"), "secret").unwrap();
    let folder = outside.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("readable.txt"), "readable").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.txt"), folder.join("link")).unwrap();
    let granted = format!("grants.dirs = [{{ host = {folder:?}, guest = \"/data\" }}]");
    passes("files", "args = \"/data\"", &granted);
    passes("hibernate-refused", "", &granted);
}

#[test]
fn only_granted_variables_are_seen() {
    passes("environment", "", "grants.env = { GRANTED = \"yes\" }");
}

#[test]
fn e24_a_table_grows_up_to_its_owners_limit() {
    passes("table-limits", "limits = { kept_bytes = \"64 KiB\" }", "");
}

#[test]
fn names_of_tables_need_a_grant() {
    let log = passes("table-denied", "", "grants.tables = [\"mine/*\"]");
    assert!(log.contains("tables"), "it is told: {log}");
}

#[test]
fn pg1_to_pg8_groups() {
    passes("groups", "", "grants.groups = [\"chat\", \"other\"]");
}

const REGISTRIES: &str =
    "grants.registries = [\"unique\", \"duplicate\", \"unknown\", \"parts\", \"pubsub\"]";

/// On both engines.
fn registries_pass(entry: &str, more: &str) {
    passes(entry, "", &format!("{REGISTRIES}\n{more}"));
    passes(entry, "", &format!("{REGISTRIES}\n{more}\nengine = \"speed\""));
}

#[test]
fn r1_to_r13_registries() {
    registries_pass("registry", "");
}

#[test]
fn r11_names_by_key() {
    registries_pass("registry-via", "grants.start_children = [\"behaviour\"]");
}

#[test]
fn r16_locks_on_keys() {
    registries_pass("registry-locks", "");
}

#[test]
fn r14_listeners() {
    registries_pass("registry-listeners", "");
}

#[test]
fn r17_what_makes_no_sense_in_a_registry_does_nothing() {
    registries_pass("registry-nonsense", "");
}

#[test]
fn registries_need_a_grant() {
    let log = passes("registry-denied", "", "grants.registries = [\"mine/*\"]\ngrants.lookup = []");
    assert!(log.contains("registries"), "it is told: {log}");
}

#[test]
fn pb1_to_pb6_topics() {
    registries_pass("topics", "");
}

#[test]
fn blobs_are_there_while_somebody_holds_them() {
    registries_pass("blobs", "grants.start_children = [\"behaviour\"]");
}

#[test]
fn t3_a_linked_task_that_fails_takes_its_owner_along() {
    let (reason, log) = TestNode::run_entry("linked-task", "", "");
    assert!(
        matches!(&reason, ExitReason::Trap(trap) if trap.message.contains("as it was told")),
        "{reason}\n{log}"
    );
}

#[test]
fn scopes_of_groups_need_a_grant() {
    let log = passes("groups-denied", "", "grants.groups = [\"mine/*\"]");
    assert!(log.contains("groups"), "it is told: {log}");
}

#[test]
fn log_messages_cannot_forge_lines_or_move_the_cursor() {
    let log = passes("absurd-arguments", "", "");
    assert!(log.contains("escape \\u{1b}[31m and\n    new line"), "{log}");
    assert!(log.lines().all(|line| line.len() < 20_000), "long messages are cut");
}

/// A crash names the guest's own functions.
#[test]
fn crashes_name_the_function() {
    let (reason, _) = TestNode::run_entry("crashes", "args = \"purpose\"", "");
    let ExitReason::Trap(trap) = reason else { panic!("{reason}") };
    assert_eq!((trap.code.as_str(), trap.message.as_str()), ("panic", "crashed on purpose"));
    let first = trap.backtrace.first().unwrap();
    assert!(first.contains("inner_function_with_a_name"), "{:?}", trap.backtrace);
}

#[test]
fn every_entry_has_a_test() {
    let bytes = std::fs::read(Guest::Behaviour.file()).unwrap();
    let component = block_on(engine().load("behaviour", EngineKind::Density, &bytes)).unwrap();
    let entries: BTreeSet<&str> = component.entries().iter().map(|entry| entry.name.as_str()).collect();
    let entries: BTreeSet<&str> = entries.into_iter().filter(|name| !name.starts_with("helper-")).collect();
    let tested: BTreeSet<&str> =
        PLAIN.iter().chain(SUPERVISING).chain(OTHERS).chain(GRANTS).copied().collect();
    assert_eq!(entries, tested);
}
