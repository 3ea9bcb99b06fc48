//! The seeds of the fuzz targets, replayed: each as it is, and with some of its bytes changed.

use std::path::{Path, PathBuf};

use regrow_otp::{RandomSource, SplitMix64};
use regrow_tests::fuzz::{TARGETS, Target};

fn seeds(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Says which bytes a target could not take.
struct Replay<'a>(&'a str, &'a [u8]);

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the target {} could not take {:?}", self.0, String::from_utf8_lossy(self.1));
            eprintln!("its bytes: {:?}", self.1);
        }
    }
}

fn try_with(name: &str, target: Target, bytes: &[u8]) {
    let _replay = Replay(name, bytes);
    target(bytes);
}

fn changed(mut bytes: Vec<u8>, random: &mut SplitMix64) -> Vec<u8> {
    for _ in 0..=random.next_u64() % 4 {
        let at = random.next_u64() as usize % (bytes.len() + 1);
        match random.next_u64() % 4 {
            0 => bytes.insert(at, random.next_u64() as u8),
            1 if at < bytes.len() => bytes[at] ^= 1 << (random.next_u64() % 8),
            2 if at < bytes.len() => bytes[at] = random.next_u64() as u8,
            _ => {
                let end = (at + random.next_u64() as usize % 16).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
        }
    }
    bytes
}

fn replay(name: &str, variations: usize) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let files = seeds(name);
    assert!(files.len() >= 3, "{name} has {} seeds", files.len());
    let mut random = SplitMix64::new(2026);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        try_with(name, target, &bytes);
        for _ in 0..variations {
            try_with(name, target, &changed(bytes.clone(), &mut random));
        }
    }
}

#[test]
fn manifests() {
    replay("manifest", 500);
}

#[test]
fn terms() {
    replay("term", 2_000);
}

#[test]
fn control_requests() {
    replay("control", 1_000);
}

#[test]
fn components() {
    replay("component", 50);
}

#[test]
fn programs_of_host_calls() {
    replay("host_calls", 30);
}

#[test]
fn scenarios_of_supervisors() {
    replay("supervision", 40);
}
