//! The process around the supervisor's state machine: messages in, actions out.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::event;
use crate::exit_reason::ExitReason;
use crate::names::RegisterError;
use crate::pid::{Destination, Pid, Reference, ReplyTo};
use crate::process::{Context, SpawnError};
use crate::received::{Message, MessageKind, Received, SystemKind, SystemMessage};
use crate::registry::RegistryError;
use crate::runtime::HOST;
use crate::supervisor::definition::SupervisorSpec;
use crate::supervisor::machine::{Action, Alarm, ChildKey, Event, Machine};
use crate::supervisor::partition::PartitionEntry;
use crate::supervisor::request::{ChildName, ManagementError, Request, Response, SupervisorResponse};
use crate::supervisor::start::Started;

/// What a supervisor is charged with for each crash of a child, in reductions: what is lost with an instance and what it
/// takes to bring up another, whatever little the child did itself.
const CRASH_REDUCTIONS: u64 = 20_000;

/// Children that are started in one turn: however many there are, others have theirs.
const STARTS_A_TURN: u32 = 32;

pub(super) async fn run(spec: SupervisorSpec, context: Context) -> ExitReason {
    let seed = context.runtime().inner.random_u64();
    let machine = Machine::new(&spec, seed);
    let partitions = machine.partitions().map(|_| PartitionEntry::new(context.runtime(), context.pid()));
    let mut supervisor = Supervisor {
        parent: context.identity().parent,
        machine,
        path: spec.path.to_string(),
        alarms: Alarms::default(),
        partitions,
        context,
    };
    let mut event = Some(Event::Start);
    loop {
        if let Some(event) = event.take()
            && let Some(reason) = supervisor.take_step(event).await
        {
            return reason;
        }
        // However many events there are, the others have their turn.
        supervisor.context.yield_now().await;
        if let Some(received) = supervisor.context.receive(None).await {
            event = supervisor.translate(received);
        }
    }
}

/// The alarms that are set, both ways: there may be one for each child.
#[derive(Default)]
struct Alarms {
    by_timer: HashMap<Reference, Alarm>,
    timers: HashMap<Alarm, Reference>,
}

struct Supervisor {
    context: Context,
    parent: Option<Pid>,
    path: String,
    machine: Machine,
    alarms: Alarms,
    partitions: Option<PartitionEntry>,
}

impl Supervisor {
    /// Exits of strangers and stray messages are dropped; a stranger's call is answered at once that it was not
    /// understood (rule S44).
    fn translate(&mut self, received: Received) -> Option<Event> {
        match received {
            Received::Exit { from, reason } if from == HOST || Some(from) == self.parent => {
                Some(Event::Stop(reason))
            }
            Received::Exit { from, reason } => Some(Event::Ended { pid: from, reason }),
            Received::Down { object: Destination::Pid(pid), reason, .. } => {
                Some(Event::Ended { pid, reason })
            }
            Received::Timer { reference, .. } => {
                let alarm = self.alarms.by_timer.remove(&reference)?;
                self.alarms.timers.remove(&alarm);
                Some(Event::Alarm(alarm))
            }
            Received::System(SystemMessage { kind, from, reference, .. }) => match kind {
                SystemKind::InitAck(ack) => Some(Event::Acknowledged { pid: from, ack }),
                SystemKind::SupervisorRequest(request) => {
                    Some(Event::Request { request: *request.0, from: ReplyTo { pid: from, reference } })
                }
                _ => None,
            },
            Received::Message(Message { kind: MessageKind::Call(from), .. }) => {
                // An empty payload is no term: it says that the request was not understood.
                let _ = self.context.reply(from, Bytes::new());
                None
            }
            Received::Down { .. } | Received::Reply { .. } | Received::Message(_) => None,
        }
    }

