//! Who gets which event.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Names a subscription to its producer.
pub(super) type Tag = (crate::Pid, u64);

/// How a producer deals out its events.
pub enum Dispatcher<E> {
    /// Each event goes to one consumer: to the one that has asked for most (rule D13).
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

/// A consumer, as its producer knows it.
pub(super) struct Subscriber {
    pub(super) tag: Tag,
    /// How many events it has asked for and not got.
    pub(super) demand: u64,
    pub(super) partition: Option<u32>,
    /// What it wants to get, in words of the producer's.
    pub(super) selector: Option<crate::Term>,
}

/// Why a consumer can't subscribe.
pub(super) type Refusal = &'static str;

/// Whether a subscriber's selector takes an event.
pub(super) type Selects<'a, E> = &'a dyn Fn(&E, &crate::Term) -> bool;

/// What is dealt out: to whom which events, and what nobody has asked for.
pub(super) struct Dealt<E> {
    pub(super) sent: Vec<(Tag, Vec<E>)>,
    pub(super) left: Vec<E>,
}

/// A dispatcher at work.
pub(super) struct Dealer<E> {
    kind: Dispatcher<E>,
    /// In the order of their subscription.
    subscribers: Vec<Subscriber>,
    /// Demand that was passed on, and for which no events have come yet.
    passed_on: u64,
    /// Of a partition dispatcher: what waits for its consumer.
    waiting: BTreeMap<u32, VecDeque<E>>,
}

impl<E: Clone> Dealer<E> {
    pub(super) fn new(kind: Dispatcher<E>) -> Self {
        Self { kind, subscribers: Vec::new(), passed_on: 0, waiting: BTreeMap::new() }
    }

    /// Whether a consumer may subscribe; it is a subscriber then.
    pub(super) fn subscribe(&mut self, subscriber: Subscriber) -> Result<(), Refusal> {
        if self.subscribers.iter().any(|known| known.tag == subscriber.tag) {
            return Err("duplicated_subscription");
        }
        match &self.kind {
            Dispatcher::Demand => {}
            // Rule D18: it would get everything twice.
            Dispatcher::Broadcast if self.subscribers.iter().any(|known| known.tag.0 == subscriber.tag.0) => {
                return Err("already_subscribed");
            }
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
        self.subscribers.push(subscriber);
        Ok(())
    }

    /// A consumer has gone. What it had asked for and not got is the next one's (rule D13).
    pub(super) fn cancel(&mut self, tag: Tag) -> bool {
        let before = self.subscribers.len();
        self.subscribers.retain(|known| known.tag != tag);
        self.subscribers.len() < before
    }

    pub(super) fn subscribers(&self) -> impl Iterator<Item = &Subscriber> {
        self.subscribers.iter()
    }

    /// A consumer asks for more; false if it is none.
    pub(super) fn ask(&mut self, tag: Tag, count: u64) -> bool {
        let Some(subscriber) = self.subscribers.iter_mut().find(|known| known.tag == tag) else {
            return false;
        };
        subscriber.demand = subscriber.demand.saturating_add(count);
        true
    }

    /// How many events are wanted of the producer that were not before.
    pub(super) fn wanted(&mut self) -> u64 {
        let demands = self.subscribers.iter().map(|subscriber| subscriber.demand);
        let wanted = match self.kind {
            Dispatcher::Demand => demands.fold(0, u64::saturating_add),
            // What waits for others is demand that has been met.
            Dispatcher::Partition { .. } => {
                demands.fold(0, u64::saturating_add).saturating_sub(self.waiting() as u64)
            }
            // Rule D15: as much as the slowest.
            Dispatcher::Broadcast => demands.min().unwrap_or_default(),
        };
        let more = wanted.saturating_sub(self.passed_on);
        self.passed_on = self.passed_on.max(wanted);
        more
    }

    /// How many events are wanted and have not come.
    pub(super) fn is_wanted(&self) -> u64 {
        self.passed_on
    }

    /// What waits for consumers of partitions.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Deals events out.
    ///
    /// # Panics
    /// If an event is of a partition that there is not (rule D20).
    pub(super) fn deal(&mut self, events: Vec<E>, selects: Selects<'_, E>) -> Dealt<E> {
        self.passed_on = self.passed_on.saturating_sub(events.len() as u64);
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
            // The first of those who want most.
            let most = self.subscribers.iter().map(|known| known.demand).max().unwrap_or_default();
            let Some(next) = self.subscribers.iter_mut().find(|known| known.demand == most && most > 0)
            else {
                break;
            };
            let some: Vec<E> = events.by_ref().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
            next.demand -= some.len() as u64;
            sent.push((next.tag, some));
        }
        Dealt { sent, left: events.collect() }
    }

    fn deal_to_all(&mut self, mut events: Vec<E>, selects: Selects<'_, E>) -> Dealt<E> {
        let fewest = self.subscribers.iter().map(|known| known.demand).min().unwrap_or_default();
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
