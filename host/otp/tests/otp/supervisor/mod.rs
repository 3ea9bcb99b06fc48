//! Supervisors (rules S1 to S50) on scripted children.

mod backoff;
mod decisions;
mod dynamic;
mod forests;
mod instants;
mod managing;
mod partitions;
mod starts;
mod stops;
mod strategies;
mod trees;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use regrow_otp::supervisor::{
    self as supervisors, AutoShutdown, Backoff, ChildCounts, ChildInfo, ChildSpec, ChildState, Fate,
    ManagementError, OverIntensity, Restart, RestartWindow, Shutdown, SpecError, StartChild, Started,
    StartedChild, Strategy, SupFlags, SupervisorSpec, Verdict, after_exit, at_restart, ends_supervisor,
    is_expected_end, joined_arguments, partition_hash,
};
use regrow_otp::testing::EventLog;
use regrow_otp::{
    Context, Decision, Destination, Event, ExitReason, InitAck, Instant, Pid, Received, Reference,
    ReportKind, Simulator, SpawnError, SpawnOptions,
};
use regrow_term::Term;

use crate::support::{SEEDS, Trace, oops};

/// What a child does on one of its starts.
#[derive(Clone, Debug)]
enum Script {
    /// Runs until it is told to end; then ends as it is told.
    Run,
    /// Runs, traps exits, and ends with this reason when it is told to shut down.
    EndWith(ExitReason),
    /// Runs and takes no notice of being told to shut down.
    Stubborn,
    /// Runs for so many milliseconds, then ends.
    EndAfter(u64, ExitReason),
    /// Can't start.
    Fail,
    /// Has nothing to do.
    Ignore,
    /// Never says anything.
    Hang,
    /// Unlinks itself from its supervisor and goes on.
    Unlink,
    /// Runs, and has something to say when it has started.
    Inform(&'static str),
}

/// A child that follows a script: one entry a start, the last for ever.
struct Scripted {
    id: String,
    scripts: Mutex<VecDeque<Script>>,
    trace: Trace,
}

impl StartChild for Scripted {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let mut scripts = self.scripts.lock().unwrap();
        let script = if scripts.len() > 1 { scripts.pop_front() } else { scripts.front().cloned() };
        let (id, trace) = (self.id.clone(), self.trace.clone());
        trace.note(format!("start {id}"));
        let options = SpawnOptions { link: true, init_ack: Some(ack), name: Some(id), ..Default::default() };
        let (pid, _) = supervisor.spawn(options, move |context| follow(context, script.unwrap()))?;
        Ok(Started { pid, acknowledges: true })
    }
}

async fn follow(context: Context, script: Script) -> ExitReason {
    let trapping = matches!(script, Script::EndWith(_) | Script::Stubborn);
    context.set_trap_exit(trapping);
    match &script {
        Script::Fail => {
            context.init_ack(InitAck::Error(oops()));
            return oops();
        }
        Script::Ignore => {
            context.init_ack(InitAck::Ignore);
            return ExitReason::Normal;
        }
        Script::Hang => loop {
            context.receive(None).await;
        },
        Script::Unlink => context.unlink(context.identity().parent.unwrap()),
        _ => {}
    }
    context.init_ack(match script {
        Script::Inform(text) => InitAck::StartedWith(text.into()),
        _ => InitAck::Started,
    });
    if let Script::EndAfter(ms, reason) = script {
        context.receive(Some(Duration::from_millis(ms))).await;
        return reason;
    }
    loop {
        let received = context.receive(None).await;
        match (&script, received) {
            (Script::EndWith(reason), Some(Received::Exit { .. })) => return reason.clone(),
            (_, Some(Received::Message(message))) => {
                return match &message.payload[..] {
                    b"normal" => ExitReason::Normal,
                    b"shutdown" => ExitReason::Shutdown,
                    _ => oops(),
                };
            }
            _ => {}
        }
    }
}

/// A supervision tree under test.
struct Tree {
    simulator: Simulator,
    events: EventLog,
    trace: Trace,
    root: Pid,
}

fn scripted(trace: &Trace, id: &str, scripts: &[Script]) -> Arc<Scripted> {
    let scripts = Mutex::new(scripts.iter().cloned().collect());
    Arc::new(Scripted { id: id.to_owned(), scripts, trace: trace.clone() })
}

fn flags(strategy: Strategy, intensity: u32) -> SupFlags {
    SupFlags { strategy, intensity, ..SupFlags::default() }
}

impl Tree {
    /// Starts a tree and lets it run for a moment.
    fn start(seed: u64, flags: SupFlags, children: impl FnOnce(&Trace) -> Vec<ChildSpec>) -> Self {
        Self::start_spec(seed, |trace| SupervisorSpec::new("app", None, flags, children(trace)).unwrap())
    }

