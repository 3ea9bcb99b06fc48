//! Blobs, from inside.

use std::time::Duration;

use regrow_sdk::blob::{Blob, BlobError};
use regrow_sdk::mailbox;
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::registry::Registry;
use regrow_sdk::supervisor::{ChildSpec, ChildState, Supervisor};
use regrow_sdk::sys::bindings::regrow::otp::blob as raw;
use regrow_sdk::table::{Expression, Kind, MatchSpec, Table, TableOptions};
use regrow_sdk::topic::PubSub;
use regrow_sdk::{ExitReason, Pid, Term, decode, encode, timer};

/// What a blob is called in the WIT, taken from its handle.
fn id(blob: &Blob) -> raw::BlobId {
    let Ok(Term::Bytes(handle)) = encode(blob).map(|bytes| decode(&bytes).expect("a term")) else {
        panic!("a handle is a byte string")
    };
    let half = |at: usize| u64::from_be_bytes(handle[at..at + 8].try_into().expect("24 bytes"));
    raw::BlobId { high: half(8), low: half(16) }
}

fn is_gone(id: raw::BlobId) -> bool {
    matches!(raw::length(id), Err(raw::BlobError::Gone))
}

fn ended(pid: Pid) -> Result<(), ExitReason> {
    let monitor = process::monitor(pid)?;
    process::exit_process(pid, ExitReason::Kill)?;
    mailbox::wait_for(monitor, None);
    Ok(())
}

/// Helper: gets a blob as its argument, says what is in it, and sends another one of its own.
pub fn reader(blob: Blob) -> Result<(), ExitReason> {
    let text = String::from_utf8(blob.to_vec()?).expect("it is a text");
    let answer = Blob::new(text.to_uppercase().as_bytes())?;
    mailbox::send(process::parent().expect("somebody spawned it"), &answer)?;
    mailbox::receive_match(None, |_| None::<()>);
    Ok(())
}

pub fn blobs(_: ()) -> Result<(), ExitReason> {
    let blob = Blob::new(b"hello world")?;
    let of_it = id(&blob);
    assert_eq!(
        (blob.len()?, blob.read(6..11)?, blob.to_vec()?),
        (11, b"world".to_vec(), b"hello world".to_vec())
    );
    assert_eq!(blob.read(6..12), Err(BlobError::OutOfRange(11)));
    assert_eq!(blob.hash()?[..4], [0xb9, 0x4d, 0x27, 0xb9]);
    let again = blob.clone();
    drop(blob);
    assert_eq!(again.len()?, 11);

    // To another process, which is killed: what it has sent stays.
    let reader = process::spawn("helper-blob-reader", &again, &SpawnOptions::default())?.pid;
    drop(again);
    let message = mailbox::receive_message(None).expect("it answers");
    ended(reader)?;
    assert!(is_gone(of_it));
    let answer: Blob = message.decode()?;
    assert_eq!(answer.to_vec()?, b"HELLO WORLD");
    // What is decoded twice is held twice; when both are dropped there is nothing to be decoded.
    let twice: Blob = message.decode()?;
    assert_eq!(twice, answer);
    drop(answer);
    assert_eq!(twice.len()?, 11);
    drop(twice);
    let gone = message.decode::<Blob>().expect_err("it is gone");
    assert!(gone.to_string().contains("gone"), "{gone}");

    // There and back, through a process that does not know what it is.
    let echo = process::spawn("helper-echo", &(), &SpawnOptions::default())?.pid;
    let blob = Blob::new(b"boomerang")?;
    let of_it = id(&blob);
    let back: (String, Blob) = mailbox::call(echo, &("blob", &blob), None).expect("it answers");
    drop(blob);
    assert_eq!(back.1.to_vec()?, b"boomerang");
    drop(back);
    assert!(!is_gone(of_it), "it has come to the other process");
    ended(echo)?;
    assert!(is_gone(of_it));

    // In a timer, a table, a registry and a broadcast.
    let make = || Blob::new(b"kept").map(|blob| (id(&blob), blob));
    let (in_timer, blob) = make()?;
    timer::send_after(Duration::from_millis(1), process::self_pid(), &blob)?;
    drop(blob);
    let blob: Blob = mailbox::receive_message(None).expect("it comes").decode()?;
    assert_eq!(id(&blob).high, in_timer.high);
    drop(blob);
    assert!(is_gone(in_timer));

    let table: Table<u32, Blob> = TableOptions::new(Kind::Set).create()?;
    let (in_table, blob) = make()?;
    table.insert(&1, &blob)?;
    table.insert(&2, &blob)?;
    drop(blob);
    assert_eq!(table.get(&1)?.expect("it is there").to_vec()?, b"kept");
    table.delete(&1)?;
    assert!(!is_gone(in_table));
    let selected: Vec<Blob> = table.select(&MatchSpec::new().give(Expression::Value))?;
    table.delete_table()?;
    assert_eq!(selected[0].to_vec()?, b"kept");
    drop(selected);
    assert!(is_gone(in_table));

    let registry: Registry<u32, Blob> = Registry::start_unique("unique")?;
    let (in_registry, blob) = make()?;
    registry.register(&1, &blob)?;
    drop(blob);
    let (_, blob) = registry.lookup(&1)?.pop().expect("it is there");
    registry.unregister(&1)?;
    assert_eq!(blob.to_vec()?, b"kept");
    drop(blob);
    assert!(is_gone(in_registry));

    let topic = PubSub::start("pubsub")?.topic::<Blob>("news");
    topic.subscribe()?;
    topic.subscribe()?;
    let (published, blob) = make()?;
    topic.broadcast(&blob)?;
    drop(blob);
    let first: Blob = mailbox::receive_message(None).expect("it comes").decode()?;
    drop(first);
    assert!(!is_gone(published), "there is another message");
    let second: Blob = mailbox::receive_message(None).expect("it comes").decode()?;
    assert_eq!(second.to_vec()?, b"kept");
    drop(second);
    assert!(is_gone(published));

    // In the specification of a child, which gets it again when it is restarted.
    let tree = Supervisor::new().intensity(5, Duration::from_secs(5)).start_link()?;
    let (for_child, blob) = make()?;
    tree.start_child(&ChildSpec::worker("reader", "helper-blob-reader").argument(&blob))?;
    drop(blob);
    let reader = || tree.which_children().expect("it answers")[0].state;
    for _ in 0..2 {
        let ChildState::Running(pid) = reader() else { panic!("it does not run") };
        ended(pid)?;
        while reader() == ChildState::Running(pid) {}
    }
    assert!(!is_gone(for_child));
    tree.terminate_child("reader")?;
    assert!(!is_gone(for_child), "it could be restarted");
    tree.delete_child("reader")?;
    assert!(is_gone(for_child));
    Ok(())
}

