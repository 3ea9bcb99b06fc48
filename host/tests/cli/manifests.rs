//! A manifest broken in many ways: each error has its text and its place, and all of them come at once.

use regrow::manifest::{Manifest, ManifestError, Source};

use crate::{regrow, stderr};

pub(crate) const GOOD: &str = r#"
[application]
name = "app"

[components.worker]
path = "worker.wasm"

[supervisor]
strategy = "one_for_one"

[[supervisor.children]]
id = "a"
component = "worker"
entry = "main"
"#;

/// What a manifest gets that differs from a good one in one place: `line:column: message (label)`.
fn errors(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    parse(&GOOD.replacen(from, to, 1))
}

pub(crate) fn parse(text: &str) -> Vec<String> {
    let source = Source { path: "regrow.toml".into(), text: text.to_owned() };
    let Err(ManifestError::Invalid { source, errors, .. }) = Manifest::parse(source) else {
        return Vec::new();
    };
    let shown = errors.iter().map(|error| {
        let before = &source.text[..error.span.start];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
        format!("{line}:{column}: {} ({})", error.message, error.label)
    });
    shown.collect()
}

#[test]
fn a_good_manifest_has_no_errors() {
    assert_eq!(parse(GOOD), [""; 0]);
}

#[test]
fn each_error_has_its_place_and_its_text() {
    let cases: &[(&str, &str, &str)] = &[
        ("name = \"app\"", "nam = \"app\"", "3:1: unknown key `nam` (this is not understood here)"),
        ("name = \"app\"", "name = 7", "3:8: `name` has the wrong type (expected a string, found integer)"),
        ("name = \"app\"", "name = \"\"", "3:8: `name` is empty (expected the application's name)"),
        (
            "path = \"worker.wasm\"",
            "path = true",
            "6:8: `path` has the wrong type (expected a string, found boolean)",
        ),
        (
            "path = \"worker.wasm\"",
            "path = \"worker.wasm\"\ngrants.network = true",
            "7:8: unknown key `network` (this is not understood here)",
        ),
        (
            "path = \"worker.wasm\"",
            "path = \"worker.wasm\"\nlimits.memory_bytes = \"64 MB\"",
            "7:23: `memory_bytes` is no number of bytes (expected a number, or text as \"64 MiB\" (B, KiB, MiB, GiB))",
        ),
        (
            "path = \"worker.wasm\"",
            "path = \"worker.wasm\"\nlimits.memory_bytes = \"5 GiB\"",
            "7:23: `memory_bytes` is out of range (expected from 65536 to 4294967296 bytes)",
        ),
        (
            "path = \"worker.wasm\"",
            "path = \"worker.wasm\"\nlimits.when_full = \"block\"",
            "7:20: `when_full` can't be \"block\" (expected one of: reject, drop_newest, suspend_sender)",
        ),
        (
            "path = \"worker.wasm\"",
            "path = \"worker.wasm\"\ngrants.spawn = [\"other\"]",
            "7:17: there is no component \"other\" (not among [components])",
        ),
        (
            "path = \"worker.wasm\"",
            "path = \"worker.wasm\"\ngrants.dirs = [{ host = \"x\", guest = \"/x\", access = \"all\" }]",
            "7:53: `access` can't be \"all\" (expected one of: read, read-write)",
        ),
        (
            "\"one_for_one\"",
            "\"one-for-one\"",
            "9:12: `strategy` can't be \"one-for-one\" (expected one of: one_for_one, one_for_all, rest_for_one, simple_one_for_one, dynamic)",
        ),
        (
            "strategy =",
            "intensity = -1\nstrategy =",
            "9:13: `intensity` is out of range (expected a whole number from 0 to 18446744073709551615)",
        ),
        (
            "strategy =",
            "period_s = 0\nstrategy =",
            "9:12: `period_s` is out of range (expected a whole number from 1 to 18446744073709551615)",
        ),
        (
            "strategy =",
            "period_s = 1.5\nstrategy =",
            "9:12: `period_s` has the wrong type (expected a whole number, found float)",
        ),
        (
            "strategy =",
            "name = \"a\\nb\"\nstrategy =",
            "9:8: \"a\\nb\" is no name for a process (a name has 1 to 255 bytes without control characters and is not \"undefined\")",
        ),
        (
            "component = \"worker\"",
            "component = \"wroker\"",
            "13:13: there is no component \"wroker\" (not among [components])",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nrestart = \"always\"",
            "15:11: `restart` can't be \"always\" (expected one of: permanent, transient, temporary)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nshutdown = \"soon\"",
            "15:12: `shutdown` can't be \"soon\" (expected one of: brutal_kill, infinity)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nshutdown_ms = \"soon\"",
            "15:15: `shutdown_ms` has the wrong type (expected milliseconds or \"infinity\", found string)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nshutdown = \"infinity\"\nshutdown_ms = 5",
            "16:15: `shutdown` and `shutdown_ms` exclude each other (leave one of them out)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nsignificant = true",
            "12:6: \"a\" is significant and permanent (it never ends for good)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nsignificant = true\nrestart = \"transient\"",
            "12:6: \"a\" is significant without effect (it is significant)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\ncount = 0",
            "15:9: `count` is out of range (expected a whole number from 1 to 18446744073709551615)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\ncount = 9999999",
            "15:9: `count` is out of range (expected a whole number from 1 to 1000000)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nargs = { n = 99999999999999999999 }",
            "15:14: this number is out of range (expected a whole number from -9223372036854775808 to 18446744073709551615)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\nname = \"x\"\ncount = 2\n[[supervisor.children]]\nid = \"b\"\ncomponent = \"worker\"\nentry = \"main\"\nname = \"x-2\"",
            "21:8: the name \"x-2\" is given twice (the second time)",
        ),
        (
            "entry = \"main\"",
            "entry = \"main\"\n[[supervisor.children]]\nid = \"a\"\ncomponent = \"worker\"\nentry = \"main\"",
            "16:6: two children have the id \"a\" (the second one)",
        ),
        (
            "[components.worker]",
            "[components.worker",
            "5:19: this is not TOML (unclosed table, expected `]`)",
        ),
    ];
    check(cases);
}

