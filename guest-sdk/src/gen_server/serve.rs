//! A server's life: its start, its loop, its hibernations, its end.

use alloc::format;
use core::time::Duration;

use regrow_term::{DecodeError, decode};

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::control::Heard;
use crate::gen_server::{Answer, CallResult, Caller, GenServer, Hibernate, Init, Next, control};
use crate::mailbox::{self, Message, MessageKind, Received};
use crate::process::{self, InitResult};
use crate::timer;

/// How a server hibernates.
struct Hibernation<S> {
    after: fn(&S) -> Option<Duration>,
    /// Returns only if it fails.
    hibernate: fn(&S) -> Error,
}

impl<S: Hibernate> Hibernation<S> {
    const OF_SERVER: Self =
        Self { after: S::hibernate_after, hibernate: |server| process::hibernate(&server.save()) };
}

/// A server from its start to its end.
pub(crate) fn run<S: GenServer>(argument: S::Argument) -> Result<(), ExitReason> {
    start_up::<S>(argument, None)
}

/// As [`run`], for a server that hibernates.
pub(crate) fn run_hibernating<S: Hibernate>(argument: S::Argument) -> Result<(), ExitReason> {
    start_up(argument, Some(Hibernation::<S>::OF_SERVER))
}

/// A server that has hibernated, to its end. A state that it does not understand is of an older version.
pub(crate) fn resume<S: Hibernate>(state: &[u8]) -> Result<(), ExitReason> {
    let server = match decode::<S::State>(state) {
        Ok(state) => S::restore(state),
        Err(error) => {
            let old = decode(state).map_err(|_| ExitReason::from(error))?;
            S::restore(S::code_change(old)?)
        }
    };
    Loop { server, hibernation: Some(Hibernation::OF_SERVER) }.serve(Next::NoReply)
}

fn start_up<S: GenServer>(
    argument: S::Argument,
    hibernation: Option<Hibernation<S>>,
) -> Result<(), ExitReason> {
    let (server, next) = match S::init(argument) {
        Init::Started(server) => (server, Next::NoReply),
        Init::Then(server, next) => (server, next),
        Init::Ignore => return ignored(),
        Init::Stop(reason) => return failed(reason),
        Init::Error(reason) => {
            process::init_ack(InitResult::Error(reason));
            return Ok(());
        }
    };
    process::init_ack(InitResult::Started);
    Loop { server, hibernation }.serve(next)
}

struct Loop<S> {
    server: S,
    hibernation: Option<Hibernation<S>>,
}

impl<S: GenServer> Loop<S> {
    fn serve(mut self, mut next: Next<S>) -> Result<(), ExitReason> {
        let parent = process::parent();
        // One that has just failed to is not tried again before something has come.
        let mut may_hibernate = true;
        loop {
            let timeout = match next {
                Next::NoReply => None,
                Next::Timeout(after) => Some(after),
                Next::Continue(function) => {
                    next = function(&mut self.server);
                    continue;
                }
                Next::Hibernate => {
                    self.hibernate();
                    None
                }
                Next::Stop(reason) => {
                    self.server.terminate(&reason);
                    return self.ended(reason);
                }
            };
            let idle = self.hibernation.as_ref().filter(|_| may_hibernate && timeout.is_none());
            let idle = idle.and_then(|hibernation| (hibernation.after)(&self.server));
            let until = timeout.map(|after| timer::monotonic_time().saturating_add(after));
            next = match mailbox::receive(timeout.or(idle)) {
                None if timeout.is_some() => self.server.handle_timeout(),
                None => {
                    self.hibernate();
                    may_hibernate = false;
                    Next::NoReply
                }
                Some(received) => {
                    may_hibernate = true;
                    match received {
                        // Rule G32: the parent's end is the server's, whatever the reason.
                        Received::Exit { from, reason } if Some(from) == parent => Next::Stop(reason),
                        Received::Message(message) => match self.heard(&message) {
                            Some(Heard::Stop(reason)) => Next::Stop(reason),
                            // Rule G27: a timeout begins anew.
                            Some(Heard::Shown) => timeout.map_or(Next::NoReply, Next::Timeout),
                            Some(Heard::Refused) => self.still_waiting(until),
                            None => match self.message(message) {
                                Some(next) => next,
                                None => self.still_waiting(until),
                            },
                        },
                        other => self.server.handle_info(other),
                    }
                }
            };
        }
    }

