//! A running node, steered from another terminal.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

use crate::{example, regrow, stderr, stdout};

/// A node of the counter, and a socket of its own.
struct Steered {
    node: Child,
    folder: tempfile::TempDir,
}

const TREE: &str = r#"
[application]
name = "bank"
[components.counter]
path = "${COUNTER}"
[supervisor]
[[supervisor.children]]
id = "till"
component = "counter"
entry = "counter"
args = 7
name = "till"
"#;

impl Steered {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("regrow.toml"), TREE).unwrap();
        let mut command = regrow();
        command
            .args(["run", "--log", "debug", "--socket"])
            .arg(folder.path().join("sock"))
            .arg(folder.path());
        command.env("COUNTER", example("counter").canonicalize().unwrap()).stderr(Stdio::piped());
        let mut node = command.spawn().unwrap();
        let mut lines = BufReader::new(node.stderr.take().unwrap()).lines();
        let started = lines.by_ref().map(Result::unwrap).any(|line| line.contains("till started"));
        assert!(started);
        // Somebody must go on reading.
        std::thread::spawn(move || lines.for_each(drop));
        Self { node, folder }
    }

    fn manifest(&self) -> PathBuf {
        self.folder.path().join("regrow.toml")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = regrow();
        command.args(arguments).arg("--socket").arg(self.folder.path().join("sock"));
        command.env("COUNTER", example("counter").canonicalize().unwrap());
        command.output().unwrap()
    }

    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stdout(&output));
        stderr(&output)
    }
}

impl Drop for Steered {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

#[test]
fn a_node_is_looked_at_changed_and_stopped_from_outside() {
    let mut node = Steered::start();
    let ps = node.says(&["ps"]);
    assert!(ps.starts_with("PID"), "{ps}");
    assert!(ps.lines().any(|line| line.contains("till") && line.contains("counter.counter")), "{ps}");
    let tree = node.says(&["tree"]);
    assert!(tree.starts_with("bank <0.") && tree.contains("└── till <0."), "{tree}");
    assert!(node.says(&["children", "bank"]).contains("bank/till"));
    assert!(node.says(&["info", "till"]).contains("initial_call       counter.counter"));
    assert!(node.says(&["restart", "bank/till"]).starts_with("started <0."));
    assert_eq!(node.says(&["terminate", "till"]), "");
    assert!(node.says(&["tree"]).contains("till stopped"));
    assert!(node.says(&["start", "bank/till"]).starts_with("started <0."));
    assert!(node.says(&["logs", "-n", "100"]).contains("bank: till started"));
    let json: serde_json::Value = serde_json::from_str(&node.says(&["ps", "--json"])).unwrap();
    let names: Vec<&str> = json.as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["till"]);

    let manifest = node.manifest();
    let path = manifest.to_str().unwrap();
    assert_eq!(node.says(&["plan", path]), "No changes: what runs is what the manifest says.\n");
    let edited =
        TREE.replace("args = 7", "args = 8").replace("[supervisor]\n", "[supervisor]\nintensity = 9\n");
    std::fs::write(&manifest, edited).unwrap();
    let plan = "  ~ bank is changed in place\n      intensity: 1 -> 9\n-/+ bank/till is stopped and started anew\n      args: 7 -> 8\n";
    let summary =
        |word| format!("{plan}{word}: 0 to start, 1 to change in place, 1 to replace, 0 to stop.\n");
    assert_eq!(node.says(&["plan", path]), summary("Plan"));
    assert_eq!(node.says(&["apply", path]), summary("Applied"));
    std::fs::write(&manifest, TREE.replace("entry", "entrance")).unwrap();
    assert!(node.fails(&["apply", path], 3).contains("unknown key `entrance`"));

    assert_eq!(
        node.fails(&["restart", "bank/nobody"], 1),
        "regrow: bank has no child \"nobody\"; it has: till\n"
    );
    assert_eq!(node.says(&["stop"]), "");
    assert_eq!(node.node.wait().unwrap().code(), Some(0));
    let gone = node.fails(&["ps"], 1);
    assert!(gone.starts_with("regrow: no node answers at ") && gone.lines().count() == 1, "{gone}");
}

#[test]
fn a_socket_that_cannot_be_had_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "not a socket").unwrap();
    for path in ["file", "no/such/folder", &"long".repeat(40)] {
        let mut command = regrow();
        command.arg("run").arg(example("hello")).arg("--socket").arg(folder.path().join(path));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let last = stderr(&output).lines().last().unwrap_or_default().to_owned();
        assert!(last.contains("no control socket at") && last.contains("--no-control"), "{last}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("file")).unwrap(), "not a socket");
}
