//! What grants give and what they don't, tried out from inside.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use regrow_sdk::mailbox::{self, CallError, Received};
use regrow_sdk::process::{self, Grants, SpawnOptions};
use regrow_sdk::{Error, ExitReason, Pid, Term, names, timer};
use serde::{Deserialize, Serialize};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn is_denied<T>(outcome: Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Denied(_)))
}

/// Without a single grant there is this process and its memory.
pub fn nothing(_: ()) {
    let own = process::self_pid();
    assert_eq!(names::whereis("reserved"), None);
    assert!(is_denied(names::register("own", own)));
    assert!(is_denied(names::registered()));
    assert!(is_denied(process::processes()));
    assert!(is_denied(mailbox::send("reserved", &1)));
    assert!(matches!(
        mailbox::call::<_, ()>("reserved", &1, None),
        Err(CallError::Refused(Error::Denied(_)))
    ));
    assert!(is_denied(process::monitor("reserved")));
    assert!(is_denied(timer::start(Duration::ZERO, "reserved", &1)));
    assert!(is_denied(timer::send_after(Duration::ZERO, "reserved", &1)));
    let named = SpawnOptions::default().named("named");
    assert!(is_denied(process::spawn("helper-sleep", &(), &named)));
    let other = SpawnOptions { component: Some("hostile".into()), ..SpawnOptions::default() };
    assert!(is_denied(process::spawn("victim", &(), &other)));

    let refused = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
    assert!(TcpStream::connect("127.0.0.1:1").is_err_and(refused));
    assert!(TcpListener::bind("127.0.0.1:0").is_err_and(refused));
    assert!(UdpSocket::bind("0.0.0.0:0").is_err_and(refused));
    assert!("localhost:80".to_socket_addrs().is_err());
    assert!(fs::read("/etc/passwd").is_err() && fs::read_dir("/").is_err());
    assert_eq!((std::env::vars().count(), std::env::args().count()), (0, 0));

    // Time goes on, but it is not the time of day, and not fine enough to watch others.
    assert!(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() < YEAR);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(3) {}
    assert_eq!(start.elapsed().subsec_nanos() % 1_000_000, 0);
    // Hash maps have their seeds all the same.
    assert_eq!(std::collections::HashMap::from([(1, 2)])[&1], 2);
    let denied = process::info_items(own, &["denied"]);
    let denied = denied.unwrap().unwrap().remove(0);
    assert!(matches!(denied, Term::Integer(15..)), "{denied}");
}

/// Nobody gets random numbers that are not.
pub fn no_randomness(_: ()) {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("it traps");
}

/// What one more process may reach, as it finds out itself.
#[derive(Serialize, Deserialize, Debug, PartialEq, Default)]
pub struct Reach {
    reads: bool,
    writes: bool,
    variable: bool,
    argument: bool,
    time_of_day: bool,
    random: bool,
    connects: bool,
    registers: bool,
    finds: bool,
    lists: bool,
}

/// Helper: says what it may reach, and then what a process of its own may that it hands everything on to.
pub fn reach((whom, address, depth): (Pid, String, u32)) -> Result<(), ExitReason> {
    let reach = Reach {
        reads: fs::read("/data/readable.txt").is_ok(),
        writes: fs::write("/data/written.txt", "x").is_ok(),
        variable: std::env::var("VARIABLE").is_ok(),
        argument: std::env::args().next().is_some(),
        time_of_day: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|now| now > YEAR),
        random: false,
        connects: TcpStream::connect(&address).is_ok(),
        registers: names::register("reach", process::self_pid()).is_ok(),
        finds: names::whereis("reserved").is_some(),
        lists: process::processes().is_ok_and(|all| !all.is_empty()),
    };
    let _ = names::unregister("reach");
    mailbox::send(whom, &reach)?;
    if depth > 0 {
        let child = process::spawn("helper-reach", &(whom, &address, depth - 1), &SpawnOptions::monitor())?;
        mailbox::wait_for(child.monitor.expect("it was asked for"), None);
    }
    Ok(())
}

