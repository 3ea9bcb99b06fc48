//! Plays scenarios of tables, process groups and registries on native processes, in virtual time.

mod operations;
mod text;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::EventLog;
use regrow_otp::{
    Context, ExitReason, MessageKind, Pid, Received, RegistryKind, RegistryOptions, Simulator, SpawnOptions,
    SystemKind, SystemMessage,
};
use regrow_scenario::text::Scenario;
use regrow_term::{Term, decode};

use operations::Actor;
use text::show;

/// How long everything that a step has caused may take.
const QUIET: Duration = Duration::from_millis(10);

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Who is called what: also those who have ended.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<HashMap<Pid, String>>>);

impl Names {
    fn give(&self, pid: Pid, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pid, name.to_owned());
    }

    fn of(&self, pid: Pid) -> String {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&pid).cloned().unwrap_or_else(|| pid.to_string())
    }

    /// Sorted: where they come from there is no order.
    fn of_all(&self, pids: &[Pid]) -> String {
        let mut names: Vec<String> = pids.iter().map(|pid| self.of(*pid)).collect();
        names.sort();
        format!("[{}]", names.join(","))
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(String, String)>>>);

impl Lines {
    fn push(&self, name: &str, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), line));
    }

    fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Plays a scenario in the order of turns that `seed` decides; what is observed after each step.
///
/// # Panics
/// If the scenario makes no sense.
pub fn play_services(scenario: &Scenario, seed: u64) -> Vec<Vec<String>> {
    let mut player = Player::new(seed);
    scenario.steps.iter().map(|(step, _)| player.step(step)).collect()
}

struct Player {
    simulator: Simulator,
    pids: HashMap<&'static str, Pid>,
    names: Names,
    answers: Lines,
    messages: Lines,
}

impl Player {
    fn new(seed: u64) -> Self {
        let mut simulator = Simulator::new(seed, Box::new(EventLog::default()));
        let keeper = |context: Context| async move {
            for (name, kind) in [("u", RegistryKind::Unique), ("d", RegistryKind::Duplicate)] {
                let started = context.start_registry(RegistryOptions::new(name, kind));
                started.unwrap_or_else(|error| panic!("{error}"));
            }
            context.start_scope("s").unwrap_or_else(|error| panic!("{error}"));
            context.receive_matching(None, |_| false).await;
            ExitReason::Normal
        };
        spawn(&simulator, keeper);
        simulator.run_for(QUIET);
        let (names, answers, messages) = Default::default();
        let mut player = Self { simulator, pids: HashMap::new(), names, answers, messages };
        NAMES.iter().for_each(|name| player.spawn(name));
        player
    }

    fn spawn(&mut self, name: &'static str) {
        let (names, answers, messages) = (self.names.clone(), self.answers.clone(), self.messages.clone());
        let body = move |context| actor(context, name, names, answers, messages);
        let pid = spawn(&self.simulator, body);
        self.names.give(pid, name);
        self.pids.insert(name, pid);
    }

    fn step(&mut self, step: &str) -> Vec<String> {
        let (actor, operation) = step.split_once(' ').unwrap_or_else(|| panic!("no step: {step}"));
        let name_of = |name: &str| NAMES.into_iter().find(|known| *known == name);
        if actor == "kill" {
            let name = name_of(operation).unwrap_or_else(|| panic!("nobody is called {operation}"));
            self.simulator.runtime().exit(self.pids[name], ExitReason::Kill);
            self.simulator.run_for(QUIET);
            self.spawn(name);
        } else {
            let pid = self.pids[name_of(actor).unwrap_or_else(|| panic!("nobody is called {actor}"))];
            let pids = self.pids.clone();
            let operation = operation.to_owned();
            spawn(&self.simulator, move |context: Context| async move {
                let pids: Vec<(String, Term)> =
                    pids.into_iter().map(|(name, pid)| (name.to_owned(), pid.to_term())).collect();
                let request = regrow_term::encode(&(operation, pids)).unwrap_or_default();
                let sent = context.send_nosuspend(&pid.into(), MessageKind::Cast, Bytes::from(request));
                sent.unwrap_or_else(|error| panic!("{error}"));
                ExitReason::Normal
            });
        }
        self.simulator.run_for(QUIET);
        let mut got = self.messages.take();
        got.sort_by(|(one, _), (other, _)| one.cmp(other));
        let answer = self.answers.take().into_iter().map(|(_, answer)| answer);
        answer.chain(got.into_iter().map(|(name, line)| format!("{name} got {line}"))).collect()
    }
}

fn spawn<F, B>(simulator: &Simulator, body: F) -> Pid
where
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = ExitReason> + Send + 'static,
{
    simulator.runtime().spawn(SpawnOptions::default(), body).unwrap_or_else(|error| panic!("{error}"))
}

/// Does what it is told, and tells what it gets.
async fn actor(
    context: Context,
    name: &'static str,
    names: Names,
    answers: Lines,
    messages: Lines,
) -> ExitReason {
    let mut actor = Actor::new(context, names.clone());
    loop {
        match actor.context().receive(None).await {
            Some(Received::Message(message)) => {
                let (operation, pids): (String, Vec<(String, Term)>) =
                    decode(&message.payload).unwrap_or_else(|error| panic!("{error}"));
                let pids = pids.into_iter().map(|(name, pid)| (name, pid_of(&pid))).collect();
                answers.push(name, actor.perform(&operation, &pids).unwrap_or_else(|| "badarg".to_owned()));
            }
            Some(Received::System(system)) => messages.push(name, told(&system, &names)),
            other => panic!("{other:?}"),
        }
    }
}

fn told(system: &SystemMessage, names: &Names) -> String {
    let Ok(Term::List(parts)) = decode(&system.payload) else { panic!("{:?}", system.payload) };
    let change = |word: &str| {
        let [Term::Text(group), Term::List(pids)] = parts.as_slice() else { panic!("{parts:?}") };
        let pids: Vec<Pid> = pids.iter().map(pid_of).collect();
        format!("{word} {group} {}", names.of_all(&pids))
    };
    match system.kind {
        SystemKind::TableTransfer => format!("transfer {} {}", names.of(system.from), show(&parts[1])),
        SystemKind::GroupJoin => change("join"),
        SystemKind::GroupLeave => change("leave"),
        ref other => panic!("{other:?}"),
    }
}

/// The process that a term stands for.
fn pid_of(term: &Term) -> Pid {
    let Term::Map(entries) = term else { panic!("no pid: {term}") };
    let field = |name: &str| {
        let entry = entries.iter().find(|(key, _)| *key == Term::from(name));
        match entry {
            Some((_, Term::Integer(number))) => u64::try_from(*number).unwrap_or_default(),
            _ => panic!("no pid: {term}"),
        }
    };
    let narrow = |name| u32::try_from(field(name)).unwrap_or_default();
    Pid {
        node: narrow("node"),
        slot: narrow("slot"),
        incarnation: narrow("incarnation"),
        nonce: field("nonce"),
    }
}
