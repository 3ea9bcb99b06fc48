//! What a stage does as a producer.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::gen_server::Nothing;
use crate::mailbox;
use crate::pid::{MonitorRef, Pid, Reference};
use crate::process;
use crate::stage::buffer::Buffer;
use crate::stage::dispatcher::{Dealer, Dealt, Subscriber, Tag};
use crate::stage::protocol::{Said, ToConsumer, ToProducer, encoded};
use crate::stage::{BufferOptions, Dispatcher, Stage};
use crate::sys;

/// What a stage does as a producer.
pub(super) struct Producing<S: Stage> {
    dealer: Dealer<S::Out>,
    buffer: Buffer<S::Out>,
    monitors: BTreeMap<Tag, MonitorRef>,
    passes_on: bool,
    /// Of a stage that makes events of events: how many are wanted of it.
    pub(super) pending: u64,
}

fn said_to_consumer<E: serde::Serialize>(to: Pid, said: ToConsumer<E>) {
    // One that is gone has cancelled.
    if let Err(error) = sys::send(to.into(), false, encoded(&Said::Consumer(said)))
        && error != Error::NoProc
    {
        log::warn!("a stage does not hear of its events: {error}");
    }
}

impl<S: Stage> Producing<S> {
    pub(super) fn new(dispatcher: Dispatcher<S::Out>, buffer: BufferOptions, passes_on: bool) -> Self {
        Self {
            dealer: Dealer::new(dispatcher),
            buffer: Buffer::new(buffer),
            monitors: BTreeMap::new(),
            passes_on,
            pending: 0,
        }
    }

    /// A consumer says something; how many more events are wanted.
    pub(super) fn hear(&mut self, stage: &S, from: Pid, said: ToProducer) -> u64 {
        match said {
            ToProducer::Subscribe { subscription, max_demand: _, partition, selector } => {
                self.subscribe((from, subscription), partition, selector);
            }
            ToProducer::Ask { subscription, count } => {
                if !self.dealer.ask((from, subscription), count) {
                    refuse((from, subscription), "unknown_subscription");
                }
            }
            ToProducer::Cancel { subscription, reason } => {
                if self.forget((from, subscription)) {
                    refuse((from, subscription), &reason);
                }
            }
            ToProducer::PassOn(passes_on) => self.passes_on = passes_on,
        }
        self.wanted(stage)
    }

    fn subscribe(&mut self, tag: Tag, partition: Option<u32>, selector: Option<regrow_term::Term>) {
        let monitor = match process::monitor(tag.0) {
            Ok(monitor) => monitor,
            Err(error) => return refuse(tag, &format!("{error}")),
        };
        match self.dealer.subscribe(Subscriber { tag, demand: 0, partition, selector }) {
            Ok(()) => drop(self.monitors.insert(tag, monitor)),
            Err(why) => {
                process::demonitor(monitor);
                refuse(tag, why);
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
        self.forget(tag);
        Some(self.wanted(stage))
    }

    /// Deals out what has been kept, and says how much more is wanted (rule D8).
    fn wanted(&mut self, stage: &S) -> u64 {
        self.send(stage, Vec::new());
        if !self.passes_on {
            return 0;
        }
        let wanted = self.dealer.wanted();
        let kept = self.buffer.take(wanted);
        let rest = wanted - kept.len() as u64;
        self.send(stage, kept);
        rest
    }

    /// Events that the stage has made.
    pub(super) fn emit(&mut self, stage: &S, events: Vec<S::Out>) {
        if events.is_empty() {
            return;
        }
        if self.buffer.len() == 0 {
            self.send(stage, events);
        } else {
            // Behind those that have waited longer.
            self.keep(events);
            let wanted = self.buffer.take(self.dealer.is_wanted());
            self.send(stage, wanted);
        }
    }

    fn send(&mut self, stage: &S, events: Vec<S::Out>) {
        let Dealt { sent, left } =
            self.dealer.deal(events, &|event, selector| stage.selects(event, selector));
        for ((to, subscription), events) in sent {
            said_to_consumer(to, ToConsumer::Events { subscription, events });
        }
        self.keep(left);
    }

    fn keep(&mut self, events: Vec<S::Out>) {
        let lost = self.buffer.put(events);
        if lost > 0 {
            log::warn!("{lost} events were dropped: nobody had asked for them, and the buffer is full");
        }
    }

    /// How many events wait for somebody who asks for them.
    pub(super) fn kept(&self) -> usize {
        self.buffer.len() + self.dealer.waiting()
    }

    /// Its consumers hear why it ends, before they hear that it has.
    pub(super) fn end(&self, reason: &str) {
        for subscriber in self.dealer.subscribers() {
            refuse(subscriber.tag, reason);
        }
    }
}

/// Tells a consumer that its subscription has ended, or is none.
fn refuse((to, subscription): Tag, reason: &str) {
    said_to_consumer::<Nothing>(to, ToConsumer::Cancel { subscription, reason: String::from(reason) });
}

/// A request to a stage is answered as soon as it is understood.
pub(super) fn answer<T: serde::Serialize>(to: crate::ReplyTo, answer: &T) {
    if let Err(error) = mailbox::reply(to, answer) {
        log::error!("an answer to {} was not sent: {error}", to.pid());
    }
}
