//! What a stage does as a producer.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use serde::Serialize;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::Nothing;
use crate::pid::{MonitorRef, Pid, Reference};
use crate::process;
use crate::stage::buffer::Buffer;
use crate::stage::dispatcher::{Dealer, Dealt, Subscriber, Tag};
use crate::stage::options::MAX_DEMAND;
use crate::stage::protocol::{Said, ToConsumer, ToProducer, encoded, reason_of};
use crate::stage::{BufferOptions, Dispatcher, Keep, Stage};
use crate::sys;

/// So many words wait for a process that has no room for them.
const MAX_UNSAID: usize = 1_000;

/// What a consumer is to hear.
enum Unsaid<E> {
    Events { subscription: u64, events: Vec<E> },
    Word(Vec<u8>),
}

/// What a stage does as a producer.
pub(super) struct Producing<S: Stage> {
    dealer: Dealer<S::Out>,
    buffer: Buffer<S::Out>,
    monitors: BTreeMap<Tag, MonitorRef>,
    /// What consumers were to hear and could not: their mailboxes had no room. In order; they have asked for all of it.
    unsaid: BTreeMap<Pid, VecDeque<Unsaid<S::Out>>>,
    passes_on: bool,
    /// Of a stage that makes events of events: how many are wanted of it.
    pub(super) pending: u64,
}

impl<S: Stage> Producing<S> {
    pub(super) fn new(dispatcher: Dispatcher<S::Out>, options: BufferOptions, passes_on: bool) -> Self {
        Self {
            dealer: Dealer::new(dispatcher),
            buffer: Buffer::new(options),
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
        if let Some(unsaid) = self.unsaid.get_mut(&tag.0) {
            unsaid.retain(
                |what| !matches!(what, Unsaid::Events { subscription, .. } if *subscription == tag.1),
            );
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
        let BufferOptions { size, keep } = self.buffer.options();
        let lost = self.dealer.trim_waiting(size.unwrap_or(usize::MAX), keep == Keep::Last);
        report_lost(lost);
    }

    fn keep(&mut self, events: Vec<S::Out>) {
        report_lost(self.buffer.put(events));
    }

    /// Hands events over.
    fn deliver(&mut self, (to, subscription): Tag, events: Vec<S::Out>) {
        self.say(to, Unsaid::Events { subscription, events });
    }

    fn say_word(&mut self, to: Pid, word: ToConsumer<Nothing>) {
        match encoded(&Said::Consumer(word)) {
            Ok(payload) => self.say(to, Unsaid::Word(payload)),
            Err(error) => log::error!("a consumer does not hear of its subscription: {error}"),
        }
    }

    /// Says something now, or when there is room for it: nobody waits for a consumer.
    fn say(&mut self, to: Pid, what: Unsaid<S::Out>) {
        if let Some(unsaid) = self.unsaid.get_mut(&to) {
            // What it has asked for is bounded; whatever else it is told is not to fill this process's memory.
            let has_room = matches!(what, Unsaid::Events { .. }) || unsaid.len() < MAX_UNSAID;
            return if has_room {
                unsaid.push_back(what)
            };
        }
        let mut unsaid = VecDeque::from([what]);
        if !say_all(to, &mut unsaid) {
            self.unsaid.insert(to, unsaid);
        }
    }

    /// Tries again to say what could not be said; whether there is something left.
    pub(super) fn try_again(&mut self) -> bool {
        self.unsaid.retain(|to, unsaid| !say_all(*to, unsaid));
        !self.unsaid.is_empty()
    }

    /// How many events wait for somebody who asks for them, or has no room.
    pub(super) fn kept(&self) -> usize {
        let is_subscriber =
            |pid: &&Pid| self.monitors.range((**pid, 0)..).next().is_some_and(|(tag, _)| tag.0 == **pid);
        let unsaid = self.unsaid.keys().filter(is_subscriber).count();
        self.buffer.len() + self.dealer.waiting() + unsaid
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

/// Says as much as there is room for, events in as many messages as it takes; whether that was all.
fn say_all<E: Serialize>(to: Pid, unsaid: &mut VecDeque<Unsaid<E>>) -> bool {
    while let Some(what) = unsaid.pop_front() {
        let payload = match &what {
            Unsaid::Word(payload) => Ok(payload.clone()),
            Unsaid::Events { subscription, events } => {
                encoded(&Said::Consumer(ToConsumer::Events { subscription: *subscription, events }))
            }
        };
        let size = payload.as_ref().map_or(0, Vec::len);
        match payload.and_then(|payload| sys::send_nosuspend(to.into(), payload)) {
            // One that is gone has cancelled.
            Ok(()) | Err(Error::NoProc) => {}
            Err(error) if has_no_room_yet(&error, size) => {
                unsaid.push_front(what);
                return false;
            }
            Err(error) => smaller(what, &error).into_iter().rev().for_each(|part| unsaid.push_front(part)),
        }
    }
    true
}

/// Whether what was refused may be heard later: not if there is no room for it in an empty mailbox either.
fn has_no_room_yet(error: &Error, size: usize) -> bool {
    let Error::Full(limit) = error else { return false };
    limit.which != "mailbox_bytes" || size as u64 <= limit.allowed
}

/// What is too large for a message, in two. In place of an event that can't be sent its consumer, which has asked for it, hears that it does not
/// come.
fn smaller<E>(what: Unsaid<E>, error: &Error) -> Vec<Unsaid<E>> {
    match what {
        Unsaid::Events { subscription, mut events } if events.len() > 1 => {
            let rest = events.split_off(events.len() / 2);
            [events, rest].map(|events| Unsaid::Events { subscription, events }).into()
        }
        Unsaid::Events { subscription, .. } => {
            log::warn!("an event was dropped: it can't be sent: {error}");
            let said = Said::Consumer(ToConsumer::<Nothing>::Skipped { subscription, count: 1 });
            encoded(&said).ok().map(Unsaid::Word).into_iter().collect()
        }
        Unsaid::Word(_) => {
            log::error!("a consumer does not hear of its subscription: {error}");
            Vec::new()
        }
    }
}

fn report_lost(events: usize) {
    if events > 0 {
        log::warn!("{events} events were dropped: nobody had asked for them, and the buffer is full");
    }
}
