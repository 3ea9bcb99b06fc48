//! Random trees under random kills and random orders: whatever happens, in the end the right children are alive, in
//! order, never two of one id, and nobody is left behind.

use std::collections::HashSet;

use proptest::strategy::Strategy as Generator;

use super::*;

/// A random tree: a worker, or a supervisor with children.
#[derive(Clone, Debug)]
enum Plant {
    Worker,
    Supervisor(Strategy, Vec<Plant>),
}

fn plants() -> impl Generator<Value = Plant> {
    let strategy = prop::sample::select(vec![Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]);
    Just(Plant::Worker).boxed().prop_recursive(3, 24, 4, move |inner| {
        let children = prop::collection::vec(inner, 0..5);
        (strategy.clone(), children).prop_map(|(strategy, children)| Plant::Supervisor(strategy, children))
    })
}

/// Starts a child that has no name: nothing but its supervisor keeps a second one from running.
struct Unnamed(String);

impl StartChild for Unnamed {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let entry = Some(self.0.as_str().into());
        let options = SpawnOptions { link: true, init_ack: Some(ack), entry, ..Default::default() };
        let (pid, _) = supervisor.spawn(options, move |context| follow(context, Script::Run))?;
        Ok(Started { pid, acknowledges: true })
    }
}

fn grow(path: &str, plant: &Plant) -> ChildSpec {
    let id = path.rsplit('/').next().unwrap().to_owned();
    match plant {
        Plant::Worker => ChildSpec::worker(id, Arc::new(Unnamed(path.to_owned()))),
        Plant::Supervisor(..) => ChildSpec::supervisor(id, Arc::new(supervisor(path, plant))),
    }
}

fn supervisor(path: &str, plant: &Plant) -> SupervisorSpec {
    let Plant::Supervisor(strategy, children) = plant else { panic!("a supervisor") };
    let children = children.iter().enumerate().map(|(n, child)| grow(&format!("{path}/{n}"), child));
    SupervisorSpec::new(path, None, flags(*strategy, 1_000_000), children.collect()).unwrap()
}

/// The paths of all processes, in start order within each supervisor.
fn paths(path: &str, plant: &Plant, all: &mut Vec<String>) {
    all.push(path.to_owned());
    if let Plant::Supervisor(_, children) = plant {
        children.iter().enumerate().for_each(|(n, child)| paths(&format!("{path}/{n}"), child, all));
    }
}

/// What the events say: who lives, by path and in the order of birth.
fn living(events: &[Event]) -> Vec<(String, Pid)> {
    let mut alive: Vec<(String, Pid)> = Vec::new();
    for event in events {
        match event {
            Event::Spawned { pid, identity } => {
                let path = identity.entry.as_deref().unwrap_or("?").to_owned();
                if path.starts_with('t') {
                    alive.push((path, *pid));
                }
            }
            Event::Exited(exited) => alive.retain(|(_, pid)| *pid != exited.pid),
            _ => {}
        }
    }
    alive
}

/// Children of group strategies are born in order.
fn check_order(path: &str, plant: &Plant, born: &[(String, Pid)]) {
    let Plant::Supervisor(strategy, children) = plant else { return };
    let births =
        (0..children.len()).map(|n| born.iter().position(|(p, _)| *p == format!("{path}/{n}")).unwrap());
    let births: Vec<usize> = births.collect();
    if *strategy != Strategy::OneForOne {
        assert!(births.is_sorted(), "{path}: {births:?}");
    }
    children.iter().enumerate().for_each(|(n, child)| check_order(&format!("{path}/{n}"), child, born));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_forest_is_whole_after_a_storm(
        seed: u64,
        children in prop::collection::vec(plants(), 1..5),
        root in prop::sample::select(vec![Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
        storm in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, 0u8..10), 1..25),
    ) {
        let plant = Plant::Supervisor(root, children);
        let mut tree = Tree::start_spec(seed, |_| supervisor("t", &plant));
        let mut expected = Vec::new();
        paths("t", &plant, &mut expected);
        for (victim, steps, kind) in storm {
            let alive = tree.simulator.runtime().processes().into_iter();
            let alive: Vec<Pid> = alive.filter(|pid| *pid != tree.root).collect();
            if !alive.is_empty() {
                let victim = alive[victim.index(alive.len())];
                let reason = if kind < 4 { ExitReason::Kill } else { oops() };
                tree.simulator.runtime().exit(victim, reason);
            }
            for _ in 0..steps {
                tree.simulator.step();
            }
        }
        tree.run_for(1_000);
        prop_assert!(tree.is_alive());
        let born = living(&tree.events.events());
        let mut alive: Vec<String> = born.iter().map(|(path, _)| path.clone()).collect();
        alive.sort();
        expected.sort();
        prop_assert_eq!(&alive, &expected, "the right children, each once");
        let pids: HashSet<Pid> = born.iter().map(|(_, pid)| *pid).collect();
        let there: HashSet<Pid> = tree.simulator.runtime().processes().into_iter().collect();
        prop_assert_eq!(there, pids, "no orphan");
        check_order("t", &plant, &born);
        let root = tree.root;
        tree.simulator.runtime().exit(root, ExitReason::Shutdown);
        tree.simulator.run();
        prop_assert_eq!(tree.simulator.runtime().process_count(), 0, "and nobody stays behind");
    }
}
