//! A GenServer that counts, and a client that makes it crash: the name stays, the count begins again.

use std::time::Duration;

use regrow_sdk::{ExitReason, mailbox, server};

/// Counts.
struct Counter(u64);

#[server]
impl Counter {
    #[init]
    fn new(start: u64) -> Self {
        Counter(start)
    }

    /// How far it has counted.
    #[call]
    fn count(&self) -> u64 {
        self.0
    }

    /// Counts.
    #[cast]
    fn add(&mut self, number: u64) {
        self.0 += number;
    }

    /// Takes away: more than there is makes the counter crash.
    #[cast]
    fn subtract(&mut self, number: u64) {
        self.0 = self.0.checked_sub(number).expect("a counter never goes below zero");
    }
}

fn client(server: String) -> Result<(), ExitReason> {
    let counter = CounterClient::new(server);
    counter.add(3)?;
    log::info!("the counter says {}", counter.count()?);
    counter.subtract(100)?;
    // The crash is the supervisor's affair; the client waits for the name to be there again.
    while counter.count().is_err() {
        mailbox::receive(Some(Duration::from_millis(1)));
    }
    log::info!("the counter says {} after its crash", counter.count()?);
    Ok(())
}

regrow_sdk::component! {
    /// Counts.
    "counter" => server Counter,
    /// Makes the counter that it is told crash.
    "client" => process client,
}
