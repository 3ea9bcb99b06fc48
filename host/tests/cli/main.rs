//! The program as a person or a script meets it: what it prints, and its exit codes.

mod manifests;
mod new;
mod readme;
mod running;
mod steering;
mod supervisor_manifests;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program under test, far from anybody's terminal and settings.
fn regrow() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regrow"));
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples-guests").join(name)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
