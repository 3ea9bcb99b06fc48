//! Linear flows of functions.

use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit_reason::ExitReason;
use crate::gen_server::{self, ControlError, Nothing, StartError};
use crate::mailbox::{self, Received};
use crate::pid::{MonitorRef, Pid};
use crate::process::{self, SpawnOptions};
use crate::stage::run::begin;
use crate::stage::{Begin, Stage, SubscribeOptions, subscribe};

/// Makes the events of an iterator.
struct Source<I> {
    events: I,
    is_done: bool,
}

impl<I: Iterator> Stage for Source<I>
where
    I::Item: Serialize + Clone,
{
    type Argument = Nothing;
    type In = Nothing;
    type Out = I::Item;

    fn init(_: Nothing) -> Begin<Self> {
        Begin::Ignore
    }

    fn handle_demand(&mut self, demand: u64) -> Vec<I::Item> {
        let demand = usize::try_from(demand).unwrap_or(usize::MAX);
        let events: Vec<I::Item> = self.events.by_ref().take(demand).collect();
        self.is_done = events.len() < demand;
        events
    }

    fn is_done(&self) -> bool {
        self.is_done
    }
}

/// Makes an event of each.
struct Map<E, R>(fn(E) -> R);

impl<E: DeserializeOwned, R: Serialize + Clone> Stage for Map<E, R> {
    type Argument = Nothing;
    type In = E;
    type Out = R;

    fn init(_: Nothing) -> Begin<Self> {
        Begin::Ignore
    }

    fn handle_events(&mut self, events: Vec<E>) -> Vec<R> {
        events.into_iter().map(self.0).collect()
    }
}

/// Does something with each event.
struct Each<E>(fn(E));

impl<E: DeserializeOwned> Stage for Each<E> {
    type Argument = Nothing;
    type In = E;
    type Out = Nothing;

    fn init(_: Nothing) -> Begin<Self> {
        Begin::Ignore
    }

    fn handle_events(&mut self, events: Vec<E>) -> Vec<Nothing> {
        events.into_iter().for_each(self.0);
        Vec::new()
    }
}

pub(crate) fn run_source<A: DeserializeOwned, I: Iterator>(
    function: fn(A) -> I,
    argument: &[u8],
) -> Result<(), ExitReason>
where
    I::Item: Serialize + Clone,
{
    let events = function(crate::component::understand(argument)?);
    begin(Begin::producer(Source { events, is_done: false }).accumulate_demand())
}

pub(crate) fn run_map<E: DeserializeOwned, R: Serialize + Clone>(
    function: fn(E) -> R,
) -> Result<(), ExitReason> {
    begin(Begin::producer_consumer(Map(function)))
}

pub(crate) fn run_each<E: DeserializeOwned>(function: fn(E)) -> Result<(), ExitReason> {
    begin(Begin::consumer(Each(function)))
}

/// A linear flow that is being put together: what comes out of it so far are events of type `E`.
#[doc(hidden)]
pub struct Open<E> {
    stages: Vec<Pid>,
    options: SubscribeOptions,
    events: core::marker::PhantomData<fn() -> E>,
}

/// A linear flow of stages: [`flow!`](crate::flow!) makes it. It ends when its source has no more events and all of them have been taken; then
/// all of its stages have ended. They are linked to the process that has made it, which ends with the first that fails, and so do the others; if
/// that process traps exits, [`join`](Flow::join) ends them.
#[derive(Debug)]
pub struct Flow {
    stages: Vec<Pid>,
    last: MonitorRef,
}

fn started<A: Serialize>(entry: &str, argument: &A) -> Result<Pid, StartError> {
    Ok(gen_server::started(entry, argument, &SpawnOptions::link())?.pid)
}

/// Ends stages; those that have ended are left alone, with what their ends have been told.
fn end(stages: &[Pid]) {
    for stage in stages.iter().filter(|stage| process::is_alive(**stage)) {
        process::unlink(*stage);
        // It may have ended in the meantime.
        let _gone = process::exit_process(*stage, ExitReason::Shutdown);
    }
}

