//! A GenServer that counts, and a client that makes it crash: the name stays, the count begins again.

use std::time::Duration;

use regrow_sdk::gen_server::{CallResult, Init, Next, ServerRef};
use regrow_sdk::{ExitReason, GenServer, ReplyTo, mailbox};
use serde::{Deserialize, Serialize};

/// Counts.
pub struct Counter(u64);

/// What a counter does without an answer.
#[derive(Serialize, Deserialize)]
pub enum Command {
    /// Counts.
    Add(u64),
    /// Takes away: more than there is makes the counter crash.
    Subtract(u64),
}

impl GenServer for Counter {
    type Argument = u64;
    type Call = ();
    type Reply = u64;
    type Cast = Command;

    fn init(start: u64) -> Init<Self> {
        Init::Started(Counter(start))
    }

    fn handle_call(&mut self, (): (), _: ReplyTo) -> CallResult<u64> {
        CallResult::Reply(self.0)
    }

    fn handle_cast(&mut self, command: Command) -> Next {
        self.0 = match command {
            Command::Add(n) => self.0 + n,
            Command::Subtract(n) => self.0.checked_sub(n).expect("a counter never goes below zero"),
        };
        Next::Continue
    }
}

fn client(server: String) -> Result<(), ExitReason> {
    let counter: ServerRef<Counter> = ServerRef::new(server.as_str());
    counter.cast(&Command::Add(3))?;
    log::info!("the counter says {}", counter.call(&())?);
    counter.cast(&Command::Subtract(100))?;
    // The crash is the supervisor's affair; the client waits for the name to be there again.
    while counter.call(&()).is_err() {
        mailbox::receive(Some(Duration::from_millis(1)));
    }
    log::info!("the counter says {} after its crash", counter.call(&())?);
    Ok(())
}

regrow_sdk::component! {
    /// Counts.
    "counter" => server Counter,
    /// Makes the counter that it is told crash.
    "client" => process client,
}
