//! Registries under real threads (rules R2, R6, R14, R15, R16): a simulation never runs two processes at once.

use regrow_otp::testing::kept_bytes;
use regrow_otp::{
    Context, ExitReason, RandomSource, RegistryError, RegistryKind, RegistryOptions, SpawnOptions,
    SplitMix64, Topic,
};

use super::{NOW, term};
use crate::scheduler::ends_well_on_two_threads;
use crate::support::*;

const PROCESSES: u64 = 6;
const STEPS: usize = 2_000;
const KEYS: u64 = 5;

/// What may be the answer, whatever the others do.
fn fine<T>(result: Result<T, RegistryError>) {
    match result {
        Ok(_)
        | Err(
            RegistryError::AlreadyRegistered(_)
            | RegistryError::NotRegistered
            | RegistryError::WrongKind
            | RegistryError::LockedAlready,
        ) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Does anything to the registry. Those that are listeners, too, change it while they are told of changes.
async fn use_it(context: Context, seed: u64) -> ExitReason {
    let mut random = SplitMix64::new(seed);
    if seed.is_multiple_of(2) {
        // Two rounds of listeners: names of the dead are free at once.
        context.register(&format!("listener {}", seed % 4), context.pid()).ok();
    }
    for step in 0..STEPS {
        let key = term(&(random.next_u64() % KEYS));
        match random.next_u64() % 9 {
            0 | 1 => fine(context.register_key("r", &key, &term(&seed))),
            2 => fine(context.unregister_key("r", &key)),
            3 => fine(context.update_registered("r", &key, &term(&step))),
            4 => fine(context.runtime().lookup_key("r", &key, 100)),
            5 => fine(context.subscribe("r", &Topic::parse("to*").unwrap(), &term(&()))),
            6 => {
                if let Ok(mut broadcast) = context.broadcast("r", "topic", None, term(&step).into()) {
                    while broadcast.send_some(&context, 3) > 0 {}
                }
            }
            7 => {
                context.lock_key("r", &key).await.unwrap();
                context.yield_now().await;
                assert_eq!(context.unlock_key("r", &key), Ok(true));
            }
            _ => while context.receive(NOW).await.is_some() {},
        }
        if step % 16 == 0 {
            context.yield_now().await;
        }
    }
    ExitReason::Normal
}

async fn watch(context: Context, kind: RegistryKind, round: u64) -> ExitReason {
    let listeners = ["listener 0", "listener 2"].map(str::to_owned).to_vec();
    context.start_registry(RegistryOptions { listeners, ..RegistryOptions::new("r", kind) }).unwrap();
    let spawn = |seed| child(&context, SpawnOptions::default(), move |context| use_it(context, seed));
    let mut random = SplitMix64::new(round);
    let mut pids: Vec<_> = (0..PROCESSES).map(|number| spawn(round * PROCESSES + number)).collect();
    for _ in 0..PROCESSES {
        let victim = (random.next_u64() % PROCESSES) as usize;
        (0..random.next_u64() % 200).for_each(|_| drop(context.runtime().registry_len("r")));
        context.exit_process(pids[victim], ExitReason::Kill);
        context.await_down(pids[victim]).await;
        for key in 0..KEYS {
            let found = context.runtime().lookup_key("r", &term(&key), 100).unwrap();
            assert!(found.iter().all(|entry| entry.pid != pids[victim]), "rule R6");
        }
        pids[victim] = spawn(random.next_u64());
    }
    for pid in pids {
        context.await_down(pid).await;
    }
    assert_eq!(context.runtime().registry_len("r"), Ok(0));
    context.register_key("r", &term(&0), &term(&())).unwrap();
    context.unregister_key("r", &term(&0)).unwrap();
    assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
    ExitReason::Normal
}

#[test]
fn r2_r6_r14_r16_many_processes_on_two_threads_leave_a_registry_empty() {
    let kinds = [RegistryKind::Unique, RegistryKind::Duplicate];
    for (round, kind) in (0..4).flat_map(|round| kinds.map(|kind| (round, kind))) {
        ends_well_on_two_threads(&format!("{kind:?}, round {round}"), move |context| {
            watch(context, kind, round)
        });
    }
}
