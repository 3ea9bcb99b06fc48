//! A process for each event (Elixir's `ConsumerSupervisor`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::Nothing;
use crate::mailbox::{self, Received};
use crate::pid::{Destination, Pid, Reference, TimerRef};
use crate::process;
use crate::stage::{Begin, Stage, SubscribeOptions};
use crate::supervisor::{ChildSpec, ChildState, Restart, Supervisor, SupervisorError, SupervisorRef};
use crate::timer;

/// What a [`ConsumerSupervisor`] does with events: each is the argument of a child of its own, no more than `max_demand` of which run at a
/// time (rules D30 to D32).
pub trait OnePerEvent {
    /// What it is started with.
    type Argument: DeserializeOwned;
    /// The events.
    type Event: Serialize + DeserializeOwned;

    /// To whom it is subscribed, and how many children there may be at a time.
    fn subscribe_to(argument: Self::Argument) -> (Destination, SubscribeOptions);

    /// The child for an event: [temporary or transient](ChildSpec::temporary).
    fn child(event: &Self::Event) -> ChildSpec;
}

/// Starts a child for each event, and asks for others when children have ended: a consumer whose work is done by processes of their own. On a
/// host the component needs the grant `start_children`.
///
/// ```
/// use regrow_sdk::stage::{OnePerEvent, SubscribeOptions};
/// use regrow_sdk::supervisor::ChildSpec;
/// use regrow_sdk::Destination;
///
/// struct Mails;
///
/// impl OnePerEvent for Mails {
///     type Argument = ();
///     type Event = String;
///
///     fn subscribe_to(_: ()) -> (Destination, SubscribeOptions) {
///         ("outbox".into(), SubscribeOptions::max_demand(10).min_demand(5))
///     }
///
///     fn child(mail: &String) -> ChildSpec {
///         ChildSpec::worker("mail", "send").argument(mail).temporary()
///     }
/// }
///
/// fn send(mail: String) {
///     log::info!("sent {mail}");
/// }
///
/// regrow_sdk::component! {
///     "mails" => consumer_supervisor Mails,
///     "send" => process send,
/// }
/// # fn main() {}
/// ```
pub struct ConsumerSupervisor<O: OnePerEvent> {
    children: SupervisorRef,
    /// By the monitors of those that run; the second is whether it is restarted when it fails.
    running: BTreeMap<Reference, (Pid, bool)>,
    /// How many have failed and are restarted: their new processes are to be found.
    restarting: u64,
    finished: u64,
    /// When they are looked for again.
    again: Option<TimerRef>,
    of: PhantomData<fn() -> O>,
}

/// Children that are restarted are looked for after this time.
const AGAIN: Duration = Duration::from_millis(20);

impl<O: OnePerEvent> ConsumerSupervisor<O> {
    fn ended(&mut self, is_transient: bool, reason: &ExitReason) {
        if is_transient && !reason.is_clean() {
            self.restarting += 1;
            self.find_restarted();
        } else {
            self.finished += 1;
        }
    }

    /// Watches those that have been restarted.
    fn find_restarted(&mut self) {
        // When it fails, it is at work: it is linked to this process, which ends with it.
        let found =
            self.restarted().inspect_err(|error| log::warn!("the children are not known yet: {error}"));
        if let Ok(still_restarting) = found {
            self.finished += self.restarting.saturating_sub(still_restarting);
            self.restarting = still_restarting;
        }
        if self.restarting > 0 && self.again.is_none() {
            self.again = timer::start(AGAIN, process::self_pid(), &()).ok();
        }
    }

    /// How many are not there yet.
    fn restarted(&mut self) -> Result<u64, SupervisorError> {
        let watched: BTreeSet<Pid> = self.running.values().map(|(pid, _)| *pid).collect();
        let children = self.children.which_children()?;
        let mut still_restarting = 0;
        for child in children.iter().filter(|child| child.restart == Restart::Transient) {
            match child.state {
                ChildState::Running(pid) if watched.contains(&pid) => {}
                ChildState::Running(pid) if process::is_alive(pid) => {
                    self.running.insert(process::monitor(pid)?.into(), (pid, true));
                    self.restarting = self.restarting.saturating_sub(1);
                }
                // Nobody knows when it comes back.
                ChildState::Parked => {}
                // The supervisor is the last to hear of an end.
                _ => still_restarting += 1,
            }
        }
        Ok(self.restarting.min(still_restarting))
    }

    /// A child for an event; none if there is nothing to do for it.
    fn start(&mut self, event: &O::Event) -> Result<Option<()>, SupervisorError> {
        let spec = O::child(event);
        if spec.restart == Restart::Permanent {
            let why = "a permanent child has no end: make it temporary or transient";
            return Err(SupervisorError::from(Error::BadArgument(why.into())));
        }
        let Some(child) = self.children.start_child(&spec)? else { return Ok(None) };
        match process::monitor(child.pid) {
            Ok(monitor) => {
                self.running.insert(monitor.into(), (child.pid, spec.restart == Restart::Transient));
                Ok(Some(()))
            }
            Err(error) => {
                // Nobody would know when it has ended.
                self.children.terminate_child(child.pid)?;
                Err(error.into())
            }
        }
    }
}

impl<O: OnePerEvent> Stage for ConsumerSupervisor<O> {
    type Argument = O::Argument;
    type In = O::Event;
    type Out = Nothing;

    fn init(argument: O::Argument) -> Begin<Self> {
        let (producer, options) = O::subscribe_to(argument);
        match Supervisor::dynamic().start_link() {
            Ok(children) => Begin::consumer(Self {
                children,
                running: BTreeMap::new(),
                restarting: 0,
                finished: 0,
                again: None,
                of: PhantomData,
            })
            .subscribe_to(producer, options),
            Err(error) => Begin::Stop(error.into()),
        }
    }

    fn handle_events(&mut self, events: Vec<O::Event>) -> Vec<Nothing> {
        for event in events {
            match self.start(&event) {
                Ok(Some(())) => {}
                // Rule D30: it is done with.
                Ok(None) => self.finished += 1,
                Err(error) => {
                    log::warn!("a child for an event did not start: {error}");
                    self.finished += 1;
                }
            }
        }
        Vec::new()
    }

    fn handle_info(&mut self, info: Received) -> Vec<Nothing> {
        match info {
            Received::Down { reference, reason, .. } => {
                if let Some((_, is_transient)) = self.running.remove(&reference) {
                    self.ended(is_transient, &reason);
                }
            }
            Received::Timer { reference, .. }
                if self.again.is_some_and(|it| Reference::from(it) == reference) =>
            {
                self.again = None;
                self.find_restarted();
            }
            other => mailbox::unexpected(&other),
        }
        Vec::new()
    }

    fn take_finished(&mut self) -> Option<u64> {
        Some(core::mem::take(&mut self.finished))
    }
}