impl Flow {
    #[doc(hidden)]
    pub fn source<A: Serialize, I: Iterator>(
        entry: &str,
        _: fn(A) -> I,
        argument: &A,
        options: SubscribeOptions,
    ) -> Result<Open<I::Item>, StartError> {
        let stages = alloc::vec![started(entry, argument)?];
        Ok(Open { stages, options, events: core::marker::PhantomData })
    }

    /// Waits until it has ended, `timeout` at most. Of one that failed, all stages are ended; one that is late goes on.
    ///
    /// # Errors
    /// [`ControlError::Exit`] if it failed, [`ControlError::Timeout`]
    pub fn join(self, timeout: Option<Duration>) -> Result<(), ControlError> {
        match mailbox::wait_for(self.last, timeout) {
            Some(Received::Down { reason: ExitReason::Normal, .. }) => Ok(()),
            Some(Received::Down { reason, .. }) => {
                end(&self.stages);
                Err(ControlError::Exit(reason))
            }
            _ => {
                process::demonitor(self.last);
                Err(ControlError::Timeout)
            }
        }
    }

    /// Its stages, from the first to the last.
    pub fn stages(&self) -> &[Pid] {
        &self.stages
    }
}

impl<E> Open<E> {
    /// With one more stage; if there can't be, it ends.
    fn connected(&mut self, entry: &str) -> Result<(), StartError> {
        self.connect(entry).inspect_err(|_| end(&self.stages))
    }

    fn connect(&mut self, entry: &str) -> Result<(), StartError> {
        let stage = started(entry, &())?;
        let before = self.stages.last().copied().unwrap_or(stage);
        self.stages.push(stage);
        let subscribed = subscribe(stage, before, self.options.clone());
        subscribed.map_err(|error| StartError::Failed(ExitReason::from(error)))?;
        Ok(())
    }

    #[doc(hidden)]
    pub fn map<R>(mut self, entry: &str, _: fn(E) -> R) -> Result<Open<R>, StartError> {
        self.connected(entry)?;
        Ok(Open { stages: self.stages, options: self.options, events: core::marker::PhantomData })
    }

    #[doc(hidden)]
    pub fn each(mut self, entry: &str, _: fn(E)) -> Result<Flow, StartError> {
        self.connected(entry)?;
        let (first, last) = (self.stages[0], self.stages[self.stages.len() - 1]);
        let begun = process::monitor(last).map_err(StartError::Refused).and_then(|last| {
            // Now that all are there, it begins.
            let source: super::StageRef<Nothing> = super::StageRef::new(first);
            let begun = source.pass_on_demand(true).map(|()| last);
            begun.map_err(|error| StartError::Failed(ExitReason::from(error)))
        });
        let last = begun.inspect_err(|_| end(&self.stages))?;
        Ok(Flow { stages: self.stages, last })
    }
}

/// Starts a linear flow: `flow!(numbers(1) => square => show)` has the function `square` applied to what the iterator of `numbers(1)` gives, and
/// `show` to what comes of that, each in a process of its own. The functions are entries of this component, under their own names:
/// `"numbers" => source numbers`, `"square" => map square`, `"show" => each show`. The stages are linked to this process. It gives a
/// [`Flow`](crate::stage::Flow), or a [`StartError`](crate::gen_server::StartError).
///
/// `flow!(numbers(1), max_demand 10 => square => show)` asks for so many events at a time, in place of 1,000.
#[macro_export]
macro_rules! flow {
    ($source:ident($argument:expr) $(, max_demand $max:expr)? => $($rest:tt)+) => {
        $crate::stage::Flow::source(
            stringify!($source), $source, &$argument, $crate::__flow_options!($($max)?),
        )
        .and_then(|flow| $crate::__flow!(flow => $($rest)+))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __flow_options {
    () => {
        $crate::stage::SubscribeOptions::default()
    };
    ($max:expr) => {
        $crate::stage::SubscribeOptions::max_demand($max)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __flow {
    ($flow:expr => $last:ident) => {
        $flow.each(stringify!($last), $last)
    };
    ($flow:expr => $next:ident => $($rest:tt)+) => {
        $flow.map(stringify!($next), $next).and_then(|flow| $crate::__flow!(flow => $($rest)+))
    };
}
