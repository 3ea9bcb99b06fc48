//! The stages that are tried, and what the tests do with them.

use std::time::Duration;

use regrow_sdk::gen_server::Nothing;
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::stage::{
    self, Begin, BufferOptions, Dispatcher, Keep, OnePerEvent, Stage, StageRef, SubscribeOptions,
};
use regrow_sdk::supervisor::ChildSpec;
use regrow_sdk::{Destination, ExitReason, Pid, Term, testing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::COMPONENT;

/// A producer that says what it is asked for, and makes numbers: as many as are wanted, or those that it is told to.
pub(crate) struct Numbers {
    owner: Pid,
    next: u64,
    on_demand: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Deal {
    ByDemand,
    ToAll,
    /// By the remainder; those that are divisible by 10 go nowhere.
    Modulo(u32),
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Of {
    pub(crate) owner: Pid,
    pub(crate) on_demand: bool,
    pub(crate) deal: Deal,
    pub(crate) buffer: Option<(usize, bool)>,
    pub(crate) accumulates: bool,
}

pub(crate) fn of(deal: Deal) -> Of {
    Of { owner: process::self_pid(), on_demand: true, deal, buffer: None, accumulates: false }
}

pub(crate) fn partition(number: &u64) -> Option<u32> {
    (!number.is_multiple_of(10)).then_some((number % 3) as u32)
}

impl Stage for Numbers {
    type Argument = Of;
    type In = Nothing;
    type Out = u64;

    fn init(of: Of) -> Begin<Self> {
        let begin = Begin::producer(Numbers { owner: of.owner, next: 1, on_demand: of.on_demand });
        let begin = begin.dispatcher(match of.deal {
            Deal::ByDemand => Dispatcher::Demand,
            Deal::ToAll => Dispatcher::Broadcast,
            Deal::Modulo(partitions) => Dispatcher::Partition { partitions, hash: partition },
        });
        let begin = match of.buffer {
            Some((size, first)) => begin.buffer(BufferOptions {
                size: Some(size),
                keep: if first { Keep::First } else { Keep::Last },
            }),
            None => begin,
        };
        if of.accumulates { begin.accumulate_demand() } else { begin }
    }

    fn handle_demand(&mut self, demand: u64) -> Vec<u64> {
        mailbox::send(self.owner, &("asked", demand)).unwrap();
        if !self.on_demand {
            return Vec::new();
        }
        let from = self.next;
        self.next += demand;
        (from..self.next).collect()
    }

    /// Makes so many.
    fn handle_info(&mut self, info: Received) -> Vec<u64> {
        let Received::Message(message) = info else { return Vec::new() };
        let count: u64 = message.decode().unwrap();
        let from = self.next;
        self.next += count;
        (from..self.next).collect()
    }

    fn selects(&self, event: &u64, selector: &Term) -> bool {
        (*selector == Term::from("even")) == event.is_multiple_of(2)
    }
}

/// A consumer that says what it gets, and goes on when it is told to, if it is slow.
pub(crate) struct Taker {
    owner: Pid,
    is_slow: bool,
}

impl Stage for Taker {
    type Argument = (Pid, bool, Option<(Destination, SubscribeOptions)>);
    type In = u64;
    type Out = Nothing;

    fn init((owner, is_slow, to): Self::Argument) -> Begin<Self> {
        process::trap_exit(true);
        let begin = Begin::consumer(Taker { owner, is_slow });
        match to {
            Some((to, options)) => begin.subscribe_to(to, options),
            None => begin,
        }
    }

    fn handle_events(&mut self, numbers: Vec<u64>) -> Vec<Nothing> {
        mailbox::send(self.owner, &(process::self_pid(), &numbers)).unwrap();
        if self.is_slow {
            mailbox::receive_match(None, |received| match received {
                Received::Message(message) => message.decode::<()>().ok(),
                _ => None,
            });
        }
        Vec::new()
    }

    fn handle_cancel(&mut self, reason: &ExitReason) {
        mailbox::send(self.owner, &("cancelled", format!("{reason}"))).unwrap();
    }
}

/// Makes two of each.
pub(crate) struct Twice;

impl Stage for Twice {
    type Argument = Destination;
    type In = u64;
    type Out = u64;

    fn init(to: Destination) -> Begin<Self> {
        Begin::producer_consumer(Twice).subscribe_to(to, SubscribeOptions::max_demand(10))
    }

    fn handle_events(&mut self, numbers: Vec<u64>) -> Vec<u64> {
        numbers.into_iter().flat_map(|number| [number, number]).collect()
    }
}

/// Takes a second for each batch.
pub(crate) struct Sleepy(Pid);

impl Stage for Sleepy {
    type Argument = Pid;
    type In = u64;
    type Out = Nothing;

    fn init(owner: Pid) -> Begin<Self> {
        Begin::consumer(Sleepy(owner))
    }

    fn handle_events(&mut self, numbers: Vec<u64>) -> Vec<Nothing> {
        regrow_sdk::patterns::sleep(Duration::from_secs(1));
        mailbox::send(self.0, &(process::self_pid(), &numbers)).unwrap();
        Vec::new()
    }
}

/// Makes what no consumer here takes.
pub(crate) struct Words;

impl Stage for Words {
    type Argument = ();
    type In = Nothing;
    type Out = String;

    fn init((): ()) -> Begin<Self> {
        Begin::producer(Words)
    }

    fn handle_demand(&mut self, demand: u64) -> Vec<String> {
        (0..demand).map(|number| format!("{number}")).collect()
    }
}

pub(crate) struct Jobs;

impl OnePerEvent for Jobs {
    type Argument = (Pid, bool);
    type Event = u64;

    fn subscribe_to((producer, _): (Pid, bool)) -> (Destination, SubscribeOptions) {
        (producer.into(), SubscribeOptions::max_demand(4).min_demand(2))
    }

    fn child(number: &u64) -> ChildSpec {
        ChildSpec::worker("job", if number.is_multiple_of(7) { "refuses" } else { "job" })
            .argument(number)
            .transient()
    }
}

/// Says that it has begun, and ends as it is told.
pub(crate) fn job(number: u64) -> Result<(), ExitReason> {
    mailbox::send("owner", &(process::self_pid(), number))?;
    let reason: String = mailbox::receive_message(None).unwrap().decode()?;
    if reason == "normal" { Ok(()) } else { Err(ExitReason::error(&reason)) }
}

pub(crate) fn refuses(_: u64) {
    process::init_ack(process::InitResult::Ignore);
}

pub(crate) fn naturals(from: u64) -> impl Iterator<Item = u64> {
    from..
}

pub(crate) fn few(count: u64) -> impl Iterator<Item = u64> {
    1..=count
}

pub(crate) fn square(number: u64) -> u64 {
    assert!(number < 1_000, "too large for this");
    number * number
}

pub(crate) fn tell(number: u64) {
    mailbox::send("owner", &number).unwrap();
}

pub(crate) fn check(body: impl FnOnce() -> Result<(), ExitReason> + Clone + Send + 'static) {
    testing::for_seeds(0..10, &COMPONENT, body);
}

pub(crate) fn numbers(of: &Of) -> StageRef<Numbers> {
    stage::start("numbers", of, &SpawnOptions::default()).unwrap()
}

pub(crate) fn taker(is_slow: bool) -> StageRef<Taker> {
    stage::start("taker", &(process::self_pid(), is_slow, None), &SpawnOptions::default()).unwrap()
}

pub(crate) fn most(max_demand: u64, min_demand: u64) -> SubscribeOptions {
    SubscribeOptions::max_demand(max_demand).min_demand(min_demand)
}

pub(crate) fn heard<T: DeserializeOwned>() -> Option<T> {
    heard_within(Duration::from_millis(10))
}

pub(crate) fn heard_within<T: DeserializeOwned>(timeout: Duration) -> Option<T> {
    mailbox::receive_match(Some(timeout), |received| match received {
        Received::Message(message) => message.decode().ok(),
        _ => None,
    })
}

/// What some consumer has taken next.
pub(crate) fn heard_in(seconds: u64) -> Option<(Pid, Vec<u64>)> {
    heard_within(Duration::from_secs(seconds))
}

pub(crate) fn asked() -> Vec<u64> {
    std::iter::from_fn(heard::<(String, u64)>)
        .filter(|(word, _)| word == "asked")
        .map(|(_, count)| count)
        .collect()
}

/// All that has been taken, by whom.
pub(crate) fn taken() -> Vec<(Pid, Vec<u64>)> {
    std::iter::from_fn(heard::<(Pid, Vec<u64>)>).collect()
}

pub(crate) fn taken_by(pid: Pid) -> Vec<u64> {
    taken().into_iter().filter(|(by, _)| *by == pid).flat_map(|(_, numbers)| numbers).collect()
}

pub(crate) fn go_on(stage: &StageRef<Taker>) {
    mailbox::send(stage.pid().unwrap(), &()).unwrap();
}

pub(crate) fn end_of(pid: Pid) -> ExitReason {
    let monitor = process::monitor(pid).unwrap();
    match mailbox::wait_for(monitor, Some(Duration::from_secs(1))) {
        Some(Received::Down { reason, .. }) => reason,
        other => panic!("it has not ended: {other:?}"),
    }
}
