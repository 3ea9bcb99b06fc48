//! Who gets which event.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Names a subscription to its producer.
pub(super) type Tag = (crate::Pid, u64);

/// How a producer deals out its events.
pub enum Dispatcher<E> {
    /// Each event goes to one consumer: to the one that has asked for most, of equals to the one that asked first (rule D13).
    Demand,
    /// Each event goes to all consumers, as fast as the slowest of them asks (rules D15 to D18).
    Broadcast,
    /// Each event goes to the consumer of its partition (rules D19, D20).
    Partition {
        /// How many there are.
        partitions: u32,
        /// The partition of an event; none, if nobody is to get it. One that there is not ends the producer.
        hash: fn(&E) -> Option<u32>,
    },
}

/// Subscriptions that a producer has at most, and those of one process.
const MAX_SUBSCRIPTIONS: usize = 10_000;
const MAX_SUBSCRIPTIONS_OF_ONE: usize = 64;

/// A consumer, as its producer knows it.
pub(super) struct Subscriber {
    pub(super) tag: Tag,
    /// The most that it says it asks for.
    pub(super) max_demand: u64,
    pub(super) partition: Option<u32>,
    /// What it wants to get, in words of the producer's.
    pub(super) selector: Option<crate::Term>,
    /// How many events it has asked for and not got.
    demand: u64,
    /// When it last asked: of those who want as much, who asked first is first.
    asked: u64,
}

impl Subscriber {
    pub(super) fn new(
        tag: Tag,
        max_demand: u64,
        partition: Option<u32>,
        selector: Option<crate::Term>,
    ) -> Self {
        Self { tag, max_demand, partition, selector, demand: 0, asked: 0 }
    }
}

/// Why a consumer can't subscribe.
pub(super) type Refusal = &'static str;

/// Whether a subscriber's selector takes an event.
pub(super) type Selects<'a, E> = &'a dyn Fn(&E, &crate::Term) -> bool;

/// What is dealt out: to whom which events, and what nobody has asked for, in order.
pub(super) struct Dealt<E> {
    pub(super) sent: Vec<(Tag, Vec<E>)>,
    pub(super) left: Vec<E>,
}

/// A dispatcher at work.
pub(super) struct Dealer<E> {
    kind: Dispatcher<E>,
    /// In the order of their subscription.
    subscribers: Vec<Subscriber>,
    /// Demand that the stage has been told of, and has not met.
    passed_on: u64,
    /// Of a partition dispatcher: what waits for its consumer.
    waiting: BTreeMap<u32, VecDeque<E>>,
    asks: u64,
}

impl<E: Clone> Dealer<E> {
    pub(super) fn new(kind: Dispatcher<E>) -> Self {
        Self { kind, subscribers: Vec::new(), passed_on: 0, waiting: BTreeMap::new(), asks: 0 }
    }

    /// Whether a consumer may subscribe; it is a subscriber then.
    pub(super) fn subscribe(&mut self, subscriber: Subscriber) -> Result<(), Refusal> {
        let of_one = self.subscribers.iter().filter(|known| known.tag.0 == subscriber.tag.0).count();
        if self.subscribers.iter().any(|known| known.tag == subscriber.tag) {
            return Err("duplicated_subscription");
        }
        match &self.kind {
            Dispatcher::Demand => {}
            // Rule D18: it would get everything twice.
            Dispatcher::Broadcast if of_one > 0 => return Err("already_subscribed"),
            Dispatcher::Broadcast => {}
            Dispatcher::Partition { partitions, .. } => match subscriber.partition {
                None => return Err("partition_missing"),
                Some(partition) if partition >= *partitions => return Err("unknown_partition"),
                Some(_) if self.subscribers.iter().any(|known| known.partition == subscriber.partition) => {
                    return Err("partition_taken");
                }
                Some(_) => {}
            },
        }
        if of_one >= MAX_SUBSCRIPTIONS_OF_ONE || self.subscribers.len() >= MAX_SUBSCRIPTIONS {
            return Err("too_many_subscriptions");
        }
        self.subscribers.push(subscriber);
        Ok(())
    }

    /// A consumer has gone; whether it was one. What it had asked for and not got is the next one's (rule D13).
    pub(super) fn cancel(&mut self, tag: Tag) -> bool {
        let before = self.subscribers.len();
        self.subscribers.retain(|known| known.tag != tag);
        self.subscribers.len() < before
    }

    pub(super) fn subscribers(&self) -> impl Iterator<Item = &Subscriber> {
        self.subscribers.iter()
    }

