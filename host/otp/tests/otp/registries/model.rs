//! Random programs against a list of what there ought to be.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use regrow_otp::testing::{EventLog, first_panic, kept_bytes};
use regrow_otp::{
    Context, ExitReason, MessageKind, Pid, Received, RegistryError, RegistryKind, RegistryOptions, Simulator,
    SpawnOptions,
};
use regrow_term::decode;

use super::term;
use crate::support::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Register {
        process: usize,
        key: u8,
        value: i64,
    },
    Unregister {
        process: usize,
        key: u8,
    },
    Update {
        process: usize,
        key: u8,
        value: i64,
    },
    /// Ends it, and puts another one in its place.
    Kill {
        process: usize,
    },
}

const PROCESSES: usize = 4;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (process, key, value) = (0..PROCESSES, 0..3_u8, 0..9_i64);
    let step = prop_oneof![
        5 => (process.clone(), key.clone(), value.clone())
            .prop_map(|(process, key, value)| Step::Register { process, key, value }),
        2 => (process.clone(), key.clone()).prop_map(|(process, key)| Step::Unregister { process, key }),
        1 => (process.clone(), key, value)
            .prop_map(|(process, key, value)| Step::Update { process, key, value }),
        1 => process.prop_map(|process| Step::Kill { process }),
    ];
    prop::collection::vec(step, 1..60)
}

/// Does the step of the number that it is sent, and says whether that went well.
async fn worker(context: Context, steps: Arc<Vec<Step>>) -> ExitReason {
    loop {
        let Some(Received::Message(message)) = context.receive(None).await else { continue };
        let MessageKind::Call(to) = message.kind else { continue };
        let number: usize = decode(&message.payload).unwrap();
        let done = match steps[number] {
            Step::Register { key, value, .. } => context.register_key("r", &term(&key), &term(&value)),
            Step::Unregister { key, .. } => context.unregister_key("r", &term(&key)),
            Step::Update { key, value, .. } => context.update_registered("r", &term(&key), &term(&value)),
            Step::Kill { .. } => panic!("that is not for a worker"),
        };
        let done = match done {
            Ok(()) => true,
            Err(
                RegistryError::AlreadyRegistered(_) | RegistryError::NotRegistered | RegistryError::WrongKind,
            ) => false,
            Err(error) => panic!("{error:?}"),
        };
        context.reply(to, Bytes::from(term(&done))).unwrap();
    }
}

/// The entries that there ought to be, in the order of their registration.
struct Model {
    kind: RegistryKind,
    entries: Vec<(u8, Pid, i64)>,
}

impl Model {
    /// Whether the step goes well, and what it does.
    fn step(&mut self, step: Step, pid: Pid) -> bool {
        let is_unique = self.kind == RegistryKind::Unique;
        match step {
            Step::Register { key, .. } if is_unique && self.entries.iter().any(|(of, ..)| *of == key) => {
                false
            }
            Step::Register { key, value, .. } => {
                self.entries.push((key, pid, value));
                true
            }
            Step::Unregister { key, .. } => {
                self.entries.retain(|(of, by, _)| (*of, *by) != (key, pid));
                true
            }
            Step::Update { key, value, .. } => {
                let own = self.entries.iter_mut().find(|(of, by, _)| is_unique && (*of, *by) == (key, pid));
                own.map(|entry| entry.2 = value).is_some()
            }
            Step::Kill { .. } => {
                self.entries.retain(|(_, by, _)| *by != pid);
                true
            }
        }
    }

    fn check(&self, context: &Context, pids: &[Pid]) {
        let runtime = context.runtime();
        for key in 0..3_u8 {
            let found = runtime.lookup_key("r", &term(&key), 100).unwrap();
            let found: Vec<_> = found.iter().map(|of| (key, of.pid, decode(&of.value).unwrap())).collect();
            let expected: Vec<_> = self.entries.iter().filter(|(of, ..)| *of == key).copied().collect();
            assert_eq!(found, expected);
        }
        for pid in pids {
            let own: Vec<_> = self.entries.iter().filter(|(_, by, _)| by == pid).collect();
            let keys: Vec<_> = own.iter().map(|(key, ..)| term(key)).collect();
            assert_eq!(runtime.registered_keys("r", *pid).unwrap(), keys);
            let weights = own.iter().map(|(key, _, value)| term(key).len() + term(value).len() + 192);
            assert_eq!(kept_bytes(runtime, *pid), weights.sum::<usize>() as u64);
            let (_, keeper) = runtime.registry_info("r").unwrap();
            let links = runtime.process_info(*pid).unwrap().links;
            assert_eq!(links.contains(&keeper), !keys.is_empty(), "rule R7");
        }
        assert_eq!(runtime.registry_len("r"), Ok(self.entries.len()));
    }
}

async fn play(context: Context, kind: RegistryKind, partitions: usize, steps: Arc<Vec<Step>>) -> ExitReason {
    let options = RegistryOptions { partitions, ..RegistryOptions::new("r", kind) };
    context.start_registry(options).unwrap();
    let spawn = || {
        let steps = steps.clone();
        child(&context, SpawnOptions::default(), move |context| worker(context, steps))
    };
    let mut pids: Vec<Pid> = (0..PROCESSES).map(|_| spawn()).collect();
    let mut model = Model { kind, entries: Vec::new() };
    for (number, step) in steps.iter().enumerate() {
        let (Step::Register { process, .. }
        | Step::Unregister { process, .. }
        | Step::Update { process, .. }
        | Step::Kill { process }) = *step;
        let pid = pids[process];
        let expected = model.step(*step, pid);
        if matches!(step, Step::Kill { .. }) {
            context.exit_process(pid, ExitReason::Kill);
            context.await_down(pid).await;
            pids[process] = spawn();
        } else {
            let done = context.call(&pid.into(), Bytes::from(term(&number)), None).await.unwrap();
            assert_eq!(decode::<bool>(&done).unwrap(), expected, "{step:?}");
        }
        model.check(&context, &pids);
    }
    pids.iter().for_each(|pid| context.exit_process(*pid, ExitReason::Kill));
    ExitReason::Normal
}

proptest! {
    #[test]
    fn r1_to_r10_and_r15_a_registry_is_what_a_list_is(
        seed in any::<u64>(), is_unique in any::<bool>(), partitions in 1..9_usize, steps in steps(),
    ) {
        let log = EventLog::default();
        let mut simulator = Simulator::new(seed, Box::new(log.clone()));
        let (kind, steps) =
            (if is_unique { RegistryKind::Unique } else { RegistryKind::Duplicate }, Arc::new(steps));
        let body = move |context| play(context, kind, partitions, steps);
        simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
        simulator.run();
        prop_assert_eq!(first_panic(&log.events()), None);
        prop_assert_eq!(simulator.runtime().process_count(), 0);
    }
}
