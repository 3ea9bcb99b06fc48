//! Blobs: who holds them, and who is charged for them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use regrow_otp::testing::{EventLog, blobs, first_panic, kept_bytes};
use regrow_otp::{
    BlobError, BlobHash, BlobId, Context, Destination, ExitReason, LimitKind, Limits, MAX_BLOBS_IN_PAYLOAD,
    MAX_HELD_BLOBS, MessageKind, Pid, Received, RegistryKind, RegistryOptions, Simulator, SpawnOptions,
    TableOptions,
};
use regrow_term::{decode, encode};
use serde::Serialize;

use crate::support::*;

fn term<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(value).unwrap()
}

/// A payload with handles.
fn handles(ids: &[BlobId]) -> Vec<u8> {
    let handles = ids.iter().map(|id| regrow_term::Term::Bytes(id.to_handle())).collect();
    term(&regrow_term::Term::List(handles))
}

fn create(context: &Context, bytes: &'static [u8]) -> BlobId {
    context.create_blob(Bytes::from_static(bytes)).unwrap()
}

fn text(context: &Context, id: BlobId) -> Result<String, BlobError> {
    Ok(String::from_utf8(context.blob(id)?.bytes()?.to_vec()).unwrap())
}

async fn arrived(context: &Context) -> Received {
    let received = context.receive(None).await.unwrap();
    context.blobs_arrive_with(&received);
    received
}

#[test]
fn a_blob_is_read_hashed_and_gone_with_its_last_holder() {
    check(
        &["hello world", "world", "out of range", "hashed", "gone", "0 bytes"],
        |context, trace| async move {
            let id = create(&context, b"hello world");
            trace.note(text(&context, id).unwrap());
            let blob = context.blob(id).unwrap();
            trace.note(String::from_utf8_lossy(&blob.read(6, 5).unwrap()));
            assert!(blob.read(11, 0).unwrap().is_empty());
            for (offset, length) in [(6, 6), (12, 0), (u64::MAX, 1), (1, u64::MAX)] {
                assert_eq!(blob.read(offset, length), Err(BlobError::OutOfRange(11)));
            }
            trace.note("out of range");
            // The example of FIPS 180-2, appendix B.1, in steps of a byte.
            let abc = context.blob(create(&context, b"abc")).unwrap();
            let mut hash = BlobHash::begin(abc).unwrap();
            let hash = std::iter::repeat_with(|| hash.step(1)).find_map(|(_, hash)| hash).unwrap();
            assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
            trace.note("hashed");
            context.hold_blob(id).unwrap();
            context.release_blob(id);
            assert!(context.blob(id).is_ok());
            drop(blob);
            context.release_blob(id);
            context.release_blob(id);
            assert_eq!(text(&context, id), Err(BlobError::Gone));
            assert_eq!(context.hold_blob(id), Err(BlobError::Gone));
            trace.note("gone");
            let after = create(&context, b"");
            trace.note(format!("{} bytes", context.blob(after).unwrap().len()));
        },
    );
}

