//! Starting servers.

use core::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::{GenServer, ServerRef};
use crate::pid::MonitorRef;
use crate::process::{self, SpawnOptions, Spawned, Started};

/// Why a server was not started.
#[derive(Clone, Debug, PartialEq)]
pub enum StartError {
    /// Its `init` said that there is nothing to do.
    Ignore,
    /// It could not run.
    Failed(ExitReason),
    /// Its `init` took too long.
    Timeout,
    /// The host refused it; [`Error::NameTaken`] is `already_started`.
    Refused(Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("the server has nothing to do"),
            Self::Failed(reason) => write!(f, "the server could not start: {reason}"),
            Self::Timeout => f.write_str("the server did not start in time"),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<StartError> for ExitReason {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Failed(reason) => reason,
            other => ExitReason::error(&alloc::format!("{other}")),
        }
    }
}

/// Starts a server from an entry of this component, linked to this process, and waits for its `init`.
///
/// # Errors
/// [`StartError`]
pub fn start_link<S: GenServer>(
    entry: &str,
    argument: &S::Argument,
    options: &SpawnOptions,
) -> Result<ServerRef<S>, StartError>
where
    S::Argument: Serialize,
{
    start(entry, argument, &SpawnOptions { link: true, ..options.clone() })
}

/// As [`start_link`], with a monitor in place of the link (`start_monitor/3`, rule G8).
///
/// # Errors
/// [`StartError`]
pub fn start_monitor<S: GenServer>(
    entry: &str,
    argument: &S::Argument,
    options: &SpawnOptions,
) -> Result<(ServerRef<S>, MonitorRef), StartError>
where
    S::Argument: Serialize,
{
    let spawned = started(entry, argument, &SpawnOptions { monitor: true, ..options.clone() })?;
    let monitor = spawned.monitor.ok_or(StartError::Refused(Error::NoProc))?;
    Ok((ServerRef::new(spawned.pid), monitor))
}

/// Starts a server as `options` say, and waits for its `init`.
///
/// # Errors
/// [`StartError`]
pub fn start<S: GenServer>(
    entry: &str,
    argument: &S::Argument,
    options: &SpawnOptions,
) -> Result<ServerRef<S>, StartError>
where
    S::Argument: Serialize,
{
    Ok(ServerRef::new(started(entry, argument, options)?.pid))
}

pub(crate) fn started<A: Serialize + ?Sized>(
    entry: &str,
    argument: &A,
    options: &SpawnOptions,
) -> Result<Spawned, StartError> {
    match process::start(entry, argument, options, None).map_err(StartError::Refused)? {
        Started::Started(spawned) => Ok(spawned),
        Started::Ignore => Err(StartError::Ignore),
        Started::Failed(reason) => Err(StartError::Failed(reason)),
        Started::Timeout => Err(StartError::Timeout),
    }
}