    fn start_spec(seed: u64, spec: impl FnOnce(&Trace) -> SupervisorSpec) -> Self {
        let (events, trace) = (EventLog::default(), Trace::default());
        let mut simulator = Simulator::new(seed, Box::new(events.clone()));
        let spec = spec(&trace);
        let root = spec.start_root(simulator.runtime()).unwrap();
        simulator.run_for(Duration::from_millis(1));
        Self { simulator, events, trace, root }
    }

    fn run_for(&mut self, ms: u64) {
        self.simulator.run_for(Duration::from_millis(ms));
    }

    fn pid(&self, id: &str) -> Option<Pid> {
        self.simulator.runtime().whereis(id)
    }

    /// Ends a child with a reason, and lets the tree settle.
    fn end(&mut self, id: &str, reason: ExitReason) {
        let pid = self.pid(id).unwrap();
        self.simulator.runtime().exit(pid, reason);
        self.run_for(1);
    }

    /// Asks the root something as another process, and lets the tree settle; none if there is no answer yet.
    fn try_ask<T, F, B>(&mut self, question: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(Context, Destination) -> B + Send + 'static,
        B: Future<Output = T> + Send + 'static,
    {
        let place = self.begin_to_ask(question);
        self.run_for(1);
        place.lock().unwrap().take()
    }

    /// Asks the root something as another process; where the answer will be.
    fn begin_to_ask<T, F, B>(&mut self, question: F) -> Arc<Mutex<Option<T>>>
    where
        T: Send + 'static,
        F: FnOnce(Context, Destination) -> B + Send + 'static,
        B: Future<Output = T> + Send + 'static,
    {
        let (answer, root) = (Arc::new(Mutex::new(None)), Destination::Pid(self.root));
        let place = answer.clone();
        let asker = move |context| async move {
            let answer = question(context, root).await;
            *place.lock().unwrap() = Some(answer);
            ExitReason::Normal
        };
        self.simulator.runtime().spawn(SpawnOptions::default(), asker).unwrap();
        answer
    }

    fn ask<T, F, B>(&mut self, question: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Context, Destination) -> B + Send + 'static,
        B: Future<Output = T> + Send + 'static,
    {
        self.try_ask(question).expect("the supervisor answers")
    }

    /// The children as `id:state`, in reverse start order.
    fn which(&mut self) -> Vec<String> {
        let children =
            self.ask(|context, root| async move { supervisors::which_children(&context, &root).await });
        children.unwrap().iter().map(|child| format!("{}:{}", child.id, child.state.name())).collect()
    }

    fn counts(&mut self) -> ChildCounts {
        self.ask(|context, root| async move { supervisors::count_children(&context, &root).await }).unwrap()
    }

    fn terminate(
        &mut self,
        child: impl Into<supervisors::ChildName> + Send + 'static,
    ) -> Result<(), ManagementError> {
        self.ask(|context, root| async move { supervisors::terminate_child(&context, &root, child).await })
    }

    fn restart(
        &mut self,
        child: impl Into<supervisors::ChildName> + Send + 'static,
    ) -> Result<StartedChild, ManagementError> {
        self.ask(|context, root| async move { supervisors::restart_child(&context, &root, child).await })
    }

    fn delete(&mut self, child: &'static str) -> Result<(), ManagementError> {
        self.ask(move |context, root| async move { supervisors::delete_child(&context, &root, child).await })
    }

    fn start_child(&mut self, spec: ChildSpec) -> Result<StartedChild, ManagementError> {
        self.ask(|context, root| async move { supervisors::start_child(&context, &root, spec).await })
    }

    fn start_instance(&mut self, arguments: Vec<Term>) -> Result<StartedChild, ManagementError> {
        self.ask(
            |context, root| async move { supervisors::start_from_template(&context, &root, arguments).await },
        )
    }

    fn is_alive(&self) -> bool {
        self.simulator.runtime().is_alive(self.root)
    }

    /// The starts, and the ends of children, in order.
    fn history(&self) -> Vec<String> {
        self.trace.lines()
    }

    /// The names of the processes that ended, in order.
    fn ended(&self) -> Vec<String> {
        let exited = self.events.events().into_iter().filter_map(|event| match event {
            Event::Exited(exited) => Some(exited.name.unwrap_or_else(|| "supervisor".into())),
            _ => None,
        });
        exited.collect()
    }

    /// Why the root ended.
    fn root_reason(&self) -> Option<ExitReason> {
        self.events.events().into_iter().find_map(|event| match event {
            Event::Exited(exited) if exited.pid == self.root => Some(exited.reason),
            _ => None,
        })
    }

    fn reports(&self) -> Vec<ReportKind> {
        let reports = self.events.events().into_iter().filter_map(|event| match event {
            Event::Supervisor(report) => Some(report.kind),
            _ => None,
        });
        reports.collect()
    }
}

fn three(trace: &Trace) -> Vec<ChildSpec> {
    ["a", "b", "c"].map(|id| ChildSpec::worker(id, scripted(trace, id, &[Script::Run]))).into()
}

fn for_seeds(test: impl Fn(u64)) {
    (0..SEEDS).for_each(test);
}
