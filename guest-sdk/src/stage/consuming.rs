//! What a stage does as a consumer.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::Nothing;
use crate::pid::{Destination, MonitorRef, Pid, Reference};
use crate::process;
use crate::stage::protocol::{Said, ToProducer, encoded};
use crate::stage::{CancelMode, SubscribeOptions};
use crate::sys;

/// A subscription, as its consumer knows it.
struct Subscribed {
    producer: Pid,
    monitor: MonitorRef,
    most: u64,
    least: u64,
    /// How many events have been asked for and were not dealt with.
    outstanding: u64,
    /// How many of them have not come.
    due: u64,
    /// How many could not be asked for: the producer's mailbox had no room.
    unasked: u64,
    /// What else it could not be told, in order.
    unsaid: VecDeque<Vec<u8>>,
    cancel: CancelMode,
    /// It has ended: that comes after what is in the queue, and nothing does after that.
    has_ended: bool,
}

/// What has come of a subscription, in order.
pub(super) enum Come<E> {
    Events(Vec<E>),
    /// It has ended.
    Ended(ExitReason),
}

/// What a stage does as a consumer.
pub(super) struct Consuming<E> {
    /// By the numbers that their producers know them by.
    subscribed: BTreeMap<u64, Subscribed>,
    /// What has not been dealt with.
    queue: VecDeque<(u64, Come<E>)>,
    /// Events that the stage has taken and is not done with, by their subscriptions: the oldest first.
    at_work: VecDeque<(u64, u64)>,
}

impl<E> Default for Consuming<E> {
    fn default() -> Self {
        Self { subscribed: BTreeMap::new(), queue: VecDeque::new(), at_work: VecDeque::new() }
    }
}

fn say(to: Pid, said: ToProducer) -> Result<(), Error> {
    sys::send_nosuspend(to.into(), encoded::<Nothing>(&Said::Producer(said))?)
}

fn cancel(producer: Pid, subscription: u64, reason: &str) {
    // One that is gone has ended it.
    let _gone = say(producer, ToProducer::Cancel { subscription, reason: reason.into() });
}

impl Subscribed {
    /// Says something now, or when there is room for it.
    fn say(&mut self, said: ToProducer) -> Result<(), Error> {
        self.unsaid.push_back(encoded::<Nothing>(&Said::Producer(said))?);
        self.say_all()
    }

