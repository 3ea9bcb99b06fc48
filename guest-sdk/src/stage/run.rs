//! A stage's life.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use regrow_term::Term;

use crate::exit_reason::ExitReason;
use crate::gen_server::{Caller, answer, control, ended, failed, ignored, misfit};
use crate::mailbox::{self, Message, Received};
use crate::pid::Pid;
use crate::process::{self, InitResult};
use crate::stage::consuming::{Come, Consuming};
use crate::stage::options::Running;
use crate::stage::producing::Producing;
use crate::stage::protocol::{Said, ToConsumer, ToProducer, said};
use crate::stage::{Begin, BufferOptions, CancelMode, Stage};

type Outcome = Result<(), ExitReason>;

struct Life<S: Stage> {
    stage: S,
    producing: Option<Producing<S>>,
    consuming: Option<Consuming<S::In>>,
    parent: Option<Pid>,
    /// What is wanted of a producer, asked for one after the other (rule D6).
    demands: VecDeque<u64>,
    /// It ends with this reason when all that it has made has been taken.
    ending: Option<ExitReason>,
}

/// How long it waits until it tries again to say what another stage had no room for.
const TRY_AGAIN: Duration = Duration::from_millis(10);

pub(crate) fn run<S: Stage>(argument: S::Argument) -> Result<(), ExitReason> {
    begin(S::init(argument))
}

/// Goes on with a stage that has begun.
pub(super) fn begin<S: Stage>(begun: Begin<S>) -> Result<(), ExitReason> {
    let running = match begun {
        Begin::Running(running) => running,
        Begin::Ignore => return ignored(),
        Begin::Stop(reason) => return failed(reason),
    };
    let Running { stage, produces, consumes, dispatcher, buffer, passes_on, subscribe_to } = running;
    // Rule D9: what was made of events is never lost.
    let default = BufferOptions { size: None, ..BufferOptions::default() };
    let buffer = buffer.unwrap_or(if consumes { default } else { BufferOptions::default() });
    let mut life = Life {
        stage,
        producing: produces.then(|| Producing::new(dispatcher, buffer, passes_on)),
        consuming: consumes.then(Consuming::default),
        parent: process::parent(),
        demands: VecDeque::new(),
        ending: None,
    };
    for (producer, options) in subscribe_to {
        let subscribed = match &mut life.consuming {
            Some(consuming) => consuming.subscribe(&producer, options),
            None => Err(ExitReason::error("a producer does not subscribe to others")),
        };
        if let Err(reason) = subscribed {
            return failed(reason);
        }
    }
    process::init_ack(InitResult::Started);
    life.live()
}

impl<S: Stage> Life<S> {
    fn live(mut self) -> Outcome {
        let reason = loop {
            let done = self.work().and_then(|()| self.is_done().map_or_else(|| self.receive(), Err));
            if let Err(reason) = done {
                break reason;
            }
        };
        self.stage.terminate(&reason);
        if let Some(producing) = &mut self.producing {
            producing.end(&reason);
        }
        ended(reason)
    }

    /// The reason with which it ends now, if it does: everything that it has made has been taken.
    fn is_done(&self) -> Option<ExitReason> {
        let is_empty = self.producing.as_ref().is_none_or(|producing| producing.kept() == 0)
            && self.consuming.as_ref().is_none_or(Consuming::is_empty);
        match &self.ending {
            Some(reason) => is_empty.then(|| reason.clone()),
            None => {
                (is_empty && self.producing.is_some() && self.stage.is_done()).then_some(ExitReason::Normal)
            }
        }
    }

    /// Deals with all that has come.
    fn work(&mut self) -> Outcome {
        // What is wanted anew because of them comes after what has arrived meanwhile.
        for _ in 0..self.demands.len() {
            let Some(demand) = self.demands.pop_front() else { break };
            let events = self.stage.handle_demand(demand);
            self.emit(events);
        }
        loop {
            // Rule D12: what nobody wants is not made.
            let is_wanted = self.producing.as_ref().is_none_or(|producing| producing.pending > 0);
            let Some(consuming) = &mut self.consuming else { return Ok(()) };
            if !is_wanted && !consuming.ends_next() {
                return Ok(());
            }
            match consuming.next() {
                None => return Ok(()),
                Some((subscription, Come::Events(events))) => {
                    let count = events.len() as u64;
                    let made = self.stage.handle_events(events);
                    self.emit(made);
                    self.finished(subscription, count);
                }
                Some((subscription, Come::Ended(reason))) => {
                    let Some(mode) = consuming.ended(subscription) else { continue };
                    self.stage.handle_cancel(&reason);
                    match mode {
                        CancelMode::Temporary => {}
                        CancelMode::Transient if reason.is_clean() => {}
                        // What it has made is still taken.
                        _ if reason.is_clean() => drop(self.ending.get_or_insert(reason)),
                        CancelMode::Permanent | CancelMode::Transient => return Err(reason),
                    }
                }
            }
        }
    }

