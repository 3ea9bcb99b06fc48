//! What manifests say of supervisors beyond OTP's own flags, and variables of the environment.

use regrow::manifest::{ChildStart, Manifest, Source};

use crate::manifests::{GOOD, check, parse};

#[test]
fn what_makes_no_sense_in_a_supervisor_is_said_where_it_stands() {
    let (strategy, entry, grants) =
        ("strategy = \"one_for_one\"", "entry = \"main\"", "path = \"worker.wasm\"");
    check(&[
        (
            strategy,
            "max_children = 5",
            "9:16: `max_children` has no meaning here (it belongs to `strategy = \"dynamic\"` and `\"simple_one_for_one\"`)",
        ),
        (
            strategy,
            "extra_args = [1]",
            "9:14: `extra_args` has no meaning here (it belongs to `strategy = \"dynamic\"`)",
        ),
        (
            strategy,
            "strategy = \"dynamic\"",
            "11:1: a dynamic supervisor has no children in the manifest (they are started while it runs)",
        ),
        (
            strategy,
            "strategy = \"dynamic\"\npartitions = 2",
            "10:14: `partitions` has no meaning here (it belongs to `strategy = \"one_for_one\"`)",
        ),
        (
            strategy,
            "strategy = \"simple_one_for_one\"\nauto_shutdown = \"any_significant\"",
            "10:17: `auto_shutdown` has no meaning here (it belongs to static children)",
        ),
        (
            strategy,
            "partitions = 2",
            "8:1: `name` is missing (this needs `name`: partitions are found by the name of their supervisor)",
        ),
        (
            strategy,
            "name = \"p\"\npartitions = 0",
            "10:14: `partitions` is out of range (expected a whole number from 1 to 18446744073709551615)",
        ),
        (
            strategy,
            "name = \"p\"\npartitions = 9999999",
            "10:14: `partitions` is out of range (expected \"cores\" or a whole number from 1 to 1000000)",
        ),
        (
            entry,
            "entry = \"main\"\nover_intensity = \"stop\"",
            "15:18: `over_intensity` can't be \"stop\" (expected one of: give_up, park)",
        ),
        (
            entry,
            "entry = \"main\"\nbackoff = { initial_ms = 5 }",
            "15:11: `max_ms` is missing (this needs `max_ms`: the longest wait)",
        ),
        (
            entry,
            "entry = \"main\"\nbackoff = { initial_ms = 5, max_ms = 1 }",
            "15:11: this back-off makes no sense (the longest wait of a back-off is shorter than the first)",
        ),
        (
            entry,
            "entry = \"main\"\nbackoff = { initial_ms = 5, max_ms = 9, jitter = 2.5 }",
            "15:11: this back-off makes no sense (the jitter of a back-off is from 0 to 1)",
        ),
        (
            entry,
            "entry = \"main\"\nbackoff_ms = 5\nbackoff = { initial_ms = 5, max_ms = 9 }",
            "16:11: `backoff` and `backoff_ms` exclude each other (leave one of them out)",
        ),
        (
            entry,
            "entry = \"main\"\nbackoff_ms = 0",
            "15:14: `backoff_ms` is out of range (expected a whole number from 1 to 18446744073709551615)",
        ),
        (
            "id = \"a\"",
            "id = \"a/b\"",
            "12:6: this is no id for a child (expected at most 255 bytes without control characters and slashes)",
        ),
        (
            grants,
            "path = \"w.wasm\"\ngrants.supervise = [\"nobody\"]",
            "7:21: no supervisor has the name \"nobody\" (named here)",
        ),
        (
            grants,
            "path = \"w.wasm\"\ngrants.start_children = [\"other.x\"]",
            "7:26: there is no component \"other\" (not among [components])",
        ),
        (entry, "entry = \"${ENTRY}\"", "14:9: the environment has no variable \"ENTRY\" (used here)"),
        (entry, "entry = \"${ENTRY\"", "14:9: `${` has no `}` (the name of a variable ends with it)"),
    ]);
    let table = |table: &str| {
        let worker =
            GOOD.lines().filter(|line| line.starts_with("component =") || line.starts_with("entry ="));
        let worker: Vec<&str> = worker.collect();
        GOOD.replace(worker[0], table).replace(worker[1], "")
    };
    for good in [
        "table = { name = \"t\", kind = \"ordered_set\" }",
        "registry = { name = \"r\", kind = \"duplicate\", partitions = 8, listeners = [\"l\"] }",
        "groups = { name = \"g\" }",
    ] {
        assert_eq!(parse(&table(good)), [""; 0]);
    }
    for (text, expected) in [
        (
            "table = { kind = \"set\" }",
            "13:9: `name` is missing (this needs `name`: the name under which the table is found)",
        ),
        ("table = { name = \"t\", kind = \"list\" }", "13:30: `kind` can't be \"list\""),
        (
            "table = { name = \"a\\nb\" }",
            "13:18: \"a\\nb\" is no name for a table (expected 1 to 255 bytes without control characters)",
        ),
        ("registry = { name = \"r\", kind = \"set\" }", "13:33: `kind` can't be \"set\""),
        (
            "registry = { name = \"r\", partitions = 65 }",
            "13:39: `partitions` is out of range (expected a whole number from 1 to 64)",
        ),
        (
            "registry = { name = \"r\", listeners = [\"\"] }",
            "13:39: \"\" is no name for a process (expected 1 to 255 bytes without control characters)",
        ),
        ("groups = { }", "13:10: `name` is missing (this needs `name`: the name of the scope)"),
        ("groups = { name = \"g\", kind = \"x\" }", "13:24: unknown key `kind`"),
    ] {
        let errors = parse(&table(text));
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
    }
    let two = table("table = { name = \"t\" }")
        + "\n[[supervisor.children]]\nid = \"b\"\ntable = { name = \"t\" }\n";
    assert!(parse(&two)[0].contains("the table \"t\" is declared twice"), "{:?}", parse(&two));
    let template = table("table = { name = \"t\" }").replace("one_for_one", "simple_one_for_one");
    assert!(parse(&template)[0].contains("this is a table"), "{:?}", parse(&template));
    let one_for_all = GOOD
        .replace("one_for_one", "one_for_all")
        .replace(entry, "entry = \"main\"\nover_intensity = \"park\"");
    assert_eq!(parse(&one_for_all), ["12:6: \"a\" can't be parked (its siblings are restarted with it)"]);
    let simple = GOOD.replace("one_for_one", "simple_one_for_one");
    assert_eq!(parse(&simple), [""; 0]);
    let named = simple.replace(entry, "entry = \"main\"\nname = \"x\"");
    assert_eq!(parse(&named), ["12:6: a template has no name (all its children would have it)"]);
}

