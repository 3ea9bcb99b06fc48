//! What a stage does as a producer.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::Nothing;
use crate::pid::{MonitorRef, Pid, Reference};
use crate::process;
use crate::stage::buffer::Buffer;
use crate::stage::dispatcher::{Dealer, Dealt, Subscriber, Tag};
use crate::stage::protocol::{Said, ToConsumer, ToProducer, encoded, reason_of};
use crate::stage::{BufferOptions, Dispatcher, Keep, Stage};
use crate::sys;

/// The most that a consumer may ask for at once.
const MAX_DEMAND: u64 = 1_000_000;

/// What a stage does as a producer.
pub(super) struct Producing<S: Stage> {
    dealer: Dealer<S::Out>,
    buffer: Buffer<S::Out>,
    options: BufferOptions,
    monitors: BTreeMap<Tag, MonitorRef>,
    /// What consumers were to hear and could not: their mailboxes had no room. In order; they have asked for all of it.
    unsaid: BTreeMap<Pid, VecDeque<Vec<u8>>>,
    passes_on: bool,
    /// Of a stage that makes events of events: how many are wanted of it.
    pub(super) pending: u64,
}

impl<S: Stage> Producing<S> {
    pub(super) fn new(dispatcher: Dispatcher<S::Out>, options: BufferOptions, passes_on: bool) -> Self {
        Self {
            dealer: Dealer::new(dispatcher),
            buffer: Buffer::new(options),
            options,
            monitors: BTreeMap::new(),
            unsaid: BTreeMap::new(),
            passes_on,
            pending: 0,
        }
    }

    /// A consumer says something; how many more events are wanted.
    pub(super) fn hear(&mut self, stage: &S, from: Pid, said: ToProducer) -> u64 {
        match said {
            ToProducer::Subscribe { subscription, max_demand, partition, selector } => {
                let max_demand = max_demand.min(MAX_DEMAND);
                self.subscribe(Subscriber::new((from, subscription), max_demand, partition, selector));
            }
            ToProducer::Ask { subscription, count } => {
                if !self.dealer.ask((from, subscription), count) {
                    self.refuse((from, subscription), reason_of("unknown_subscription"));
                }
            }
            ToProducer::Cancel { subscription, reason } => {
                if self.forget((from, subscription)) {
                    self.refuse((from, subscription), reason_of(&reason));
                }
            }
            ToProducer::PassOn(passes_on) => self.passes_on = passes_on,
        }
        self.wanted(stage)
    }

    fn subscribe(&mut self, subscriber: Subscriber) {
        let tag = subscriber.tag;
        let monitor = match process::monitor(tag.0) {
            Ok(monitor) => monitor,
            Err(error) => return self.refuse(tag, error.into()),
        };
        match self.dealer.subscribe(subscriber) {
            Ok(()) => drop(self.monitors.insert(tag, monitor)),
            Err(why) => {
                process::demonitor(monitor);
                self.refuse(tag, reason_of(why));
            }
        }
    }

    /// A subscription is no more; whether it was one.
    fn forget(&mut self, tag: Tag) -> bool {
        if let Some(monitor) = self.monitors.remove(&tag) {
            process::demonitor(monitor);
        }
        self.dealer.cancel(tag)
    }

    /// A monitored process has ended; how many more events are wanted, if it was a consumer (rules D16, D24).
    pub(super) fn down(&mut self, stage: &S, monitor: Reference) -> Option<u64> {
        let found = self.monitors.iter().find(|(_, of)| Reference::from(**of) == monitor);
        let tag = found.map(|(tag, _)| *tag)?;
        self.unsaid.remove(&tag.0);
        self.forget(tag);
        Some(self.wanted(stage))
    }

    /// Deals out what has been kept, as far as somebody wants it, and says how much more is wanted (rule D8).
    pub(super) fn wanted(&mut self, stage: &S) -> u64 {
        self.deal(stage, Vec::new());
        loop {
            let kept = self.buffer.take(self.dealer.deliverable());
            if kept.is_empty() {
                break;
            }
            self.deal(stage, kept);
        }
        if self.passes_on { self.dealer.wanted() } else { 0 }
    }

