//! The process around the supervisor's state machine: messages in, actions out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::event;
use crate::exit_reason::ExitReason;
use crate::limits::Limits;
use crate::pid::{Destination, Pid, Reference};
use crate::process::{Context, ProcessKind, SpawnError, SpawnOptions};
use crate::received::{Received, SystemKind, SystemMessage};
use crate::runtime::{HOST, Runtime};
use crate::supervisor::machine::{Action, Alarm, ChildKey, Event, Machine};
use crate::supervisor::spec::{ChildSpec, SpecError, StartChild, Started, SupFlags, check_spec};

/// A supervisor as it is to be started: flags and children, in start order.
#[derive(Clone)]
pub struct SupervisorSpec {
    path: Arc<str>,
    name: Option<String>,
    flags: SupFlags,
    children: Vec<ChildSpec>,
}

impl SupervisorSpec {
    /// A supervisor, after a check of its flags and children. `path` says where it stands in its tree, as
    /// `app/pool`; it is registered as `name` if there is one.
    ///
    /// # Errors
    /// Every [`SpecError`] that there is.
    pub fn new(
        path: impl Into<Arc<str>>,
        name: Option<String>,
        flags: SupFlags,
        children: Vec<ChildSpec>,
    ) -> Result<Self, Vec<SpecError>> {
        let errors = check_spec(&flags, &children);
        if errors.is_empty() { Ok(Self { path: path.into(), name, flags, children }) } else { Err(errors) }
    }

    /// Starts this supervisor as the root of a tree. It stops when the host sends it an exit signal.
    ///
    /// # Errors
    /// [`SpawnError`]
    pub fn start_root(&self, runtime: &Runtime) -> Result<Pid, SpawnError> {
        let spec = self.clone();
        runtime.spawn(self.options(None), move |context| run(spec, context))
    }

    fn options(&self, ack: Option<Reference>) -> SpawnOptions {
        SpawnOptions {
            kind: ProcessKind::Supervisor,
            entry: Some(self.path.clone()),
            name: self.name.clone(),
            link: true,
            trap_exit: true,
            init_ack: ack,
            limits: Limits { links: u64::MAX, monitors: u64::MAX, timers: u64::MAX, ..Limits::default() },
            ..SpawnOptions::default()
        }
    }
}

impl StartChild for SupervisorSpec {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let spec = self.clone();
        let (pid, _) = supervisor.spawn(self.options(Some(ack)), move |context| run(spec, context))?;
        Ok(Started { pid, acknowledges: true })
    }
}

async fn run(spec: SupervisorSpec, context: Context) -> ExitReason {
    let mut supervisor = Supervisor {
        parent: context.identity().parent,
        machine: Machine::new(spec.flags, spec.children),
        path: spec.path,
        alarms: HashMap::new(),
        context,
    };
    let mut event = Some(Event::Start);
    loop {
        if let Some(event) = event.take()
            && let Some(reason) = supervisor.take_step(event)
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

struct Supervisor {
    context: Context,
    parent: Option<Pid>,
    path: Arc<str>,
    machine: Machine,
    alarms: HashMap<Reference, Alarm>,
}

impl Supervisor {
    /// Exits of strangers and stray messages are dropped (rule S44).
    fn translate(&mut self, received: Received) -> Option<Event> {
        match received {
            Received::Exit { from, reason } if from == HOST || Some(from) == self.parent => {
                Some(Event::Stop(reason))
            }
            Received::Exit { from, reason } => Some(Event::Ended { pid: from, reason }),
            Received::Down { object: Destination::Pid(pid), reason, .. } => {
                Some(Event::Ended { pid, reason })
            }
            Received::Timer { reference, .. } => self.alarms.remove(&reference).map(Event::Alarm),
            Received::System(SystemMessage { kind: SystemKind::InitAck(ack), from, .. }) => {
                Some(Event::Acknowledged { pid: from, ack })
            }
            Received::System(_) | Received::Down { .. } | Received::Reply { .. } | Received::Message(_) => {
                None
            }
        }
    }

    /// Takes an event in and carries the actions out; the reason to exit, if it has come to that.
    fn take_step(&mut self, event: Event) -> Option<ExitReason> {
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.machine.step(event, self.context.runtime().now()) {
                match action {
                    Action::Start(child) => events.push_back(self.start(child)),
                    Action::End(pid, reason) => self.end(pid, reason),
                    Action::SetAlarm(alarm, after) => self.set_alarm(alarm, after),
                    Action::ClearAlarm(alarm) => self.clear_alarm(alarm),
                    Action::Report(kind) => self.report(kind),
                    Action::Acknowledge(ack) => {
                        self.context.init_ack(ack);
                    }
                    Action::Exit(reason) => return Some(reason),
                }
            }
        }
        None
    }

    fn start(&self, child: ChildKey) -> Event {
        let ack = self.context.new_reference();
        let started = self.machine.spec(child).map(|spec| spec.start.start(&self.context, ack));
        match started {
            Some(Ok(Started { pid, acknowledges })) => Event::Spawned { child, pid, acknowledges },
            Some(Err(error)) => Event::SpawnFailed { child, reason: ExitReason::error(error.to_string()) },
            None => Event::SpawnFailed { child, reason: ExitReason::NoProc },
        }
    }

    fn end(&self, pid: Pid, reason: ExitReason) {
        // Supervisors have no limit of monitors.
        let _ = self.context.monitor(Destination::Pid(pid));
        self.context.exit_process(pid, reason);
    }

    fn set_alarm(&mut self, alarm: Alarm, after: Duration) {
        let own = Destination::Pid(self.context.pid());
        if let Ok(reference) = self.context.start_timer(after, own, Bytes::new()) {
            self.alarms.insert(reference, alarm);
        }
    }

    fn clear_alarm(&mut self, alarm: Alarm) {
        let context = &self.context;
        self.alarms.retain(|reference, set| {
            if *set == alarm {
                context.cancel_timer(*reference);
            }
            *set != alarm
        });
    }

    fn report(&self, kind: event::ReportKind) {
        let report =
            event::SupervisorReport { supervisor: self.context.pid(), path: self.path.to_string(), kind };
        self.context.emit(event::Event::Supervisor(report));
    }
}
