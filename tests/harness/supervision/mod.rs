//! Plays scenarios of supervisors on native processes, in virtual time.

mod answers;
mod children;
mod observed;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use regrow_otp::supervisor::{AutoShutdown, Strategy, SupFlags};
use regrow_otp::{
    Context, ExitReason, MessageKind, Pid, Received, RegisterError, Simulator, SpawnError, SpawnOptions,
    StartOutcome,
};
use regrow_scenario::supervision::is_dynamic;
use regrow_scenario::text::Scenario;

use answers::ask;
use children::{Declared, declared, show_spec_error};
use observed::{Shared, Sink, parse_reason};

/// When nothing has been observed for so long, nothing will be: longer than any timeout of a scenario.
const QUIET: Duration = Duration::from_millis(40);

/// A step that takes longer, in rounds of `QUIET`, hangs.
const MAX_ROUNDS: u32 = 1_000;

/// Plays a scenario in the order of turns that `seed` decides; what is observed after each step.
///
/// # Panics
/// If the scenario makes no sense.
pub fn play_supervision(scenario: &Scenario, seed: u64) -> Vec<Vec<String>> {
    let shared = Arc::new(Shared::default());
    let simulator = Simulator::new(seed, Box::new(Sink(shared.clone())));
    let mut player = Player { simulator, shared, is_dynamic: is_dynamic(scenario) };
    scenario.steps.iter().map(|(step, _)| player.step(step)).collect()
}

struct Player {
    simulator: Simulator,
    shared: Arc<Shared>,
    is_dynamic: bool,
}

/// A result that comes when whoever was asked has answered.
type Pending = Arc<Mutex<Option<String>>>;

impl Player {
    /// Takes a step and waits until nothing moves any more; what was observed.
    fn step(&mut self, step: &str) -> Vec<String> {
        let words: Vec<&str> = step.split(' ').collect();
        let result = self.act(&words);
        for round in 0.. {
            assert!(round < MAX_ROUNDS, "{step}: it does not come to rest");
            let before = self.shared.lock().lines.len();
            self.simulator.run_for(QUIET);
            let is_done = result.as_ref().is_none_or(|result| lock(result).is_some());
            if is_done && self.shared.lock().lines.len() == before {
                break;
            }
        }
        let mut observed = std::mem::take(&mut self.shared.lock().lines);
        if self.is_dynamic || words[0] == "kill_sup" {
            let is_end = |line: &String| line.starts_with("end ");
            let (mut ends, others): (Vec<String>, Vec<String>) = observed.into_iter().partition(is_end);
            ends.sort();
            observed = ends.into_iter().chain(others).collect();
        }
        if self.is_dynamic {
            merge_shutdown_errors(&mut observed);
        }
        observed.extend(result.and_then(|result| lock(&result).take()));
        observed
    }

    fn act(&mut self, words: &[&str]) -> Option<Pending> {
        match *words {
            ["sup", name, strategy, intensity, period, auto] => {
                self.declare(name, strategy, intensity, period, auto)
            }
            ["child", s, ref child @ ..] => {
                let child = Declared::parse(child);
                self.shared.lock().children.entry(s.to_owned()).or_default().push(child);
            }
            ["start", s] => return Some(self.start_root(s)),
            ["stop", s, reason] => {
                let owner = self.shared.lock().owners.get(s).copied();
                match owner.filter(|_| self.live(s).is_some()) {
                    Some(owner) => self.tell(owner, reason),
                    None => self.shared.note(format!("{s} unavailable")),
                }
            }
            ["tell", id, _] if self.shared.lock().flags.contains_key(id) => {
                self.shared.note(format!("{id} unavailable"));
            }
            ["tell", id, reason] => {
                if let Some(pid) = self.available(id) {
                    self.tell(pid, reason);
                }
            }
            ["kill" | "kill_sup", id] => {
                if let Some(pid) = self.available(id) {
                    self.simulator.runtime().exit(pid, ExitReason::Kill);
                }
            }
            ["together", ref ends @ ..] => {
                for (id, reason) in ends.iter().filter_map(|end| end.split_once(':')) {
                    if let Some(pid) = self.available(id) {
                        self.tell(pid, reason);
                        self.simulator.run_only(pid);
                    }
                }
            }
            ["advance", ms] => {
                self.simulator.run_for(Duration::from_millis(ms.parse().expect("milliseconds")))
            }
            [operation, s, ref arguments @ ..] => return Some(self.manage(operation, s, arguments)),
            _ => panic!("no step: {words:?}"),
        }
        None
    }