    /// Events that the stage has made; how many more are wanted, because some of these are nobody's.
    pub(super) fn emit(&mut self, stage: &S, events: Vec<S::Out>) -> u64 {
        if events.is_empty() {
            return 0;
        }
        self.dealer.produced(events.len());
        if self.buffer.len() == 0 {
            self.deal(stage, events);
        } else {
            // Behind those that have waited longer.
            self.keep(events);
        }
        self.wanted(stage)
    }

    fn deal(&mut self, stage: &S, events: Vec<S::Out>) {
        let Dealt { sent, left } =
            self.dealer.deal(events, &|event, selector| stage.selects(event, selector));
        for (tag, events) in sent {
            self.deliver(tag, events);
        }
        self.keep(left);
        let most = self.options.size.unwrap_or(usize::MAX);
        let lost = self.dealer.trim_waiting(most, self.options.keep == Keep::Last);
        report_lost(lost);
    }

    fn keep(&mut self, events: Vec<S::Out>) {
        report_lost(self.buffer.put(events));
    }

    /// Hands events over: in as many messages as it takes.
    fn deliver(&mut self, (to, subscription): Tag, mut events: Vec<S::Out>) {
        let payload = encoded(&Said::Consumer(ToConsumer::Events { subscription, events: &events }));
        let refused = match payload {
            Ok(payload) => self.say(to, payload).err(),
            Err(error) => Some(error),
        };
        match refused {
            None => {}
            // Too large for a message: half of them each.
            Some(_) if events.len() > 1 => {
                let rest = events.split_off(events.len() / 2);
                self.deliver((to, subscription), events);
                self.deliver((to, subscription), rest);
            }
            Some(error) => {
                log::warn!("an event was dropped: it can't be sent: {error}");
                let skipped = ToConsumer::<Nothing>::Skipped { subscription, count: 1 };
                self.say_word(to, skipped);
            }
        }
    }

    fn say_word(&mut self, to: Pid, word: ToConsumer<Nothing>) {
        let said = encoded(&Said::Consumer(word)).and_then(|payload| self.say(to, payload));
        if let Err(error) = said {
            log::error!("a consumer does not hear of its subscription: {error}");
        }
    }

    /// Says something now, or when there is room for it: nobody waits for a consumer.
    fn say(&mut self, to: Pid, payload: Vec<u8>) -> Result<(), Error> {
        if let Some(unsaid) = self.unsaid.get_mut(&to) {
            unsaid.push_back(payload);
            return Ok(());
        }
        match sys::send_nosuspend(to.into(), payload.clone()) {
            Err(Error::Full(_)) => {
                self.unsaid.entry(to).or_default().push_back(payload);
                Ok(())
            }
            // One that is gone has cancelled.
            Ok(()) | Err(Error::NoProc) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Tries again to say what could not be said; whether there is something left.
    pub(super) fn try_again(&mut self) -> bool {
        self.unsaid.retain(|to, payloads| {
            while let Some(payload) = payloads.front() {
                if let Err(Error::Full(_)) = sys::send_nosuspend((*to).into(), payload.clone()) {
                    return true;
                }
                payloads.pop_front();
            }
            false
        });
        !self.unsaid.is_empty()
    }

    /// How many events wait for somebody who asks for them, or has no room.
    pub(super) fn kept(&self) -> usize {
        self.buffer.len() + self.dealer.waiting() + self.unsaid.len()
    }

    /// Its consumers hear why it ends, before they hear that it has.
    pub(super) fn end(&mut self, reason: &ExitReason) {
        let tags: Vec<Tag> = self.dealer.subscribers().map(|subscriber| subscriber.tag).collect();
        tags.into_iter().for_each(|tag| self.refuse(tag, reason.clone()));
    }

    /// Tells a consumer that its subscription has ended, or is none.
    fn refuse(&mut self, (to, subscription): Tag, reason: ExitReason) {
        self.say_word(to, ToConsumer::Cancel { subscription, reason: (&reason).into() });
    }
}

fn report_lost(events: usize) {
    if events > 0 {
        log::warn!("{events} events were dropped: nobody had asked for them, and the buffer is full");
    }
}
