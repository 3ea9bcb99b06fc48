//! Registries and topics, from inside.

use std::time::Duration;

use regrow_sdk::mailbox::{self, CallError, Received};
use regrow_sdk::process::{self, SpawnOptions, Started};
use regrow_sdk::registry::{Kind, Registry, RegistryError, RegistryEvent, RegistryOptions};
use regrow_sdk::supervisor::{ChildSpec, Supervisor};
use regrow_sdk::sys::bindings::regrow::otp::{registry as raw, topic as raw_topic};
use regrow_sdk::table::{Expression, MatchSpec, Pattern, Variable};
use regrow_sdk::topic::{Outcome, PubSub, Topic};
use regrow_sdk::{Error, ExitReason, Pid, Term, encode, names, timer};

type Key = (String, u32);

fn key(number: u32) -> Key {
    ("key".to_owned(), number)
}

fn ended(pid: Pid) -> Result<(), ExitReason> {
    let monitor = process::monitor(pid)?;
    process::exit_process(pid, ExitReason::Kill)?;
    mailbox::wait_for(monitor, None);
    Ok(())
}

/// Helper: registers itself, says so, and waits for its end.
pub fn registered((registry, keys): (String, Vec<(Key, i64)>)) -> Result<(), ExitReason> {
    let registry: Registry<Key, i64> = Registry::named(&registry);
    for (key, value) in &keys {
        registry.register(key, value)?;
    }
    mailbox::send(process::parent().expect("somebody spawned it"), &"ready")?;
    mailbox::receive_match(None, |_| None::<()>);
    Ok(())
}

fn spawn_registered(registry: &str, keys: &[(Key, i64)]) -> Result<Pid, ExitReason> {
    let spawned = process::spawn("helper-registered", &(registry, keys), &SpawnOptions::default())?;
    mailbox::receive_message(None);
    Ok(spawned.pid)
}

pub fn keys(_: ()) -> Result<(), ExitReason> {
    let own = process::self_pid();
    let unique: Registry<Key, i64> = Registry::start_unique("unique")?;
    assert!(matches!(unique.register(&key(1), &1), Ok(())));
    assert_eq!(unique.register(&key(1), &2), Err(RegistryError::AlreadyRegistered(own)));
    assert_eq!(unique.lookup(&key(1))?, [(own, 1)]);
    assert_eq!(unique.update_value(&key(1), |value| value + 10)?, (11, 1));
    assert_eq!(unique.update_value(&key(2), |value| *value), Err(RegistryError::NotRegistered));
    // Whoever ends is registered no more before anybody hears of it.
    let other = spawn_registered("unique", &[(key(2), 2), (key(3), 3)])?;
    assert_eq!(unique.register(&key(2), &9), Err(RegistryError::AlreadyRegistered(other)));
    assert_eq!((unique.whereis(&key(2))?, unique.count()?), (Some(other), 3));
    assert_eq!(unique.keys(other)?, [key(2), key(3)]);
    ended(other)?;
    assert_eq!((unique.whereis(&key(2))?, unique.keys(other)?, unique.count()?), (None, vec![], 1));
    unique.unregister(&key(1))?;
    unique.unregister(&key(1))?;
    assert_eq!(unique.lookup(&key(1))?, []);

    let duplicate: Registry<Key, i64> =
        RegistryOptions::new("duplicate", Kind::Duplicate).partitions(3).start()?;
    for value in [1, 2, 1] {
        duplicate.register(&key(1), &value)?;
    }
    let other = spawn_registered("duplicate", &[(key(1), 7)])?;
    assert_eq!(duplicate.lookup(&key(1))?, [(own, 1), (own, 2), (own, 1), (other, 7)]);
    assert_eq!(duplicate.values(&key(1), own)?, [1, 2, 1]);
    assert_eq!(duplicate.keys(own)?, [key(1), key(1), key(1)]);
    assert_eq!(duplicate.update_value(&key(1), |value| *value), Err(RegistryError::WrongKind));
    assert_eq!(duplicate.whereis(&key(1)), Err(RegistryError::WrongKind));
    let mut dispatched = 0;
    duplicate.dispatch(&key(1), |entries| dispatched += entries.len())?;
    duplicate.dispatch(&key(9), |_| dispatched += 1000)?;
    assert_eq!(dispatched, 4);

    let (key_of, pid, value) = (Variable(0), Variable(1), Variable(2));
    let above = |than: i64| {
        MatchSpec::new().key(key_of).value(Pattern::list([pid, value])).when(value.bound().greater_than(than))
    };
    let mut found: Vec<(Key, i64)> =
        duplicate.select(&above(1).give(Expression::list([key_of.bound(), value.bound()])))?;
    found.sort_unstable();
    assert_eq!(found, [(key(1), 2), (key(1), 7)]);
    let pids: Vec<Pid> = duplicate.select(&above(2).give(pid))?;
    assert_eq!(pids, [other]);
    assert_eq!(duplicate.count_select(&above(0).give(pid))?, 4);
    assert_eq!(duplicate.unregister_match(&key(1), &above(1).give(pid))?, 1);
    assert_eq!(duplicate.lookup(&key(1))?, [(own, 1), (own, 1), (other, 7)]);
    ended(other)?;

    // A key is compared exactly.
    let floats: Registry<Term, i64> = Registry::named("unique");
    floats.register(&Term::from(1_i64), &1)?;
    floats.register(&Term::from(1.0), &2)?;
    assert_eq!(floats.lookup(&Term::from(1.0))?, [(own, 2)]);
    // What is in a registry is known when it is read.
    let wrong: Registry<Key, String> = Registry::named("duplicate");
    assert!(matches!(wrong.lookup(&key(1)), Err(RegistryError::Decode(_))));
    Ok(())
}