#[test]
fn variables_of_the_environment_stand_for_text_and_for_numbers() {
    let text = GOOD
        .replace(
            "\"main\"",
            "\"${ENTRY}-$${x}\"\ncount = \"${COUNT:-3}\"\nargs = [\"${EMPTY:-default}\", \"${EMPTY}\"]",
        )
        .replace("strategy", "intensity = \"${INTENSITY}\"\nstrategy");
    let environment = |name: &str| match name {
        "ENTRY" => Some("main".to_owned()),
        "EMPTY" => Some(String::new()),
        "INTENSITY" => Some("7".to_owned()),
        _ => None,
    };
    let source = Source { path: "regrow.toml".into(), text };
    let manifest = Manifest::parse_with(source, &environment).unwrap();
    assert_eq!(manifest.supervisor.flags.intensity, 7);
    assert_eq!(manifest.supervisor.children.len(), 3);
    let ChildStart::Worker { entry, args, .. } = &manifest.supervisor.children[2].start else { panic!() };
    assert_eq!(entry.value, "main-${x}");
    assert_eq!(args.to_string(), "[\"default\", \"\"]");
}

/// Rule S1: Elixir's supervisors have a default of their own.
#[test]
fn dynamic_and_partitioned_supervisors_allow_three_restarts() {
    let intensity = |supervisor: &str| {
        let text = GOOD.replace("strategy = \"one_for_one\"", supervisor);
        let text = text.split("[[supervisor.children]]").next().unwrap().to_owned()
            + "[[supervisor.children]]\nid = \"a\"\ncomponent = \"worker\"\nentry = \"main\"\n";
        let text = if supervisor.contains("dynamic") {
            text.split("[[supervisor").next().unwrap().to_owned()
        } else {
            text
        };
        let source = Source { path: "regrow.toml".into(), text };
        Manifest::parse(source).unwrap().supervisor.flags.intensity
    };
    assert_eq!(intensity("strategy = \"one_for_one\""), 1);
    assert_eq!(intensity("strategy = \"dynamic\""), 3);
    assert_eq!(intensity("name = \"parts\"\npartitions = 2"), 3);
    assert_eq!(intensity("strategy = \"dynamic\"\nintensity = 7"), 7);
}
