//! `plan` and `apply`: a running tree becomes what an edited manifest says.

use std::path::PathBuf;

use bytes::Bytes;
use regrow::control::{ChangeKind, ErrorKind, PlanReport};
use regrow::manifest::Manifest;
use regrow_otp::{Destination, MessageKind, Pid};
use regrow_tests::{Guest, TestNode, block_on};

/// A node whose manifest is a file that can be edited.
struct Edited {
    folder: tempfile::TempDir,
    node: TestNode,
    text: String,
}

/// A tree with a bit of everything. Hoarders keep what they are sent in their mailboxes: that is their state.
const TREE: &str = r#"
[supervisor]
intensity = 3

[[supervisor.children]]
id = "first"
component = "behaviour"
entry = "helper-hoard"
name = "first"

[[supervisor.children]]
id = "pool"
[supervisor.children.supervisor]
[[supervisor.children.supervisor.children]]
id = "worker"
count = 2
component = "hostile"
entry = "victim"
name = "worker"

[[supervisor.children]]
id = "last"
component = "behaviour"
entry = "helper-hoard"
name = "last"
"#;

impl Edited {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(Guest::Hostile.file(), folder.path().join("hostile.wasm")).unwrap();
        let head = format!(
            "[application]\nname = \"app\"\n[components.behaviour]\npath = {:?}\ngrants = {{ register = [\"*\"], lookup = [\"*\"] }}\n[components.hostile]\npath = \"hostile.wasm\"\n",
            Guest::Behaviour.file()
        );
        let text = head + TREE;
        let path = folder.path().join("regrow.toml");
        std::fs::write(&path, &text).unwrap();
        let node = TestNode::start_manifest(Manifest::read(&path).unwrap(), 2).unwrap();
        node.await_name("last");
        Self { folder, node, text }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("regrow.toml")
    }

    fn edit(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from}");
        self.text = self.text.replacen(from, to, 1);
        std::fs::write(self.path(), &self.text).unwrap();
    }

    fn plan(&self) -> Vec<String> {
        lines(&block_on(self.node.node().steering().plan(&self.path())).unwrap())
    }

    fn apply(&self) -> Vec<String> {
        let report = block_on(self.node.node().steering().apply(&self.path())).unwrap();
        assert!(report.applied);
        lines(&report)
    }

    fn refused(&self) -> (ErrorKind, String) {
        let error = block_on(self.node.node().steering().apply(&self.path())).unwrap_err();
        (error.kind, error.message)
    }

    fn pid(&self, name: &str) -> Option<Pid> {
        self.node.node().runtime().whereis(name)
    }

    fn pids(&self, names: &[&str]) -> Vec<Option<Pid>> {
        names.iter().map(|name| self.pid(name)).collect()
    }

    /// Gives a hoarder something to keep.
    fn give(&self, name: &'static str) {
        self.node.run(move |context| async move {
            context.send(&name.into(), MessageKind::Info, "something".into()).await.unwrap();
        });
    }

    fn kept(&self, name: &str) -> usize {
        self.node.node().runtime().process_info(self.pid(name).unwrap()).unwrap().message_queue_len
    }
}

fn lines(report: &PlanReport) -> Vec<String> {
    let sign = |kind| match kind {
        ChangeKind::Add => "+",
        ChangeKind::Update => "~",
        ChangeKind::Replace => "-/+",
        ChangeKind::Remove => "-",
    };
    report.changes.iter().map(|change| format!("{} {}", sign(change.kind), change.path)).collect()
}

#[test]
fn what_runs_is_what_the_manifest_says() {
    let tree = Edited::start();
    assert_eq!(tree.plan(), [""; 0]);
    let before = tree.pids(&["first", "worker-1", "last"]);
    assert_eq!(tree.apply(), [""; 0]);
    assert_eq!(tree.pids(&["first", "worker-1", "last"]), before);
}