pub fn via(_: ()) -> Result<(), ExitReason> {
    let registry: Registry<Key, String> = Registry::start_unique("unique")?;
    let name = registry.via(&key(1))?;
    let named = registry.via_with(&key(1), &"echo".to_owned())?;
    let echo = process::spawn("helper-echo", &(), &SpawnOptions::default().via(named.clone()))?.pid;
    assert_eq!(registry.lookup(&key(1))?, [(echo, "echo".to_owned())]);
    mailbox::send(name.clone(), &5)?;
    assert_eq!(mailbox::receive_message(None).map(|message| message.decode::<i64>()), Some(Ok(5)));
    mailbox::cast(name.clone(), &6)?;
    assert_eq!(mailbox::receive_message(None).map(|message| message.decode::<i64>()), Some(Ok(6)));
    assert_eq!(mailbox::call::<_, i64>(name.clone(), &7, None), Ok(7));
    timer::send_after(Duration::from_millis(1), name.clone(), &8)?;
    assert_eq!(mailbox::receive_message(None).map(|message| message.decode::<i64>()), Some(Ok(8)));
    // Started twice.
    let options = SpawnOptions::default().via(named);
    assert_eq!(process::spawn("helper-echo", &(), &options), Err(Error::NameTaken(echo)));
    let started = process::start(
        "helper-init",
        &crate::helper::Word::Started,
        &SpawnOptions::link().via(registry.via(&key(2))?),
        None,
    )?;
    let Started::Started(second) = started else { panic!("{started:?}") };
    assert_eq!(registry.whereis(&key(2))?, Some(second.pid));
    // A child of a supervisor.
    let child = ChildSpec::worker("echo", "helper-echo").via(registry.via(&key(3))?);
    let supervisor = Supervisor::new().child(child).start_link()?;
    let before = registry.whereis(&key(3))?.expect("it is started");
    let again = ChildSpec::worker("again", "helper-echo").via(registry.via(&key(3))?);
    let refused = supervisor.start_child(&again).expect_err("it is started");
    assert!(format!("{refused}").contains("already_started"), "{refused}");
    ended(before)?;
    assert_eq!(mailbox::call::<_, i64>(supervisor_restarted(&registry, before)?, &9, None), Ok(9));
    // Monitors hear of the pid that it was.
    let monitor = process::monitor(name.clone())?;
    process::exit_process(echo, ExitReason::Kill)?;
    let Some(Received::Down { object, .. }) = mailbox::wait_for(monitor, None) else { panic!("no DOWN") };
    assert_eq!(object, echo.into());
    assert_eq!(mailbox::send(name.clone(), &1), Err(Error::NoProc));
    assert_eq!(mailbox::call::<_, i64>(name.clone(), &1, None), Err(CallError::Down(ExitReason::NoProc)));
    assert_eq!(name.whereis(), None);
    // A name can be sent.
    assert_eq!(regrow_sdk::decode::<regrow_sdk::Via>(&encode(&name)?)?, name);
    Ok(())
}