    fn say_all(&mut self) -> Result<(), Error> {
        while let Some(payload) = self.unsaid.pop_front() {
            match sys::send_nosuspend(self.producer.into(), payload.clone()) {
                Ok(()) => {}
                Err(Error::Full(_)) => {
                    self.unsaid.push_front(payload);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says what has not been said, and asks for what has not been asked for; whether that was all. One that is gone is down.
    fn ask(&mut self, subscription: u64) -> bool {
        // What is refused for good is refused as the first of all, when it subscribes.
        let _refused = self.say_all();
        if !self.unsaid.is_empty() {
            return false;
        }
        let count = self.unasked;
        let has_room = |said: &Result<(), Error>| !matches!(said, Err(Error::Full(_)));
        if count > 0 && has_room(&say(self.producer, ToProducer::Ask { subscription, count })) {
            self.unasked = 0;
            self.due += count;
        }
        self.unasked == 0
    }
}

impl<E> Consuming<E> {
    /// Subscribes to a producer; under which number. If there is none, the subscription has ended at once (rule D23).
    pub(super) fn subscribe(
        &mut self,
        to: &Destination,
        options: SubscribeOptions,
    ) -> Result<u64, ExitReason> {
        let Some((most, least)) = options.demands() else {
            return Err(ExitReason::error("max_demand is 1 or more, and min_demand less than that"));
        };
        // Whoever is not there is down at once.
        let producer = to.whereis();
        let monitor = match producer {
            Some(pid) => process::monitor(pid)?,
            None => process::monitor(to.clone())?,
        };
        let subscription = Reference::from(monitor).0;
        let mut subscribed = Subscribed {
            producer: producer.unwrap_or_else(process::self_pid),
            monitor,
            most,
            least,
            outstanding: most,
            due: 0,
            unasked: most,
            unsaid: VecDeque::new(),
            cancel: options.cancel,
            has_ended: false,
        };
        if producer.is_some() {
            let (partition, selector) = (options.partition, options.selector);
            let said = ToProducer::Subscribe { subscription, max_demand: most, partition, selector };
            if let Err(error) = subscribed.say(said) {
                process::demonitor(monitor);
                return Err(error.into());
            }
            subscribed.ask(subscription);
        } else if to.whereis().is_some() {
            // It has come just now.
            process::demonitor(monitor);
            return self.subscribe(to, options);
        }
        self.subscribed.insert(subscription, subscribed);
        Ok(subscription)
    }

    /// Events have come. Those of a subscription that there is not are nobody's (rule D25).
    pub(super) fn come(&mut self, from: Pid, subscription: u64, events: Vec<E>) {
        let known = self.subscribed.get_mut(&subscription).filter(|known| known.producer == from);
        match known {
            Some(known) if known.has_ended || events.is_empty() => {}
            Some(known) if events.len() as u64 <= known.due => {
                known.due -= events.len() as u64;
                self.queue.push_back((subscription, Come::Events(events)));
            }
            // Whoever sends what nobody has asked for does not fill this process's memory (rule D1).
            Some(_) => self.reject(from, subscription, "too_many_events"),
            None => cancel(from, subscription, "unknown_subscription"),
        }
    }

    /// A producer does what it must not: the subscription ends with an error.
    pub(super) fn reject(&mut self, from: Pid, subscription: u64, why: &str) {
        self.cancelled(from, subscription, ExitReason::error(why));
        cancel(from, subscription, why);
    }

    /// Events that could not be sent.
    pub(super) fn skipped(&mut self, from: Pid, subscription: u64, count: u64) {
        let known = self.subscribed.get_mut(&subscription).filter(|known| known.producer == from);
        if let Some(known) = known.filter(|known| known.due >= count) {
            known.due -= count;
            self.dealt_with(subscription, count);
        }
    }

    /// Tries again to ask for what could not be asked for; whether there is something left.
    pub(super) fn try_again(&mut self) -> bool {
        let mut is_left = false;
        for (subscription, known) in &mut self.subscribed {
            is_left |= !known.ask(*subscription);
        }
        is_left
    }

    /// Whether everything has been dealt with.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.at_work.is_empty()
    }

    /// Whether what is next is the end of a subscription.
    pub(super) fn ends_next(&self) -> bool {
        matches!(self.queue.front(), Some((_, Come::Ended(_))))
    }

    /// The producer says that a subscription has ended: when what came before has been dealt with.
    pub(super) fn cancelled(&mut self, from: Pid, subscription: u64, reason: ExitReason) {
        if self.subscribed.get(&subscription).is_some_and(|known| known.producer == from) {
            self.ends(subscription, reason);
        }
    }

    /// A monitored process has ended; whether it was a producer.
    pub(super) fn down(&mut self, monitor: Reference, reason: ExitReason) -> bool {
        self.ends(monitor.0, reason)
    }

    /// Whether there is such a subscription.
    fn ends(&mut self, subscription: u64, reason: ExitReason) -> bool {
        let Some(known) = self.subscribed.get_mut(&subscription) else { return false };
        if !core::mem::replace(&mut known.has_ended, true) {
            self.queue.push_back((subscription, Come::Ended(reason)));
        }
        true
    }

    /// Ends a subscription; whether there was one. What has come of it is still dealt with.
    pub(super) fn unsubscribe(&mut self, subscription: u64, reason: String) -> bool {
        let Some(known) = self.subscribed.get_mut(&subscription) else { return false };
        known.say(ToProducer::Cancel { subscription, reason }).is_ok()
    }

    /// What is next: at most so many events as one subscription may hand over at once (rule D3).
    pub(super) fn next(&mut self) -> Option<(u64, Come<E>)> {
        loop {
            let (subscription, come) = self.queue.pop_front()?;
            let Come::Events(mut events) = come else { return Some((subscription, come)) };
            let Some(known) = self.subscribed.get(&subscription) else { continue };
            let at_once = usize::try_from(known.most - known.least).unwrap_or(usize::MAX);
            if events.len() > at_once {
                let rest = events.split_off(at_once);
                self.queue.push_front((subscription, Come::Events(rest)));
            }
            return Some((subscription, Come::Events(events)));
        }
    }

    /// The stage has taken so many events, and will say when it is done with them.
    pub(super) fn handed_over(&mut self, subscription: u64, events: u64) {
        self.at_work.push_back((subscription, events));
    }

    /// The stage is done with so many of them.
    pub(super) fn finished(&mut self, mut events: u64) {
        while events > 0
            && let Some((subscription, at_work)) = self.at_work.front_mut()
        {
            let (subscription, done) = (*subscription, events.min(*at_work));
            *at_work -= done;
            events -= done;
            if *at_work == 0 {
                self.at_work.pop_front();
            }
            self.dealt_with(subscription, done);
        }
    }

    /// So many events have been dealt with: others are asked for, if it is time (rules D3, D4).
    pub(super) fn dealt_with(&mut self, subscription: u64, events: u64) {
        let Some(known) = self.subscribed.get_mut(&subscription) else { return };
        known.outstanding = known.outstanding.saturating_sub(events);
        if known.outstanding <= known.least {
            known.unasked += known.most - known.outstanding;
            known.outstanding = known.most;
            known.ask(subscription);
        }
    }

    /// A subscription has ended: what that is to the stage (rule D21). None, if it was known already.
    pub(super) fn ended(&mut self, subscription: u64) -> Option<CancelMode> {
        let known = self.subscribed.remove(&subscription)?;
        process::demonitor(known.monitor);
        Some(known.cancel)
    }
}
