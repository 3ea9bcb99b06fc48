//! Supervisors on native processes.

use std::sync::Arc;

use bytes::Bytes;
use otp::supervisor::{self as supervisors, ManagementError, StartChild, StartedChild};
use regrow_otp as otp;

use super::thread::{block_on, current, run_as_process};
use crate::component::Component;
use crate::registry::NamedBy;
use crate::supervisor::{
    AutoShutdown, ChildCounts, ChildInfo, ChildName, ChildSpec, ChildState, Children, Restart, RunningChild,
    Shutdown, Strategy, Supervisor, SupervisorError,
};
use crate::{Destination, Error, Pid, Term};

type Answer<T> = Result<T, SupervisorError>;

/// An entry of the component, as a child.
#[derive(Clone)]
struct StartEntry {
    component: &'static Component,
    entry: &'static str,
    argument: Term,
    name: Option<String>,
    via: Option<NamedBy>,
}

impl StartChild for StartEntry {
    fn start(
        &self,
        supervisor: &otp::Context,
        ack: otp::Reference,
    ) -> Result<supervisors::Started, otp::SpawnError> {
        let options = otp::SpawnOptions {
            link: true,
            init_ack: Some(ack),
            entry: Some(self.entry.into()),
            name: self.name.clone(),
            via: self.via.clone().map(|named| (Arc::new(named.via.into()), Bytes::from(named.value))),
            ..otp::SpawnOptions::default()
        };
        let Self { component, entry, argument, .. } = self.clone();
        let (pid, _) = supervisor.spawn(options, move |context| {
            let argument = regrow_term::encode(&argument).unwrap_or_default();
            run_as_process(context, component, Some(entry), move || component.run(entry, &argument))
        })?;
        Ok(supervisors::Started { pid, acknowledges: true })
    }

    fn with_arguments(&self, before: &[Term], after: &[Term]) -> Option<Arc<dyn StartChild>> {
        let argument = supervisors::joined_arguments(before, &self.argument, after);
        Some(Arc::new(Self { argument, ..self.clone() }))
    }
}

fn decode(bytes: &[u8]) -> Result<Term, Error> {
    regrow_term::decode(bytes).map_err(|error| Error::BadArgument(error.to_string()))
}

fn start_entry(spec: &ChildSpec) -> Result<StartEntry, Error> {
    if let Some(other) = &spec.component {
        return Err(Error::Denied(format!(
            "start_children: there is no other component here, and not {other:?}"
        )));
    }
    let component: &'static Component = current().component;
    let known = component.entries.iter().find(|known| known.name == spec.entry);
    let unknown = || Error::BadArgument(format!("the component has no entry {:?}", spec.entry));
    let entry = known.ok_or_else(unknown)?.name;
    let argument = decode(&spec.argument.clone()?)?;
    Ok(StartEntry { component, entry, argument, name: spec.name.clone(), via: spec.via.clone() })
}

fn child(spec: &ChildSpec) -> Result<supervisors::ChildSpec, Error> {
    Ok(with_start(spec, Arc::new(start_entry(spec)?)))
}

fn with_start(spec: &ChildSpec, start: Arc<dyn StartChild>) -> supervisors::ChildSpec {
    supervisors::ChildSpec {
        restart: match spec.restart {
            Restart::Permanent => supervisors::Restart::Permanent,
            Restart::Transient => supervisors::Restart::Transient,
            Restart::Temporary => supervisors::Restart::Temporary,
        },
        shutdown: match spec.shutdown {
            Shutdown::BrutalKill => supervisors::Shutdown::BrutalKill,
            Shutdown::Timeout(timeout) => supervisors::Shutdown::Timeout(timeout),
            Shutdown::Infinity => supervisors::Shutdown::Infinity,
        },
        significant: spec.significant,
        start_timeout: spec.start_timeout,
        backoff: spec.backoff.map(|backoff| {
            Box::new(supervisors::Backoff {
                initial: backoff.initial,
                max: backoff.max,
                factor: backoff.factor,
                jitter: backoff.jitter,
                reset_after: backoff.reset_after,
            })
        }),
        over_intensity: if spec.parks {
            supervisors::OverIntensity::Park
        } else {
            supervisors::OverIntensity::GiveUp
        },
        ..supervisors::ChildSpec::worker(spec.id.clone(), start)
    }
}