/// Waits until a key has another process.
fn supervisor_restarted(registry: &Registry<Key, String>, before: Pid) -> Result<Pid, ExitReason> {
    loop {
        match registry.whereis(&key(3))? {
            Some(pid) if pid != before => return Ok(pid),
            _ => drop(mailbox::receive_message(Some(Duration::from_millis(1)))),
        }
    }
}

/// Helper: locks a key, says so, and lets it go or crashes when it gets a message.
pub fn locker(crashes: bool) -> Result<(), ExitReason> {
    let registry: Registry<Key, String> = Registry::named("unique");
    let parent = process::parent().expect("somebody spawned it");
    registry.lock(&key(1), || {
        mailbox::send(parent, &process::self_pid()).expect("the parent lives");
        mailbox::receive_message(None);
        assert!(!crashes, "while it has the lock");
    })?;
    Ok(())
}

pub fn locks(_: ()) -> Result<(), ExitReason> {
    let registry: Registry<Key, String> = Registry::start_unique("unique")?;
    let locked = registry.lock(&key(1), || registry.lock(&key(1), || ()))?;
    assert_eq!(locked, Err(RegistryError::LockedAlready));
    assert!(matches!(raw::unlock("unique", &encode(&key(1))?), Ok(false)));
    let mut lockers = Vec::new();
    for crashes in [false, true, false, false] {
        let locker = process::spawn("helper-locker", &crashes, &SpawnOptions::default())?.pid;
        // In this order: each is known to wait before the next one comes.
        while process::info(locker)?.is_some_and(|info| info.status != "waiting") {
            mailbox::receive_match(Some(Duration::from_millis(1)), |_| None::<()>);
        }
        lockers.push(locker);
    }
    ended(lockers[2])?;
    for expected in [lockers[0], lockers[1], lockers[3]] {
        let message = mailbox::receive_message(None).expect("it waits for ever");
        assert_eq!(message.decode::<Pid>()?, expected);
        mailbox::send(expected, &"go on")?;
    }
    // This one comes last.
    assert_eq!(registry.lock(&key(1), || 5)?, 5);
    Ok(())
}

pub fn listeners(_: ()) -> Result<(), ExitReason> {
    names::register("listener", process::self_pid())?;
    let options = RegistryOptions::new("unique", Kind::Unique).listener("listener").listener("nobody");
    let registry: Registry<Key, i64> = options.start()?;
    let event = || {
        let received = mailbox::receive(None)?;
        RegistryEvent::<Key, i64>::of(&received)
    };
    let own = process::self_pid();
    registry.register(&key(1), &1)?;
    let (name, pid) = ("unique".to_owned(), own);
    assert_eq!(
        event(),
        Some(RegistryEvent::Registered { registry: name.clone(), key: key(1), pid, value: 1 })
    );
    registry.unregister(&key(1))?;
    assert_eq!(event(), Some(RegistryEvent::Unregistered { registry: name.clone(), key: key(1), pid }));
    let other =
        process::spawn("helper-registered", &("unique", [(key(2), 2)]), &SpawnOptions::default())?.pid;
    assert_eq!(
        event(),
        Some(RegistryEvent::Registered { registry: name, key: key(2), pid: other, value: 2 })
    );
    mailbox::receive_message(None);
    ended(other)?;
    assert_eq!(mailbox::receive(Some(Duration::ZERO)), None);
    Ok(())
}

/// Helper: subscribes to topics, says so, and answers calls with the number of messages that it has got.
pub fn subscriber(topics: Vec<String>) -> Result<(), ExitReason> {
    for topic in &topics {
        PubSub::named("pubsub").topic::<String>(topic).subscribe_with(&topics.len())?;
    }
    mailbox::send(process::parent().expect("somebody spawned it"), &"ready")?;
    let mut got = 0;
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        match message.reply_to() {
            Some(to) => mailbox::reply(to, &got)?,
            None => got += usize::from(message.decode::<String>()? == "news"),
        }
    }
}

