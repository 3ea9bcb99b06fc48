//! Stand-ins for servers that fail as they are told.

use std::collections::VecDeque;
use std::time::Duration;

use regrow_term::{Term, encode};
use serde::Serialize;

use crate::exit_reason::ExitReason;
use crate::mailbox::{self, MessageKind, Received};
use crate::pid::Pid;
use crate::{names, sys};

/// What a stand-in does about a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answers with this, encoded.
    Reply(Vec<u8>),
    /// Waits before it does something.
    After(Duration, Box<Self>),
    /// Answers that it does not understand.
    Misunderstand(String),
    /// Never answers.
    Silence,
    /// Ends.
    Exit(ExitReason),
}

/// A server that answers requests one after the other as it is told, whatever they ask for: for trying out what its clients do when it
/// fails. When there is nothing more to do, it does the last thing again.
///
/// ```
/// use regrow_sdk::mailbox::{self, CallError};
/// use regrow_sdk::testing::{self, Script};
/// use regrow_sdk::ExitReason;
/// # fn nothing(_: ()) {}
/// # regrow_sdk::component! { "nothing" => process nothing }
///
/// # fn main() {
/// testing::run(&COMPONENT, || {
///     let database = Script::new().reply(&42).exit(ExitReason::error("disk full")).start();
///     assert_eq!(mailbox::call(database, &"how many?", None), Ok(42));
///     let failed: Result<u64, _> = mailbox::call(database, &"how many?", None);
///     assert_eq!(failed, Err(CallError::Down(ExitReason::error("disk full"))));
///     Ok(())
/// });
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: VecDeque<Step>,
    name: Option<String>,
}

impl Script {
    /// One that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// It is registered under this name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Next it does this.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// Next it answers with this.
    ///
    /// # Panics
    /// If the value has no encoding.
    #[must_use]
    pub fn reply<T: Serialize + ?Sized>(self, answer: &T) -> Self {
        self.then(Step::Reply(encode(answer).expect("an answer that can be encoded")))
    }

    /// Next it answers with this, after a while.
    ///
    /// # Panics
    /// If the value has no encoding.
    #[must_use]
    pub fn reply_after<T: Serialize + ?Sized>(self, delay: Duration, answer: &T) -> Self {
        let answer = encode(answer).expect("an answer that can be encoded");
        self.then(Step::After(delay, Box::new(Step::Reply(answer))))
    }

    /// Next it does not answer.
    #[must_use]
    pub fn silence(self) -> Self {
        self.then(Step::Silence)
    }

    /// Next it ends in place of an answer.
    #[must_use]
    pub fn exit(self, reason: ExitReason) -> Self {
        self.then(Step::Exit(reason))
    }

    /// Starts it.
    ///
    /// # Panics
    /// If its name is taken, or there is no place for another process.
    pub fn start(self) -> Pid {
        let Self { steps, name } = self;
        let pid = sys::spawn_closure(move || play(steps));
        if let Some(name) = name {
            names::register(&name, pid).expect("the name is free");
        }
        pid
    }
}

fn play(mut steps: VecDeque<Step>) -> Result<(), ExitReason> {
    loop {
        let Some(Received::Message(message)) = mailbox::receive(None) else { continue };
        let MessageKind::Call(from) = message.kind else { continue };
        let mut step = match steps.len() {
            0 => Step::Silence,
            1 => steps[0].clone(),
            _ => steps.pop_front().unwrap_or(Step::Silence),
        };
        while let Step::After(delay, then) = step {
            mailbox::receive_match(Some(delay), |_| None::<()>);
            step = *then;
        }
        match step {
            Step::Reply(answer) => {
                let answer: Term = regrow_term::decode(&answer)?;
                mailbox::reply(from, &answer)?;
            }
            Step::Misunderstand(why) => mailbox::reply_not_understood(from, &why),
            Step::Exit(reason) => return Err(reason),
            Step::Silence | Step::After(..) => {}
        }
    }
}
