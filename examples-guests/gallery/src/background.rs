//! Work in the background: a server that sends itself a message, again and again.

use std::time::Duration;

use regrow_sdk::gen_server::{Init, Next};
use regrow_sdk::patterns::sleep;
use regrow_sdk::{Error, ExitReason, process, server, timer};
use serde::{Deserialize, Serialize};

/// Collects measurements, and adds them up every now and then.
pub struct Collector {
    every: Duration,
    measured: Vec<u64>,
    sums: Vec<u64>,
}

/// What it sends itself.
#[derive(Serialize, Deserialize)]
struct AddUp;

#[server]
impl Collector {
    #[init]
    fn new(every: Duration) -> Init<Self> {
        let collector = Collector { every, measured: Vec::new(), sums: Vec::new() };
        match collector.add_up_later() {
            Ok(()) => Init::Started(collector),
            Err(error) => Init::Stop(error.into()),
        }
    }

    #[cast]
    fn measure(&mut self, value: u64) {
        self.measured.push(value);
    }

    #[call]
    fn sums(&self) -> Vec<u64> {
        self.sums.clone()
    }

    #[info]
    fn add_up(&mut self, _: AddUp) -> Next<Self> {
        self.sums.push(self.measured.drain(..).sum());
        match self.add_up_later() {
            Ok(()) => Next::NoReply,
            Err(error) => Next::Stop(error.into()),
        }
    }

    fn add_up_later(&self) -> Result<(), Error> {
        timer::send_after(self.every, process::self_pid(), &AddUp).map(drop)
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let collector = Collector::start_link(Duration::from_millis(50))?;
    for value in 1..=4 {
        collector.measure(value)?;
    }
    sleep(Duration::from_millis(120));
    let sums = collector.sums()?;
    assert_eq!(sums.iter().sum::<u64>(), 10);
    assert!(sums.len() >= 2, "{sums:?}");
    collector.stop()?;
    log::info!("background: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn it_adds_up_by_itself() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
