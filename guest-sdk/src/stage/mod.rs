//! Stages (Elixir's `GenStage`): events flow from producers to consumers, and consumers ask for them. A slow consumer slows its
//! producer, and memory stays flat.
//!
//! A linear flow of functions:
//!
//! ```
//! # use regrow_sdk::{mailbox, testing};
//! fn numbers(from: u64) -> impl Iterator<Item = u64> {
//!     from..from + 5
//! }
//!
//! fn square(number: u64) -> u64 {
//!     number * number
//! }
//!
//! fn show(number: u64) {
//!     mailbox::send("screen", &number).ok();
//! }
//!
//! regrow_sdk::component! {
//!     "numbers" => source numbers,
//!     "square" => map square,
//!     "show" => each show,
//! }
//!
//! # fn main() {
//! # testing::run(&COMPONENT, || {
//! regrow_sdk::names::register("screen", regrow_sdk::process::self_pid())?;
//! let flow = regrow_sdk::flow!(numbers(1) => square => show)?;
//! flow.join(None)?;
//! for expected in [1u64, 4, 9, 16, 25] {
//!     regrow_sdk::assert_receive!(number: u64 => assert_eq!(number, expected));
//! }
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! A [`Stage`] with a state of its own:
//!
//! ```
//! use regrow_sdk::gen_server::Nothing;
//! use regrow_sdk::stage::{self, Begin, Stage, StageRef, SubscribeOptions};
//! # use regrow_sdk::{mailbox, process, testing};
//!
//! struct Counter(u64);
//!
//! impl Stage for Counter {
//!     type Argument = u64;
//!     type In = Nothing;
//!     type Out = u64;
//!
//!     fn init(from: u64) -> Begin<Self> {
//!         Begin::producer(Counter(from))
//!     }
//!
//!     fn handle_demand(&mut self, demand: u64) -> Vec<u64> {
//!         let from = self.0;
//!         self.0 += demand;
//!         (from..self.0).collect()
//!     }
//! }
//!
//! struct Adder(regrow_sdk::Pid);
//!
//! impl Stage for Adder {
//!     type Argument = regrow_sdk::Pid;
//!     type In = u64;
//!     type Out = Nothing;
//!
//!     fn init(parent: regrow_sdk::Pid) -> Begin<Self> {
//!         Begin::consumer(Adder(parent)).subscribe_to("counter", SubscribeOptions::max_demand(10))
//!     }
//!
//!     fn handle_events(&mut self, numbers: Vec<u64>) -> Vec<Nothing> {
//!         mailbox::send(self.0, &numbers.iter().sum::<u64>()).ok();
//!         Vec::new()
//!     }
//! }
//!
//! regrow_sdk::component! {
//!     "counter" => stage Counter,
//!     "adder" => stage Adder,
//! }
//!
//! # fn main() {
//! # testing::run(&COMPONENT, || {
//! let counter: StageRef<Counter> = stage::start_link("counter", &0, &process::SpawnOptions::default().named("counter"))?;
//! let adder: StageRef<Adder> = stage::start_link("adder", &process::self_pid(), &Default::default())?;
//! // Ten are asked for; they come five at a time.
//! regrow_sdk::assert_receive!(sum: u64 => assert_eq!(sum, 10));
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! What GenStage has and this has not: `async_info`, and `format_discarded`; manual demand is [`Stage::take_finished`].

mod buffer;
mod consumer_supervisor;
mod consuming;
mod dispatcher;
mod flow;
mod options;
mod producing;
mod protocol;
mod reference;
mod run;

use alloc::vec::Vec;

use regrow_term::Term;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::buffer::{BufferOptions, Keep};
pub use self::consumer_supervisor::{ConsumerSupervisor, OnePerEvent};
pub use self::dispatcher::Dispatcher;
pub use self::flow::Flow;
pub(crate) use self::flow::{run_each, run_map, run_source};
pub use self::options::{Begin, CancelMode, Running, SubscribeOptions};
pub use self::reference::{StageRef, Subscription, start, start_link, subscribe};
pub(crate) use self::run::run;
use crate::exit_reason::ExitReason;
use crate::mailbox::{self, Received};

/// A stage: a producer, a consumer, or both; [`Stage::init`] says which.
pub trait Stage: Sized {
    /// What it is started with.
    type Argument: DeserializeOwned;
    /// The events that it takes; [`Nothing`](crate::gen_server::Nothing), if it only makes some.
    type In: DeserializeOwned;
    /// The events that it makes; [`Nothing`](crate::gen_server::Nothing), if it only takes some.
    type Out: Serialize + Clone;

    /// Makes the state, and says what kind of a stage it is. The starter waits for this.
    fn init(argument: Self::Argument) -> Begin<Self>;

    /// So many events are wanted, never none (rule D6): those that there are. More may follow later, of [`Stage::handle_info`]; what
    /// nobody has asked for is kept (rule D8). Of a producer.
    fn handle_demand(&mut self, demand: u64) -> Vec<Self::Out> {
        let _ = demand;
        Vec::new()
    }

    /// Events have come: no more than `max_demand - min_demand` at once (rule D3); what they make of them. Others are asked for when this has
    /// returned (rule D4). What a mere consumer makes is dropped (rule D27).
    fn handle_events(&mut self, events: Vec<Self::In>) -> Vec<Self::Out> {
        log::warn!("{} events were dropped: this stage has no handle_events", events.len());
        Vec::new()
    }

    /// Something else has come, a request to a [`mailbox::call`] included: what events it makes of it.
    fn handle_info(&mut self, info: Received) -> Vec<Self::Out> {
        mailbox::unexpected(&info);
        Vec::new()
    }

    /// Whether a subscriber with this selector gets an event ([`Dispatcher::Broadcast`], rule D17). All of them do, unless you say otherwise.
    fn selects(&self, event: &Self::Out, selector: &Term) -> bool {
        let _ = (event, selector);
        true
    }

    /// How many of the events that [`Stage::handle_events`] has taken are done with since this was last asked: others are asked for in their
    /// place. None, which is so unless you say otherwise: all of them, when it returns. For consumers that go on working on them; asked
    /// whenever something has come (in place of GenStage's manual demand, rule D5).
    fn take_finished(&mut self) -> Option<u64> {
        None
    }

    /// A subscription of this stage to a producer has ended; before what that means to it (rule D22).
    fn handle_cancel(&mut self, reason: &ExitReason) {
        let _ = reason;
    }

    /// Whether a stage that makes events has no more to make: then it ends when all of them have been taken, and its consumers
    /// with it, in order. It goes on for ever, unless you say otherwise.
    fn is_done(&self) -> bool {
        false
    }

    /// Cleans up, as [`GenServer::terminate`](crate::GenServer::terminate) does.
    fn terminate(&mut self, reason: &ExitReason) {
        let _ = reason;
    }
}