#[test]
fn what_is_not_touched_keeps_its_pid_and_its_state() {
    let mut tree = Edited::start();
    tree.give("first");
    let kept = ["first", "worker-1", "worker-2"];
    let before = tree.pids(&kept);
    tree.edit("count = 2", "count = 3");
    tree.edit(
        "id = \"last\"",
        "id = \"middle\"\ncomponent = \"hostile\"\nentry = \"victim\"\n[[supervisor.children]]\nid = \"end\"",
    );
    tree.edit("intensity = 3", "intensity = 4");
    let expected = ["~ app", "+ app/pool/worker-3", "+ app/middle", "+ app/end", "- app/last"];
    assert_eq!(tree.plan(), expected);
    assert_eq!(tree.pids(&kept), before, "a plan changes nothing");
    let last = tree.pid("last");
    assert_eq!(tree.apply(), expected);
    assert_eq!(tree.pids(&kept), before);
    assert_eq!(tree.kept("first"), 1);
    assert!(tree.pid("worker-3").is_some());
    assert_ne!(tree.pid("last"), last, "the name went from `last` to `end`");
    assert_eq!(tree.plan(), [""; 0]);
    let children = block_on(tree.node.node().steering().children("app")).unwrap();
    let ids: Vec<&str> = children.iter().map(|child| child.id.as_str()).collect();
    assert_eq!(ids, ["first", "pool", "middle", "end"], "in the manifest's order");
}

#[test]
fn a_changed_child_is_replaced_and_a_changed_limit_is_not() {
    let mut tree = Edited::start();
    tree.give("first");
    let before = tree.pids(&["first", "worker-1", "worker-2", "last"]);
    tree.edit("name = \"first\"", "name = \"first\"\nrestart = \"transient\"\nlimits = { mailbox_messages = 2, memory_bytes = \"32 MiB\" }");
    tree.edit("entry = \"helper-hoard\"\nname = \"last\"", "entry = \"helper-sleep\"\nname = \"last\"");
    assert_eq!(tree.apply(), ["~ app/first", "-/+ app/last"]);
    let after = tree.pids(&["first", "worker-1", "worker-2", "last"]);
    assert_eq!(after[..3], before[..3]);
    assert_ne!(after[3], before[3]);
    assert_eq!(tree.kept("first"), 1);
    let info = block_on(tree.node.node().steering().info("first")).unwrap();
    assert_eq!((info.limits.mailbox_messages, info.limits.memory_bytes), (2, 32 << 20));
    tree.give("first");
    let full = tree.node.run(|context| async move {
        context.send(&"first".into(), MessageKind::Info, "too much".into()).await
    });
    assert!(full.is_err(), "the new limit holds at once");
}

#[test]
fn changed_bytes_of_a_component_replace_all_that_run_it() {
    let mut tree = Edited::start();
    let before = tree.pids(&["first", "worker-1", "worker-2", "last"]);
    let file = tree.folder.path().join("hostile.wasm");
    let mut bytes = std::fs::read(&file).unwrap();
    // A custom section more: another version that does the same.
    bytes.extend(b"\0\x06\x05other");
    std::fs::write(&file, bytes).unwrap();
    tree.edit("intensity = 3", "intensity = 5");
    assert_eq!(
        tree.apply(),
        ["~ component hostile", "~ app", "-/+ app/pool/worker-1", "-/+ app/pool/worker-2"]
    );
    let after = tree.pids(&["first", "worker-1", "worker-2", "last"]);
    assert_eq!((after[0], after[3]), (before[0], before[3]));
    assert!(after[1] != before[1] && after[2] != before[2]);
    // Also the next time that one is restarted.
    let worker = after[1].unwrap();
    tree.node.node().runtime().exit(worker, regrow_otp::ExitReason::Kill);
    tree.node.await_successor("worker-1", worker);
    assert_eq!(tree.plan(), [""; 0]);
    // Another engine is another component, too.
    tree.edit("hostile.wasm\"", "hostile.wasm\"\nengine = \"speed\"");
    assert_eq!(tree.apply(), ["~ component hostile", "-/+ app/pool/worker-1", "-/+ app/pool/worker-2"]);
    let question = Bytes::from_static(&[7]);
    let asked = question.clone();
    let answer = tree
        .node
        .run(move |context| async move { context.call(&Destination::from("worker-1"), asked, None).await });
    assert_eq!(answer, Ok(question));
}

