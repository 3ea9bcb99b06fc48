//! A running machine, for its clients.

use core::fmt;
use core::time::Duration;

use regrow_term::Term;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::{self, ControlError, Response, ServerRef, StartError};
use crate::mailbox::CallError;
use crate::pid::{Destination, Pid};
use crate::process::SpawnOptions;
use crate::state_machine::StateMachine;

/// A running machine of type `M`. It can be sent to other processes.
#[derive(Serialize, Deserialize)]
#[serde(bound = "", transparent)]
pub struct MachineRef<M>(ServerRef<M>);

impl<M> Clone for MachineRef<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> fmt::Debug for MachineRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MachineRef").field(self.0.destination()).finish()
    }
}

impl<M> MachineRef<M> {
    /// The machine that is, or is registered as, `to`.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self(ServerRef::new(to))
    }

    /// This machine, whose calls wait up to `timeout`; none is for ever.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<Duration>) -> Self {
        Self(self.0.with_timeout(timeout))
    }

    /// Its process at this moment, if there is one.
    pub fn pid(&self) -> Option<Pid> {
        self.0.pid()
    }

    /// Has it run `terminate` and end normally, and waits until it has.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn stop(&self) -> Result<(), ControlError> {
        self.0.stop()
    }

    /// As [`MachineRef::stop`], with another reason, and for so long.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn stop_with(&self, reason: ExitReason, timeout: Option<Duration>) -> Result<(), ControlError> {
        self.0.stop_with(reason, timeout)
    }

    /// What it shows of its state (rule M21).
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn get_state(&self) -> Result<Option<Term>, ControlError> {
        self.0.get_state()
    }
}

impl<M: StateMachine> MachineRef<M> {
    /// Asks, and waits up to [`CALL_TIMEOUT`](gen_server::CALL_TIMEOUT), unless [`MachineRef::with_timeout`] has said otherwise.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn call(&self, request: &M::Call) -> Result<M::Reply, CallError>
    where
        M::Reply: DeserializeOwned,
    {
        self.0.call_for(request)
    }

    /// Asks, and does not wait.
    ///
    /// # Errors
    /// As [`request::send`](crate::request::send).
    pub fn send_request(&self, request: &M::Call) -> Result<Response<M::Reply>, Error>
    where
        M::Reply: DeserializeOwned,
    {
        self.0.send_request_for(request)
    }

    /// Asks for something that is not answered. Nobody learns of it if the machine is not there.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Limit`]
    pub fn cast(&self, request: &M::Cast) -> Result<(), Error> {
        self.0.cast_for(request)
    }
}

/// Starts a machine from an entry of this component, linked to this process, and waits for its `init`.
///
/// # Errors
/// [`StartError`]
pub fn start_link<M: StateMachine>(
    entry: &str,
    argument: &M::Argument,
    options: &SpawnOptions,
) -> Result<MachineRef<M>, StartError>
where
    M::Argument: Serialize,
{
    start(entry, argument, &SpawnOptions { link: true, ..options.clone() })
}

/// As [`start_link`], as `options` say.
///
/// # Errors
/// [`StartError`]
pub fn start<M: StateMachine>(
    entry: &str,
    argument: &M::Argument,
    options: &SpawnOptions,
) -> Result<MachineRef<M>, StartError>
where
    M::Argument: Serialize,
{
    Ok(MachineRef::new(gen_server::started(entry, argument, options)?.pid))
}
