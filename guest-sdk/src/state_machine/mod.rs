//! StateMachine: a server whose answers depend on its state, after OTP's `gen_statem`.
//!
//! ```
//! use std::time::Duration;
//! use regrow_sdk::state_machine::{self, Enter, Event, MachineRef, Start, StateMachine, Transition};
//! use regrow_sdk::{ExitReason, gen_server::Caller};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! enum Door { Locked, Open }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Button(u8);
//!
//! /// A door with a code: open for ten seconds when it has been entered.
//! struct Lock { code: Vec<u8>, entered: Vec<u8> }
//!
//! impl StateMachine for Lock {
//!     type Argument = Vec<u8>;
//!     type State = Door;
//!     type Call = ();
//!     type Reply = bool;
//!     type Cast = Button;
//!     type Timer = ();
//!
//!     fn init(code: Vec<u8>) -> Start<Self> {
//!         Start::In(Door::Locked, Lock { code, entered: Vec::new() })
//!     }
//!
//!     fn handle_event(&mut self, door: &Door, event: Event<Self>) -> Transition<Self> {
//!         match (door, event) {
//!             (Door::Locked, Event::Cast(Button(digit))) => {
//!                 self.entered.push(digit);
//!                 if self.entered.ends_with(&self.code) { Transition::to(Door::Open) } else { Transition::keep() }
//!             }
//!             (Door::Open, Event::Cast(_)) => Transition::keep().postpone(),
//!             (Door::Open, Event::StateTimeout) => Transition::to(Door::Locked),
//!             (_, Event::Call((), from)) => Transition::keep().reply(from, *door == Door::Open),
//!             (_, _) => Transition::keep(),
//!         }
//!     }
//!
//!     fn state_enter(&mut self, _: &Door, door: &Door) -> Enter<Self> {
//!         self.entered.clear();
//!         match door {
//!             Door::Open => Enter::new().state_timeout(Duration::from_secs(10)),
//!             Door::Locked => Enter::new(),
//!         }
//!     }
//! }
//!
//! regrow_sdk::component! {
//!     /// A door with a code.
//!     "lock" => machine Lock,
//! }
//!
//! # fn main() {
//! regrow_sdk::testing::run(&COMPONENT, || {
//!     let lock: MachineRef<Lock> = state_machine::start_link("lock", &vec![1, 2], &Default::default())?;
//!     for digit in [7, 1, 2, 3] {
//!         lock.cast(&Button(digit))?;
//!     }
//!     assert!(lock.call(&())?);
//!     regrow_sdk::mailbox::receive(Some(Duration::from_secs(11)));
//!     assert!(!lock.call(&())?);
//!     Ok(())
//! });
//! # }
//! ```
//!
//! What `gen_statem` refuses at run time is no valid program here: what enters a state can't change it, postpone, or insert events
//! ([`Enter`] does not know how); an answer has its type; timers have names of a type. [`StateMachine::may_change`] says which changes
//! there are.

mod machine;
mod reference;
mod transition;

use core::fmt;

use regrow_term::Term;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::machine::run;
pub use self::reference::{MachineRef, start, start_link};
pub use self::transition::{Enter, Start, Transition};
use crate::exit_reason::ExitReason;
use crate::gen_server::{Answer, Caller};
use crate::mailbox::Received;

/// A state, and data that go along with it: the value itself.
pub trait StateMachine: Sized {
    /// What it is started with.
    type Argument: DeserializeOwned;
    /// The state: usually an enum. A change of it is one to a state that is not equal (rule M3).
    type State: Clone + PartialEq + fmt::Debug;
    /// Requests that are answered.
    type Call: Serialize + DeserializeOwned;
    /// Their answers.
    type Reply: Answer;
    /// Requests that are not answered, and events that the machine inserts itself.
    type Cast: Serialize + DeserializeOwned;
    /// Names of timers.
    type Timer: Clone + PartialEq;

    /// Makes the first state and the data. The starter waits for this.
    fn init(argument: Self::Argument) -> Start<Self>;

    /// Something has happened in this state.
    fn handle_event(&mut self, state: &Self::State, event: Event<Self>) -> Transition<Self>;

    /// A state begins: the first one, one after a change, and one that is repeated (rule M8). Nothing, unless you implement it.
    fn state_enter(&mut self, old: &Self::State, state: &Self::State) -> Enter<Self> {
        let _ = (old, state);
        Enter::new()
    }

    /// Whether there is a change from this state to that one. One that there is not ends the machine with an error that names both.
    fn may_change(from: &Self::State, to: &Self::State) -> bool {
        let _ = (from, to);
        true
    }

    /// Cleans up, as [`GenServer::terminate`](crate::GenServer::terminate) does.
    fn terminate(&mut self, state: &Self::State, reason: &ExitReason) {
        let _ = (state, reason);
    }

    /// What it shows of its state and data (rule M21): the state's `Debug`, unless you say otherwise.
    fn format_status(&self, state: &Self::State) -> Option<Term> {
        Some(Term::Text(alloc::format!("{state:?}")))
    }
}

/// Something that happens to a machine.
pub enum Event<M: StateMachine> {
    /// A request, and who waits for its answer.
    Call(M::Call, Caller<M::Reply>),
    /// A request that is not answered.
    Cast(M::Cast),
    /// Whatever else has come.
    Info(Received),
    /// An event that the machine has inserted (rule M6): it can't come from outside.
    Internal(M::Cast),
    /// The state has lasted as long as it was to (rule M11).
    StateTimeout,
    /// Nothing has happened for as long as was said (rule M12).
    EventTimeout,
    /// A timer has run out (rule M13).
    Timeout(M::Timer),
}