#[test]
fn payloads_hold_what_they_carry_wherever_they_are_kept() {
    let expected = ["message", "timer", "reply", "table", "registry", "none left"];
    check(&expected, |context, trace| async move {
        let alive = |context: &Context, id: BlobId| context.blob(id).is_ok();
        let own = context.pid();
        let id = create(&context, b"in a message");
        context.send_nosuspend(&own.into(), MessageKind::Info, handles(&[id]).into()).unwrap();
        context.release_blob(id);
        assert!(alive(&context, id));
        let received = arrived(&context).await;
        drop(received);
        context.receive_blob(id).unwrap();
        assert_eq!(text(&context, id).unwrap(), "in a message");
        context.release_blob(id);
        assert!(!alive(&context, id));
        trace.note("message");

        let id = create(&context, b"in a timer");
        let timer = context.start_timer(Duration::from_secs(1), own.into(), handles(&[id]).into()).unwrap();
        let other = create(&context, b"in a timer that is stopped");
        let stopped =
            context.send_after(Duration::from_secs(1), own.into(), handles(&[other]).into()).unwrap();
        [id, other].iter().for_each(|id| context.release_blob(*id));
        assert!(alive(&context, id) && alive(&context, other));
        context.cancel_timer(stopped);
        assert!(!alive(&context, other));
        let received = context.receive_answer(timer, None).await.unwrap();
        assert!(alive(&context, id));
        // Who does not say that it has arrived does not hold it.
        drop(received);
        assert!(!alive(&context, id));
        trace.note("timer");

        let server = child(&context, SpawnOptions::default(), |context| async move {
            let Received::Message(message) = arrived(&context).await else { panic!("no message") };
            let MessageKind::Call(to) = message.kind else { panic!("no call") };
            let answer = create(&context, b"of the server");
            context.reply(to, handles(&[answer]).into()).unwrap();
            context.receive(None).await;
            ExitReason::Normal
        });
        let answer = context.call(&server.into(), Bytes::from(term(&())), None).await.unwrap();
        context.blobs_arrive(&answer);
        let handle: Vec<regrow_term::Term> = decode(&answer).unwrap();
        let regrow_term::Term::Bytes(handle) = &handle[0] else { panic!("no handle") };
        let id = BlobId::from_handle(handle).unwrap();
        drop(answer);
        context.exit_process(server, ExitReason::Kill);
        context.await_down(server).await;
        assert_eq!(text(&context, id).unwrap(), "of the server");
        context.receive_blob(id).unwrap();
        context.release_blob(id);
        trace.note("reply");

        let table = context.create_table(TableOptions::default()).unwrap();
        let table = context.table(table).unwrap();
        let ids = [create(&context, b"one"), create(&context, b"two")];
        table.insert(&[(&term(&1), &handles(&ids)), (&term(&2), &handles(&ids[1..]))]).unwrap();
        ids.iter().for_each(|id| context.release_blob(*id));
        table.fix().unwrap();
        assert!(alive(&context, ids[0]));
        table.delete(&term(&1)).unwrap();
        assert_eq!(ids.map(|id| alive(&context, id)), [false, true]);
        let third = create(&context, b"three");
        table.insert(&[(&term(&2), &handles(&[third]))]).unwrap();
        context.release_blob(third);
        assert_eq!([ids[1], third].map(|id| alive(&context, id)), [false, true]);
        table.delete_table().unwrap();
        assert!(!alive(&context, third));
        trace.note("table");

        context.start_registry(RegistryOptions::new("r", RegistryKind::Unique)).unwrap();
        let ids = [create(&context, b"one"), create(&context, b"two")];
        context.register_key("r", &term(&1), &handles(&ids[..1])).unwrap();
        for id in ids {
            context.hold_blob(id).unwrap();
            (0..2).for_each(|_| context.release_blob(id));
        }
        assert_eq!(ids.map(|id| alive(&context, id)), [true, false]);
        context.unregister_key("r", &term(&1)).unwrap();
        assert!(!alive(&context, ids[0]));
        trace.note("registry");
        assert_eq!((blobs(context.runtime()), kept_bytes(context.runtime(), own) < 16 << 10), (0, true));
        trace.note("none left");
    });
}

