//! Plays scenarios of supervisors on native processes, in virtual time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use regrow_otp::supervisor::{
    self as supervisors, AutoShutdown, ChildName, ChildSpec, ChildState, ChildType, ManagementError, Restart,
    Shutdown, SpecError, StartChild, Started, StartedChild, Strategy, SupFlags, SupervisorSpec,
};
use regrow_otp::{
    Context, Destination, Event, EventSink, ExitReason, InitAck, MessageKind, Pid, Received, Reference,
    RegisterError, ReportKind, Simulator, SpawnError, SpawnOptions, StartOutcome,
};
use regrow_scenario::supervision::{Behaviour, Scenario};
use regrow_term::Term;

/// How long a start may take, as on the BEAM.
const START_TIMEOUT: Duration = Duration::from_millis(30);

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
    let mut player = Player { simulator, shared, is_dynamic: scenario.is_dynamic() };
    scenario.steps.iter().map(|(step, _)| player.step(step)).collect()
}

/// What children, supervisors and the player all see.
#[derive(Default)]
struct Shared(Mutex<Known>);

#[derive(Default)]
struct Known {
    lines: Vec<String>,
    flags: HashMap<String, SupFlags>,
    children: HashMap<String, Vec<Declared>>,
    starts: HashMap<String, usize>,
    /// The processes that have started, by what scenarios call them, and the other way round.
    pids: HashMap<String, Pid>,
    ids: HashMap<Pid, String>,
    owners: HashMap<String, Pid>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, line: String) {
        self.lock().lines.push(line);
    }

    /// A process has started: from now on its end is observed.
    fn has_started(&self, id: &str, pid: Pid) {
        let mut known = self.lock();
        known.pids.insert(id.to_owned(), pid);
        known.ids.insert(pid, id.to_owned());
    }

    fn count_start(&self, id: &str) -> usize {
        let mut known = self.lock();
        let starts = known.starts.entry(id.to_owned()).or_default();
        *starts += 1;
        let nth = *starts;
        known.lines.push(format!("start {id} {nth}"));
        nth
    }

    /// A term as Erlang shows it.
    fn term(&self, term: &Term) -> String {
        match term {
            Term::Text(text) if text.starts_with("timeout") => "timeout".to_owned(),
            Term::Text(text) => text.clone(),
            Term::List(items) => {
                let shown: Vec<String> = items.iter().map(|item| self.term(item)).collect();
                format!("{{{}}}", shown.join(","))
            }
            other => other.to_string(),
        }
    }

    fn reason(&self, reason: &ExitReason) -> String {
        self.term(&reason.to_term())
    }
}

/// Writes down ends and reports.
struct Sink(Arc<Shared>);

impl EventSink for Sink {
    fn event(&self, event: &Event) {
        match event {
            Event::Exited(exited) => {
                let id = self.0.lock().ids.get(&exited.pid).cloned();
                // A supervisor whose start failed has never begun.
                let begun = supervisors::failed_child(&exited.reason).is_none();
                if let Some(id) = id.filter(|_| begun) {
                    self.0.note(format!("end {id} {}", self.0.reason(&exited.reason)));
                }
            }
            Event::Supervisor(report) => {
                let s = &report.path;
                let line = match &report.kind {
                    ReportKind::ChildTerminated { child, reason, .. } => {
                        format!("child_terminated {child} {}", self.0.reason(reason))
                    }
                    ReportKind::StartError { child, reason, .. } => {
                        format!("start_error {child} {}", self.0.reason(reason))
                    }
                    ReportKind::ShutdownError { child, reason, .. } => {
                        format!("shutdown_error {child} {}", self.0.reason(reason))
                    }
                    ReportKind::GaveUp { child, .. } => {
                        format!("shutdown {child} reached_max_restart_intensity")
                    }
                    ReportKind::ChildStarted { .. }
                    | ReportKind::StartRefused { .. }
                    | ReportKind::Parked { .. }
                    | ReportKind::AutoShutdown { .. } => return,
                };
                self.0.note(format!("report {s} {line}"));
            }
            _ => {}
        }
    }
}

fn parse_reason(text: &str) -> ExitReason {
    match text {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Kill,
        "killed" => ExitReason::Killed,
        _ => match text.strip_prefix("{shutdown,").and_then(|rest| rest.strip_suffix('}')) {
            Some(term) => ExitReason::ShutdownWith(Arc::new(Term::from(term))),
            None => ExitReason::error(text),
        },
    }
}

/// A line that declares a child.
#[derive(Clone)]
struct Declared {
    id: String,
    child_type: ChildType,
    restart: Restart,
    shutdown: Shutdown,
    significant: bool,
    script: String,
}

