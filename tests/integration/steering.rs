//! A running node is steered from outside: by the Rust API, and over its socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use regrow::control::{ErrorKind, SteeringError, TreeNode};
use regrow_otp::{ExitReason, ReportKind};
use regrow_tests::{TestNode, block_on};

const TREE: &str = r#"
    [supervisor]
    intensity = 20
    [[supervisor.children]]
    id = "victim"
    component = "hostile"
    entry = "victim"
    name = "prey"
    [[supervisor.children]]
    id = "pool"
    [supervisor.children.supervisor]
    intensity = 1
    period_s = 1000
    [[supervisor.children.supervisor.children]]
    id = "worker"
    count = 2
    component = "hostile"
    entry = "victim"
    name = "worker"
    over_intensity = "park"
    [[supervisor.children]]
    id = "jobs"
    [supervisor.children.supervisor]
    strategy = "simple_one_for_one"
    name = "jobs"
    [[supervisor.children.supervisor.children]]
    id = "job"
    component = "hostile"
    entry = "victim"
    restart = "temporary"
    "#;

fn start() -> TestNode {
    let node = TestNode::start(TREE);
    node.await_child("jobs");
    node
}

fn message<T: std::fmt::Debug>(answer: Result<T, SteeringError>) -> (ErrorKind, String) {
    let error = answer.unwrap_err();
    (error.kind, error.message)
}

#[test]
fn a_process_has_a_path_a_name_and_a_pid() {
    let node = start();
    let steering = node.node().steering();
    let pid = node.await_name("prey").to_string();
    for name in ["app/victim", "prey", pid.as_str()] {
        let info = block_on(steering.info(name)).unwrap();
        assert_eq!((info.row.pid.as_str(), info.row.name.as_deref()), (pid.as_str(), Some("prey")), "{name}");
        assert_eq!(info.row.initial_call, "hostile.victim");
    }
    let (kind, text) = message(block_on(steering.info("app/pool/worker-9")));
    assert_eq!(kind, ErrorKind::NotFound);
    assert_eq!(text, "app/pool has no child \"worker-9\"; it has: worker-1, worker-2");
    let (_, text) = message(block_on(steering.info("app/victim/x")));
    assert_eq!(text, "app/victim is a worker, so nothing is below it");
    let (_, text) = message(block_on(steering.info("<0.99999.0>")));
    assert!(text.starts_with("there is no process \"<0.99999.0>\": a path begins with \"app\""), "{text}");
    assert!(steering.processes().iter().any(|row| row.pid == pid && row.memory_bytes > 0));
    assert!(!steering.processes().iter().any(|row| row.initial_call == "operator"));
}

#[test]
fn children_are_stopped_started_and_restarted_by_hand() {
    let node = start();
    let steering = node.node().steering();
    let old = node.await_name("prey");
    let new = block_on(steering.restart("app/victim")).unwrap();
    assert_eq!(node.node().runtime().whereis("prey").map(|pid| pid.to_string()), new);
    assert_ne!(Some(old.to_string()), new);
    assert_eq!(message(block_on(steering.start("prey"))).0, ErrorKind::Refused);
    block_on(steering.terminate("prey")).unwrap();
    assert_eq!(node.node().runtime().whereis("prey"), None);
    let (kind, text) = message(block_on(steering.info("app/victim")));
    assert_eq!((kind, text.as_str()), (ErrorKind::NotFound, "app/victim has no process: it is stopped"));
    assert!(block_on(steering.start("app/victim")).unwrap().is_some());
    let (_, text) = message(block_on(steering.start("app/victim")));
    assert_eq!(text, "app/victim: the child is running: terminate it first");
    let (_, text) = message(block_on(steering.terminate("app")));
    assert_eq!(text, "app is the root of the tree; `regrow stop` stops it");
    let (_, text) = message(block_on(steering.children("prey")));
    assert_eq!(text, "prey is no supervisor that runs; `regrow tree` shows them");
    block_on(steering.terminate("app/pool")).unwrap();
    let (_, text) = message(block_on(steering.info("app/pool/worker-1")));
    assert_eq!(text, "app/pool is stopped, so nothing is below it; start it first");
}

#[test]
fn dynamic_children_are_named_by_their_pids() {
    let node = start();
    let steering = node.node().steering();
    let start = || {
        node.run(|context| async move {
            regrow_otp::supervisor::start_from_template(&context, &"jobs".into(), Vec::new()).await
        })
    };
    assert!(start().is_ok() && start().is_ok());
    let children = block_on(steering.children("jobs")).unwrap();
    assert_eq!(children.len(), 2);
    let child = &children[0];
    assert_eq!(child.path, format!("app/jobs/{}", child.pid.clone().unwrap()));
    let (_, text) = message(block_on(steering.restart(&child.path)));
    assert!(text.ends_with("a dynamic child can't be restarted by hand; terminate it"), "{text}");
    block_on(steering.terminate(&child.path)).unwrap();
    assert_eq!(block_on(steering.children("app/jobs")).unwrap().len(), 1);
}