#[test]
fn the_creator_is_charged_once_and_its_component_when_it_has_ended() {
    check(
        &["charged once", "full", "of the ended", "beyond that it is gone", "none"],
        |context, trace| async move {
            let large = vec![0; 1 << 20];
            let make = |count: usize| {
                let large = Bytes::from(large.clone());
                move |context: Context| async move {
                    let parent = context.identity().parent.unwrap();
                    for _ in 0..count {
                        let id = context.create_blob(large.clone()).unwrap();
                        context
                            .send_nosuspend(&parent.into(), MessageKind::Info, handles(&[id]).into())
                            .unwrap();
                    }
                    ExitReason::Normal
                }
            };
            let before = kept_bytes(context.runtime(), context.pid());
            let id = create(&context, b"0123456789");
            let charged = kept_bytes(context.runtime(), context.pid()) - before;
            context.hold_blob(id).unwrap();
            context
                .send_nosuspend(&context.pid().into(), MessageKind::Info, handles(&[id, id]).into())
                .unwrap();
            arrived(&context).await;
            assert_eq!(kept_bytes(context.runtime(), context.pid()) - before, charged);
            (0..4).for_each(|_| context.release_blob(id));
            assert_eq!(kept_bytes(context.runtime(), context.pid()), before);
            trace.note("charged once");
            let limits = Limits { kept_bytes: 1_000, ..Limits::default() };
            let poor =
                child(&context, SpawnOptions { limits, ..SpawnOptions::default() }, |context| async move {
                    let refused = context.create_blob(Bytes::from(vec![0; 1_000]));
                    assert!(matches!(refused, Err(BlobError::Limit(_))), "{refused:?}");
                    assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
                    ExitReason::Normal
                });
            assert_eq!(context.await_down(poor).await, ExitReason::Normal);
            trace.note("full");
            // What processes have left is limited as what one may keep, 64 MiB.
            let mut ids = Vec::new();
            for _ in 0..2 {
                let maker = child(&context, SpawnOptions::default(), make(40));
                for _ in 0..40 {
                    let Received::Message(message) = arrived(&context).await else { panic!("no message") };
                    let handle: Vec<regrow_term::Term> = decode(&message.payload).unwrap();
                    let regrow_term::Term::Bytes(handle) = &handle[0] else { panic!("no handle") };
                    ids.push(BlobId::from_handle(handle).unwrap());
                }
                context.await_down(maker).await;
            }
            let readable = ids.iter().filter(|id| context.blob(**id).is_ok_and(|blob| blob.bytes().is_ok()));
            let readable = readable.count();
            assert!((60..64).contains(&readable), "{readable}");
            trace.note("of the ended");
            assert!(matches!(
                context.blob(ids[79]).and_then(|blob| blob.bytes().map(drop)),
                Err(BlobError::Gone)
            ));
            trace.note("beyond that it is gone");
            for id in &ids {
                context.receive_blob(*id).unwrap();
                context.release_blob(*id);
            }
            assert_eq!(blobs(context.runtime()), 0);
            // There is room again.
            let maker = child(&context, SpawnOptions::default(), make(50));
            context.await_down(maker).await;
            assert_eq!(blobs(context.runtime()), 50);
            trace.note("none");
        },
    );
}

#[test]
fn what_has_come_is_held_once_for_each_handle() {
    check(&["all received", "copied meanwhile", "not decoded"], |context, trace| async move {
        let own = Destination::Pid(context.pid());
        let send = |ids: &[BlobId]| {
            context.send_nosuspend(&own, MessageKind::Info, handles(ids).into()).unwrap();
        };
        let id = create(&context, b"x");
        send(&[id, id]);
        send(&[id]);
        context.release_blob(id);
        for _ in 0..2 {
            arrived(&context).await;
        }
        for _ in 0..3 {
            context.receive_blob(id).unwrap();
            context.release_blob(id);
        }
        assert_eq!(context.receive_blob(id), Err(BlobError::Gone));
        trace.note("all received");
        let id = create(&context, b"x");
        send(&[id]);
        arrived(&context).await;
        context.hold_blob(id).unwrap();
        (0..2).for_each(|_| context.release_blob(id));
        context.receive_blob(id).unwrap();
        context.release_blob(id);
        assert_eq!(blobs(context.runtime()), 0);
        trace.note("copied meanwhile");
        let id = create(&context, b"x");
        send(&[id]);
        arrived(&context).await;
        context.release_blob(id);
        assert_eq!(blobs(context.runtime()), 1);
        trace.note("not decoded");
    });
}

