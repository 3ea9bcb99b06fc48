//! `regrow new`: a project that builds, runs and passes its tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{regrow, stderr, stdout};

#[test]
fn a_new_project_runs_and_passes_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("my-app");
    let output = regrow().arg("new").arg(&project).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("cargo test"));
    // The tests on a node compile the host, which others do; their lock is the workspace's.
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    let alone = manifest.replace("members = [\"node-tests\"]", "exclude = [\"node-tests\"]");
    fs::write(project.join("Cargo.toml"), alone.replace("default-members = [\".\"]\n", "")).unwrap();
    fs::copy(root.join("examples-guests/Cargo.lock"), project.join("Cargo.lock")).unwrap();

    let output = regrow().arg("run").arg(&project).output().unwrap();
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("Hello, Robert! You are number 2."), "{log}");

    let target = root.join("target/new-projects");
    let tested = Command::new("cargo")
        .args(["test", "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .unwrap();
    let said = format!("{}{}", stdout(&tested), stderr(&tested));
    assert!(tested.status.success() && said.contains("4 passed"), "{said}");
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path, why: &str| {
        let output = regrow().arg("new").arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1);
    };
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let project = folder.path().join("app");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("notes.txt"), "mine").unwrap();
    refused(&project, "there is something in it already");
    assert_eq!(fs::read_dir(&project).unwrap().count(), 1);
    refused(&folder.path().join("notes.txt/app"), "Not a directory");
    refused(&folder.path().join("Not A Crate"), "is no name for a project");
    let output = regrow()
        .args(["new", "app", "--sdk", "/nowhere"])
        .current_dir(folder.path().join("app"))
        .output()
        .unwrap();
    assert!(stderr(&output).contains("--sdk FOLDER"), "{}", stderr(&output));
}
