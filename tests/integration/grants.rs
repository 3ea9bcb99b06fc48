//! Grants, tried out from inside by guests, with what the host makes known of each refusal.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use regrow_otp::ExitReason;
use regrow_tests::TestNode;

fn passes(entry: &str, child: &str, component: &str) -> String {
    let (reason, log) = TestNode::run_entry(entry, child, component);
    if let ExitReason::Trap(trap) = &reason {
        panic!("{entry}: {} at {:?}\n{log}", trap.message, trap.location);
    }
    assert_eq!(reason, ExitReason::Normal, "{log}");
    log
}

const NO_NAMES: &str = "grants.register = []\ngrants.lookup = []\n";

/// Answers whoever connects with what he says, for as long as the test runs.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 5];
            if stream.read_exact(&mut bytes).is_ok() {
                let _ = stream.write_all(&bytes);
            }
        }
    });
    address
}

/// A folder to be granted, and beside it what nobody may see.
fn folder() -> tempfile::TempDir {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.txt"), "secret").unwrap();
    let data = outside.path().join("data");
    std::fs::create_dir_all(data.join("inner")).unwrap();
    std::fs::write(data.join("readable.txt"), "readable").unwrap();
    outside
}

fn granted_dir(outside: &Path, access: &str) -> String {
    let data = outside.join("data");
    format!("grants.dirs = [{{ host = {data:?}, guest = \"/data\", access = \"{access}\" }}]\n")
}

#[test]
fn without_grants_there_is_nothing_and_each_refusal_is_known() {
    let log = passes("nothing-granted", "", NO_NAMES);
    for denied in [
        "denied: lookup: reserved",
        "denied: register: own",
        "denied: list_processes: names",
        "denied: list_processes: processes",
        "denied: spawn: hostile",
        "denied: tcp: a socket",
        "denied: udp: a socket",
    ] {
        assert!(log.contains(denied), "{denied:?} is not in\n{log}");
    }
}

#[test]
fn randomness_that_is_not_granted_traps() {
    let (reason, log) = TestNode::run_entry("no-randomness", "", "");
    let ExitReason::Trap(trap) = reason else { panic!("{reason}") };
    assert_eq!(
        (trap.code.as_str(), trap.message.as_str()),
        ("host", "denied: `random` is not among the grants")
    );
    assert!(log.contains("denied: random: secure random numbers"), "{log}");
    passes("no-randomness", "", "grants.random = true");
}

/// The grants of `hands-on` and `narrowed`.
fn some_of_everything(outside: &Path, address: SocketAddr) -> String {
    let mut grants = granted_dir(outside, "read-write");
    grants.push_str(
        "grants.env = { VARIABLE = \"value\" }\ngrants.args = [\"argument\"]\ngrants.clocks = true\n",
    );
    grants.push_str(&format!("grants.tcp = [\"{address}\"]\ngrants.list_processes = true\n"));
    grants
}

#[test]
fn a_process_hands_on_a_part_of_its_grants_and_never_more() {
    let (outside, address) = (folder(), echo());
    passes("hands-on", &format!("args = \"{address}\""), &some_of_everything(outside.path(), address));
}

#[test]
fn the_manifest_narrows_the_grants_of_a_child() {
    let (outside, address) = (folder(), echo());
    let data = outside.path().join("data");
    let child = format!(
        "args = \"{address}\"\ngrants = {{ dirs = [{{ host = {data:?}, guest = \"/data\", access = \"read\" }}] }}"
    );
    passes("narrowed", &child, &some_of_everything(outside.path(), address));
}

#[test]
fn connections_go_where_they_are_granted_and_names_can_not_be_rebound() {
    let (granted, other) = (echo(), echo());
    let udp = UdpSocket::bind(granted).unwrap();
    let grants = format!(
        "grants.tcp = [\"{granted}\", \"localhost:{}\"]\ngrants.udp = [\"{granted}\"]\n",
        other.port()
    );
    let args = format!("args = [\"{granted}\", \"{other}\", {}]", other.port());
    let log = passes("network", &args, &grants);
    let mut datagram = [0; 8];
    udp.recv(&mut datagram).unwrap();
    assert_eq!(&datagram, b"datagram");
    for denied in [
        format!("denied: tcp: {other}"),
        "denied: tcp: 169.254.169.254:80".to_owned(),
        "denied: dns: example.org".to_owned(),
        format!("denied: udp: {other}"),
    ] {
        assert!(log.contains(&denied) || log.contains("more reports like it"), "{denied:?} is not in\n{log}");
    }
}

#[test]
fn only_so_many_names_are_looked_up_in_a_second() {
    passes("lookups", "", "grants.dns = [\"localhost\"]\n");
}

#[test]
fn a_name_that_is_taken_does_not_tell_whose_it_is() {
    passes("taken-name", "args = false", "grants.register = [\"taken\"]\ngrants.lookup = []\n");
    passes("taken-name", "args = true", "grants.register = [\"taken\"]\ngrants.lookup = [\"taken\"]\n");
}

#[test]
fn no_way_leads_out_of_a_folder() {
    use std::os::unix::fs::symlink;
    let outside = folder();
    let data = outside.path().join("data");
    let secret = outside.path().join("secret.txt");
    symlink(&secret, data.join("absolute")).unwrap();
    symlink("../secret.txt", data.join("link")).unwrap();
    symlink("..", data.join("folder-link")).unwrap();
    symlink("loop", data.join("loop")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(data.join("pipe")).status().unwrap();
    assert!(made.success());
    let log = passes("escapes", "", &granted_dir(outside.path(), "read-write"));
    assert!(log.contains("denied: dirs: "), "{log}");
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "secret");
    let names = std::fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.count(), 2, "nothing was made outside");
}