#[test]
fn who_holds_a_blob_is_charged_for_that_and_holds_10_000_at_most() {
    check(&["charged", "no room", "too many", "as before"], |context, trace| async move {
        let id = create(&context, b"0123456789");
        let holder = |kept_bytes: u64, expected: Result<(), LimitKind>| {
            let limits = Limits { kept_bytes, ..Limits::default() };
            child(&context, SpawnOptions { limits, ..SpawnOptions::default() }, move |context| async move {
                let kept = || regrow_otp::testing::kept_bytes(context.runtime(), context.pid());
                arrived(&context).await;
                let received = context.receive_blob(id).map_err(|error| match error {
                    BlobError::Limit(limit) => limit.limit,
                    other => panic!("{other}"),
                });
                assert_eq!(received, expected);
                assert_eq!(kept(), if expected.is_ok() { 128 } else { 0 });
                context.release_blob(id);
                assert_eq!(kept(), 0);
                ExitReason::Normal
            })
        };
        for (kept_bytes, expected, note) in
            [(128, Ok(()), "charged"), (127, Err(LimitKind::KeptBytes), "no room")]
        {
            let holder = holder(kept_bytes, expected);
            context.send_nosuspend(&holder.into(), MessageKind::Info, handles(&[id]).into()).unwrap();
            assert_eq!(context.await_down(holder).await, ExitReason::Normal);
            trace.note(note);
        }
        let before = kept_bytes(context.runtime(), context.pid());
        let ids: Vec<BlobId> = (1..MAX_HELD_BLOBS).map(|_| create(&context, b"x")).collect();
        let refused = context.create_blob(Bytes::from_static(b"x")).unwrap_err();
        assert!(matches!(refused, BlobError::Limit(limit) if limit.limit == LimitKind::Blobs), "{refused}");
        trace.note("too many");
        ids.iter().for_each(|id| context.release_blob(*id));
        assert_eq!(kept_bytes(context.runtime(), context.pid()), before);
        trace.note("as before");
    });
}

#[test]
fn who_begins_anew_holds_what_its_state_has_and_nothing_else() {
    check(&["kept", "gone"], |context, trace| async move {
        let [kept, lost] = [create(&context, b"kept"), create(&context, b"lost")];
        for _ in 0..3 {
            context.blobs_begin_anew(&handles(&[kept]));
            // Decoding the state.
            context.receive_blob(kept).unwrap();
            assert_eq!(context.blob(lost).err(), Some(BlobError::Gone));
        }
        trace.note("kept");
        context.release_blob(kept);
        assert_eq!(blobs(context.runtime()), 0);
        trace.note("gone");
    });
}

#[test]
fn a_payload_full_of_handles_holds_the_first() {
    check(&["1000 of 1100"], |context, trace| async move {
        let ids: Vec<BlobId> = (0..MAX_BLOBS_IN_PAYLOAD + 100).map(|_| create(&context, b"x")).collect();
        let payload = context.carrying(Bytes::from(handles(&ids)));
        ids.iter().for_each(|id| context.release_blob(*id));
        trace.note(format!("{} of {}", blobs(context.runtime()), ids.len()));
        drop(payload);
        assert_eq!(blobs(context.runtime()), 0);
        // What looks like one, and is none; and what is one.
        let id = create(&context, b"x");
        let kept = context.carrying(Bytes::from(handles(&[id])));
        context.release_blob(id);
        for cut in 0..id.to_handle().len() {
            context.blobs_arrive(&id.to_handle()[..cut]);
        }
        drop(kept);
        assert_eq!(blobs(context.runtime()), 0);
        let id = create(&context, b"x");
        context.blobs_arrive(&id.to_handle());
        context.release_blob(id);
        assert_eq!(blobs(context.runtime()), 1);
        context.release_blob(id);
        assert_eq!(blobs(context.runtime()), 0);
    });
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Create(usize),
    /// Sends the blob of that number to another process, which holds it so often.
    Give {
        from: usize,
        to: usize,
        blob: prop::sample::Index,
        times: usize,
    },
    Release {
        process: usize,
        blob: prop::sample::Index,
    },
    /// Ends it, and puts another one in its place.
    Kill(usize),
}

const PROCESSES: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (process, blob) = (0..PROCESSES, any::<prop::sample::Index>());
    let step = prop_oneof![
        3 => process.clone().prop_map(Step::Create),
        4 => (process.clone(), process.clone(), blob.clone(), 1..3_usize)
            .prop_map(|(from, to, blob, times)| Step::Give { from, to, blob, times }),
        4 => (process.clone(), blob).prop_map(|(process, blob)| Step::Release { process, blob }),
        1 => process.prop_map(Step::Kill),
    ];
    prop::collection::vec(step, 1..50)
}

