//! The gallery, on a node: every program of it ends as it should.

use std::collections::BTreeSet;
use std::path::Path;

use regrow::manifest::{Manifest, Source};
use regrow_otp::{Event, ExitReason};
use regrow_tests::TestNode;

#[test]
fn every_program_of_the_gallery_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples-guests/gallery");
    let text = std::fs::read_to_string(folder.join("regrow.toml")).unwrap();
    let manifest = Manifest::parse(Source { path: folder.join("regrow.toml"), text }).unwrap();
    let files = std::fs::read_dir(folder.join("src")).unwrap();
    let files = files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let programs: BTreeSet<String> = files.filter(|file| file != "lib").collect();
    let node = TestNode::start_manifest(manifest, 2).unwrap_or_else(|error| panic!("{error}"));
    node.await_outcome();
    let fine = |event: Event| match event {
        Event::Exited(ended) if ended.reason == ExitReason::Normal => {
            ended.identity.entry.map(|entry| entry.to_string())
        }
        _ => None,
    };
    let ended: BTreeSet<String> =
        node.events().into_iter().filter_map(fine).map(|entry| entry.replace("_demo", "")).collect();
    let missing: Vec<&String> = programs.difference(&ended).collect();
    assert!(missing.is_empty(), "{missing:?} did not end normally; the log:\n{}", node.log());
}

/// What the documentation shows of the gallery is what the gallery has: line by line, in order.
#[test]
fn the_page_for_elixir_programmers_shows_the_gallery_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/from-elixir.md")).unwrap();
    let mut shown = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        let rust = section.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let file = section.split("src/").nth(1).and_then(|rest| rest.split(".rs").next()).unwrap();
        let source = root.join("examples-guests/gallery/src").join(format!("{file}.rs"));
        let source = std::fs::read_to_string(source).unwrap();
        for block in rust.split("\n\n") {
            let mut lines = source.lines().map(str::trim);
            for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
                assert!(
                    lines.any(|there| there == line),
                    "{file} has no longer, after the lines before it: {line}"
                );
            }
        }
        shown.insert(file.to_owned());
    }
    assert_eq!(shown.len(), 20, "{shown:?}");
}
