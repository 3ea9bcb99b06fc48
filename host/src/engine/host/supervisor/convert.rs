//! Between the types of the WIT interface and those of `otp`.

use std::sync::Arc;
use std::time::Duration;

use regrow_otp::Context;
use regrow_otp::supervisor::{
    self as supervisors, Backoff, ChildInfo, ChildSpec, ChildState, ManagementError, OverIntensity, Restart,
    Shutdown, StartChild, StartedChild,
};

use crate::engine::bindings::regrow::otp::supervisor as sup;
use crate::engine::bindings::regrow::otp::supervisor::SupervisorError;
use crate::engine::host::convert::whole_milliseconds;

pub(super) fn with_start(context: &Context, spec: &sup::ChildSpec, start: Arc<dyn StartChild>) -> ChildSpec {
    ChildSpec {
        blobs: context.blobs_in(&spec.argument),
        restart: match spec.restart {
            sup::Restart::Permanent => Restart::Permanent,
            sup::Restart::Transient => Restart::Transient,
            sup::Restart::Temporary => Restart::Temporary,
        },
        shutdown: match spec.shutdown {
            sup::Shutdown::BrutalKill => Shutdown::BrutalKill,
            sup::Shutdown::TimeoutMs(ms) => Shutdown::Timeout(Duration::from_millis(ms)),
            sup::Shutdown::Infinity => Shutdown::Infinity,
        },
        significant: spec.significant,
        start_timeout: spec.start_timeout_ms.map(Duration::from_millis),
        backoff: spec.backoff.map(|backoff| {
            Box::new(Backoff {
                initial: Duration::from_millis(backoff.initial_ms),
                max: Duration::from_millis(backoff.max_ms),
                factor: backoff.factor,
                jitter: backoff.jitter,
                reset_after: Duration::from_millis(backoff.reset_after_ms),
            })
        }),
        over_intensity: match spec.over_intensity {
            sup::OverIntensity::GiveUp => OverIntensity::GiveUp,
            sup::OverIntensity::Park => OverIntensity::Park,
        },
        ..ChildSpec::worker(spec.id.clone(), start)
    }
}

pub(super) fn started(started: StartedChild) -> Option<sup::RunningChild> {
    match started {
        StartedChild::Running { pid, info } => {
            Some(sup::RunningChild { pid: pid.into(), info: info.map(Vec::from) })
        }
        StartedChild::Ignored => None,
    }
}

impl From<sup::ChildName> for supervisors::ChildName {
    fn from(name: sup::ChildName) -> Self {
        match name {
            sup::ChildName::Id(id) => Self::Id(id),
            sup::ChildName::Pid(pid) => Self::Pid(pid.into()),
        }
    }
}

impl From<ChildInfo> for sup::ChildInfo {
    fn from(child: ChildInfo) -> Self {
        Self {
            id: child.id,
            state: match child.state {
                ChildState::Running(pid) => sup::ChildState::Running(pid.into()),
                ChildState::Starting(pid) => sup::ChildState::Starting(pid.into()),
                ChildState::Stopped => sup::ChildState::Stopped,
                ChildState::Restarting { after } => sup::ChildState::Restarting(whole_milliseconds(after)),
                ChildState::Parked => sup::ChildState::Parked,
            },
            last_pid: child.last_pid.map(Into::into),
            is_supervisor: child.child_type == supervisors::ChildType::Supervisor,
            restart: match child.restart {
                Restart::Permanent => sup::Restart::Permanent,
                Restart::Transient => sup::Restart::Transient,
                Restart::Temporary => sup::Restart::Temporary,
            },
            shutdown: match child.shutdown {
                Shutdown::BrutalKill => sup::Shutdown::BrutalKill,
                Shutdown::Timeout(timeout) => sup::Shutdown::TimeoutMs(whole_milliseconds(timeout)),
                Shutdown::Infinity => sup::Shutdown::Infinity,
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
            ManagementError::NoProc => Self::Noproc,
            ManagementError::NotASupervisor | ManagementError::CallingSelf => Self::NotASupervisor,
            ManagementError::Down(reason) => Self::Down(reason.into()),
            ManagementError::Limit(limit) => Self::Refused(limit.into()),
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