    /// A consumer asks for more; false if it is none. It never has more to get than it has said.
    pub(super) fn ask(&mut self, tag: Tag, count: u64) -> bool {
        self.asks += 1;
        let asked = self.asks;
        let Some(subscriber) = self.subscribers.iter_mut().find(|known| known.tag == tag) else {
            return false;
        };
        let demand = subscriber.demand.saturating_add(count);
        if demand > subscriber.max_demand {
            log::warn!(
                "{} asks for {demand} events, and said that {} are the most",
                tag.0,
                subscriber.max_demand
            );
        }
        (subscriber.demand, subscriber.asked) = (demand.min(subscriber.max_demand), asked);
        true
    }

    /// How many events could be dealt out now, whatever they are.
    pub(super) fn deliverable(&self) -> u64 {
        let demands = self.subscribers.iter().map(|subscriber| subscriber.demand);
        match self.kind {
            Dispatcher::Demand => demands.fold(0, u64::saturating_add),
            // Rule D15: as much as the slowest.
            Dispatcher::Broadcast => demands.min().unwrap_or_default(),
            // What waits for others is demand that has been met.
            Dispatcher::Partition { .. } => {
                demands.fold(0, u64::saturating_add).saturating_sub(self.waiting() as u64)
            }
        }
    }

    /// How many events are wanted of the stage that it has not been told of.
    pub(super) fn wanted(&mut self) -> u64 {
        let wanted = self.deliverable();
        let more = wanted.saturating_sub(self.passed_on);
        self.passed_on = self.passed_on.max(wanted);
        more
    }

    /// The stage has made so many events.
    pub(super) fn produced(&mut self, events: usize) {
        self.passed_on = self.passed_on.saturating_sub(events as u64);
    }

    /// What waits for consumers of partitions.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Forgets of what waits for consumers of partitions what is more than `most`: the oldest, or the newest; how many those were.
    pub(super) fn trim_waiting(&mut self, most: usize, oldest: bool) -> usize {
        let excess = self.waiting().saturating_sub(most);
        for _ in 0..excess {
            let longest = self.waiting.values_mut().max_by_key(|waiting| waiting.len());
            longest.map(|waiting| if oldest { waiting.pop_front() } else { waiting.pop_back() });
        }
        excess
    }

    /// Deals events out.
    ///
    /// # Panics
    /// If an event is of a partition that there is not (rule D20).
    pub(super) fn deal(&mut self, events: Vec<E>, selects: Selects<'_, E>) -> Dealt<E> {
        match self.kind {
            Dispatcher::Demand => self.deal_by_demand(events),
            Dispatcher::Broadcast => self.deal_to_all(events, selects),
            Dispatcher::Partition { partitions, hash } => {
                for event in events {
                    let Some(partition) = hash(&event) else { continue };
                    assert!(partition < partitions, "there is no partition {partition} of {partitions}");
                    self.waiting.entry(partition).or_default().push_back(event);
                }
                self.deal_by_partition()
            }
        }
    }

    fn deal_by_demand(&mut self, events: Vec<E>) -> Dealt<E> {
        let mut sent = Vec::new();
        let mut events = events.into_iter();
        while events.len() > 0 {
            let wanting = self.subscribers.iter_mut().filter(|known| known.demand > 0);
            let Some(next) = wanting.max_by_key(|known| (known.demand, u64::MAX - known.asked)) else {
                break;
            };
            let some: Vec<E> =
                events.by_ref().take(usize::try_from(next.demand).unwrap_or(usize::MAX)).collect();
            next.demand -= some.len() as u64;
            sent.push((next.tag, some));
        }
        Dealt { sent, left: events.collect() }
    }

    fn deal_to_all(&mut self, mut events: Vec<E>, selects: Selects<'_, E>) -> Dealt<E> {
        let fewest = self.deliverable();
        let count = usize::try_from(fewest).unwrap_or(usize::MAX).min(events.len());
        let left = events.split_off(count);
        let mut sent = Vec::new();
        for subscriber in &mut self.subscribers {
            let own: Vec<E> = match &subscriber.selector {
                Some(selector) => events.iter().filter(|event| selects(event, selector)).cloned().collect(),
                None => events.clone(),
            };
            // Rule D17: what it does not get it has not got.
            subscriber.demand -= own.len() as u64;
            if !own.is_empty() {
                sent.push((subscriber.tag, own));
            }
        }
        Dealt { sent, left }
    }

    fn deal_by_partition(&mut self) -> Dealt<E> {
        let mut sent = Vec::new();
        for subscriber in &mut self.subscribers {
            let Some(waiting) = subscriber.partition.and_then(|own| self.waiting.get_mut(&own)) else {
                continue;
            };
            let count = usize::try_from(subscriber.demand).unwrap_or(usize::MAX).min(waiting.len());
            if count > 0 {
                subscriber.demand -= count as u64;
                sent.push((subscriber.tag, waiting.drain(..count).collect()));
            }
        }
        Dealt { sent, left: Vec::new() }
    }
}
