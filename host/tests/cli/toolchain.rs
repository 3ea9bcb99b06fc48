//! Setting up the tool chain: what it asks rustup for, and what a person is told when that fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{example, regrow, stderr};

/// Puts a program into a folder that will be the whole path.
fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A machine without the target, whose rustup does as `script` says.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(rustup: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display().to_string();
        program(folder.path(), "rustup", &rustup.replace("ROOT", &root));
        // The library of the target is where this rustc says it is.
        program(folder.path(), "rustc", &format!("echo {root}/library"));
        Self(folder)
    }

    fn build(&self) -> std::process::Output {
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        regrow()
            .arg("build")
            .arg(example("hello"))
            .env("PATH", path)
            .env("RUSTC", self.0.path().join("rustc"))
            .env("CARGO_HOME", self.0.path())
            .output()
            .unwrap()
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.0.path().join("calls")).map_or(0, |calls| calls.lines().count())
    }
}

#[test]
fn a_failed_download_is_one_line_with_the_ways_out() {
    let machine = Machine::new(
        "echo x >> ROOT/calls; echo 'info: downloading component' >&2; echo 'error: could not download' >&2; exit 1",
    );
    let output = machine.build();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("regrow: asking rustup to add wasm32-wasip2"), "{text}");
    assert!(text.contains("regrow: rustup: downloading component"), "{text}");
    let last = text.lines().last().unwrap();
    for part in [
        "rustup: could not download",
        "rustup target add wasm32-wasip2",
        "libstd-rust-dev-wasm32",
        "REGROW_WASM_SYSROOT",
    ] {
        assert!(last.contains(part), "{part:?} is not in {last:?}");
    }
    assert_eq!(machine.calls(), 1);
}

#[test]
fn a_machine_without_rustup_is_told_what_else_there_is() {
    let machine = Machine::new("exit 0");
    fs::remove_file(machine.0.path().join("rustup")).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap();
    let output = regrow()
        .arg("build")
        .arg(example("hello"))
        .env("PATH", machine.0.path())
        .env("CARGO", cargo)
        .env("RUSTC", machine.0.path().join("rustc"))
        .env("CARGO_HOME", machine.0.path())
        .output()
        .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.lines().last().unwrap().contains("rustup can't be run"), "{text}");
}

/// Several at once ask rustup once: the others wait and find the target there.
#[test]
fn several_at_once_ask_rustup_once() {
    let machine = Machine::new("echo x >> ROOT/calls; mkdir -p ROOT/library; : > ROOT/library/libstd-1.rlib");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| machine.build());
        }
    });
    assert_eq!(machine.calls(), 1);
}

#[test]
fn without_cargo_the_program_is_named() {
    let output = regrow().arg("build").arg(example("hello")).env("CARGO", "/no/such/cargo").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("/no/such/cargo"), "{}", stderr(&output));
}
