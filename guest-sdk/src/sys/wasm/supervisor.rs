//! `regrow:otp/supervisor`

use alloc::vec::Vec;
use core::time::Duration;

use crate::supervisor::{
    AutoShutdown, ChildCounts, ChildInfo, ChildName, ChildSpec, ChildState, Children, Restart, RunningChild,
    Shutdown, Strategy, Supervisor, SupervisorError,
};
use crate::sys::wasm::bindings::regrow::otp::supervisor as wit;
use crate::sys::whole_milliseconds;
use crate::{Destination, Pid};

type Answer<T> = Result<T, SupervisorError>;

fn wit_child(spec: &ChildSpec) -> Answer<wit::ChildSpec> {
    Ok(wit::ChildSpec {
        id: spec.id.clone(),
        component: spec.component.clone(),
        entry: spec.entry.clone(),
        argument: spec.argument.clone()?,
        name: spec.name.clone(),
        via: spec.via.as_ref().map(Into::into),
        restart: match spec.restart {
            Restart::Permanent => wit::Restart::Permanent,
            Restart::Transient => wit::Restart::Transient,
            Restart::Temporary => wit::Restart::Temporary,
        },
        shutdown: match spec.shutdown {
            Shutdown::BrutalKill => wit::Shutdown::BrutalKill,
            Shutdown::Timeout(timeout) => wit::Shutdown::TimeoutMs(whole_milliseconds(timeout)),
            Shutdown::Infinity => wit::Shutdown::Infinity,
        },
        significant: spec.significant,
        start_timeout_ms: spec.start_timeout.map(whole_milliseconds),
        backoff: spec.backoff.map(|backoff| wit::Backoff {
            initial_ms: whole_milliseconds(backoff.initial),
            max_ms: whole_milliseconds(backoff.max),
            factor: backoff.factor,
            jitter: backoff.jitter,
            reset_after_ms: whole_milliseconds(backoff.reset_after),
        }),
        over_intensity: if spec.parks { wit::OverIntensity::Park } else { wit::OverIntensity::GiveUp },
    })
}

pub(crate) fn start_link(spec: &Supervisor) -> Answer<Pid> {
    let children = match &spec.children {
        Children::Fixed(children) => {
            wit::Children::Fixed(children.iter().map(wit_child).collect::<Result<_, _>>()?)
        }
        Children::Template(template) => wit::Children::Template(wit_child(template)?),
        Children::Dynamic(extra) => {
            wit::Children::Dynamic(extra.iter().cloned().collect::<Result<_, crate::Error>>()?)
        }
        Children::Partitions(count, child) => wit::Children::Partitions((*count, wit_child(child)?)),
    };
    let started = wit::start_link(&wit::SupervisorSpec {
        name: spec.name.clone(),
        strategy: match spec.strategy {
            Strategy::OneForOne => wit::Strategy::OneForOne,
            Strategy::OneForAll => wit::Strategy::OneForAll,
            Strategy::RestForOne => wit::Strategy::RestForOne,
        },
        intensity: spec.intensity,
        period_s: u32::try_from(spec.period.as_secs()).unwrap_or(u32::MAX),
        auto_shutdown: match spec.auto_shutdown {
            AutoShutdown::Never => wit::AutoShutdown::Never,
            AutoShutdown::AnySignificant => wit::AutoShutdown::AnySignificant,
            AutoShutdown::AllSignificant => wit::AutoShutdown::AllSignificant,
        },
        children,
        max_children: spec.max_children,
    });
    Ok(started?.into())
}

fn running(child: Option<wit::RunningChild>) -> Option<RunningChild> {
    child.map(|child| RunningChild { pid: child.pid.into(), info: child.info })
}

fn wit_name(name: ChildName) -> wit::ChildName {
    match name {
        ChildName::Id(id) => wit::ChildName::Id(id),
        ChildName::Pid(pid) => wit::ChildName::Pid(pid.into()),
    }
}

pub(crate) fn start_child(supervisor: Destination, spec: &ChildSpec) -> Answer<Option<RunningChild>> {
    Ok(running(wit::start_child(&supervisor.into(), &wit_child(spec)?)?))
}

