//! Processes that use everything that is shared, and one of them that dies at every possible step: nothing of it is left, nobody
//! waits for it for ever, and nobody is charged for it (rules P8, E17, E25, PG3, PG5, R6, R7, R16).

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use regrow_otp::testing::{EventLog, blobs, first_panic, running_timers, wrong_budgets};
use regrow_otp::{
    Access, Budget, Context, ExitReason, GroupError, Heir, MessageKind, Pid, RegistryError, RegistryKind,
    RegistryOptions, Resource, Simulator, SpawnOptions, TableError, TableId, TableOptions, Topic,
};
use regrow_term::{Term, encode};

const WORKERS: usize = 3;
const ROUNDS: usize = 2;

fn term<T: serde::Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(value).unwrap()
}

/// What the processes of a run are.
#[derive(Clone, Default)]
struct Cast(Arc<Mutex<Vec<(Pid, bool)>>>);

impl Cast {
    fn enter(&self, pid: Pid) {
        self.0.lock().unwrap().push((pid, false));
    }

    fn done(&self, pid: Pid) {
        self.0.lock().unwrap().iter_mut().filter(|(of, _)| *of == pid).for_each(|(_, done)| *done = true);
    }
}

/// Keeps a registry of each kind, a scope and a table that the director inherits.
async fn keeper(context: Context, director: Pid) -> ExitReason {
    let heir = Some(Heir { pid: director, data: Bytes::from(term("heritage")) });
    let options =
        TableOptions { name: Some("t".into()), access: Access::Public, heir, ..TableOptions::default() };
    context.create_table(options).unwrap();
    context.start_scope("s").unwrap();
    for (name, kind) in [("u", RegistryKind::Unique), ("d", RegistryKind::Duplicate)] {
        context.start_registry(RegistryOptions::new(name, kind)).unwrap();
        context.yield_now().await;
    }
    context.receive_matching(None, |_| false).await;
    ExitReason::Normal
}

/// What a worker may find while the keeper dies.
fn fine<T>(result: Result<T, RegistryError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(RegistryError::NoRegistry) => None,
        Err(error) => panic!("{error}"),
    }
}

fn fine_table<T>(result: Result<T, TableError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(TableError::NoTable | TableError::NoKey) => None,
        Err(error) => panic!("{error}"),
    }
}