pub fn topics(_: ()) -> Result<(), ExitReason> {
    let pub_sub = PubSub::start("pubsub")?;
    let topic = |name: &str| -> Topic<String> { pub_sub.topic(name) };
    let spawn = |topics: &[&str]| -> Result<Pid, ExitReason> {
        let spawned = process::spawn("helper-subscriber", &topics, &SpawnOptions::default())?;
        mailbox::receive_message(None);
        Ok(spawned.pid)
    };
    let one = spawn(&["orders:1"])?;
    let all = spawn(&["orders:*", "orders:1"])?;
    let many = (0..300).map(|_| spawn(&["crowd"])).collect::<Result<Vec<_>, _>>()?;
    let got = |pid: Pid| mailbox::call::<_, usize>(pid, &(), None);
    let sent = |delivered| Outcome { delivered, refused: 0 };
    assert_eq!(topic("orders:1").broadcast(&"news".into())?, sent(3));
    assert_eq!(topic("orders:2").broadcast(&"news".into())?, sent(1));
    assert_eq!(topic("orders").broadcast(&"news".into())?, sent(0));
    assert_eq!(topic("orders:1").broadcast_from(all, &"news".into())?, sent(1));
    assert_eq!((got(one)?, got(all)?), (2, 3));
    assert_eq!(topic("crowd").local_broadcast(&"news".into())?, sent(300));
    for pid in many {
        assert_eq!(got(pid)?, 1);
        ended(pid)?;
    }
    assert_eq!(topic("crowd").broadcast(&"news".into())?, sent(0));
    let subscribers = topic("orders:1").subscribers::<usize>()?;
    assert_eq!(subscribers, [(one, 1), (all, 2), (all, 2)]);
    // Oneself: subscribed twice, got twice, until the subscription ends.
    topic("own").subscribe()?;
    topic("own").subscribe()?;
    assert_eq!(topic("own").broadcast_from_self(&"news".into())?, sent(0));
    assert_eq!(topic("own").broadcast(&"news".into())?, sent(2));
    for _ in 0..2 {
        let message = mailbox::receive_message(None).expect("it is subscribed");
        assert_eq!((message.from, message.decode::<String>()?), (process::self_pid(), "news".into()));
    }
    topic("own").unsubscribe()?;
    topic("own").unsubscribe()?;
    assert_eq!(topic("own").broadcast(&"news".into())?, sent(0));
    // Who has no room is not waited for.
    let options = SpawnOptions { max_mailbox_messages: Some(1), ..SpawnOptions::default() };
    let full = process::spawn("helper-registered", &("pubsub", Vec::<(Key, i64)>::new()), &options)?.pid;
    mailbox::receive_message(None);
    mailbox::send(full, &"fills it")?;
    ended(full)?;
    Ok(())
}

pub fn nonsense(_: ()) -> Result<(), ExitReason> {
    let unknown: Registry<Key, i64> = Registry::named("unknown");
    assert_eq!(unknown.register(&key(1), &1), Err(RegistryError::NoRegistry));
    assert_eq!(unknown.lookup(&key(1)), Err(RegistryError::NoRegistry));
    assert_eq!(unknown.lock(&key(1), || ()), Err(RegistryError::NoRegistry));
    let nobody = SpawnOptions::default().via(unknown.via(&key(1))?);
    assert!(matches!(process::spawn("helper-echo", &(), &nobody), Err(Error::BadArgument(_))));
    assert_eq!(mailbox::send(unknown.via(&key(1))?, &1), Err(Error::NoProc));
    let registry: Registry<Key, i64> = Registry::start_unique("unique")?;
    let again = Registry::<Key, i64>::start_unique("unique").map(drop);
    assert!(matches!(again, Err(RegistryError::NameTaken(_))), "{again:?}");
    for partitions in [0, 65, u32::MAX] {
        let options = RegistryOptions::new("parts", Kind::Unique).partitions(partitions);
        assert_eq!(options.start::<Key, i64>().map(drop), Err(RegistryError::BadPartitions));
    }
    // Terms that are none, deep ones, and large ones.
    let good = encode(&1)?;
    let deep = [&[0x81; 100_000][..], &[1]].concat();
    for bad in [&b"\xff"[..], b"", b"\x61", &deep[..5_000]] {
        assert!(matches!(raw::register("unique", bad, &good), Err(raw::RegistryError::BadTerm(_))));
        assert!(matches!(raw::register("unique", &good, bad), Err(raw::RegistryError::BadTerm(_))));
        assert!(matches!(raw::lookup("unique", bad), Err(raw::RegistryError::BadTerm(_))));
        assert!(matches!(raw::unregister("unique", bad), Err(raw::RegistryError::BadTerm(_))));
        assert!(matches!(raw::lock("unique", bad), Err(raw::RegistryError::BadTerm(_))));
        assert!(matches!(raw::select("unique", bad), Err(raw::RegistryError::BadMatchSpec(_))));
        assert!(matches!(
            raw::unregister_match("unique", &good, bad),
            Err(raw::RegistryError::BadMatchSpec(_))
        ));
    }
    let large = "x".repeat(10 << 20);
    let names_of: Registry<String, i64> = Registry::named("unique");
    assert!(matches!(names_of.register(&large, &1), Err(RegistryError::KeyTooLong(_))));
    assert!(matches!(names_of.via(&large), Err(RegistryError::KeyTooLong(_))));
    assert!(matches!(
        Registry::named("unique").register(&key(1), &"x".repeat(5 << 20)),
        Err(RegistryError::Limit(_))
    ));
    assert!(matches!(raw::lookup("unique", &deep), Err(raw::RegistryError::KeyTooLong(_))));
    assert_eq!(registry.count()?, 0);
    // Topics that are none, and registries that are not for them.
    for bad in ["", "a*b", "**", &"x".repeat(256)] {
        assert!(matches!(raw_topic::subscribe("unique", bad, &good), Err(raw::RegistryError::BadTopic)));
        assert!(matches!(
            raw_topic::broadcast("unique", bad, &good, None),
            Err(raw::RegistryError::BadTopic)
        ));
    }
    assert!(matches!(raw_topic::subscribe("unique", "news", &good), Err(raw::RegistryError::WrongKind)));
    // Without end: the limit of what a process may keep, and of what is listed.
    let many: Registry<u64, String> = Registry::start_duplicate("duplicate")?;
    let refused = (0..2_000).find_map(|_| many.register(&1, &"x".repeat(1_000)).err());
    assert!(
        matches!(&refused, Some(RegistryError::Limit(limit)) if limit.which == "registrations"),
        "{refused:?}"
    );
    assert_eq!(many.lookup(&1)?.len(), 1_000);
    let refused = (2..100_000).find_map(|key| many.register(&key, &"x".repeat(20_000)).err());
    assert!(
        matches!(&refused, Some(RegistryError::Limit(limit)) if limit.which == "kept_bytes"),
        "{refused:?}"
    );
    let count = many.count()?;
    assert_eq!(many.keys(process::self_pid())?.len() as u64, count);
    let everything = MatchSpec::new().give(Expression::Value);
    assert!(
        matches!(many.select::<Term>(&everything), Err(RegistryError::Limit(limit)) if limit.which == "message_bytes")
    );
    assert_eq!(many.count_select(&everything)?, count);
    many.unregister(&1)?;
    assert_eq!(many.count()?, count - 1_000);
    Ok(())
}

