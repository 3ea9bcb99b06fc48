//! Children as scenarios declare them.

use std::sync::Arc;
use std::time::Duration;

use regrow_otp::supervisor::{
    ChildSpec, ChildType, Restart, Shutdown, SpecError, StartChild, Started, SupervisorSpec,
};
use regrow_otp::{Context, ExitReason, InitAck, Received, Reference, SpawnError, SpawnOptions};
use regrow_scenario::supervision::Behaviour;
use regrow_term::Term;

use crate::supervision::observed::{Shared, parse_reason};

/// How long a start may take, as on the BEAM.
const START_TIMEOUT: Duration = Duration::from_millis(30);

/// A line that declares a child.
#[derive(Clone)]
pub(super) struct Declared {
    id: String,
    child_type: ChildType,
    restart: Restart,
    shutdown: Shutdown,
    significant: bool,
    script: String,
}

impl Declared {
    pub(super) fn parse(words: &[&str]) -> Self {
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

    pub(super) fn spec(&self, shared: &Arc<Shared>) -> ChildSpec {
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
pub(super) fn declared(name: &str, shared: &Arc<Shared>) -> Result<SupervisorSpec, SpecError> {
    let (flags, children) = {
        let known = shared.lock();
        (known.flags.get(name).cloned(), known.children.get(name).cloned().unwrap_or_default())
    };
    let children = children.iter().map(|child| child.spec(shared)).collect();
    SupervisorSpec::new(name, None, flags.unwrap_or_else(|| panic!("no supervisor {name:?}")), children)
        .map_err(|mut errors| errors.swap_remove(0))
}

/// A wrong specification as Erlang shows it.
pub(super) fn show_spec_error(error: &SpecError) -> String {
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
