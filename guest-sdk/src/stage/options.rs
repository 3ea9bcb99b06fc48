//! How stages begin, and how they are connected.

use alloc::vec::Vec;

use regrow_term::Term;
use serde::{Deserialize, Serialize};

use crate::exit_reason::ExitReason;
use crate::pid::Destination;
use crate::stage::Stage;
use crate::stage::buffer::BufferOptions;
use crate::stage::dispatcher::Dispatcher;

/// What the end of a subscription is to its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CancelMode {
    /// Its own end, with the same reason (rule D21).
    #[default]
    Permanent,
    /// Its own end, unless it was an orderly one.
    Transient,
    /// Nothing.
    Temporary,
}

/// How a consumer is subscribed: 1,000 events at a time, asked for again when there are 500, unless told otherwise (rule D2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubscribeOptions {
    /// The most events that have been asked for and have not come.
    pub max_demand: u64,
    /// With so many left it asks for more; half of `max_demand`, if not said.
    pub min_demand: Option<u64>,
    /// What the end of the subscription is to it.
    pub cancel: CancelMode,
    /// Which partition it gets ([`Dispatcher::Partition`]).
    pub partition: Option<u32>,
    /// Which events it gets ([`Dispatcher::Broadcast`], [`Stage::selects`]).
    pub selector: Option<Term>,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            max_demand: 1_000,
            min_demand: None,
            cancel: CancelMode::default(),
            partition: None,
            selector: None,
        }
    }
}

impl SubscribeOptions {
    /// So many events at a time.
    pub fn max_demand(max_demand: u64) -> Self {
        Self { max_demand, ..Self::default() }
    }

    /// These, asking again when so many are left.
    #[must_use]
    pub fn min_demand(self, min_demand: u64) -> Self {
        Self { min_demand: Some(min_demand), ..self }
    }

    /// These, with another meaning of the subscription's end.
    #[must_use]
    pub fn cancel(self, cancel: CancelMode) -> Self {
        Self { cancel, ..self }
    }

    /// These, for a partition.
    #[must_use]
    pub fn partition(self, partition: u32) -> Self {
        Self { partition: Some(partition), ..self }
    }

    /// These, for some events.
    #[must_use]
    pub fn selector(self, selector: impl Into<Term>) -> Self {
        Self { selector: Some(selector.into()), ..self }
    }

    /// How many are asked for at once, and with how many left; none, if that makes no sense.
    pub(super) fn demands(&self) -> Option<(u64, u64)> {
        let (most, least) = (self.max_demand, self.min_demand.unwrap_or(self.max_demand / 2));
        // Producers count no further.
        (most >= 1 && least < most).then_some((most.min(MAX_DEMAND), least.min(MAX_DEMAND - 1)))
    }
}

/// The most that a consumer may ask for at once.
pub(super) const MAX_DEMAND: u64 = 1_000_000;

/// How a stage begins.
pub enum Begin<S: Stage> {
    /// It runs.
    Running(Running<S>),
    /// There is nothing to do.
    Ignore,
    /// It can't run.
    Stop(ExitReason),
}

/// A stage that runs.
pub struct Running<S: Stage> {
    pub(super) stage: S,
    pub(super) produces: bool,
    pub(super) consumes: bool,
    pub(super) dispatcher: Dispatcher<S::Out>,
    pub(super) buffer: Option<BufferOptions>,
    pub(super) passes_on: bool,
    pub(super) subscribe_to: Vec<(Destination, SubscribeOptions)>,
}

impl<S: Stage> Running<S> {
    fn new(stage: S, consumes: bool, produces: bool) -> Self {
        Self {
            stage,
            produces,
            consumes,
            dispatcher: Dispatcher::Demand,
            buffer: None,
            passes_on: true,
            subscribe_to: Vec::new(),
        }
    }
}

impl<S: Stage> Begin<S> {
    /// A stage that makes events: [`Stage::handle_demand`].
    pub fn producer(stage: S) -> Self {
        Self::Running(Running::new(stage, false, true))
    }

    /// A stage that takes events: [`Stage::handle_events`].
    pub fn consumer(stage: S) -> Self {
        Self::Running(Running::new(stage, true, false))
    }

    /// A stage that makes events of events: [`Stage::handle_events`].
    pub fn producer_consumer(stage: S) -> Self {
        Self::Running(Running::new(stage, true, true))
    }

    fn with(self, change: impl FnOnce(&mut Running<S>)) -> Self {
        match self {
            Self::Running(mut running) => {
                change(&mut running);
                Self::Running(running)
            }
            other => other,
        }
    }

    /// This stage, dealing out its events in another way.
    #[must_use]
    pub fn dispatcher(self, dispatcher: Dispatcher<S::Out>) -> Self {
        self.with(|running| running.dispatcher = dispatcher)
    }

    /// This stage, keeping more or fewer events that nobody has asked for.
    #[must_use]
    pub fn buffer(self, buffer: BufferOptions) -> Self {
        self.with(|running| running.buffer = Some(buffer))
    }

    /// This stage, which is asked for nothing until [`StageRef::pass_on_demand`](super::StageRef::pass_on_demand) (rule D7).
    #[must_use]
    pub fn accumulate_demand(self) -> Self {
        self.with(|running| running.passes_on = false)
    }

    /// This stage, subscribed to a producer.
    #[must_use]
    pub fn subscribe_to(self, producer: impl Into<Destination>, options: SubscribeOptions) -> Self {
        self.with(|running| running.subscribe_to.push((producer.into(), options)))
    }
}
