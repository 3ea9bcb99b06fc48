//! What is tried with bytes of any kind: by `cargo fuzz` for as long as one likes (`tests/fuzz`), and by an ordinary test with
//! the seeds that are kept. A target is wrong if it panics, and it must come to an end.

use std::fmt::Write as _;
use std::path::Path;

use regrow::control::{Reply, Request};
use regrow::engine::EngineKind;
use regrow::manifest::{Manifest, ManifestError, Source};
use regrow_otp::testing::{wrong_accounts, wrong_budgets};
use regrow_otp::{ExitReason, Resource, Status};
use regrow_scenario::supervision::generate;
use regrow_term::{Term, decode, encode};

use crate::raw::{Import, Module, imports};
use crate::{TestNode, block_on, engine, play_supervision};

/// A target.
pub type Target = fn(&[u8]);

/// All of them, by the names of their folders of seeds.
pub const TARGETS: [(&str, Target); 6] = [
    ("manifest", manifest),
    ("term", term),
    ("control", control),
    ("component", component),
    ("host_calls", host_calls),
    ("supervision", supervision),
];

/// Text as a manifest: whatever is wrong is said, and points into the text.
pub fn manifest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let source = Source { path: "regrow.toml".into(), text };
    match Manifest::parse_with(source, &|name| (name.len() % 2 == 0).then(|| name.to_owned())) {
        Err(ManifestError::Invalid { source, errors, .. }) => {
            assert!(!errors.is_empty());
            for error in errors {
                let shown = error.render(&source, false);
                assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
            }
        }
        Err(error) => panic!("{error}"),
        Ok(manifest) => assert!(!manifest.name.value.is_empty()),
    }
}

/// Bytes as a term: what can be decoded can be encoded, and is the same again; its text moves no cursor.
pub fn term(bytes: &[u8]) {
    let Ok(term) = decode::<Term>(bytes) else { return };
    let again = encode(&term).unwrap_or_else(|error| panic!("{term}: {error}"));
    let same = decode::<Term>(&again).unwrap_or_else(|error| panic!("{term}: {error}"));
    assert_eq!(same.cmp(&term), std::cmp::Ordering::Equal);
    let text = term.to_string();
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(term.preview(80).to_string().chars().count() <= 100);
    assert!(term.weight() <= bytes.len().saturating_mul(64) + 64);
}

/// A line of the control protocol, in both directions.
pub fn control(bytes: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(bytes) {
        let line = serde_json::to_vec(&request).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(serde_json::from_slice::<Request>(&line).ok(), Some(request));
        assert!(!line.contains(&b'\n'));
    }
    if let Ok(reply) = serde_json::from_slice::<Reply>(bytes) {
        let line = serde_json::to_vec(&reply).unwrap_or_else(|error| panic!("{error}"));
        assert!(serde_json::from_slice::<Reply>(&line).is_ok());
        assert!(!line.contains(&b'\n'));
    }
}

/// Bytes as a component.
pub fn component(bytes: &[u8]) {
    let _ = block_on(engine().load("fuzzed", EngineKind::Density, bytes));
}

/// A seed as a random scenario of supervisors, played in two orders of turns.
pub fn supervision(bytes: &[u8]) {
    let mut seed = [0; 8];
    let len = bytes.len().min(8);
    seed[..len].copy_from_slice(&bytes[..len]);
    let scenario = generate(u64::from_le_bytes(seed));
    for order in [0, u64::from(bytes.get(8).copied().unwrap_or(1))] {
        let trace = play_supervision(&scenario, order);
        assert_eq!(trace.len(), scenario.steps.len());
    }
}

/// Calls of a program, at most: it should come to an end soon.
const MAX_CALLS: usize = 48;

