//! A process for each event (Elixir's `ConsumerSupervisor`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::gen_server::Nothing;
use crate::mailbox::Received;
use crate::pid::{Destination, Pid, Reference};
use crate::process;
use crate::stage::{Begin, Stage, SubscribeOptions};
use crate::supervisor::{ChildSpec, ChildState, Supervisor, SupervisorRef};

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
    /// By the monitors of those that run.
    running: BTreeMap<Reference, Pid>,
    /// Events whose children have not come to an end.
    at_work: u64,
    finished: u64,
    of: PhantomData<fn() -> O>,
}

impl<O: OnePerEvent> ConsumerSupervisor<O> {
    fn finished_one(&mut self) {
        self.at_work -= 1;
        self.finished += 1;
    }
}

impl<O: OnePerEvent> ConsumerSupervisor<O> {
    /// How many children there are: those that run, and those that are being restarted. Whoever runs is watched.
    fn count(&mut self, ended: Option<Pid>) -> Result<u64, crate::supervisor::SupervisorError> {
        loop {
            let children = self.children.which_children()?;
            // The supervisor is the last to hear of an end.
            if ended
                .is_some_and(|ended| children.iter().any(|child| child.state == ChildState::Running(ended)))
            {
                continue;
            }
            for child in &children {
                if let ChildState::Running(pid) = child.state
                    && !self.running.values().any(|known| *known == pid)
                {
                    let monitor = process::monitor(pid)?;
                    self.running.insert(monitor.into(), pid);
                }
            }
            return Ok(children.len() as u64);
        }
    }

    fn sync(&mut self, ended: Option<Pid>) {
        match self.count(ended) {
            Ok(count) => {
                self.finished += self.at_work.saturating_sub(count);
                self.at_work = count;
            }
            // It is linked to this process.
            Err(error) => log::error!("the children are not known: {error}"),
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
                at_work: 0,
                finished: 0,
                of: PhantomData,
            })
            .subscribe_to(producer, options),
            Err(error) => Begin::Stop(error.into()),
        }
    }

    fn handle_events(&mut self, events: Vec<O::Event>) -> Vec<Nothing> {
        for event in events {
            self.at_work += 1;
            match self.children.start_child(&O::child(&event)) {
                Ok(Some(child)) => match process::monitor(child.pid) {
                    Ok(monitor) => drop(self.running.insert(monitor.into(), child.pid)),
                    Err(error) => log::error!("a child is not watched: {error}"),
                },
                // Rule D30: it is done with.
                Ok(None) => self.finished_one(),
                Err(error) => {
                    log::warn!("a child for an event did not start: {error}");
                    self.finished_one();
                }
            }
        }
        Vec::new()
    }

    fn handle_info(&mut self, info: Received) -> Vec<Nothing> {
        match info {
            Received::Down { reference, .. } => {
                if let Some(pid) = self.running.remove(&reference) {
                    self.sync(Some(pid));
                }
            }
            other => log::warn!("an unexpected message was dropped: {}", other.kind()),
        }
        Vec::new()
    }

    fn take_finished(&mut self) -> Option<u64> {
        Some(core::mem::take(&mut self.finished))
    }
}