fn find<'a>(node: &'a TreeNode, path: &str) -> Option<&'a TreeNode> {
    if node.child.path == path {
        return Some(node);
    }
    node.children.iter().find_map(|child| find(child, path))
}

#[test]
fn a_parked_child_shows_in_every_view_and_can_be_resumed() {
    let node = start();
    let steering = node.node().steering();
    let kill = |pid| {
        node.node().runtime().exit(pid, ExitReason::Kill);
        node.await_down(pid);
    };
    let first = node.await_name("worker-1");
    kill(first);
    kill(node.await_successor("worker-1", first));
    node.await_report(|report| matches!(report, ReportKind::Parked { child, .. } if child == "worker-1"));
    let tree = block_on(steering.tree()).unwrap();
    assert_eq!(find(&tree, "app/pool/worker-1").unwrap().child.state, "parked");
    assert_eq!(find(&tree, "app/pool/worker-2").unwrap().child.state, "running");
    let children = block_on(steering.children("app/pool")).unwrap();
    assert_eq!((children[0].state.as_str(), children[0].restarts), ("parked", 1));
    let (_, text) = message(block_on(steering.info("app/pool/worker-1")));
    assert_eq!(text, "app/pool/worker-1 has no process: it is parked");
    let parked =
        "worker-1 is parked: more than 1 restarts within 1000 s; `regrow start app/pool/worker-1` resumes it";
    assert!(node.log().contains(parked), "{}", node.log());
    assert!(block_on(steering.start("app/pool/worker-1")).unwrap().is_some());
}

/// A node with a socket, in a folder of its own.
fn start_with_socket() -> (TestNode, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let node = TestNode::start_with_socket(TREE, &socket);
    node.await_child("jobs");
    (node, socket, folder)
}

fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    // A node with too many clients says so, and does not listen.
    let _ = writeln!(stream, "{request}");
    let mut line = String::new();
    let _ = BufReader::new(stream).read_line(&mut line);
    line
}

#[test]
fn many_clients_ask_at_once_and_each_gets_its_answer() {
    let (_node, socket, _folder) = start_with_socket();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the owner's only");
    let threads: Vec<_> = (0..40)
        .map(|n| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                let requests = [
                    r#"{"command":"ps"}"#,
                    r#"{"command":"tree"}"#,
                    r#"{"command":"info","process":"prey"}"#,
                ];
                ask(&socket, requests[n % 3])
            })
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        let answer = thread.join().unwrap();
        let expected = [r#"{"processes":["#, r#"{"tree":{"#, r#"{"process":{"#][n % 3];
        assert!(answer.starts_with(expected), "{answer}");
    }
}

#[test]
fn clients_that_talk_nonsense_or_die_do_not_harm_the_node() {
    let (node, socket, _folder) = start_with_socket();
    let nonsense = [
        ("hello", "bad_request"),
        ("{}", "bad_request"),
        (r#"{"command":"dance"}"#, "bad_request"),
        (r#"{"command":"info"}"#, "bad_request"),
        (r#"{"command":"info","process":"\u0000\u001b[31m"}"#, "not_found"),
        (r#"{"command":"apply","manifest":"/no/such/file"}"#, "invalid_manifest"),
    ];
    for (request, kind) in nonsense {
        let answer = ask(&socket, request);
        assert!(answer.starts_with(r#"{"error":{"#) && answer.contains(kind), "{request}: {answer}");
    }
    assert!(ask(&socket, &format!("\"{}\"", "x".repeat(100_000))).contains("a request is a line of at most"));
    for _ in 0..200 {
        // Half a request; a request whose answer nobody reads; nothing at all.
        let _ = UnixStream::connect(&socket).unwrap().write_all(b"{\"comm");
        let _ = UnixStream::connect(&socket).unwrap().write_all(b"{\"command\":\"tree\"}\n");
        drop(UnixStream::connect(&socket).unwrap());
    }
    // Clients that stay and say nothing take their places; when they go, there is room again.
    let silent: Vec<UnixStream> = (0..100).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    drop(silent);
    let answered = (0..1000).any(|_| ask(&socket, r#"{"command":"ps"}"#).starts_with(r#"{"processes":"#));
    assert!(answered);
    assert!(node.node().runtime().is_alive(node.node().root()));
}

#[test]
fn the_log_is_followed_and_a_node_is_stopped() {
    let (node, socket, _folder) = start_with_socket();
    let mut follower = UnixStream::connect(&socket).unwrap();
    writeln!(follower, r#"{{"command":"logs","lines":5,"follow":true}}"#).unwrap();
    let mut lines = BufReader::new(follower.try_clone().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with(r#"{"log":"#));
    let pid = node.await_name("prey");
    node.node().runtime().exit(pid, ExitReason::Kill);
    let restarted =
        lines.by_ref().map(Result::unwrap).any(|line| line.contains("victim: restarted (restart 1)"));
    assert!(restarted, "what happens is seen as it happens");
    assert_eq!(ask(&socket, r#"{"command":"stop"}"#), "\"done\"\n");
    node.await_outcome();
    drop(node);
    let mut rest = Vec::new();
    let _ = follower.read_to_end(&mut rest);
    assert!(!socket.exists(), "the socket goes with the node");
}