pub fn nonsense(_: ()) -> Result<(), ExitReason> {
    // Invented ones, and ranges that are none.
    let invented = raw::BlobId { high: 1, low: 2 };
    assert!(is_gone(invented));
    assert!(matches!(raw::read(invented, 0, 0), Err(raw::BlobError::Gone)));
    assert!(matches!(raw::hash(invented), Err(raw::BlobError::Gone)));
    assert!(matches!(raw::hold(invented), Err(raw::BlobError::Gone)));
    assert!(matches!(raw::receive(invented), Err(raw::BlobError::Gone)));
    raw::release(invented);
    let blob = Blob::new(b"")?;
    assert!(blob.is_empty()? && blob.to_vec()?.is_empty());
    for (offset, length) in [(0, 1), (1, 0), (u64::MAX, u64::MAX), (0, u64::MAX)] {
        assert!(matches!(raw::read(id(&blob), offset, length), Err(raw::BlobError::OutOfRange(0))));
    }
    for bad in [&b"\xf5rgblob\x01short"[..], b"other bytes altogether, 24", b""] {
        assert!(decode::<Blob>(&encode(&Term::Bytes(bad.to_vec()))?).is_err());
    }
    assert!(decode::<Blob>(&encode("a text")?).is_err());
    // Released once too often, and held by nobody.
    let of_it = id(&blob);
    raw::release(of_it);
    raw::release(of_it);
    assert!(is_gone(of_it));
    drop(blob);
    // A payload of nothing but marks.
    let marks = Term::Bytes(b"\xf5rgblob\x01".repeat(50_000));
    mailbox::send(process::self_pid(), &marks)?;
    assert_eq!(mailbox::receive_message(None).expect("it comes").decode::<Term>()?, marks);
    // More than may be at once, and without end.
    assert!(
        matches!(Blob::new(&vec![0; 5 << 20]), Err(BlobError::Limit(limit)) if limit.which == "message_bytes")
    );
    let mut all = Vec::new();
    let full = loop {
        match Blob::new(&vec![0; 1 << 20]) {
            Ok(blob) => all.push(blob),
            Err(error) => break error,
        }
    };
    assert!(matches!(&full, BlobError::Limit(limit) if limit.which == "kept_bytes"), "{full}");
    assert_eq!(all.len(), 63);
    all.clear();
    assert_eq!(Blob::new(b"there is room again")?.len()?, 19);
    Ok(())
}
