//! Playing scenarios: by native processes in the simulator, and by guests on a full node.

mod driver;
mod native;

use std::collections::BTreeMap;

use bytes::Bytes;
use regrow_otp::{
    Context, Destination, ExitReason, Pid, Reference, ReplyTo, Simulator, SpawnOptions, testing,
};
use regrow_scenario::{Scenario, Step};
use regrow_term::{decode, encode};
use serde::{Deserialize, Serialize};

use crate::node::TestNode;
use driver::play;

/// A pid in the form in which the SDK encodes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct WirePid {
    node: u32,
    slot: u32,
    incarnation: u32,
    nonce: u64,
}

/// An alias in the form in which the SDK encodes it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct WireAlias {
    pid: WirePid,
    reference: u64,
}

/// What a player is told.
pub(crate) type Command = regrow_scenario::wire::Command<WirePid, WireAlias>;

/// What a player says.
pub(crate) type Report = regrow_scenario::wire::Report<WirePid, WireAlias>;

impl From<Pid> for WirePid {
    fn from(pid: Pid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<WirePid> for Pid {
    fn from(pid: WirePid) -> Self {
        Self { node: pid.node, slot: pid.slot, incarnation: pid.incarnation, nonce: pid.nonce }
    }
}

impl From<ReplyTo> for WireAlias {
    fn from(alias: ReplyTo) -> Self {
        Self { pid: alias.pid.into(), reference: alias.reference.0 }
    }
}

impl From<WireAlias> for ReplyTo {
    fn from(alias: WireAlias) -> Self {
        Self { pid: alias.pid.into(), reference: Reference(alias.reference) }
    }
}

/// What a scenario observes, step by step.
pub type Trace = Vec<Vec<String>>;

/// Plays a scenario by native processes, in an order that `seed` decides, on so many simulated workers.
///
/// # Panics
/// If the scenario does not come to its end.
pub fn play_natively(scenario: &Scenario, seed: u64, workers: usize) -> Trace {
    let (done, trace) = std::sync::mpsc::channel();
    let mut simulator = Simulator::with_workers(seed, workers, Box::new(testing::EventLog::default()));
    let steps = scenario.steps.clone();
    let body = move |context: Context| async move {
        let prefix = "s_".to_owned();
        let driver = context.pid();
        let root = {
            let prefix = prefix.clone();
            context.spawn(SpawnOptions::default(), move |context| native::player(context, driver, prefix))
        };
        let played = match root {
            Ok((root, _)) => play(&context, root, &steps).await,
            Err(error) => vec![vec![error.to_string()]],
        };
        let _ = done.send(played);
        ExitReason::Normal
    };
    let spawned = simulator.runtime().spawn(SpawnOptions::default(), body);
    spawned.unwrap_or_else(|error| panic!("{error}"));
    simulator.run();
    trace.try_recv().unwrap_or_else(|_| panic!("the scenario does not come to its end: {scenario}"))
}

/// Plays scenarios by guests on one node with one worker, side by side: what they observe, in order.
///
/// # Panics
/// If a scenario does not come to its end.
pub fn play_by_guests(scenarios: &[Scenario]) -> Vec<Trace> {
    let node = TestNode::start_on_one_worker(
        r#"
        [supervisor]
        [[supervisor.children]]
        id = "conductor"
        component = "interpreter"
        entry = "conductor"
        name = "conductor"
        "#,
    );
    node.await_name("conductor");
    // Those that only wait for time to pass hardly cost anything: they begin first, all together.
    let is_timed = |scenario: &Scenario| scenario.steps.iter().any(|step| matches!(step, Step::Advance(_)));
    let (timed, quick): (Vec<usize>, Vec<usize>) =
        (0..scenarios.len()).partition(|index| is_timed(&scenarios[*index]));
    let mut traces: BTreeMap<usize, Trace> = BTreeMap::new();
    for indices in timed.chunks(16).chain(quick.chunks(32)) {
        let playing: Vec<_> = indices
            .iter()
            .map(|index| {
                let steps = scenarios[*index].steps.clone();
                let prefix = format!("s{index}_");
                (*index, node.start_native(move |context| play_guest(context, steps, prefix)))
            })
            .collect();
        traces.extend(playing.into_iter().map(|(index, trace)| (index, trace.wait())));
    }
    traces.into_values().collect()
}

async fn play_guest(context: Context, steps: Vec<Step>, prefix: String) -> Trace {
    let prefix = Bytes::from(encode(&prefix).unwrap_or_default());
    let root = context.call(&Destination::from("conductor"), prefix, None).await;
    let root = root.map_err(|error| error.to_string());
    match root.and_then(|root| decode::<WirePid>(&root).map_err(|error| error.to_string())) {
        Ok(root) => play(&context, root.into(), &steps).await,
        Err(error) => vec![vec![error]],
    }
}