fn reached(address: &str, grants: Option<Grants>) -> [Reach; 2] {
    let options = SpawnOptions { grants, ..SpawnOptions::monitor() };
    let argument = (process::self_pid(), address, 1u32);
    let child = process::spawn("helper-reach", &argument, &options).unwrap();
    mailbox::wait_for(child.monitor.unwrap(), None);
    let next = || {
        mailbox::receive_match(Some(Duration::ZERO), |received| match received {
            Received::Message(message) => message.decode::<Reach>().ok(),
            _ => None,
        })
    };
    [next().expect("a report"), next().expect("a report of its child")]
}

/// A process with a bit of everything hands on what it likes, and no more than it has.
pub fn hands_on(address: String) {
    let all = || Reach {
        reads: true,
        writes: true,
        variable: true,
        argument: true,
        time_of_day: true,
        random: false,
        connects: true,
        registers: true,
        finds: true,
        lists: true,
    };
    assert_eq!(reached(&address, None), [all(), all()]);
    assert_eq!(reached(&address, Some(Grants::default())), [Reach::default(), Reach::default()]);
    let one_by_one: [(Grants, Reach); 8] = [
        (
            Grants { dirs: vec![("/data".into(), false)], ..Default::default() },
            Reach { reads: true, ..Default::default() },
        ),
        (
            Grants { dirs: vec![("/data".into(), true)], ..Default::default() },
            Reach { reads: true, writes: true, ..Default::default() },
        ),
        (
            Grants { env: vec!["VARIABLE".into()], args: true, ..Default::default() },
            Reach { variable: true, argument: true, ..Default::default() },
        ),
        (Grants { clocks: true, ..Default::default() }, Reach { time_of_day: true, ..Default::default() }),
        (
            Grants { tcp: vec![address.clone()], ..Default::default() },
            Reach { connects: true, ..Default::default() },
        ),
        (
            Grants { register: vec!["re*".into()], ..Default::default() },
            Reach { registers: true, ..Default::default() },
        ),
        (
            Grants { lookup: vec!["reserved".into()], ..Default::default() },
            Reach { finds: true, ..Default::default() },
        ),
        (Grants { list_processes: true, ..Default::default() }, Reach { lists: true, ..Default::default() }),
    ];
    for (grants, expected) in one_by_one {
        let shown = format!("{grants:?}");
        let [child, grandchild] = reached(&address, Some(grants));
        assert_eq!(child, expected, "{shown}");
        assert_eq!(grandchild, expected, "{shown}: as much, never more");
    }
    let too_much = [
        Grants { dirs: vec![("/other".into(), false)], ..Default::default() },
        Grants { env: vec!["OTHER".into()], ..Default::default() },
        Grants { stdio: true, ..Default::default() },
        Grants { random: true, ..Default::default() },
        Grants { tcp: vec!["127.0.0.0/8:*".into()], ..Default::default() },
        Grants { udp: vec!["*:53".into()], ..Default::default() },
        Grants { dns: vec!["example.org".into()], ..Default::default() },
        Grants { spawn: vec!["hostile".into()], ..Default::default() },
        Grants { supervise: vec!["app".into()], ..Default::default() },
        Grants { start_children: vec!["behaviour".into()], ..Default::default() },
        Grants { signal: true, ..Default::default() },
    ];
    for grants in too_much {
        let shown = format!("{grants:?}");
        let options = SpawnOptions { grants: Some(grants), ..SpawnOptions::default() };
        assert!(is_denied(process::spawn("helper-sleep", &(), &options)), "{shown}");
    }
    for wrong in ["", "a*b"] {
        let grants = Grants { lookup: vec![wrong.into()], ..Default::default() };
        let options = SpawnOptions { grants: Some(grants), ..SpawnOptions::default() };
        let refused = process::spawn("helper-sleep", &(), &options);
        assert!(matches!(refused, Err(Error::BadArgument(_))), "{wrong:?}");
    }
}