pub(crate) fn check(cases: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (from, to, expected) in cases {
        let errors = errors(from, to);
        if !errors.iter().any(|error| error == expected) {
            wrong.push(format!("{expected}\nis not among\n{}\n", errors.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_missing_is_said_where_it_is_missing() {
    let missing = |from: &str| errors(from, "").join("; ");
    assert!(missing("name = \"app\"").contains("2:1: `name` is missing"), "{}", missing("name = \"app\""));
    assert!(missing("path = \"worker.wasm\"").contains("5:1: `path` is missing"));
    assert!(missing("id = \"a\"").contains("11:1: `id` is missing"));
    assert!(missing("entry = \"main\"").contains("11:1: `entry` is missing"));
    let nothing = parse("");
    assert!(nothing.iter().any(|error| error.contains("`[application]` is missing")), "{nothing:?}");
    assert!(nothing.iter().any(|error| error.contains("`[supervisor]` is missing")), "{nothing:?}");
}

#[test]
fn all_errors_come_at_once_each_once_in_the_order_of_the_text() {
    let text = GOOD
        .replace("name = \"app\"", "name = \"app\"\nversion = 1")
        .replace("strategy = \"one_for_one\"", "strategy = 5")
        .replace("component = \"worker\"", "component = \"other\"\ncount = 3");
    let errors = parse(&text);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(
        errors[0].starts_with("4:1:") && errors[1].starts_with("10:12:") && errors[2].starts_with("14:13:")
    );
}

#[test]
fn odd_toml_is_read_without_a_panic() {
    for text in [
        "supervisor = 1\napplication = []\ncomponents = \"x\"",
        "[supervisor]\nchildren = [1, [], {}]",
        "[application]\nname = 1979-05-27\n[supervisor]\nperiod_s = nan",
        "a.b.c.d = 1\n\"\" = 2\n[supervisor]\nintensity = 0xffffffffffffffffffffffff",
        "[components]\n\"\\u0000\" = {}\n\"ä\" = { path = \"ü\" }",
        "\u{feff}[application]",
        "[application]\nname = \"\u{0}\"",
        "[[supervisor]]\n[[supervisor]]",
        "é = é",
    ] {
        assert!(!parse(text).is_empty(), "{text}");
    }
    let deep = "children = [{ id = \"x\", supervisor = { ".repeat(500);
    parse(&format!("[supervisor]\n{deep}"));
}

#[test]
fn a_wrong_manifest_is_shown_with_its_lines_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("regrow.toml"), GOOD.replace("strategy", "strategie")).unwrap();
    for command in ["run", "check", "build"] {
        let output = regrow().arg(command).arg(folder.path()).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("error: unknown key `strategie`"), "{text}");
        assert!(text.contains("regrow.toml:9:1"), "{text}");
        assert!(text.contains("did you mean `strategy`?"), "{text}");
        // What the manifest names is looked at too, in the same run.
        assert!(text.contains("component \"worker\" is not there"), "{text}");
        assert!(text.contains("2 errors; nothing was started"), "{text}");
        assert!(!text.contains('\u{1b}'), "colour only on a terminal");
    }
}

#[test]
fn a_manifest_that_is_not_there_is_one_line() {
    let output = regrow().args(["run", "no/such/file.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
}

#[test]
fn a_crate_that_makes_no_component_is_named_where_the_manifest_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let crate_folder = folder.path().join("worker.wasm");
    std::fs::create_dir_all(crate_folder.join("src")).unwrap();
    let package = "[package]\nname = \"plain\"\nversion = \"0.1.0\"\n[workspace]\n";
    std::fs::write(crate_folder.join("Cargo.toml"), package).unwrap();
    std::fs::write(crate_folder.join("src/lib.rs"), "").unwrap();
    std::fs::write(folder.path().join("regrow.toml"), GOOD).unwrap();
    let check = || regrow().arg("check").arg(folder.path()).output().unwrap();
    let output = check();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("regrow.toml:6:8") && text.contains("crate-type = [\"cdylib\"]"), "{text}");

    std::fs::write(crate_folder.join("Cargo.toml"), "[package").unwrap();
    let text = stderr(&check());
    assert!(
        text.contains("regrow.toml:6:8") && text.contains("component \"worker\" can't be compiled"),
        "{text}"
    );

    std::fs::write(crate_folder.join("Cargo.toml"), format!("{package}[lib]\ncrate-type = [\"cdylib\"]\n"))
        .unwrap();
    std::fs::write(crate_folder.join("src/lib.rs"), "this is no Rust").unwrap();
    let output = check();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(
        stderr(&output).lines().last().unwrap().contains("did not compile: see above"),
        "{}",
        stderr(&output)
    );
}

/// Each of several children has its number behind its id, which must still be one.
#[test]
fn an_id_has_room_for_the_numbers_of_several_children() {
    let long = "a".repeat(254);
    let count = format!("id = \"{long}\"\ncount = 2");
    assert_eq!(errors("id = \"a\"", &format!("id = \"{long}\"")), [""; 0]);
    let errors = errors("id = \"a\"", &count);
    assert!(errors[0].contains("this is no id for a child"), "{errors:?}");
}

#[test]
fn wrong_limits_budgets_and_slices_are_said_where_they_stand() {
    let (name, entry) = ("name = \"app\"", "entry = \"main\"");
    let cases = [
        (
            name,
            "name = \"app\"\nslice_reductions = 5",
            "4:20: `slice_reductions` is out of range (expected a whole number from 1000 to 18446744073709551615)",
        ),
        (
            name,
            "name = \"app\"\nslice_reductions = 1_000_000_000",
            "4:20: `slice_reductions` is out of range (expected a whole number from 1000 to 100000000)",
        ),
        (
            entry,
            "entry = \"main\"\nlimits.handles = 1",
            "15:18: `handles` is out of range (expected a whole number from 8 to 18446744073709551615)",
        ),
        (
            entry,
            "entry = \"main\"\nbudget = { share = 0 }",
            "15:20: `share` is out of range (expected a whole number from 1 to 18446744073709551615)",
        ),
        (
            entry,
            "entry = \"main\"\nbudget = { share = 10_001 }",
            "15:20: `share` is out of range (expected a whole number from 1 to 10000)",
        ),
        (
            entry,
            "entry = \"main\"\nbudget = { cpus = 2 }",
            "15:12: unknown key `cpus` (this is not understood here)",
        ),
        (
            entry,
            "entry = \"main\"\nbudget = 7",
            "15:10: `budget` has the wrong type (expected a table, found integer)",
        ),
        (
            entry,
            "entry = \"main\"\ngrants = { network = true }",
            "15:12: unknown key `network` (this is not understood here)",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(errors(from, to), [expected], "{to}");
    }
}