    fn emit(&mut self, events: Vec<S::Out>) {
        match &mut self.producing {
            Some(producing) => {
                producing.pending = producing.pending.saturating_sub(events.len() as u64);
                let more = producing.emit(&self.stage, events);
                self.wanted(more);
            }
            None if events.is_empty() => {}
            None => log::warn!("{} events were dropped: a consumer makes none", events.len()),
        }
    }

    fn wanted(&mut self, more: u64) {
        if more == 0 {
            return;
        }
        match &mut self.producing {
            Some(producing) if self.consuming.is_some() => producing.pending += more,
            _ => self.demands.push_back(more),
        }
    }

    fn receive(&mut self) -> Outcome {
        let mut is_left = self.producing.as_mut().is_some_and(Producing::try_again);
        is_left |= self.consuming.as_mut().is_some_and(Consuming::try_again);
        let wait = if self.demands.is_empty() { is_left.then_some(TRY_AGAIN) } else { Some(Duration::ZERO) };
        let Some(received) = mailbox::receive(wait) else { return Ok(()) };
        match received {
            Received::Exit { from, reason } if Some(from) == self.parent => return Err(reason),
            Received::Down { reference, reason, object, tag } => {
                let wanted = self.producing.as_mut().and_then(|own| own.down(&self.stage, reference));
                if let Some(more) = wanted {
                    self.wanted(more);
                } else if !self.consuming.as_mut().is_some_and(|own| own.down(reference, reason.clone())) {
                    self.info(Received::Down { reference, reason, object, tag });
                }
            }
            Received::Message(message) => return self.message(message),
            other => self.info(other),
        }
        Ok(())
    }

    fn info(&mut self, info: Received) {
        let events = self.stage.handle_info(info);
        self.emit(events);
        if let (Some(finished), Some(consuming)) = (self.stage.take_finished(), &mut self.consuming) {
            consuming.finished(finished);
        }
    }

    /// Events have been handed over: they are done with now, or later.
    fn finished(&mut self, subscription: u64, count: u64) {
        let Some(consuming) = &mut self.consuming else { return };
        match self.stage.take_finished() {
            None => consuming.dealt_with(subscription, count),
            Some(finished) => {
                consuming.handed_over(subscription, count);
                consuming.finished(finished);
            }
        }
    }

    fn message(&mut self, message: Message) -> Outcome {
        // Stages show nothing of their state.
        if let Some(heard) = control::hear(&message, || None) {
            return heard.outcome();
        }
        match said::<S::In>(&message) {
            None => self.info(Received::Message(message)),
            Some(Ok(Said::Producer(ToProducer::PassOn(_)))) if !control::heeds(message.from) => {
                refuse(&message, control::STRANGER);
            }
            Some(Ok(Said::Producer(said))) => {
                if let (ToProducer::PassOn(_), Some(from)) = (&said, message.reply_to()) {
                    answer(Caller::new(from), &());
                }
                if let Some(producing) = &mut self.producing {
                    let more = producing.hear(&self.stage, message.from, said);
                    self.wanted(more);
                }
            }
            Some(Ok(Said::Consumer(said))) => self.hear(&message, said),
            Some(Err(error)) => {
                misfit(&message, &error);
                // Events of another type: they are not to be waited for either.
                if let Some(Ok(Said::Consumer(ToConsumer::Events { subscription, .. }))) =
                    said::<Term>(&message)
                    && let Some(consuming) = &mut self.consuming
                {
                    consuming.reject(message.from, subscription, "events_of_another_type");
                }
            }
        }
        Ok(())
    }

    /// A producer says something, or somebody who connects stages.
    fn hear(&mut self, message: &Message, said: ToConsumer<Vec<S::In>>) {
        let is_for_relatives = matches!(said, ToConsumer::Subscribe { .. } | ToConsumer::Unsubscribe { .. });
        let refused = match &self.consuming {
            None => Some("this stage takes no events"),
            Some(_) if is_for_relatives && !control::heeds(message.from) => Some(control::STRANGER),
            Some(_) => None,
        };
        let (None, Some(consuming)) = (refused, &mut self.consuming) else {
            return refuse(message, refused.unwrap_or_default());
        };
        match said {
            ToConsumer::Skipped { subscription, count } => {
                consuming.skipped(message.from, subscription, count)
            }
            ToConsumer::Events { subscription, events } => consuming.come(message.from, subscription, events),
            ToConsumer::Cancel { subscription, reason } => {
                consuming.cancelled(message.from, subscription, reason.into());
            }
            ToConsumer::Subscribe { to, options } => {
                let subscribed =
                    consuming.subscribe(&to, options).map_err(|reason| alloc::format!("{reason}"));
                if let Some(from) = message.reply_to() {
                    answer(Caller::new(from), &subscribed);
                }
            }
            ToConsumer::Unsubscribe { subscription, reason } => {
                let found = consuming.unsubscribe(subscription, reason);
                if let Some(from) = message.reply_to() {
                    answer(Caller::new(from), &found);
                }
            }
        }
    }
}

fn refuse(message: &Message, why: &str) {
    if let Some(from) = message.reply_to() {
        mailbox::reply_not_understood(from, why);
    }
}
