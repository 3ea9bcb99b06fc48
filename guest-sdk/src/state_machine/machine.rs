//! A machine's life. The order of what is done in a transition is that of `gen_statem` (rule M5).

use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use regrow_term::{DecodeError, decode};

use crate::exit_reason::ExitReason;
use crate::gen_server::{Caller, answer, control, ended, failed, ignored};
use crate::mailbox::{self, Message, MessageKind, Received, payload};
use crate::pid::{Pid, Reference, TimerRef};
use crate::process::{self, InitResult};
use crate::state_machine::transition::{Action, To, Wait};
use crate::state_machine::{Enter, Event, Start, StateMachine, Transition};
use crate::timer;

/// An event as it waits: it is decoded whenever its turn comes.
enum Queued<T> {
    Received(Received),
    /// Of the machine's own, encoded.
    Internal(Vec<u8>),
    StateTimeout,
    EventTimeout,
    Timeout(T),
}

struct Machine<M: StateMachine> {
    data: M,
    state: M::State,
    /// What has come or been inserted, and waits for its turn.
    queue: VecDeque<Queued<M::Timer>>,
    /// What waits for another state.
    postponed: Vec<Queued<M::Timer>>,
    state_timer: Option<TimerRef>,
    event_timer: Option<TimerRef>,
    timers: Vec<(M::Timer, TimerRef)>,
    /// Timers that were cancelled when they had run out: what has come of them is nobody's business.
    stale: BTreeSet<Reference>,
    parent: Option<Pid>,
}

/// So many events wait for another state: what a mailbox holds back counts for the process's memory, what a machine holds back must, too.
const MAX_POSTPONED: usize = 10_000;

/// What the machine ends with.
type Outcome = Result<(), ExitReason>;

pub(crate) fn run<M: StateMachine>(argument: M::Argument) -> Result<(), ExitReason> {
    let (state, data) = match M::init(argument) {
        Start::In(state, data) => (state, data),
        Start::Ignore => return ignored(),
        Start::Stop(reason) => return failed(reason),
    };
    process::init_ack(InitResult::Started);
    let machine = Machine {
        data,
        state,
        queue: VecDeque::new(),
        postponed: Vec::new(),
        state_timer: None,
        event_timer: None,
        timers: Vec::new(),
        stale: BTreeSet::new(),
        parent: process::parent(),
    };
    machine.serve()
}

impl<M: StateMachine> Machine<M> {
    fn serve(mut self) -> Outcome {
        // Rule M8: before the first event, as if it came from itself.
        let first = self.state.clone();
        let mut done = self.enter(&first);
        while done.is_ok() {
            let Some(event) = self.next() else { continue };
            done = match event {
                Queued::Received(Received::Exit { from, reason }) if Some(from) == self.parent => Err(reason),
                event => self.happen(event),
            };
        }
        let Err(reason) = done else { return Ok(()) };
        self.data.terminate(&self.state, &reason);
        if !reason.is_clean()
            && let Some(state) = self.data.format_status(&self.state)
        {
            log::error!("the machine ends with {reason}; its state: {state}");
        }
        ended(reason)
    }

    /// The next event, unless what has come is none.
    fn next(&mut self) -> Option<Queued<M::Timer>> {
        if let Some(event) = self.queue.pop_front() {
            return Some(event);
        }
        match mailbox::receive(None)? {
            Received::Timer { reference, .. } if self.stale.remove(&reference) => None,
            Received::Timer { reference, payload } => Some(self.run_out(reference).unwrap_or({
                // A timer that the machine's code has started by itself.
                Queued::Received(Received::Timer { reference, payload })
            })),
            received => Some(Queued::Received(received)),
        }
    }

    fn run_out(&mut self, reference: Reference) -> Option<Queued<M::Timer>> {
        let is = |timer: &mut TimerRef| Reference::from(*timer) == reference;
        if self.state_timer.take_if(is).is_some() {
            return Some(Queued::StateTimeout);
        }
        if self.event_timer.take_if(is).is_some() {
            return Some(Queued::EventTimeout);
        }
        let at = self.timers.iter().position(|(_, timer)| Reference::from(*timer) == reference)?;
        Some(Queued::Timeout(self.timers.swap_remove(at).0))
    }

    fn happen(&mut self, event: Queued<M::Timer>) -> Outcome {
        // Requests that every server heeds are no events.
        if let Queued::Received(Received::Message(message)) = &event
            && let Some(heard) = control::hear(message, || self.data.format_status(&self.state))
        {
            return heard.outcome();
        }
        let typed = match self.typed(&event) {
            Ok(typed) => typed,
            Err((message, error)) => {
                misfit(message, &error);
                return Ok(());
            }
        };
        // Rule M12: any event ends the wait for one.
        if let Some(timer) = self.event_timer.take() {
            self.cancel(timer);
        }
        self.queue.retain(|queued| !matches!(queued, Queued::EventTimeout));
        let transition = self.data.handle_event(&self.state, typed);
        self.apply(transition, event)
    }