#[test]
fn if_a_new_child_cannot_start_everything_is_as_it_was() {
    let mut tree = Edited::start();
    tree.give("first");
    let before = tree.pids(&["first", "worker-1", "worker-2"]);
    tree.edit("count = 2", "count = 1");
    tree.edit("intensity = 3", "intensity = 9");
    tree.edit("entry = \"helper-hoard\"\nname = \"last\"", "entry = \"helper-sleep\"\nname = \"last\"");
    tree.text.push_str("[[supervisor.children]]\nid = \"good\"\ncomponent = \"hostile\"\nentry = \"victim\"\nname = \"good\"\n");
    tree.edit("id = \"good\"", "id = \"good\"");
    tree.text.push_str("[[supervisor.children]]\nid = \"bad\"\ncomponent = \"behaviour\"\nentry = \"helper-init\"\nargs = \"Error\"\n");
    tree.edit("id = \"bad\"", "id = \"bad\"");
    let (kind, message) = tree.refused();
    assert_eq!(kind, ErrorKind::RolledBack);
    let expected =
        "app/bad: the child could not be started: error(\"oops\"); what had been changed was changed back";
    assert_eq!(message, expected);
    assert_eq!(tree.pids(&["first", "worker-1", "worker-2"]), before);
    assert_eq!(tree.kept("first"), 1);
    assert_eq!(tree.pid("good"), None);
    tree.give("last");
    assert_eq!(tree.kept("last"), 1, "it hoards again");
    let children = block_on(tree.node.node().steering().children("app")).unwrap();
    assert_eq!(children.len(), 3);
    let again = ["~ app", "- app/pool/worker-2", "-/+ app/last", "+ app/good", "+ app/bad"];
    assert_eq!(tree.plan(), again, "it can be tried again");
}

#[test]
fn a_broken_manifest_leaves_the_tree_untouched() {
    let mut tree = Edited::start();
    let before = tree.node.node().runtime().processes();
    tree.edit("count = 2", "count = 0");
    let (kind, message) = tree.refused();
    assert_eq!(kind, ErrorKind::InvalidManifest);
    assert!(message.contains("`count` is out of range") && message.contains("regrow.toml:23:9"), "{message}");
    tree.edit("count = 0", "count = 2");
    tree.edit("entry = \"victim\"", "entry = \"nothing\"");
    let (kind, message) = tree.refused();
    assert_eq!(kind, ErrorKind::InvalidManifest);
    assert!(message.contains("component \"hostile\" has no entry \"nothing\""), "{message}");
    tree.edit("entry = \"nothing\"", "entry = \"victim\"");
    tree.edit("name = \"app\"", "name = \"other\"");
    let (kind, message) = tree.refused();
    assert_eq!(kind, ErrorKind::Refused);
    assert!(message.contains("the application's name can't change while it runs"), "{message}");
    assert_eq!(tree.node.node().runtime().processes(), before);
}

#[test]
fn what_was_stopped_by_hand_stays_stopped_and_what_was_deleted_comes_back() {
    let mut tree = Edited::start();
    let steering = tree.node.node().steering().clone();
    block_on(steering.terminate("app/pool/worker-2")).unwrap();
    assert_eq!(tree.plan(), [""; 0], "the manifest says what there is, not what was stopped");
    tree.edit("count = 2", "count = 2\nshutdown = \"brutal_kill\"");
    assert_eq!(tree.apply(), ["~ app/pool/worker-1", "~ app/pool/worker-2"]);
    assert_eq!(tree.pid("worker-2"), None);
    block_on(steering.start("app/pool/worker-2")).unwrap();
    assert!(tree.pid("worker-2").is_some());
    let root = tree.node.node().root();
    tree.node.run(move |context| async move {
        regrow_otp::supervisor::terminate_child(&context, &root.into(), "last").await.unwrap();
        regrow_otp::supervisor::delete_child(&context, &root.into(), "last").await.unwrap();
    });
    assert_eq!(tree.apply(), ["+ app/last"]);
    assert!(tree.pid("last").is_some());
}