/// What a child of the manifest has that was narrowed there: it may read, and nothing else.
pub fn narrowed(address: String) {
    let [own, child] = reached(&address, None);
    assert_eq!(own, Reach { reads: true, ..Default::default() });
    assert_eq!(child, own);
}

/// A port that is granted, one that is not, and a name that stands for an address that nobody granted.
pub fn network((granted, other, port): (String, String, u16)) -> Result<(), ExitReason> {
    let mut stream = TcpStream::connect(&granted)?;
    stream.write_all(b"hello")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"hello");
    let refused = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
    assert!(TcpStream::connect(&other).is_err_and(refused));
    for metadata in ["169.254.169.254:80", "[fd00:ec2::254]:80"] {
        assert!(TcpStream::connect(metadata).is_err_and(refused), "{metadata}");
    }
    for absurd in ["0.0.0.0:80", "[::ffff:127.0.0.1]:1", "255.255.255.255:1", "127.0.0.1:0"] {
        assert!(TcpStream::connect(absurd).is_err(), "{absurd}");
    }
    // `localhost` is among the grants, and stands for what only an address can grant.
    let addresses: Vec<_> = ("localhost", port).to_socket_addrs()?.collect();
    assert!(!addresses.is_empty());
    assert!(TcpStream::connect(&addresses[..]).is_err_and(refused));
    assert!(("example.org", 80).to_socket_addrs().is_err());
    assert!(TcpListener::bind("127.0.0.1:0").is_err());
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    assert_eq!(socket.send_to(b"datagram", &granted)?, 8);
    assert!(socket.send_to(b"datagram", &other).is_err_and(refused));
    Ok(())
}

/// Each name that is looked up takes a thread of the host's: there are only so many in a second.
pub fn lookups(_: ()) {
    const PER_SECOND: u64 = 10;
    let start = Instant::now();
    let found = (0..100).filter(|_| ("localhost", 80).to_socket_addrs().is_ok()).count();
    let seconds = start.elapsed().as_secs() + 2;
    assert!((1..=PER_SECOND * seconds).contains(&(found as u64)), "{found} in {seconds} s");
}

/// Who may register a name but not look it up does not learn whose it is.
pub fn taken_name(may_look_up: bool) -> Result<(), ExitReason> {
    let owner = process::spawn("helper-sleep", &(), &SpawnOptions::default().named("taken"))?.pid;
    let refused = names::register("taken", process::self_pid());
    if may_look_up {
        assert_eq!(refused, Err(Error::NameTaken(owner)));
    } else {
        assert!(is_denied(refused));
    }
    process::exit_process(owner, ExitReason::Kill)?;
    Ok(())
}

/// Links that lead out, devices and pipes are not opened, however they are asked for.
pub fn escapes(_: ()) {
    let ways = [
        "/data/../secret.txt",
        "/data/inner/../../secret.txt",
        "/data/link",
        "/data/folder-link/secret.txt",
        "/data/absolute",
        "/data/pipe",
        "/data/loop",
        "/data/./.././secret.txt",
        "//data//..//secret.txt",
        "data/../secret.txt",
        "/proc/self/mem",
        "/dev/zero",
    ];
    for way in ways {
        assert!(fs::read(way).is_err(), "{way}");
        assert!(fs::OpenOptions::new().append(true).open(way).is_err(), "{way}");
    }
    assert!(fs::rename("/data/readable.txt", "/data/../stolen.txt").is_err());
    assert!(fs::hard_link("/data/../secret.txt", "/data/secret.txt").is_err());
    assert!(fs::create_dir("/data/../made").is_err() && fs::remove_file("/data/../secret.txt").is_err());
    assert_eq!(fs::read_to_string("/data/readable.txt").unwrap(), "readable");
}
