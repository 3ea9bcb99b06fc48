//! Let it crash: orders are worked on by processes of their own. What nobody has thought of ends one of them, and its order goes to the
//! next; an order that crashes everybody is put aside.

use std::collections::BTreeMap;

use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{ExitReason, Reference, gen_server, server};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    number: u32,
    items: Vec<(String, i64)>,
}

/// Works on one order. It does not look out for nonsense.
pub fn process_order(order: Order) -> Result<(), ExitReason> {
    let total: i64 = order.items.iter().map(|(_, price)| price).sum();
    assert!(total > 0, "an order of {total}");
    let average = total / i64::try_from(order.items.len()).expect("few items");
    log::debug!("order {} has {total}, {average} an item", order.number);
    OfficeClient::new(process::parent().ok_or(ExitReason::NoProc)?).done(order.number, total)?;
    Ok(())
}

/// Hands orders out, and knows what has become of each.
#[derive(Default)]
pub struct Office {
    working: BTreeMap<Reference, (Order, u32)>,
    outcome: Outcome,
}

/// What is done, and what has been put aside.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    done: BTreeMap<u32, i64>,
    aside: Vec<(u32, String)>,
}

const TRIES: u32 = 3;

#[server]
impl Office {
    #[init]
    fn open() -> Self {
        Office::default()
    }

    #[cast]
    fn take(&mut self, order: Order) -> gen_server::Next<Self> {
        self.hand_out(order, 1)
    }

    #[cast]
    fn done(&mut self, number: u32, total: i64) {
        self.outcome.done.insert(number, total);
    }

    /// None, as long as somebody works.
    #[call]
    fn result(&self) -> Option<Outcome> {
        self.working.is_empty().then(|| self.outcome.clone())
    }

    #[info]
    fn ended(&mut self, received: Received) -> gen_server::Next<Self> {
        let Received::Down { reference, reason, .. } = received else { return gen_server::Next::NoReply };
        match self.working.remove(&reference) {
            Some((order, tries)) if !reason.is_clean() && tries < TRIES => self.hand_out(order, tries + 1),
            Some((order, _)) if !reason.is_clean() => {
                self.outcome.aside.push((order.number, reason.to_string()));
                gen_server::Next::NoReply
            }
            _ => gen_server::Next::NoReply,
        }
    }

    fn hand_out(&mut self, order: Order, tries: u32) -> gen_server::Next<Self> {
        let started = process::spawn("process-order", &order, &SpawnOptions::monitor());
        match started.map(|worker| worker.monitor) {
            Ok(Some(monitor)) => drop(self.working.insert(monitor.into(), (order, tries))),
            Ok(None) => {}
            // The office can't work: its supervisor may know what to do.
            Err(error) => return gen_server::Next::Stop(error.into()),
        }
        gen_server::Next::NoReply
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let office = Office::start_link()?;
    let item = |name: &str, price| (name.to_owned(), price);
    office.take(Order { number: 1, items: vec![item("tea", 4), item("salt", 2)] })?;
    office.take(Order { number: 2, items: vec![] })?;
    office.take(Order { number: 3, items: vec![item("rice", 3)] })?;
    let Outcome { done, aside } = loop {
        match office.result()? {
            Some(result) => break result,
            None => drop(mailbox::receive(Some(std::time::Duration::from_millis(1)))),
        }
    };
    assert_eq!(done, BTreeMap::from([(1, 6), (3, 3)]));
    assert_eq!(aside.len(), 1);
    assert!(aside[0].0 == 2 && aside[0].1.contains("an order of 0"), "{aside:?}");
    office.stop()?;
    log::info!("orders: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn what_crashes_takes_nothing_along() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