#[test]
fn children_change_places_without_a_restart() {
    let mut tree = Edited::start();
    let before = tree.pids(&["first", "last"]);
    tree.edit(
        "id = \"first\"\ncomponent = \"behaviour\"\nentry = \"helper-hoard\"\nname = \"first\"",
        "id = \"X\"\ncomponent = \"behaviour\"\nentry = \"helper-hoard\"\nname = \"X\"",
    );
    tree.edit(
        "id = \"last\"\ncomponent = \"behaviour\"\nentry = \"helper-hoard\"\nname = \"last\"",
        "id = \"first\"\ncomponent = \"behaviour\"\nentry = \"helper-hoard\"\nname = \"first\"",
    );
    tree.text = tree.text.replace("\"X\"", "\"last\"");
    tree.edit("intensity = 3", "intensity = 3");
    assert_eq!(tree.apply(), ["~ app"]);
    assert_eq!(tree.pids(&["first", "last"]), before);
    tree.node.node().stop();
    tree.node.await_outcome();
    let log = tree.node.log();
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn a_temporary_child_that_has_ended_is_not_started_again() {
    let mut tree = Edited::start();
    let more = "[[supervisor.children]]\nid = \"once\"\ncomponent = \"behaviour\"\nentry = \"helper-end\"\nargs = \"Return\"\nname = \"once\"\nrestart = \"temporary\"\n";
    tree.text.push_str(more);
    tree.edit("intensity = 3", "intensity = 3");
    assert_eq!(tree.apply(), ["+ app/once"]);
    let once = tree.pid("once").unwrap();
    tree.give("once");
    tree.node.await_down(once);
    // Its supervisor is the last to hear of it.
    let steering = tree.node.node().steering().clone();
    while block_on(steering.children("app")).unwrap().iter().any(|child| child.id == "once") {}
    assert_eq!(tree.plan(), [""; 0]);
    tree.edit("args = \"Return\"", "args = \"Error\"");
    assert_eq!(tree.apply(), ["~ app/once"]);
    assert_eq!(tree.pid("once"), None, "it has done its work");
    let children = block_on(steering.children("app")).unwrap();
    assert!(children.iter().all(|child| child.id != "once"), "S17: and is not known any more");
}

#[test]
fn what_somebody_has_started_under_a_new_childs_id_is_left_alone() {
    let mut tree = Edited::start();
    let root = tree.node.node().root();
    tree.node.run(move |context| async move {
        let supervisor = Destination::Pid(root);
        let spec = regrow_otp::supervisor::get_child_spec(&context, &supervisor, "last").await.unwrap();
        let spec = regrow_otp::supervisor::ChildSpec { id: "x".into(), ..spec };
        regrow_otp::supervisor::terminate_child(&context, &supervisor, "last").await.unwrap();
        regrow_otp::supervisor::start_child(&context, &supervisor, spec).await.unwrap();
    });
    let x = tree.pid("last");
    tree.text.push_str("[[supervisor.children]]\nid = \"x\"\ncomponent = \"hostile\"\nentry = \"victim\"\n");
    tree.edit("intensity = 3", "intensity = 3");
    let (kind, message) = tree.refused();
    assert_eq!(kind, ErrorKind::Refused);
    assert!(message.contains("app/x is there already, and not from the manifest"), "{message}");
    assert_eq!(tree.pid("last"), x);
}

#[test]
fn a_name_moves_to_an_earlier_supervisor() {
    let mut tree = Edited::start();
    let last = tree.pid("last");
    tree.edit("name = \"last\"", "name = \"other\"");
    tree.edit("name = \"worker\"\n", "name = \"worker\"\n[[supervisor.children.supervisor.children]]\nid = \"more\"\ncomponent = \"hostile\"\nentry = \"victim\"\nname = \"last\"\n");
    assert_eq!(tree.apply(), ["+ app/pool/more", "-/+ app/last"]);
    assert!(tree.pid("last").is_some() && tree.pid("last") != last);
    assert!(tree.pid("other").is_some());
}

#[test]
fn a_supervisor_that_is_starting_can_not_be_compared() {
    let tree = Edited::start();
    let pool = "[[supervisor.children]]\nid = \"slow\"\nsupervisor = { children = [{ id = \"never\", component = \"behaviour\", entry = \"helper-init\", args = \"Nothing\", start_timeout_ms = \"infinity\" }] }\n";
    let text = format!("{}{pool}", tree.text);
    std::fs::write(tree.path(), &text).unwrap();
    let manifest = Manifest::read(&tree.path()).unwrap();
    let node = TestNode::start_manifest(manifest, 2).unwrap();
    node.await_name("last");
    let slow = || block_on(node.node().steering().children("app")).unwrap()[3].state.clone();
    while slow() != "starting" {}
    let refused = block_on(node.node().steering().plan(&tree.path())).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Busy);
    assert_eq!(refused.message, "app/slow is starting; try again when it runs");
}