fn definition(spec: &Supervisor) -> Answer<supervisors::SupervisorSpec> {
    let flags = supervisors::SupFlags {
        strategy: match spec.strategy {
            Strategy::OneForOne => supervisors::Strategy::OneForOne,
            Strategy::OneForAll => supervisors::Strategy::OneForAll,
            Strategy::RestForOne => supervisors::Strategy::RestForOne,
        },
        intensity: spec.intensity,
        period: spec.period,
        auto_shutdown: match spec.auto_shutdown {
            AutoShutdown::Never => supervisors::AutoShutdown::Never,
            AutoShutdown::AnySignificant => supervisors::AutoShutdown::AnySignificant,
            AutoShutdown::AllSignificant => supervisors::AutoShutdown::AllSignificant,
        },
    };
    let name = spec.name.clone();
    let path = name.as_deref().unwrap_or("supervisor").to_owned();
    let built = match &spec.children {
        Children::Fixed(children) => {
            let children = children.iter().map(child).collect::<Result<Vec<_>, _>>()?;
            supervisors::SupervisorSpec::new(path, name, flags, children)
        }
        Children::Template(template) => {
            let flags = supervisors::SupFlags { strategy: supervisors::Strategy::SimpleOneForOne, ..flags };
            supervisors::SupervisorSpec::new(path, name, flags, vec![child(template)?])
        }
        Children::Dynamic(extra) => {
            let extra = extra.iter().map(|term| decode(&term.clone()?)).collect::<Result<Vec<_>, Error>>()?;
            supervisors::SupervisorSpec::dynamic(path, name, flags.intensity, flags.period, None, extra)
        }
        Children::Partitions(count, child) => {
            let start = start_entry(child)?;
            let partition = |number: usize| {
                let argument =
                    supervisors::joined_arguments(&[], &start.argument, &[Term::from(number as u64)]);
                let name = start.name.as_ref().map(|name| format!("{name}-{number}"));
                with_start(child, Arc::new(StartEntry { argument, name, ..start.clone() }))
            };
            let name = name.unwrap_or_default();
            supervisors::SupervisorSpec::partitioned(path, name, flags, *count as usize, partition)
        }
    };
    let built = built.map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        SupervisorError::Invalid(texts.join("; "))
    })?;
    Ok(match spec.max_children {
        Some(most) => built.max_children(most),
        None => built,
    })
}

pub(crate) fn start_link(spec: &Supervisor) -> Answer<Pid> {
    let definition = definition(spec)?;
    let options = otp::SpawnOptions { link: true, ..definition.spawn_options() };
    let context = current().context;
    let outcome = context.start(options, None, |context, options| definition.spawn(context, options));
    match block_on(outcome).map_err(ManagementError::from)? {
        otp::StartOutcome::Started { pid, .. } => Ok(pid.into()),
        otp::StartOutcome::Failed(reason) => Err(SupervisorError::StartFailed(reason.into())),
        otp::StartOutcome::Ignore | otp::StartOutcome::Timeout => {
            Err(SupervisorError::StartFailed(crate::ExitReason::Normal))
        }
    }
}

fn running(child: StartedChild) -> Option<RunningChild> {
    match child {
        StartedChild::Running { pid, info } => {
            Some(RunningChild { pid: pid.into(), info: info.map(|info| info.to_vec()) })
        }
        StartedChild::Ignored => None,
    }
}

pub(crate) fn start_child(supervisor: Destination, spec: &ChildSpec) -> Answer<Option<RunningChild>> {
    let (context, spec) = (current().context, child(spec)?);
    Ok(running(block_on(supervisors::start_child(&context, &supervisor.into(), spec))?))
}

pub(crate) fn start_from_template(
    supervisor: Destination,
    arguments: Vec<Vec<u8>>,
) -> Answer<Option<RunningChild>> {
    let context = current().context;
    let arguments = arguments.iter().map(|term| decode(term)).collect::<Result<Vec<_>, _>>()?;
    Ok(running(block_on(supervisors::start_from_template(&context, &supervisor.into(), arguments))?))
}

pub(crate) fn terminate_child(supervisor: Destination, child: ChildName) -> Answer<()> {
    let context = current().context;
    Ok(block_on(supervisors::terminate_child(&context, &supervisor.into(), child))?)
}

pub(crate) fn restart_child(supervisor: Destination, child: ChildName) -> Answer<Option<RunningChild>> {
    let context = current().context;
    Ok(running(block_on(supervisors::restart_child(&context, &supervisor.into(), child))?))
}

