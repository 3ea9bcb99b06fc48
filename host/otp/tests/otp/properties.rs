//! Random programs of many processes: whatever they do to each other, the invariants hold at the end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use regrow_otp::testing::{EventLog, first_panic, running_timers, wrong_accounts, wrong_budgets};
use regrow_otp::{
    AliasMode, Budget, Context, Destination, Event, ExitReason, Flag, MessageKind, MonitorAlias,
    MonitorOptions, Pid, RandomSource, Received, Simulator, SpawnOptions, SplitMix64, WhenFull,
};

use crate::support::{oops, settle};

/// What the processes of a run know of each other, and count.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    pids: Vec<Pid>,
    /// Monitors that were made and not removed, by the process that holds them.
    open_monitors: HashMap<Pid, u64>,
    downs: HashMap<Pid, u64>,
    /// The number of the last message from one process to another.
    /// Processes that members have spawned.
    spawned: u64,
    sent: HashMap<(Pid, Pid), u64>,
    received: HashMap<(Pid, Pid), u64>,
}

impl World {
    fn pick(&self, random: &mut SplitMix64) -> Pid {
        let shared = self.0.lock().unwrap();
        shared.pids[random.next_u64() as usize % shared.pids.len()]
    }
}

async fn member(context: Context, world: World, seed: u64, steps: u32) -> ExitReason {
    let mut random = SplitMix64::new(seed);
    context.set_trap_exit(random.next_u64().is_multiple_of(2));
    let own = context.pid();
    let (mut monitors, mut timers) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let peer = world.pick(&mut random);
        match random.next_u64() % 19 {
            0 => {
                if context.link(peer).is_err() {
                    return ExitReason::NoProc;
                }
            }
            1 => context.unlink(peer),
            2 if peer != own => {
                monitors.push(context.monitor(peer.into()).unwrap());
                *world.0.lock().unwrap().open_monitors.entry(own).or_default() += 1;
            }
            3 if random.next_u64().is_multiple_of(8) => context.exit_process(peer, oops()),
            4 if random.next_u64().is_multiple_of(16) => context.exit_process(peer, ExitReason::Kill),
            5 | 6 => {
                let number = {
                    let mut shared = world.0.lock().unwrap();
                    let last = shared.sent.entry((own, peer)).or_default();
                    *last += 1;
                    *last
                };
                let payload = Bytes::copy_from_slice(&number.to_le_bytes());
                context.send_nosuspend(&Destination::Pid(peer), MessageKind::Info, payload).unwrap();
            }
            7 => {
                let after = Duration::from_millis(random.next_u64() % 5);
                timers.push(context.start_timer(after, peer.into(), Bytes::new()).unwrap());
            }
            8 => {
                context.register(&format!("name-{}", random.next_u64() % 5), own).ok();
            }
            9 => {
                let removed = monitors.pop().is_some_and(|monitor| context.demonitor(monitor, false));
                if removed {
                    *world.0.lock().unwrap().open_monitors.entry(own).or_default() -= 1;
                }
            }
            10 => {
                let name = Destination::Name(format!("name-{}", random.next_u64() % 5));
                timers.extend(context.send_after(
                    Duration::from_millis(random.next_u64() % 50),
                    name,
                    Bytes::new(),
                ));
            }
            11 => {
                if let Some(timer) = timers.pop() {
                    let left = context.read_timer(timer);
                    assert_eq!(context.cancel_timer(timer), left, "P58: reading says what cancelling says");
                    assert_eq!(context.cancel_timer(timer), None, "P57");
                }
            }
            12 => {
                let timeout = Some(Duration::from_millis(random.next_u64() % 3));
                // Nobody answers: it is the timeout, or the end of the other one.
                assert!(context.call(&peer.into(), Bytes::new(), timeout).await.is_err());
            }
            13 => {
                let options = MonitorOptions { alias: Some(MonitorAlias::ReplyDemonitor), tag: None };
                let reference = context.monitor_with(peer.into(), options).unwrap();
                if peer != own {
                    *world.0.lock().unwrap().open_monitors.entry(own).or_default() += 1;
                    let removed = context.demonitor(reference, true);
                    // It may have fired at once: then its DOWN has been flushed.
                    let _ = removed;
                    *world.0.lock().unwrap().open_monitors.entry(own).or_default() -= 1;
                }
                let alias = context.alias(AliasMode::Reply).unwrap();
                for _ in 0..2 {
                    context.send_to_alias(alias, MessageKind::Info, Bytes::new()).await.unwrap();
                }
                context.unalias(alias.reference);
            }
            14 => {
                // Refused or not: what is charged is what is there.
                context.set_flag(Flag::WhenFull(WhenFull::DropNewest)).unwrap();
                context.set_flag(Flag::MailboxMessages(random.next_u64() % 4)).unwrap();
                context.send(&own.into(), MessageKind::Info, Bytes::from_static(b"note")).await.unwrap();
                context.set_flag(Flag::MailboxMessages(100_000)).unwrap();
                context.set_flag(Flag::WhenFull(WhenFull::Reject)).unwrap();
            }
            15 => {
                let budget = random.next_u64().is_multiple_of(2).then(|| ("child".into(), Budget::default()));
                let options = SpawnOptions { link: true, budget, ..Default::default() };
                let child = context.spawn(options, |_| async { ExitReason::Normal });
                world.0.lock().unwrap().spawned += u64::from(child.is_ok());
            }
            _ => {
                let received = context.receive(Some(Duration::from_millis(random.next_u64() % 3))).await;
                note(&world, own, received);
            }
        }
        context.checkpoint().await;
    }
    // Long enough for everything that was sent to have arrived.
    while let Some(received) = context.receive(Some(Duration::from_millis(100))).await {
        note(&world, own, Some(received));
    }
    // What the process knows of itself at its quietest moment, for the check of the others.
    context.receive(Some(Duration::from_secs(10))).await;
    ExitReason::Normal
}