impl Declared {
    fn parse(words: &[&str]) -> Self {
        let [id, child_type, restart, shutdown, significant, script] = *words else {
            panic!("no child: {words:?}")
        };
        let restart = Restart::ALL.iter().find(|(name, _)| *name == restart);
        Self {
            id: id.to_owned(),
            child_type: if child_type == "supervisor" { ChildType::Supervisor } else { ChildType::Worker },
            restart: restart.unwrap_or_else(|| panic!("no restart type: {words:?}")).1,
            shutdown: match shutdown {
                "brutal_kill" => Shutdown::BrutalKill,
                "infinity" => Shutdown::Infinity,
                ms => Shutdown::Timeout(Duration::from_millis(ms.parse().expect("milliseconds"))),
            },
            significant: significant == "significant",
            script: script.to_owned(),
        }
    }

    fn spec(&self, shared: &Arc<Shared>) -> ChildSpec {
        let (id, script) = (self.id.clone(), self.script.clone());
        let nested = script == "-" && self.child_type == ChildType::Supervisor;
        let start: Arc<dyn StartChild> = match nested {
            true => Arc::new(Nested { id: id.clone(), shared: shared.clone() }),
            false => Arc::new(Scripted { id: id.clone(), script, shared: shared.clone() }),
        };
        ChildSpec {
            restart: self.restart,
            shutdown: self.shutdown,
            significant: self.significant,
            child_type: self.child_type,
            start_timeout: (!nested).then_some(START_TIMEOUT),
            ..ChildSpec::worker(id, start)
        }
    }
}

/// The supervisor of that name, as it has been declared so far.
fn declared(name: &str, shared: &Arc<Shared>) -> Result<SupervisorSpec, SpecError> {
    let (flags, children) = {
        let known = shared.lock();
        (known.flags.get(name).cloned(), known.children.get(name).cloned().unwrap_or_default())
    };
    let children = children.iter().map(|child| child.spec(shared)).collect();
    SupervisorSpec::new(name, None, flags.unwrap_or_else(|| panic!("no supervisor {name:?}")), children)
        .map_err(|mut errors| errors.swap_remove(0))
}

/// A wrong specification as Erlang shows it.
fn show_spec_error(error: &SpecError) -> String {
    match error {
        SpecError::SignificantPermanent(_) => {
            "{bad_combination,[{restart,permanent},{significant,true}]}".to_owned()
        }
        SpecError::SignificantWithoutAutoShutdown(_) => {
            "{bad_combination,[{auto_shutdown,never},{significant,true}]}".to_owned()
        }
        SpecError::DuplicateChildId(id) => format!("{{duplicate_child_name,{id}}}"),
        other => other.to_string(),
    }
}

/// A supervisor as a child.
struct Nested {
    id: String,
    shared: Arc<Shared>,
}

impl StartChild for Nested {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        self.shared.count_start(&self.id);
        let spec = declared(&self.id, &self.shared).unwrap_or_else(|error| panic!("{}: {error}", self.id));
        let started = spec.start(supervisor, ack)?;
        self.shared.has_started(&self.id, started.pid);
        Ok(started)
    }
}

/// A worker with a script.
#[derive(Clone)]
struct Scripted {
    id: String,
    script: String,
    shared: Arc<Shared>,
}

impl StartChild for Scripted {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let nth = self.shared.count_start(&self.id);
        let behaviour = Behaviour::of(&self.script, nth).unwrap_or_else(|error| panic!("{error}"));
        let (id, shared) = (self.id.clone(), self.shared.clone());
        let options = SpawnOptions { link: true, init_ack: Some(ack), ..SpawnOptions::default() };
        let (pid, _) = supervisor.spawn(options, move |context| follow(context, behaviour, id, shared))?;
        Ok(Started { pid, acknowledges: true })
    }

    fn with_arguments(&self, _: &[Term], after: &[Term]) -> Option<Arc<dyn StartChild>> {
        let [Term::Text(name), Term::Text(script)] = after else { return None };
        let shared = self.shared.clone();
        Some(Arc::new(Self { id: name.clone(), script: script.clone(), shared }))
    }
}