    /// A server that waits for a time still does when it was sent what is not for it: nobody can hold up its timeout so.
    fn still_waiting(&mut self, until: Option<Duration>) -> Next<S> {
        let Some(until) = until else { return Next::NoReply };
        match until.saturating_sub(timer::monotonic_time()) {
            Duration::ZERO => self.server.handle_timeout(),
            left => Next::Timeout(left),
        }
    }

    fn hibernate(&self) {
        if let Some(hibernation) = &self.hibernation {
            let error = (hibernation.hibernate)(&self.server);
            log::warn!("the server goes on and does not hibernate: {error}");
        }
    }

    /// What follows; none if the message was not understood.
    fn message(&mut self, message: Message) -> Option<Next<S>> {
        let next = match message.kind {
            MessageKind::Call(from) => match decode(&message.payload) {
                Ok(request) => self.called(request, Caller::new(from)),
                Err(error) => {
                    misfit(&message, &error);
                    return None;
                }
            },
            MessageKind::Cast => match decode(&message.payload) {
                Ok(request) => self.server.handle_cast(request),
                Err(error) => {
                    misfit(&message, &error);
                    return None;
                }
            },
            MessageKind::Info => self.server.handle_info(Received::Message(message)),
        };
        Some(next)
    }

    fn called(&mut self, request: S::Call, from: Caller<S::Reply>) -> Next<S> {
        match self.server.handle_call(request, from) {
            CallResult::Reply(reply) => {
                answer(from, &reply);
                Next::NoReply
            }
            CallResult::Then(reply, next) => {
                if let Some(reply) = reply {
                    answer(from, &reply);
                }
                next
            }
            CallResult::NoReply => Next::NoReply,
            CallResult::StopNoReply(reason) => Next::Stop(reason),
            CallResult::Stop(reason, reply) => {
                // Rule G17: terminate first, then the answer, then the end.
                self.server.terminate(&reason);
                answer(from, &reply);
                self.report(&reason);
                process::exit(reason)
            }
        }
    }

    fn heard(&self, message: &Message) -> Option<Heard> {
        control::hear(message, || self.server.format_status())
    }

    fn ended(&self, reason: ExitReason) -> Result<(), ExitReason> {
        self.report(&reason);
        ended(reason)
    }

    /// Rule G38: an end that is not clean is reported with the state, as far as the server shows it.
    fn report(&self, reason: &ExitReason) {
        if reason.is_clean() {
            return;
        }
        if let Some(state) = self.server.format_status() {
            log::error!("the server ends with {reason}; its state: {state}");
        }
    }
}

pub(crate) fn answer<R: Answer>(from: Caller<R>, reply: &R) {
    if let Err(error) = from.reply(reply) {
        log::error!("an answer to {} was not sent: {error}", from.pid());
        // It is not to wait for what does not come.
        mailbox::reply_not_understood(from.into(), &format!("the answer was not sent: {error}"));
    }
}

/// No client may end a server by sending what it does not understand.
pub(crate) fn misfit(message: &Message, error: &DecodeError) {
    log::warn!("a request of {} was not understood: {error}", message.from);
    if let Some(from) = message.reply_to() {
        mailbox::reply_not_understood(from, &format!("{error}"));
    }
}

/// The end of a process whose start has shown that there is nothing to do.
pub(crate) fn ignored() -> Result<(), ExitReason> {
    process::init_ack(InitResult::Ignore);
    Ok(())
}

/// The end of a process that could not start.
pub(crate) fn failed(reason: ExitReason) -> Result<(), ExitReason> {
    process::init_ack(InitResult::Error(reason.clone()));
    ended(reason)
}

pub(crate) fn ended(reason: ExitReason) -> Result<(), ExitReason> {
    if reason == ExitReason::Normal { Ok(()) } else { Err(reason) }
}