fn note(world: &World, own: Pid, received: Option<Received>) {
    let mut shared = world.0.lock().unwrap();
    match received {
        Some(Received::Down { .. }) => *shared.downs.entry(own).or_default() += 1,
        Some(Received::Message(message)) if message.payload.len() == 8 => {
            let number = u64::from_le_bytes(message.payload[..].try_into().unwrap());
            let last = shared.received.entry((message.from, own)).or_default();
            assert_eq!(number, *last + 1, "P48: messages of one sender arrive all and in order");
            *last = number;
        }
        _ => {}
    }
}

/// Says how a run that failed is had again.
struct Replay(String);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to have it again: {}", self.0);
        }
    }
}

fn run(seed: u64, processes: u64, steps: u32, workers: usize) {
    let _replay = Replay(format!("run({seed}, {processes}, {steps}, {workers})"));
    let events = EventLog::default();
    let mut simulator = Simulator::with_workers(seed, workers, Box::new(events.clone()));
    let world = World::default();
    for index in 0..processes {
        let known = world.clone();
        let body = move |context: Context| async move {
            // Until all are there.
            settle(&context).await;
            member(context, known, seed ^ (index << 32), steps).await
        };
        let share = 1 + (seed ^ index) as u32 % 200;
        let budget = Budget { share, ..Budget::default() };
        let budget = (index % 3 == 0).then(|| ("member".into(), budget));
        let pid = simulator.runtime().spawn(SpawnOptions { budget, ..Default::default() }, body).unwrap();
        world.0.lock().unwrap().pids.push(pid);
    }
    simulator.run_for(Duration::from_secs(5));

    let runtime = simulator.runtime().clone();
    let living = runtime.processes();
    let shared = world.0.lock().unwrap();
    for pid in &living {
        let info = runtime.process_info(*pid).unwrap();
        for peer in &info.links {
            let of_peer = runtime.process_info(*peer).expect("P28: a dead peer is in nobody's links").links;
            assert!(of_peer.contains(pid), "P24: {pid} is linked to {peer}, but not the other way round");
        }
        let held = info.monitors.len() as u64;
        let made = shared.open_monitors.get(pid).copied().unwrap_or(0);
        let downs = shared.downs.get(pid).copied().unwrap_or(0);
        assert_eq!(made, held + downs, "P30: every monitor of {pid} is held or was reported, once");
        for watcher in &info.monitored_by {
            assert!(living.contains(watcher), "P40: a dead watcher is in nobody's monitored_by");
        }
    }
    for (name, owner) in runtime.registered() {
        assert!(living.contains(&owner), "P71: {name} belongs to the dead");
    }
    assert_eq!(wrong_accounts(&runtime), None);
    assert_eq!(wrong_budgets(&runtime), None);
    assert_eq!(runtime.balance().error(), None);
    let exits = events.events().iter().filter(|event| matches!(event, Event::Exited(_))).count();
    let all = processes + shared.spawned;
    assert_eq!((exits + living.len()) as u64, all, "each process ends once");
    drop(shared);
    simulator.run();
    assert_eq!(simulator.runtime().process_count(), 0, "nobody is left");
    assert!(simulator.runtime().registered().is_empty(), "no name is left");
    assert_eq!(running_timers(simulator.runtime()), 0, "no timer is left");
    assert_eq!(first_panic(&events.events()), None);
    let end = runtime.balance();
    assert_eq!((end.error(), end.live, end.waiting), (None, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_keep_the_invariants(
        seed in any::<u64>(), processes in 2u64..30, steps in 1u32..60, workers in 1usize..5,
    ) {
        run(seed, processes, steps, workers);
    }
}

/// For how long larger random programs are tried; `REGROW_SOAK_SECONDS` says otherwise.
const SOAK: Duration = Duration::from_secs(30);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Up to three thousand processes, on one simulated worker or several. `REGROW_SOAK_SEED` is the first seed.
#[test]
fn thousands_of_processes_keep_the_invariants_for_a_while() {
    let duration = setting("REGROW_SOAK_SECONDS").map_or(SOAK, Duration::from_secs);
    let first = setting("REGROW_SOAK_SEED").unwrap_or(2026);
    let start = std::time::Instant::now();
    let mut seed = first;
    while seed == first || start.elapsed() < duration {
        let mut random = SplitMix64::new(seed);
        let processes = 2 + random.next_u64() % [30, 300, 3000][(seed % 3) as usize];
        let steps = 1 + (random.next_u64() % 60) as u32;
        run(seed, processes, steps, 1 + (random.next_u64() % 4) as usize);
        seed += 1;
    }
    println!("{} programs, from seed {first}", seed - first);
}