pub(crate) fn delete_child(supervisor: Destination, child: ChildName) -> Answer<()> {
    let context = current().context;
    Ok(block_on(supervisors::delete_child(&context, &supervisor.into(), child))?)
}

pub(crate) fn which_children(supervisor: Destination) -> Answer<Vec<ChildInfo>> {
    let context = current().context;
    let children = block_on(supervisors::which_children(&context, &supervisor.into()))?;
    Ok(children.into_iter().map(Into::into).collect())
}

pub(crate) fn count_children(supervisor: Destination) -> Answer<ChildCounts> {
    let context = current().context;
    let counts = block_on(supervisors::count_children(&context, &supervisor.into()))?;
    let supervisors::ChildCounts { specs, active, supervisors, workers, parked } = counts;
    Ok(ChildCounts { specs, active, supervisors, workers, parked })
}

pub(crate) fn resize(supervisor: Destination, partitions: u32) -> Answer<u32> {
    let context = current().context;
    let old = block_on(supervisors::resize(&context, &supervisor.into(), partitions as usize))?;
    Ok(u32::try_from(old).unwrap_or(u32::MAX))
}

pub(crate) fn partition(supervisor: &str, key: Vec<u8>) -> Answer<Pid> {
    let found = current().context.runtime().partition(supervisor, &decode(&key)?)?;
    found.map(Into::into).ok_or(SupervisorError::NoProc)
}

impl From<ChildName> for supervisors::ChildName {
    fn from(name: ChildName) -> Self {
        match name {
            ChildName::Id(id) => Self::Id(id),
            ChildName::Pid(pid) => Self::Pid(pid.into()),
        }
    }
}

impl From<supervisors::ChildInfo> for ChildInfo {
    fn from(child: supervisors::ChildInfo) -> Self {
        Self {
            id: child.id,
            state: match child.state {
                supervisors::ChildState::Running(pid) => ChildState::Running(pid.into()),
                supervisors::ChildState::Starting(pid) => ChildState::Starting(pid.into()),
                supervisors::ChildState::Stopped => ChildState::Stopped,
                supervisors::ChildState::Restarting { after } => ChildState::Restarting(after),
                supervisors::ChildState::Parked => ChildState::Parked,
            },
            last_pid: child.last_pid.map(Into::into),
            is_supervisor: child.child_type == supervisors::ChildType::Supervisor,
            restart: match child.restart {
                supervisors::Restart::Permanent => Restart::Permanent,
                supervisors::Restart::Transient => Restart::Transient,
                supervisors::Restart::Temporary => Restart::Temporary,
            },
            shutdown: match child.shutdown {
                supervisors::Shutdown::BrutalKill => Shutdown::BrutalKill,
                supervisors::Shutdown::Timeout(timeout) => Shutdown::Timeout(timeout),
                supervisors::Shutdown::Infinity => Shutdown::Infinity,
            },
            significant: child.significant,
            component: child.target.as_ref().map(|target| target.component.to_string()),
            entry: child.target.as_ref().map(|target| target.entry.to_string()),
            restarts: child.restarts,
        }
    }
}

impl From<ManagementError> for SupervisorError {
    fn from(error: ManagementError) -> Self {
        match error {
            ManagementError::NoProc => Self::NoProc,
            ManagementError::NotASupervisor | ManagementError::CallingSelf => Self::NotASupervisor,
            ManagementError::Down(reason) => Self::Down(reason.into()),
            ManagementError::Limit(limit) => Self::Refused(Error::Limit(limit.into())),
            ManagementError::AlreadyStarted(pid) => Self::AlreadyStarted(pid.into()),
            ManagementError::AlreadyPresent => Self::AlreadyPresent,
            ManagementError::NotFound => Self::NotFound,
            ManagementError::Running => Self::Running,
            ManagementError::Restarting => Self::Restarting,
            ManagementError::DynamicChildren => Self::DynamicChildren,
            ManagementError::StaticChildren => Self::StaticChildren,
            ManagementError::MaxChildren(most) => Self::MaxChildren(most),
            ManagementError::StartFailed(reason) => Self::StartFailed(reason.into()),
            ManagementError::Invalid(error) => Self::Invalid(error.to_string()),
            ManagementError::NoPartitions(most) => {
                Self::NoPartitions(u32::try_from(most).unwrap_or(u32::MAX))
            }
        }
    }
}