    fn typed<'a>(&self, event: &'a Queued<M::Timer>) -> Result<Event<M>, (Option<&'a Message>, DecodeError)> {
        Ok(match event {
            Queued::Received(Received::Message(message)) => match message.kind {
                MessageKind::Call(from) => {
                    let request = message.decode().map_err(|error| (Some(message), error))?;
                    Event::Call(request, Caller::new(from))
                }
                MessageKind::Cast => Event::Cast(message.decode().map_err(|error| (Some(message), error))?),
                MessageKind::Info => Event::Info(Received::Message(message.clone())),
            },
            Queued::Received(received) => Event::Info(received.clone()),
            Queued::Internal(encoded) => Event::Internal(decode(encoded).map_err(|error| (None, error))?),
            Queued::StateTimeout => Event::StateTimeout,
            Queued::EventTimeout => Event::EventTimeout,
            Queued::Timeout(name) => Event::Timeout(name.clone()),
        })
    }

    fn apply(&mut self, transition: Transition<M>, event: Queued<M::Timer>) -> Outcome {
        let Transition { to, actions, postpone, next_events } = transition;
        let mut waits = Waits::default();
        self.act(actions, &mut waits);
        let mut changed = false;
        match to {
            To::Stop(reason) => return Err(reason),
            To::Keep => {}
            To::Repeat => {
                let same = self.state.clone();
                self.enter_with(&same, &mut waits)?;
            }
            To::Change(state) if state == self.state => {}
            To::Change(state) => {
                if !M::may_change(&self.state, &state) {
                    let why = format!("no transition from {:?} to {state:?}", self.state);
                    return Err(ExitReason::error(&why));
                }
                let old = core::mem::replace(&mut self.state, state);
                changed = true;
                // Rule M11: what was set on the way is the new state's.
                self.cancel_state_timer();
                self.enter_with(&old, &mut waits)?;
            }
        }
        if postpone {
            self.postpone(event);
        }
        if changed {
            // Rule M7: the oldest comes first.
            for event in core::mem::take(&mut self.postponed).into_iter().rev() {
                self.queue.push_front(event);
            }
        }
        for event in next_events.iter().rev() {
            let encoded = payload(event).map_err(ExitReason::from)?;
            self.queue.push_front(Queued::Internal(encoded));
        }
        self.wait(waits)
    }

    fn postpone(&mut self, event: Queued<M::Timer>) {
        // Those of its own are its own affair.
        if self.postponed.len() < MAX_POSTPONED || !matches!(event, Queued::Received(_)) {
            return self.postponed.push(event);
        }
        log::warn!("an event was dropped: {MAX_POSTPONED} are postponed already");
        if let Queued::Received(Received::Message(message)) = &event
            && let Some(from) = message.reply_to()
        {
            mailbox::reply_not_understood(from, "too many events are postponed");
        }
    }

    /// A state begins, and nothing else.
    fn enter(&mut self, old: &M::State) -> Outcome {
        let mut waits = Waits::default();
        self.enter_with(old, &mut waits)?;
        self.wait(waits)
    }

    fn enter_with(&mut self, old: &M::State, waits: &mut Waits<M::Timer>) -> Outcome {
        let Enter { actions, stop } = self.data.state_enter(old, &self.state);
        self.act(actions, waits);
        stop.map_or(Ok(()), Err)
    }

    /// Answers, and collects the rest.
    fn act(&self, actions: Vec<Action<M>>, waits: &mut Waits<M::Timer>) {
        for action in actions {
            match action {
                Action::Reply(to, reply) => answer(to, &reply),
                Action::StateTimeout(wait) => waits.set(None, wait),
                Action::EventTimeout(after) => waits.event = Some(after),
                Action::Timer(name, wait) => waits.set(Some(name), wait),
            }
        }
    }

    /// Rule M14: what is to come at once waits behind what has come already, and no timer is started for it.
    fn wait(&mut self, waits: Waits<M::Timer>) -> Outcome {
        for (name, wait) in waits.timers {
            let Some(name) = name else {
                self.cancel_state_timer();
                self.state_timer = self.start(wait, Queued::StateTimeout)?;
                continue;
            };
            if let Some(at) = self.timers.iter().position(|(other, _)| *other == name) {
                let (_, timer) = self.timers.swap_remove(at);
                self.cancel(timer);
            }
            self.queue.retain(|queued| !matches!(queued, Queued::Timeout(other) if *other == name));
            let started = self.start(wait, Queued::Timeout(name.clone()))?;
            self.timers.extend(started.map(|timer| (name, timer)));
        }
        if let Some(after) = waits.event {
            self.event_timer = self.start(Some(after), Queued::EventTimeout)?;
        }
        Ok(())
    }

    fn start(&mut self, wait: Wait, at_once: Queued<M::Timer>) -> Result<Option<TimerRef>, ExitReason> {
        match wait {
            None => Ok(None),
            Some(Duration::ZERO) => {
                self.queue.push_back(at_once);
                Ok(None)
            }
            Some(after) => Ok(Some(timer::start(after, process::self_pid(), &())?)),
        }
    }

    fn cancel_state_timer(&mut self) {
        if let Some(timer) = self.state_timer.take() {
            self.cancel(timer);
        }
        self.queue.retain(|queued| !matches!(queued, Queued::StateTimeout));
    }

    fn cancel(&mut self, timer: TimerRef) {
        if timer::cancel(timer).is_none() {
            self.stale.insert(timer.into());
        }
    }
}

/// What a transition waits for.
struct Waits<T> {
    /// The state timeout, which has no name, and the others, in the order in which they were asked for.
    timers: Vec<(Option<T>, Wait)>,
    /// Last, since any event ends the wait for one.
    event: Option<Duration>,
}

impl<T> Default for Waits<T> {
    fn default() -> Self {
        Self { timers: Vec::new(), event: None }
    }
}

impl<T: PartialEq> Waits<T> {
    /// Of the same timer the last word counts.
    fn set(&mut self, name: Option<T>, wait: Wait) {
        self.timers.retain(|(other, _)| *other != name);
        self.timers.push((name, wait));
    }
}

/// No client may end a machine by sending what it does not understand.
fn misfit(message: Option<&Message>, error: &DecodeError) {
    let Some(message) = message else {
        log::warn!("an inserted event was dropped: {error}");
        return;
    };
    crate::gen_server::misfit(message, error);
}
