//! Running stages, and how others connect them.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit_reason::ExitReason;
use crate::gen_server::{self, ControlError, Nothing, StartError};
use crate::mailbox::{CallError, decode_answer};
use crate::pid::{Destination, Pid};
use crate::process::SpawnOptions;
use crate::stage::protocol::{Said, ToConsumer, ToProducer, encoded};
use crate::stage::{Stage, SubscribeOptions};
use crate::sys;

/// A running stage of type `S`. It can be sent to other processes.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct StageRef<S> {
    to: Destination,
    #[serde(skip)]
    stage: PhantomData<fn() -> S>,
}

impl<S> Clone for StageRef<S> {
    fn clone(&self) -> Self {
        Self::new(self.to.clone())
    }
}

impl<S> fmt::Debug for StageRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StageRef").field(&self.to).finish()
    }
}

impl<S> From<StageRef<S>> for Destination {
    fn from(stage: StageRef<S>) -> Self {
        stage.to
    }
}

impl<S> StageRef<S> {
    /// The stage that is, or is registered as, `to`.
    pub fn new(to: impl Into<Destination>) -> Self {
        Self { to: to.into(), stage: PhantomData }
    }

    /// Its process at this moment, if there is one.
    pub fn pid(&self) -> Option<Pid> {
        self.to.whereis()
    }

    /// Has it end normally, and waits until it has.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn stop(&self) -> Result<(), ControlError> {
        gen_server::stop(self.to.clone(), ExitReason::Normal, None)
    }

    /// Whether a producer hears of demand, or keeps it until it does (`GenStage.demand/2`, rule D7).
    ///
    /// # Errors
    /// [`CallError`]
    pub fn pass_on_demand(&self, passes_on: bool) -> Result<(), CallError> {
        let said = Said::<Nothing>::Producer(ToProducer::PassOn(passes_on));
        let asked = encoded(&said).map_err(CallError::Refused)?;
        decode_answer(&sys::call(self.to.clone(), asked, Some(gen_server::CALL_TIMEOUT))?)
    }
}

impl<C: Stage> StageRef<C> {
    /// Subscribes this consumer to a producer of what it takes (`GenStage.sync_subscribe/3`). A producer that is not there has ended at
    /// once (rule D23).
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::NotUnderstood`], if the options make no sense
    pub fn subscribe_to<P: Stage<Out = C::In>>(
        &self,
        producer: &StageRef<P>,
        options: SubscribeOptions,
    ) -> Result<Subscription, CallError> {
        subscribe(self.to.clone(), producer.to.clone(), options)
    }
}

/// A subscription of a consumer to a producer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    consumer: Destination,
    number: u64,
}

/// Subscribes a consumer to a producer, stages of other components among them: nothing checks that the events are those that the consumer
/// takes before they come.
///
/// # Errors
/// As [`StageRef::subscribe_to`].
pub fn subscribe(
    consumer: impl Into<Destination>,
    producer: impl Into<Destination>,
    options: SubscribeOptions,
) -> Result<Subscription, CallError> {
    let (consumer, to) = (consumer.into(), producer.into());
    let asked = Said::<Nothing>::Consumer(ToConsumer::Subscribe { to, options });
    let asked = encoded(&asked).map_err(CallError::Refused)?;
    let answer = sys::call(consumer.clone(), asked, Some(gen_server::CALL_TIMEOUT))?;
    let number: Result<u64, String> = decode_answer(&answer)?;
    Ok(Subscription { consumer, number: number.map_err(CallError::NotUnderstood)? })
}

impl Subscription {
    /// Ends it, with this word as the reason; `normal` is an orderly end. False, if it had ended.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn cancel(&self, reason: &str) -> Result<bool, CallError> {
        let (subscription, reason) = (self.number, String::from(reason));
        let asked = Said::<Nothing>::Consumer(ToConsumer::Unsubscribe { subscription, reason });
        let timeout: Option<Duration> = Some(gen_server::CALL_TIMEOUT);
        let asked = encoded(&asked).map_err(CallError::Refused)?;
        decode_answer(&sys::call(self.consumer.clone(), asked, timeout)?)
    }
}

/// Starts a stage from an entry of this component, linked to this process, and waits for its `init`.
///
/// # Errors
/// [`StartError`]
pub fn start_link<S: Stage>(
    entry: &str,
    argument: &S::Argument,
    options: &SpawnOptions,
) -> Result<StageRef<S>, StartError>
where
    S::Argument: Serialize,
{
    start(entry, argument, &SpawnOptions { link: true, ..options.clone() })
}

/// As [`start_link`], as `options` say.
///
/// # Errors
/// [`StartError`]
pub fn start<S: Stage>(
    entry: &str,
    argument: &S::Argument,
    options: &SpawnOptions,
) -> Result<StageRef<S>, StartError>
where
    S::Argument: Serialize,
{
    Ok(StageRef::new(gen_server::started(entry, argument, options)?.pid))
}