pub(crate) fn start_from_template(
    supervisor: Destination,
    arguments: Vec<Vec<u8>>,
) -> Answer<Option<RunningChild>> {
    Ok(running(wit::start_from_template(&supervisor.into(), &arguments)?))
}

pub(crate) fn terminate_child(supervisor: Destination, child: ChildName) -> Answer<()> {
    Ok(wit::terminate_child(&supervisor.into(), &wit_name(child))?)
}

pub(crate) fn restart_child(supervisor: Destination, child: ChildName) -> Answer<Option<RunningChild>> {
    Ok(running(wit::restart_child(&supervisor.into(), &wit_name(child))?))
}

pub(crate) fn delete_child(supervisor: Destination, child: ChildName) -> Answer<()> {
    Ok(wit::delete_child(&supervisor.into(), &wit_name(child))?)
}

pub(crate) fn which_children(supervisor: Destination) -> Answer<Vec<ChildInfo>> {
    let children = wit::which_children(&supervisor.into())?;
    Ok(children.into_iter().map(Into::into).collect())
}

pub(crate) fn count_children(supervisor: Destination) -> Answer<ChildCounts> {
    let wit::ChildCounts { specs, active, supervisors, workers, parked } =
        wit::count_children(&supervisor.into())?;
    Ok(ChildCounts { specs, active, supervisors, workers, parked })
}

pub(crate) fn resize(supervisor: Destination, partitions: u32) -> Answer<u32> {
    Ok(wit::resize(&supervisor.into(), partitions)?)
}

pub(crate) fn partition(supervisor: &str, key: Vec<u8>) -> Answer<Pid> {
    Ok(wit::partition(supervisor, &key)?.into())
}

impl From<wit::ChildInfo> for ChildInfo {
    fn from(child: wit::ChildInfo) -> Self {
        Self {
            id: child.id,
            state: match child.state {
                wit::ChildState::Running(pid) => ChildState::Running(pid.into()),
                wit::ChildState::Starting(pid) => ChildState::Starting(pid.into()),
                wit::ChildState::Stopped => ChildState::Stopped,
                wit::ChildState::Restarting(ms) => ChildState::Restarting(Duration::from_millis(ms)),
                wit::ChildState::Parked => ChildState::Parked,
            },
            last_pid: child.last_pid.map(Into::into),
            is_supervisor: child.is_supervisor,
            restart: match child.restart {
                wit::Restart::Permanent => Restart::Permanent,
                wit::Restart::Transient => Restart::Transient,
                wit::Restart::Temporary => Restart::Temporary,
            },
            shutdown: match child.shutdown {
                wit::Shutdown::BrutalKill => Shutdown::BrutalKill,
                wit::Shutdown::TimeoutMs(ms) => Shutdown::Timeout(Duration::from_millis(ms)),
                wit::Shutdown::Infinity => Shutdown::Infinity,
            },
            significant: child.significant,
            component: child.component,
            entry: child.entry,
            restarts: child.restarts,
        }
    }
}

impl From<wit::SupervisorError> for SupervisorError {
    fn from(error: wit::SupervisorError) -> Self {
        use wit::SupervisorError as Wit;
        match error {
            Wit::Refused(error) => Self::Refused(error.into()),
            Wit::Noproc => Self::NoProc,
            Wit::NotASupervisor => Self::NotASupervisor,
            Wit::Down(reason) => Self::Down(reason.into()),
            Wit::AlreadyStarted(pid) => Self::AlreadyStarted(pid.into()),
            Wit::AlreadyPresent => Self::AlreadyPresent,
            Wit::NotFound => Self::NotFound,
            Wit::Running => Self::Running,
            Wit::Restarting => Self::Restarting,
            Wit::DynamicChildren => Self::DynamicChildren,
            Wit::StaticChildren => Self::StaticChildren,
            Wit::MaxChildren(most) => Self::MaxChildren(most),
            Wit::StartFailed(reason) => Self::StartFailed(reason.into()),
            Wit::Invalid(why) => Self::Invalid(why),
            Wit::NoPartitions(most) => Self::NoPartitions(most),
        }
    }
}