async fn follow(context: Context, behaviour: Behaviour, id: String, shared: Arc<Shared>) -> ExitReason {
    match &behaviour {
        Behaviour::Ignore => {
            context.init_ack(InitAck::Ignore);
            return ExitReason::Normal;
        }
        Behaviour::Error(reason) => {
            context.init_ack(InitAck::Error(parse_reason(reason)));
            return parse_reason(reason);
        }
        Behaviour::Crash(reason) => return parse_reason(reason),
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Trap | Behaviour::Stop(_) | Behaviour::Stubborn => {
            context.set_trap_exit(true);
        }
        Behaviour::Unlink => {
            if let Some(parent) = context.identity().parent {
                context.unlink(parent);
            }
        }
        Behaviour::Run | Behaviour::Exit(_) => {}
    }
    shared.has_started(&id, context.pid());
    context.init_ack(InitAck::Started);
    if let Behaviour::Exit(reason) = &behaviour {
        return parse_reason(reason);
    }
    loop {
        match (context.receive(None).await, &behaviour) {
            (Some(Received::Message(message)), _) => {
                return parse_reason(&String::from_utf8_lossy(&message.payload));
            }
            (Some(Received::Exit { reason, .. }), Behaviour::Trap) => return reason,
            (Some(Received::Exit { .. }), Behaviour::Stop(reason)) => return parse_reason(reason),
            _ => {}
        }
    }
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

/// Asks a supervisor something; the answer as Erlang's would be shown.
async fn ask(
    context: &Context,
    shared: &Arc<Shared>,
    operation: &str,
    supervisor: Pid,
    arguments: &[String],
) -> String {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let to = Destination::Pid(supervisor);
    let child = |word: &str| match word.strip_prefix('@') {
        Some(name) => shared.lock().pids.get(name).copied().map(ChildName::Pid),
        None => Some(ChildName::from(word)),
    };
    match (operation, &words[..]) {
        ("start_child", spec) => {
            let spec = Declared::parse(spec);
            shown(shared, supervisors::start_child(context, &to, spec.spec(shared)).await)
        }
        ("start_instance", [name, script]) => {
            let arguments = vec![Term::from(*name), Term::from(*script)];
            shown(shared, supervisors::start_from_template(context, &to, arguments).await)
        }
        ("terminate", [word]) => match child(word) {
            Some(child) => done(shared, supervisors::terminate_child(context, &to, child).await),
            None => "error not_found".to_owned(),
        },
        ("restart", [id]) => shown(shared, supervisors::restart_child(context, &to, *id).await),
        ("delete", [id]) => done(shared, supervisors::delete_child(context, &to, *id).await),
        ("which", []) => {
            let children = supervisors::which_children(context, &to).await.unwrap_or_default();
            let mut named: Vec<String> =
                children.iter().map(|child| show_child(context, shared, child)).collect();
            if supervisors::get_template(context, &to).await.is_ok() {
                named.sort();
            }
            if named.is_empty() {
                "children none".to_owned()
            } else {
                format!("children {}", named.join(" "))
            }
        }
        ("count", []) => match supervisors::count_children(context, &to).await {
            Ok(counts) => {
                format!("counts {} {} {} {}", counts.specs, counts.active, counts.supervisors, counts.workers)
            }
            Err(error) => show_error(shared, &error),
        },
        ("spec", [id]) => match supervisors::get_child_spec(context, &to, *id).await {
            Ok(spec) => format!(
                "spec {} {} {} {}",
                spec.restart.name(),
                spec.shutdown.to_string().trim_end_matches(" ms"),
                spec.child_type.name(),
                if spec.significant { "significant" } else { "plain" }
            ),
            Err(error) => show_error(shared, &error),
        },
        other => panic!("no operation: {other:?}"),
    }
}

fn show_child(context: &Context, shared: &Shared, child: &supervisors::ChildInfo) -> String {
    let name = |pid| shared.lock().ids.get(&pid).cloned();
    let (id, state) = match child.state {
        ChildState::Running(pid) if context.runtime().is_alive(pid) => (name(pid), "alive"),
        ChildState::Running(pid) => (name(pid), "dead"),
        ChildState::Stopped => (None, "undefined"),
        ChildState::Restarting { .. } => (None, "restarting"),
        other => (None, other.name()),
    };
    format!("{}:{state}", id.unwrap_or_else(|| child.id.clone()))
}

fn shown(shared: &Shared, started: Result<StartedChild, ManagementError>) -> String {
    match started {
        Ok(StartedChild::Running { pid, .. }) => {
            format!("ok {}", shared.lock().ids.get(&pid).cloned().unwrap_or_default())
        }
        Ok(StartedChild::Ignored) => "ok undefined".to_owned(),
        Err(error) => show_error(shared, &error),
    }
}

fn done(shared: &Shared, done: Result<(), ManagementError>) -> String {
    done.map_or_else(|error| show_error(shared, &error), |()| "ok".to_owned())
}

fn show_error(shared: &Shared, error: &ManagementError) -> String {
    match error {
        ManagementError::AlreadyStarted(pid) => {
            format!("error {{already_started,{}}}", shared.lock().ids.get(pid).cloned().unwrap_or_default())
        }
        ManagementError::AlreadyPresent => "error already_present".to_owned(),
        ManagementError::NotFound => "error not_found".to_owned(),
        ManagementError::Running => "error running".to_owned(),
        ManagementError::Restarting => "error restarting".to_owned(),
        ManagementError::DynamicChildren => "error simple_one_for_one".to_owned(),
        ManagementError::StartFailed(reason) => format!("error start_failed {}", shared.reason(reason)),
        ManagementError::NoProc => "error noproc".to_owned(),
        ManagementError::Invalid(error) => format!("error {}", show_spec_error(error)),
        other => format!("error {other}"),
    }
}