    fn declare(&self, name: &str, strategy: &str, intensity: &str, period: &str, auto: &str) {
        let strategy = Strategy::ALL.iter().find(|(known, _)| *known == strategy);
        let auto = AutoShutdown::ALL.iter().find(|(known, _)| *known == auto);
        let flags = SupFlags {
            strategy: strategy.unwrap_or_else(|| panic!("no strategy of {name}")).1,
            intensity: intensity.parse().expect("an intensity"),
            period: Duration::from_secs(period.parse().expect("a period")),
            auto_shutdown: auto.unwrap_or_else(|| panic!("no auto_shutdown of {name}")).1,
        };
        self.shared.lock().flags.insert(name.to_owned(), flags);
    }

    fn live(&self, id: &str) -> Option<Pid> {
        let pid = self.shared.lock().pids.get(id).copied()?;
        self.simulator.runtime().is_alive(pid).then_some(pid)
    }

    fn available(&self, id: &str) -> Option<Pid> {
        let pid = self.live(id);
        if pid.is_none() {
            self.shared.note(format!("{id} unavailable"));
        }
        pid
    }

    fn tell(&mut self, pid: Pid, text: &str) {
        let text = text.to_owned();
        let teller = move |context: Context| async move {
            let _ = context.send(&pid.into(), MessageKind::Info, text.into()).await;
            ExitReason::Normal
        };
        let teller = self.simulator.runtime().spawn(SpawnOptions::default(), teller).expect("a process");
        // Before anybody else runs: the step is about what follows.
        self.simulator.run_only(teller);
    }

    /// Starts a root below an owner, which stops it when it is told to.
    fn start_root(&mut self, s: &str) -> Pending {
        let (result, shared, name) = (Pending::default(), self.shared.clone(), s.to_owned());
        let spec = match declared(s, &self.shared) {
            Ok(spec) => spec,
            Err(error) => {
                *lock(&result) = Some(format!("failed {{start_spec,{}}}", show_spec_error(&error)));
                return result;
            }
        };
        let place = result.clone();
        let owner = move |context: Context| async move {
            // A root has a name, as on the BEAM.
            let options = SpawnOptions { link: true, name: Some(name.clone()), ..spec.spawn_options() };
            let outcome = context.start(options, None, |context, options| {
                let (pid, monitor) = spec.spawn(context, options)?;
                shared.has_started(&name, pid);
                Ok((pid, monitor))
            });
            let outcome = outcome.await;
            let (said, pid) = match outcome {
                Ok(StartOutcome::Started { pid, .. }) => ("started".to_owned(), Some(pid)),
                Ok(StartOutcome::Failed(reason)) => (format!("failed {}", shared.reason(&reason)), None),
                Err(SpawnError::Name(RegisterError::NameTaken(_))) => {
                    (format!("failed {{already_started,{name}}}"), None)
                }
                other => (format!("{other:?}"), None),
            };
            *lock(&place) = Some(said);
            loop {
                if let (Some(Received::Message(message)), Some(pid)) = (context.receive(None).await, pid) {
                    context.exit_process(pid, parse_reason(&String::from_utf8_lossy(&message.payload)));
                }
            }
        };
        let options = SpawnOptions { trap_exit: true, ..SpawnOptions::default() };
        let owner = self.simulator.runtime().spawn(options, owner).expect("a process");
        self.shared.lock().owners.insert(s.to_owned(), owner);
        result
    }

    fn manage(&mut self, operation: &str, s: &str, arguments: &[&str]) -> Pending {
        let (result, shared) = (Pending::default(), self.shared.clone());
        let supervisor = self.live(s);
        let mut instances = arguments.iter().filter_map(|word| word.strip_prefix('@'));
        if let Some(name) = instances.find(|name| !self.shared.lock().pids.contains_key(*name)) {
            *lock(&result) = Some(format!("{name} unavailable"));
            return result;
        }
        let operation = operation.to_owned();
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let place = result.clone();
        let asker = move |context: Context| async move {
            let answer = match supervisor {
                Some(supervisor) => ask(&context, &shared, &operation, supervisor, &arguments).await,
                None => "error noproc".to_owned(),
            };
            *lock(&place) = Some(answer);
            ExitReason::Normal
        };
        self.simulator.runtime().spawn(SpawnOptions::default(), asker).expect("a process");
        result
    }
}

fn lock(result: &Pending) -> MutexGuard<'_, Option<String>> {
    result.lock().unwrap_or_else(PoisonError::into_inner)
}

/// OTP reports the children of a dynamic supervisor that did not stop as they should by their reasons, not one by one.
fn merge_shutdown_errors(observed: &mut Vec<String>) {
    let is_error = |line: &String| line.starts_with("report ") && line.contains(" shutdown_error ");
    let Some(first) = observed.iter().position(is_error) else { return };
    let mut errors: Vec<String> = observed.iter().filter(|line| is_error(line)).cloned().collect();
    errors.sort();
    errors.dedup();
    observed.retain(|line| !is_error(line));
    observed.splice(first..first, errors);
}