/// Bytes as a guest that plays a program of host calls: any function, with numbers that are sometimes addresses of
/// something, sometimes lengths, sometimes nonsense. The host goes on, and its accounts are right.
pub fn host_calls(bytes: &[u8]) {
    let all = imports();
    let (fields, run) = program(&all, &mut bytes.iter().copied());
    let component = Module { fields: &fields, run: &run, ..Module::default() }.component();
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let file = folder.path().join("raw.wasm");
    std::fs::write(&file, component).unwrap_or_else(|error| panic!("{error}"));
    let node = play(&file);
    let runtime = node.node().runtime().clone();
    // Whatever it has started ends.
    loop {
        let infos = runtime.processes().into_iter().filter_map(|pid| runtime.process_info(pid));
        let guests: Vec<_> = infos.filter(|info| info.identity.component.is_some()).collect();
        if guests.is_empty() {
            break;
        }
        guests.iter().for_each(|info| runtime.exit(info.pid, ExitReason::Kill));
        node.run(|_| async {});
    }
    // The supervisors have answered: what those guests had sent them is not on its way any more.
    let _or_it_has_ended = block_on(node.node().steering().tree());
    assert_eq!(wrong_accounts(&runtime), None);
    assert_eq!(wrong_budgets(&runtime), None);
    // The supervisor that the budget begins with is what is left of it.
    let left = runtime.whereis("siege").map(|siege| runtime.budgets(siege));
    for of in left.iter().flatten().flat_map(|budget| &budget.resources) {
        let expected = match of.resource {
            Resource::Processes => 1,
            // Those of the dead run on (P61); what was computed was computed.
            Resource::Timers | Resource::Reductions => continue,
            _ => 0,
        };
        assert_eq!(of.used, expected, "{:?}", of.resource);
    }
    assert!(!node.log().contains("panic in the host"), "{}", node.log());
}

fn play(file: &Path) -> TestNode {
    let text = format!(
        r#"
        [application]
        name = "app"
        [components.raw]
        path = {file:?}
        grants = {{ register = ["*"], lookup = ["*"], tables = ["*"], groups = ["*"], registries = ["*"], list_processes = true, signal = true, start_children = ["raw"], supervise = ["pool"] }}
        limits = {{ reductions = 5_000_000, children = 50, memory_bytes = "16 MiB" }}
        [supervisor]
        [[supervisor.children]]
        id = "pool"
        [supervisor.children.supervisor]
        name = "pool"
        strategy = "dynamic"
        [[supervisor.children]]
        id = "siege"
        budget = {{ processes = 100, reductions = 50_000_000 }}
        [supervisor.children.supervisor]
        name = "siege"
        [[supervisor.children.supervisor.children]]
        id = "fuzzed"
        component = "raw"
        entry = "attack"
        restart = "temporary"
        "#
    );
    let manifest = Manifest::parse(Source { path: "fuzz.toml".into(), text });
    let manifest = manifest.unwrap_or_else(|error| panic!("{error}"));
    let node = TestNode::start_manifest(manifest, 1).unwrap_or_else(|error| panic!("{error}"));
    let fuzzed = node.await_child("fuzzed");
    let runtime = node.node().runtime();
    // It ends, or comes to a wait that nobody will end.
    while runtime.process_info(fuzzed).is_some_and(|info| info.status != Status::Waiting) {
        node.run(|_| async {});
    }
    node
}

/// The imports and the body of a program.
fn program(all: &[Import], bytes: &mut impl Iterator<Item = u8>) -> (String, String) {
    let (mut fields, mut run) = (String::new(), String::new());
    for (index, import) in all.iter().enumerate() {
        let (params, result) = (import.params.join(" "), import.result);
        let result = result.map_or(String::new(), |result| format!("(result {result})"));
        let _ = write!(
            fields,
            "(import {:?} {:?} (func $f{index} (param {params}) {result}))",
            import.interface, import.name
        );
    }
    // Something for addresses to point to: a pid of nobody, a name, a term, numbers.
    fields.push_str(
        r#"(data (i32.const 1024) "\01\00\00\00\02\00\00\00\03\00\00\00attack\82\01\02pool\f6*/")"#,
    );
    for _ in 0..MAX_CALLS {
        let Some(choice) = bytes.next() else { break };
        let index = usize::from(choice) % all.len();
        let import = &all[index];
        let arguments: String = import.params.iter().map(|ty| argument(ty, bytes)).collect();
        let call = format!("(call $f{index} {arguments})");
        let _ = if import.result.is_some() { write!(run, "(drop {call})") } else { write!(run, "{call}") };
    }
    run.push_str("(i32.const 128)");
    (fields, run)
}

fn argument(ty: &str, bytes: &mut impl Iterator<Item = u8>) -> String {
    let mut next = || i64::from(bytes.next().unwrap_or(0));
    let value = match next() % 8 {
        0 => 0,
        1 => next() % 4,
        2 => 1024 + next() % 48,
        3 => -1,
        4 => next(),
        // Where results go, as most functions write theirs there.
        5 => 4096 + 8 * next(),
        6 => (next() << 24) | (next() << 16) | (next() << 8) | next(),
        _ => 131_072 - next(),
    };
    match ty {
        "i32" => format!("(i32.const {})", value as i32),
        "f64" => format!("(f64.const {value})"),
        "f32" => format!("(f32.const {value})"),
        _ => format!("(i64.const {value})"),
    }
}
