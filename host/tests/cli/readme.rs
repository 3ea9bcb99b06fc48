//! What the README shows is run.

use std::fs;
use std::path::Path;

use crate::{regrow, stderr};

/// The code block that follows `heading`.
fn block<'a>(readme: &'a str, heading: &str, language: &str) -> &'a str {
    let after = readme.split_once(heading).unwrap_or_else(|| panic!("{heading:?} is not in the README")).1;
    let code = after.split_once(&format!("```{language}\n")).unwrap().1;
    code.split_once("```").unwrap().0
}

#[test]
fn the_first_guest_works_as_it_stands_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sdk = root.join("guest-sdk").canonicalize().unwrap();
    let manifest = block(&readme, "`Cargo.toml`:", "toml").replace("../guest-sdk", sdk.to_str().unwrap());
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    // The versions that the examples were tried with, not those of tomorrow.
    fs::copy(root.join("examples-guests/Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), block(&readme, "`src/lib.rs`,", "rust")).unwrap();
    fs::write(folder.path().join("regrow.toml"), block(&readme, "`regrow.toml`, the tree:", "toml")).unwrap();

    let output = regrow().arg("run").arg(folder.path()).output().unwrap();
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    for part in [
        "Hello, Robert! You are number 2.",
        "nobody to greet",
        "restarted (restart 1)",
        "no greeting for \"\"",
    ] {
        assert!(log.contains(part), "{part:?} is not in\n{log}");
    }
}