pub fn denied(_: ()) -> Result<(), ExitReason> {
    let is_denied = |result: Result<(), RegistryError>| matches!(result, Err(RegistryError::Denied(_)));
    let other: Registry<Key, i64> = Registry::named("other");
    assert!(is_denied(Registry::<Key, i64>::start_unique("other").map(drop)));
    assert!(is_denied(other.register(&key(1), &1)));
    assert!(is_denied(other.unregister(&key(1))));
    assert!(is_denied(other.lookup(&key(1)).map(drop)));
    assert!(is_denied(other.whereis(&key(1)).map(drop)));
    assert!(is_denied(other.keys(process::self_pid()).map(drop)));
    assert!(is_denied(other.values(&key(1), process::self_pid()).map(drop)));
    assert!(is_denied(other.count().map(drop)));
    assert!(is_denied(other.lock(&key(1), || ())));
    let everything = MatchSpec::new().give(Expression::Key);
    assert!(is_denied(other.select::<Term>(&everything).map(drop)));
    assert!(is_denied(other.count_select(&everything).map(drop)));
    assert!(is_denied(other.unregister_match(&key(1), &everything).map(drop)));
    let topic: Topic<String> = PubSub::named("other").topic("news");
    assert!(is_denied(topic.subscribe()));
    assert!(is_denied(topic.unsubscribe()));
    assert!(is_denied(topic.subscribers::<()>().map(drop)));
    assert!(is_denied(topic.broadcast(&"news".into()).map(drop)));
    assert!(is_denied(PubSub::start("other").map(drop)));
    let via = other.via(&key(1))?;
    assert!(matches!(mailbox::send(via.clone(), &1), Err(Error::Denied(_))));
    assert!(matches!(
        process::spawn("helper-echo", &(), &SpawnOptions::default().via(via)),
        Err(Error::Denied(_))
    ));
    // Listeners are found by names.
    let listening = RegistryOptions::new("mine/a", Kind::Unique).listener("reserved");
    assert!(is_denied(listening.start::<Key, i64>().map(drop)));
    Registry::<Key, i64>::start_unique("mine/a")?.register(&key(1), &1)?;
    Ok(())
}