    /// Takes an event in and carries the actions out; the reason to exit, if it has come to that.
    async fn take_step(&mut self, event: Event) -> Option<ExitReason> {
        let mut events = VecDeque::from([self.with_liveness(event)]);
        let mut starts = 0;
        while let Some(event) = events.pop_front() {
            if starts >= STARTS_A_TURN {
                starts = 0;
                self.context.yield_now().await;
            }
            for action in self.machine.step(event, self.context.runtime().now()) {
                match action {
                    Action::Start(child) => {
                        events.push_back(self.start(child));
                        starts += 1;
                    }
                    Action::Exit(reason) => return Some(reason),
                    action => self.perform(action),
                }
            }
        }
        if let Some(entry) = &self.partitions
            && self.machine.partitions_have_changed()
        {
            entry.update(self.machine.partitions().unwrap_or_default());
        }
        None
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::End(pid, reason) => {
                // Supervisors have no limit of monitors.
                let _ = self.context.monitor(Destination::Pid(pid));
                self.context.exit_process(pid, reason);
            }
            Action::SetAlarm(alarm, after) => self.set_alarm(alarm, after),
            Action::ClearAlarm(alarm) => self.clear_alarm(alarm),
            Action::Report(kind) => self.report(kind),
            Action::Acknowledge(ack) => {
                self.context.init_ack(ack);
            }
            Action::Reply(to, response) => self.reply(to, response),
            Action::ReplyWithCounts(to) => {
                let runtime = self.context.runtime();
                let counts = self.machine.count_children(|pid| runtime.is_alive(pid));
                self.reply(to, Response::Counts(counts));
            }
            Action::ApplyTo(child, pid) => {
                if let Some(spec) = self.machine.spec(child) {
                    spec.start.apply_to(self.context.runtime(), pid);
                }
            }
            Action::ChargeCrash => {
                // A supervisor is not ended for it: its children find that nothing is left.
                let _over = self.context.charge_reductions(CRASH_REDUCTIONS);
            }
            Action::Start(_) | Action::Exit(_) => {}
        }
    }

    fn start(&self, child: ChildKey) -> Event {
        let ack = self.context.new_reference();
        let started = self.machine.spec(child).map(|spec| spec.start.start(&self.context, ack));
        match started {
            Some(Ok(Started { pid, acknowledges })) => Event::Spawned { child, pid, acknowledges },
            Some(Err(error)) => Event::SpawnFailed { child, reason: spawn_failure(&error) },
            None => Event::SpawnFailed { child, reason: ExitReason::NoProc },
        }
    }

    /// `terminate_child` of a dead process is in order even if it never was a child (rule S63).
    fn with_liveness(&self, event: Event) -> Event {
        match event {
            Event::Request { request: Request::TerminateChild(ChildName::Pid(pid)), from }
                if self.machine.is_from_template()
                    && !self.machine.knows(pid)
                    && !self.context.runtime().is_alive(pid) =>
            {
                Event::Request { request: Request::Nothing, from }
            }
            event => event,
        }
    }

    fn reply(&self, to: ReplyTo, response: Response) {
        let system = SystemMessage {
            kind: SystemKind::SupervisorResponse(SupervisorResponse(Box::new(response))),
            reference: to.reference,
            from: self.context.pid(),
            payload: Bytes::new(),
        };
        self.context.send_system(to.pid, system);
    }

    fn set_alarm(&mut self, alarm: Alarm, after: Duration) {
        self.clear_alarm(alarm);
        let own = Destination::Pid(self.context.pid());
        if let Ok(reference) = self.context.start_timer(after, own, Bytes::new()) {
            self.alarms.by_timer.insert(reference, alarm);
            self.alarms.timers.insert(alarm, reference);
        }
    }

    fn clear_alarm(&mut self, alarm: Alarm) {
        if let Some(reference) = self.alarms.timers.remove(&alarm) {
            self.alarms.by_timer.remove(&reference);
            self.context.cancel_timer(reference);
        }
    }

    fn report(&self, kind: event::ReportKind) {
        let report =
            event::SupervisorReport { supervisor: self.context.pid(), path: self.path.clone(), kind };
        self.context.emit(event::Event::Supervisor(report));
    }
}

/// A taken name is OTP's `{already_started, Pid}` (rules G6, S52).
fn spawn_failure(error: &SpawnError) -> ExitReason {
    match error {
        SpawnError::Name(RegisterError::NameTaken(pid))
        | SpawnError::Via(RegistryError::AlreadyRegistered(pid)) => ExitReason::already_started(*pid),
        error => ExitReason::error(error.to_string()),
    }
}

/// What a caller of the supervisor may be told in place of an answer.
impl From<SpawnError> for ManagementError {
    fn from(error: SpawnError) -> Self {
        Self::StartFailed(spawn_failure(&error))
    }
}
