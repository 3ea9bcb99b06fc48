//! Processes that give their instance back and keep everything else.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use regrow_sdk::gen_server::{self, CallResult, Caller, Hibernate, Init, Next, ServerRef};
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{Error, ExitReason, GenServer, Pid, Term, names, timer};
use serde::{Deserialize, Serialize};

/// Counts what this instance has done: a new one begins with none.
static DONE_HERE: AtomicU32 = AtomicU32::new(0);

/// What the sleeper keeps.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    watcher: Pid,
    wakes: u32,
}

/// Tells its watcher what woke it, how often it has been woken, and how much this instance has done.
pub fn sleeper(watcher: Pid) -> Result<(), ExitReason> {
    process::trap_exit(true);
    timer::start(Duration::from_millis(30), process::self_pid(), &7)?;
    Err(process::hibernate(&Kept { watcher, wakes: 0 }).into())
}

pub fn sleeper_wakes(kept: Kept) -> Result<(), ExitReason> {
    let wakes = kept.wakes + 1;
    let here = DONE_HERE.fetch_add(1, Ordering::Relaxed) + 1;
    let received = mailbox::receive(Some(Duration::ZERO)).expect("something woke it");
    if let Received::Message(message) = &received
        && message.decode::<String>().is_ok_and(|text| text == "crash")
    {
        panic!("on purpose");
    }
    mailbox::send(kept.watcher, &(received.kind(), wakes, here))?;
    Err(process::hibernate(&Kept { wakes, ..kept }).into())
}

fn told() -> (String, u32, u32) {
    let message = mailbox::receive_message(Some(Duration::from_secs(20))).expect("it was woken");
    message.decode().expect("it says what woke it")
}

fn item(pid: Pid, item: &str) -> Term {
    let values = process::info_items(pid, &[item]).expect("it may be asked").expect("it lives");
    values.into_iter().next().expect("a value")
}

/// Waits until it sleeps.
fn sleeps(pid: Pid) {
    while item(pid, "current_function") != Term::from("process.hibernate") {
        // Without a look at its own mailbox.
        let soon = timer::start(Duration::from_millis(1), process::self_pid(), &()).expect("a timer");
        mailbox::wait_for(soon, None);
    }
}

pub fn everything_stays(_: ()) -> Result<(), ExitReason> {
    let options = SpawnOptions { link: true, monitor: true, ..SpawnOptions::default().named("sleeper") };
    let spawned = process::spawn("helper-sleeper", &process::self_pid(), &options)?;
    let sleeper = spawned.pid;
    // Its own timer wakes it.
    assert_eq!(told(), ("timer".to_owned(), 1, 1), "its memory is new");
    sleeps(sleeper);
    assert_eq!(names::whereis("sleeper"), Some(sleeper));
    let Term::Integer(memory) = item(sleeper, "memory") else { panic!("bytes") };
    assert!(memory < 10_000, "{memory}");
    // A message by its name, and several at once.
    mailbox::send("sleeper", &1)?;
    assert_eq!(told(), ("message".to_owned(), 2, 1));
    for _ in 0..3 {
        mailbox::send(sleeper, &1)?;
    }
    assert_eq!([told().1, told().1, told().1], [3, 4, 5]);
    // An exit signal that it traps.
    sleeps(sleeper);
    process::exit_process(sleeper, ExitReason::error(&"trapped"))?;
    assert_eq!(told(), ("exit".to_owned(), 6, 1));
    // A crash after its sleep is an ordinary one.
    process::trap_exit(true);
    mailbox::send(sleeper, &"crash")?;
    let monitor = spawned.monitor.expect("it was asked for");
    match mailbox::wait_for(monitor, None) {
        Some(Received::Down { reason: ExitReason::Trap(trap), .. }) => assert_eq!(trap.message, "on purpose"),
        other => panic!("{other:?}"),
    }
    assert!(
        matches!(mailbox::receive(None), Some(Received::Exit { from, .. }) if from == sleeper),
        "the link stayed"
    );
    assert_eq!(names::whereis("sleeper"), None);
    Ok(())
}

