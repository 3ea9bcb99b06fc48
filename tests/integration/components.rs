//! What components are refused, and how a person is told.

use std::path::PathBuf;

use regrow::engine::{EngineKind, LoadError};
use regrow::manifest::{Manifest, Source};
use regrow::node::Application;
use regrow_tests::{Guest, block_on, engine};

fn load(bytes: &[u8]) -> LoadError {
    match block_on(engine().load("bad", EngineKind::Density, bytes)) {
        Ok(_) => panic!("it is refused"),
        Err(error) => error,
    }
}

#[test]
fn what_is_no_process_component_is_refused_with_a_reason() {
    assert!(matches!(load(b"\0asm\x01\0\0\0"), LoadError::CoreModule));
    assert!(matches!(load(b""), LoadError::Invalid(_)));
    assert!(matches!(load(b"#!/bin/sh"), LoadError::Invalid(_)));
    assert!(matches!(load(b"\0asm\x0d\0\x01\0rubbish"), LoadError::Invalid(_)));
    // The smallest component there is: it exports nothing.
    let empty = load(b"\0asm\x0d\0\x01\0");
    assert!(matches!(&empty, LoadError::WrongWorld(why) if why.contains("no export")), "{empty}");
    let bytes = std::fs::read(Guest::Hostile.file()).unwrap();
    let cut = load(&bytes[..bytes.len() / 2]);
    assert!(matches!(cut, LoadError::Invalid(_)), "{cut}");
}

/// Components in text form, for what no guest of ours would do.
fn wat(text: &str) -> LoadError {
    load(&wat::parse_str(text).unwrap())
}

#[test]
fn an_import_that_the_host_does_not_offer_is_named() {
    let error = wat(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#);
    assert!(error.to_string().contains("wasi:http/outgoing-handler@0.2.0"), "{error}");
}

fn check(manifest: &str) -> String {
    let path = |guest: Guest| guest.file().display().to_string();
    let text = manifest.replace("BEHAVIOUR", &path(Guest::Behaviour));
    let source = Source { path: PathBuf::from("test.toml"), text };
    let manifest = Manifest::parse(source).unwrap_or_else(|error| panic!("{error}"));
    match block_on(Application::load(manifest, engine(), &|_| {})) {
        Ok(_) => panic!("it is refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_error_behind_the_manifest_is_found_at_once_and_points_into_it() {
    let errors = check(
        r#"
[application]
name = "app"
[components.behaviour]
path = "BEHAVIOUR"
grants.dirs = [{ host = "no-such-folder", guest = "/data" }]
[components.missing]
path = "no-such-file.wasm"
[supervisor]
[[supervisor.children]]
id = "a"
component = "behaviour"
entry = "no-such-entry"
"#,
    );
    for part in [
        "test.toml:6:25",
        "a granted folder is not there",
        "test.toml:8:8",
        "component \"missing\" is not there",
        "test.toml:13:9",
        "component \"behaviour\" has no entry \"no-such-entry\"",
        "it has: exit-reasons, links",
    ] {
        assert!(errors.contains(part), "{part:?} is not in\n{errors}");
    }
}

#[test]
fn grants_that_are_no_patterns_or_too_many_are_said_where_they_stand() {
    let error = check(
        r#"[application]
name = "app"
[components.behaviour]
path = "BEHAVIOUR"
grants.tcp = ["10.0.0.0/8:80", "nonsense", "1.2.3.4:99999"]
grants.lookup = ["a*b", "fine/*"]
[supervisor]
[[supervisor.children]]
id = "more"
component = "behaviour"
entry = "helper-sleep"
grants.tcp = ["10.0.0.0/7:80"]
[[supervisor.children]]
id = "less"
component = "behaviour"
entry = "helper-sleep"
grants = { tcp = ["10.1.0.0/16:80"], lookup = ["fine/a"] }
"#,
    );
    for expected in [
        r#""nonsense" is no pattern for `tcp`"#,
        "test.toml:5:32",
        r#""1.2.3.4:99999" is no pattern for `tcp`"#,
        r#""a*b" is no pattern for `lookup`"#,
        r#"a child can't have more grants than component "behaviour""#,
        "the component has not: tcp 10.0.0.0/7:80",
    ] {
        assert!(error.contains(expected), "{expected:?} is not in\n{error}");
    }
    assert!(!error.contains("less"), "{error}");
}