#[test]
fn a_plan_shows_no_secrets_and_what_no_child_runs() {
    let mut tree = Edited::start();
    tree.edit("[components.hostile]", "[components.unused]\npath = \"hostile.wasm\"\n[components.hostile]");
    tree.apply();
    tree.edit(
        "[components.unused]",
        "[components.unused]\ngrants = { env = { TOKEN = \"hunter2\" } }\nlimits = { timers = 7 }",
    );
    tree.edit("[components.hostile]", "[components.hostile]\ngrants = { env = { KEY = \"hunter3\" } }");
    let report = block_on(tree.node.node().steering().plan(&tree.path())).unwrap();
    let text = format!("{report:?}");
    assert!(!text.contains("hunter"), "{text}");
    assert!(text.contains("grants: none -> env: TOKEN") && text.contains("limits.timers"), "{text}");
    assert_eq!(lines(&report)[0], "~ component unused");
    assert_eq!(lines(&report)[1..], ["-/+ app/pool/worker-1", "-/+ app/pool/worker-2"]);
}

#[test]
fn a_temporary_child_is_restarted_by_hand() {
    let mut tree = Edited::start();
    tree.edit("name = \"first\"", "name = \"first\"\nrestart = \"temporary\"");
    assert_eq!(tree.apply(), ["~ app/first"]);
    let before = tree.pid("first");
    let started = block_on(tree.node.node().steering().restart("app/first")).unwrap();
    assert!(started.is_some() && tree.pid("first").is_some() && tree.pid("first") != before);
}

#[test]
fn a_budget_changes_while_it_is_in_use_and_one_more_or_less_needs_a_start() {
    let mut tree = Edited::start();
    tree.edit("name = \"first\"", "name = \"first\"\nbudget = { share = 100, processes = 5 }");
    assert_eq!(tree.apply(), ["-/+ app/first"]);
    let first = tree.pid("first");
    tree.edit("share = 100, processes = 5", "share = 300, processes = 7");
    assert_eq!(tree.apply(), ["~ app/first"]);
    assert_eq!(tree.pid("first"), first);
    let info = block_on(tree.node.node().steering().info("first")).unwrap();
    assert_eq!((info.budgets[0].path.as_str(), info.budgets[0].share), ("app/first", 300));
    let processes = info.budgets[0].resources.iter().find(|of| of.resource == "processes").unwrap();
    assert_eq!((processes.used, processes.allowed), (1, Some(7)));
    tree.edit("id = \"pool\"", "id = \"pool\"\nbudget = { processes = 3 }");
    assert_eq!(tree.apply(), ["-/+ app/pool"]);
    let info = block_on(tree.node.node().steering().info("worker-1")).unwrap();
    assert_eq!(info.budgets[0].path, "app/pool");
}