/// One that sleeps is killed like any other, and whoever waits for it learns that.
pub fn killed(_: ()) -> Result<(), ExitReason> {
    let spawned = process::spawn("helper-sleeper", &process::self_pid(), &SpawnOptions::monitor())?;
    told();
    sleeps(spawned.pid);
    process::exit_process(spawned.pid, ExitReason::Kill)?;
    let down = mailbox::wait_for(spawned.monitor.expect("it was asked for"), None);
    assert!(matches!(down, Some(Received::Down { reason: ExitReason::Killed, .. })), "{down:?}");
    Ok(())
}

/// What is open would be gone: an error, and the process goes on.
pub fn with_an_open_file(_: ()) {
    let file = std::fs::File::open("/data/readable.txt").expect("it is granted");
    assert!(matches!(process::hibernate(&()), Error::Unsupported(why) if why.contains("a file")));
    drop(file);
    let huge = vec![0u8; 5 << 20];
    assert!(matches!(process::hibernate(&huge), Error::Limit(limit) if limit.which == "message_bytes"));
}

/// Hibernates when it has been idle, or is told to.
pub struct Nap {
    total: u64,
    naps_after_ms: Option<u64>,
}

impl GenServer for Nap {
    type Argument = Option<u64>;
    type Call = u64;
    type Reply = (u64, u32);
    type Cast = ();

    fn init(naps_after_ms: Option<u64>) -> Init<Self> {
        Init::Started(Nap { total: 0, naps_after_ms })
    }

    fn handle_call(&mut self, by: u64, _: Caller<(u64, u32)>) -> CallResult<Self> {
        self.total += by;
        let here = DONE_HERE.fetch_add(1, Ordering::Relaxed) + 1;
        if by == 0 {
            CallResult::Reply((self.total, here)).hibernate()
        } else {
            CallResult::Reply((self.total, here))
        }
    }

    fn handle_cast(&mut self, (): ()) -> Next<Self> {
        Next::Hibernate
    }
}

impl Hibernate for Nap {
    type State = (u64, Option<u64>);

    fn save(&self) -> Self::State {
        (self.total, self.naps_after_ms)
    }

    fn restore((total, naps_after_ms): Self::State) -> Self {
        Nap { total, naps_after_ms }
    }

    fn hibernate_after(&self) -> Option<Duration> {
        self.naps_after_ms.map(Duration::from_millis)
    }
}

pub fn servers(_: ()) -> Result<(), ExitReason> {
    let told_to: ServerRef<Nap> = gen_server::start_link("helper-nap", &None, &SpawnOptions::default())?;
    assert_eq!(told_to.call(&2)?, (2, 1));
    assert_eq!(told_to.call(&3)?, (5, 2), "the same instance");
    assert_eq!(told_to.call(&0)?, (5, 3), "G29: it answers, and hibernates");
    assert_eq!(told_to.call(&1)?, (6, 1), "in a new instance");
    told_to.cast(&())?;
    assert_eq!(told_to.call(&1)?, (7, 1));
    let idle: ServerRef<Nap> = gen_server::start_link("helper-nap", &Some(5), &SpawnOptions::default())?;
    idle.call(&1)?;
    sleeps(idle.pid().expect("its pid"));
    assert_eq!(idle.call(&1)?, (2, 1), "G30: it was idle");
    sleeps(idle.pid().expect("its pid"));
    Ok(())
}

/// Hibernates again and again while messages wait: each time it goes on at once, and never stops others.
pub fn restless(left: u32) -> Result<(), ExitReason> {
    mailbox::send(process::self_pid(), &())?;
    Err(process::hibernate(&left).into())
}

pub fn restless_wakes(left: u32) -> Result<(), ExitReason> {
    if left == 0 { Ok(()) } else { Err(process::hibernate(&(left - 1)).into()) }
}

pub fn messages_in_queue(_: ()) -> Result<(), ExitReason> {
    let spawned = process::spawn("helper-restless", &50u32, &SpawnOptions::monitor())?;
    let down = mailbox::wait_for(spawned.monitor.expect("it was asked for"), None);
    assert!(matches!(down, Some(Received::Down { reason: ExitReason::Normal, .. })), "{down:?}");
    Ok(())
}