fn fine_group<T>(result: Result<T, GroupError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(GroupError::NoScope | GroupError::NoProc(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn worker(context: Context, cast: Cast, number: usize) -> ExitReason {
    context.set_trap_exit(true);
    let own = context.pid();
    for round in 0..ROUNDS {
        fine(context.lock_key("u", &term("all")).await);
        let key = term(&number);
        let registered = fine(context.register_key("u", &key, &term(&round)));
        context.yield_now().await;
        fine(context.register_key("d", &term("everybody"), &key));
        fine(context.subscribe("d", &Topic::parse("news*").unwrap(), &key));
        fine_group(context.join_group("s", &term("g"), &[own, own]));
        fine_group(context.monitor_group("s", &term("g")).map(drop));
        context.yield_now().await;
        let blob = context.create_blob(Bytes::from(vec![0; 100])).unwrap();
        let handle = term(&Term::Bytes(blob.to_handle()));
        if let Some(table) = context.runtime().table_named("t").and_then(|id| context.table(id).ok()) {
            fine_table(table.fix());
            fine_table(table.insert(&[(&key, &handle), (&term(&(number + 10)), &handle)]));
            context.yield_now().await;
            fine_table(table.delete(&key));
            table.unfix();
        }
        let private = context.create_table(TableOptions::default()).unwrap();
        context.table(private).unwrap().insert(&[(&key, &handle)]).unwrap();
        context.release_blob(blob);
        context.yield_now().await;
        if let Some(mut broadcast) =
            fine(context.broadcast("d", "newspaper", None, Bytes::from(handle.clone())))
        {
            while broadcast.send_some(&context, 1) > 0 {
                context.yield_now().await;
            }
        }
        for other in context.runtime().group_members("s", &term("g")).unwrap_or_default() {
            let sent = context.send_nosuspend(&other.into(), MessageKind::Info, Bytes::from(handle.clone()));
            assert!(sent.is_ok(), "{sent:?}");
        }
        if registered.is_some() {
            fine(context.update_registered("u", &key, &handle));
        }
        context.yield_now().await;
        fine(context.unregister_key("u", &key));
        fine_group(context.leave_group("s", &term("g"), &[own]).map(drop));
        fine(context.unlock_key("u", &term("all")));
    }
    cast.done(own);
    ExitReason::Normal
}

/// Brings all of them to life, and waits until they have ended.
async fn director(context: Context, cast: Cast) -> ExitReason {
    context.set_trap_exit(true);
    let own = context.pid();
    let (keeper, _) = context.spawn(SpawnOptions::default(), move |context| keeper(context, own)).unwrap();
    cast.enter(keeper);
    while context.runtime().registry_info("d").is_err() && context.runtime().is_alive(keeper) {
        context.yield_now().await;
    }
    for number in 0..WORKERS {
        let of_worker = cast.clone();
        let body = move |context| worker(context, of_worker, number);
        let (pid, _) = context.spawn(SpawnOptions::default(), body).unwrap();
        cast.enter(pid);
    }
    let all: Vec<Pid> = cast.0.lock().unwrap().iter().map(|(pid, _)| *pid).collect();
    for worker in &all[1..] {
        context.await_down(*worker).await;
    }
    // What the ended have left: in the table of the keeper, and nowhere else.
    let runtime = context.runtime();
    for registry in ["u", "d"] {
        assert_eq!(runtime.registry_len(registry).unwrap_or(0), 0);
    }
    assert!(runtime.groups("s").unwrap_or_default().is_empty());
    context.exit_process(keeper, ExitReason::Kill);
    context.await_down(keeper).await;
    // The keepers of the registries end with him.
    while ["u", "d"].iter().any(|registry| runtime.registry_info(registry).is_ok()) {
        context.yield_now().await;
    }
    let inherited: Vec<TableId> = runtime.table_named("t").into_iter().collect();
    for id in inherited {
        let table = context.table(id).unwrap();
        assert!(!table.info().unwrap().fixed);
        let _or_it_is_the_keepers = table.delete_table();
    }
    assert_eq!(blobs(runtime), 0);
    let memory = runtime.budgets(own).into_iter().flat_map(|budget| budget.resources);
    let memory: Vec<u64> = memory.filter(|of| of.resource == Resource::Memory).map(|of| of.used).collect();
    assert_eq!(memory, [0], "somebody is still charged");
    ExitReason::Normal
}

/// Plays it with the death of one of them at a step; whether there was such a step.
fn play(seed: u64, victim: usize, step: usize) -> bool {
    let log = EventLog::default();
    let mut simulator = Simulator::new(seed, Box::new(log.clone()));
    let cast = Cast::default();
    let of_director = cast.clone();
    let options = SpawnOptions { budget: Some(("all".into(), Budget::default())), ..SpawnOptions::default() };
    let body = move |context| director(context, of_director);
    simulator.runtime().spawn(options, body).unwrap();
    let mut steps = 0;
    while steps < step && simulator.step() {
        steps += 1;
    }
    let killed = cast.0.lock().unwrap().get(victim).map(|(pid, _)| *pid);
    if let Some(pid) = killed {
        simulator.runtime().exit(pid, ExitReason::Kill);
    }
    simulator.run();
    let place = format!("seed {seed}, victim {victim}, step {step}");
    assert_eq!(first_panic(&log.events()), None, "{place}");
    let runtime = simulator.runtime();
    assert_eq!(runtime.process_count(), 0, "{place}: somebody waits for ever");
    assert_eq!((runtime.named_tables(), running_timers(runtime)), (vec![], 0), "{place}");
    assert_eq!(wrong_budgets(runtime), None, "{place}");
    for (pid, done) in cast.0.lock().unwrap().iter().skip(1) {
        assert!(*done || Some(*pid) == killed, "{place}: {pid} has not come to its end");
    }
    steps == step
}

#[test]
fn whoever_dies_at_whatever_step_leaves_nothing_behind() {
    for seed in 0..4 {
        for victim in 0..=WORKERS {
            let played = (0..400).take_while(|step| play(seed, victim, *step)).count();
            assert!(played > 50, "{played} steps");
        }
    }
}
