//! `regrow run`, `check` and `build` on the examples; signals.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::{example, regrow, stderr, stdout};

#[test]
fn hello_runs_and_ends_by_itself() {
    let output = regrow().arg("run").arg(example("hello")).output().unwrap();
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("Hello, world!"), "{log}");
}

#[test]
fn a_counter_crashes_and_regrows() {
    let output = regrow().args(["run", "--log", "info"]).arg(example("counter")).output().unwrap();
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("a counter never goes below zero"), "{log}");
    assert!(log.contains("restarted (restart 1)"), "{log}");
    assert!(log.contains("the counter says 0 after its crash"), "{log}");
}

#[test]
fn check_and_build_start_nothing() {
    let output = regrow().arg("check").arg(example("counter")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = "counter: good: 1 components (counter), 1 supervisors, 2 workers\n  counter may reach: lookup: counter\n";
    assert!(stdout(&output).starts_with(said), "{}", stdout(&output));
    let output = regrow().arg("build").arg(example("counter")).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("counter, client"), "{}", stdout(&output));
    assert!(stdout(&output).contains("imports regrow:otp/{log, mailbox, "), "{}", stdout(&output));
    assert!(!stderr(&output).contains("the counter says"));
}

/// `regrow build … | head`: a reader that has gone is no failure.
#[test]
fn a_reader_that_goes_away_ends_nothing_in_a_panic() {
    for command in ["build", "check"] {
        let mut child = regrow()
            .arg(command)
            .arg(example("counter"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    }
}

#[test]
fn a_wrong_command_line_is_told_from_a_wrong_manifest() {
    assert_eq!(regrow().arg("dance").output().unwrap().status.code(), Some(2));
    assert_eq!(regrow().args(["run", "--workers", "0"]).output().unwrap().status.code(), Some(2));
    let help = regrow().arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("Exit codes:"));
}

/// An application that runs until it is told to stop; the log up to there.
fn start(shutdown: &str, entry: &str) -> (Child, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = example("counter");
    let manifest = format!(
        r#"
        [application]
        name = "app"
        [components.counter]
        path = {path:?}
        [supervisor]
        [[supervisor.children]]
        id = "{entry}"
        component = "counter"
        entry = "{entry}"
        args = 0
        {shutdown}
        "#
    );
    std::fs::write(folder.path().join("regrow.toml"), manifest).unwrap();
    let mut command = regrow();
    command.args(["run", "--log", "debug"]).arg(folder.path()).stderr(Stdio::piped());
    (command.spawn().unwrap(), folder)
}

fn wait_for(child: &mut Child, text: &str) -> BufReader<std::process::ChildStderr> {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended before it said {text:?}");
    }
    lines
}

fn signal(child: &Child, name: &str) {
    let killed =
        std::process::Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(killed.unwrap().success());
}

#[test]
fn sigint_and_sigterm_stop_the_tree_in_order() {
    for name in ["INT", "TERM"] {
        let (mut child, _folder) = start("", "counter");
        let mut log = wait_for(&mut child, "counter started");
        signal(&child, name);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut log, &mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
        assert!(rest.contains("stopping app"), "{rest}");
    }
}

#[test]
fn a_guest_without_std_runs_and_crashes_like_any_other() {
    let output = regrow().arg("run").arg(example("lean")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("Hello, world, from a guest without std"), "{}", stderr(&output));

    let folder = tempfile::tempdir().unwrap();
    let manifest = std::fs::read_to_string(example("lean").join("regrow.toml")).unwrap();
    let path = format!("path = {:?}", example("lean"));
    let manifest = manifest.replace("path = \".\"", &path).replace("args = \"world\"", "args = \"\"");
    std::fs::write(folder.path().join("regrow.toml"), manifest).unwrap();
    let output = regrow().arg("run").arg(folder.path()).output().unwrap();
    let log = stderr(&output);
    assert!(log.contains("a lean guest panics like any other"), "{log}");
    assert_eq!(output.status.code(), Some(1), "a significant child that crashes is a failure: {log}");
    assert!(log.lines().last().unwrap().contains("lean failed: trap(panic)"), "{log}");
}