/// Does what it is told: what, which blob, to whom, how often; gives its answer.
async fn worker(context: Context) -> ExitReason {
    loop {
        let Received::Message(message) = arrived(&context).await else { continue };
        let MessageKind::Call(to) = message.kind else {
            // A gift: it is held as often as is said.
            let (handle, times): (regrow_term::Term, u8) = decode(&message.payload).unwrap();
            let regrow_term::Term::Bytes(handle) = handle else { panic!("no handle") };
            let id = BlobId::from_handle(&handle).unwrap();
            context.receive_blob(id).unwrap();
            (1..times).for_each(|_| context.hold_blob(id).unwrap());
            continue;
        };
        let (what, high, low): (u8, u64, u64) = decode(&message.payload).unwrap();
        let id = match what {
            0 => create(&context, b"some bytes"),
            1 => BlobId { high, low },
            _ => {
                context.release_blob(BlobId { high, low });
                BlobId { high, low }
            }
        };
        context.reply(to, Bytes::from(term(&(id.high, id.low)))).unwrap();
    }
}

/// How often each process holds each blob: it is there while somebody does.
async fn play(context: Context, steps: Arc<Vec<Step>>) -> ExitReason {
    let spawn = || child(&context, SpawnOptions::default(), worker);
    let mut pids: Vec<Pid> = (0..PROCESSES).map(|_| spawn()).collect();
    let mut model: Vec<(BlobId, [usize; PROCESSES])> = Vec::new();
    let ask = |pid: Pid, what: u8, id: BlobId| {
        let context = &context;
        async move {
            let request = Bytes::from(term(&(what, id.high, id.low)));
            let answer = context.call(&pid.into(), request, None).await.unwrap();
            let (high, low) = decode(&answer).unwrap();
            BlobId { high, low }
        }
    };
    for step in steps.iter() {
        match *step {
            Step::Create(process) => {
                let id = ask(pids[process], 0, BlobId { high: 0, low: 0 }).await;
                let mut held = [0; PROCESSES];
                held[process] = 1;
                model.push((id, held));
            }
            Step::Give { from, to, blob, times } if !model.is_empty() => {
                let at = blob.index(model.len());
                let (id, held) = &mut model[at];
                if held[from] == 0 {
                    continue;
                }
                // By way of this process, which does not say that it has arrived.
                let handle = regrow_term::Term::Bytes(id.to_handle());
                let gift = Bytes::from(term(&(handle, times as u8)));
                context.send_nosuspend(&pids[to].into(), MessageKind::Info, gift).unwrap();
                held[to] += times;
                ask(pids[to], 1, *id).await;
            }
            Step::Release { process, blob } if !model.is_empty() => {
                let at = blob.index(model.len());
                let (id, held) = &mut model[at];
                ask(pids[process], 2, *id).await;
                held[process] = held[process].saturating_sub(1);
            }
            Step::Kill(process) => {
                context.exit_process(pids[process], ExitReason::Kill);
                context.await_down(pids[process]).await;
                pids[process] = spawn();
                model.iter_mut().for_each(|(_, held)| held[process] = 0);
            }
            Step::Give { .. } | Step::Release { .. } => {}
        }
        let mut alive = 0;
        for (id, held) in &model {
            let is_held = held.iter().any(|times| *times > 0);
            assert_eq!(context.blob(*id).is_ok(), is_held, "{id:?} {held:?} after {step:?}");
            alive += usize::from(is_held);
        }
        assert_eq!(blobs(context.runtime()), alive);
    }
    pids.iter().for_each(|pid| context.exit_process(*pid, ExitReason::Kill));
    ExitReason::Normal
}

proptest! {
    #[test]
    fn a_blob_is_there_as_long_as_somebody_holds_it(seed in any::<u64>(), steps in steps()) {
        let log = EventLog::default();
        let mut simulator = Simulator::new(seed, Box::new(log.clone()));
        let steps = Arc::new(steps);
        simulator.runtime().spawn(SpawnOptions::default(), move |context| play(context, steps)).unwrap();
        simulator.run();
        prop_assert_eq!(first_panic(&log.events()), None);
        prop_assert_eq!(blobs(simulator.runtime()), 0);
    }
}
