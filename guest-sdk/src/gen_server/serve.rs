//! A server's life: its start, its loop, its hibernations, its end.

use core::time::Duration;

use regrow_term::decode;

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::{CallResult, GenServer, Hibernate, Init, Next};
use crate::mailbox::{self, Message, MessageKind, Received};
use crate::pid::ReplyTo;
use crate::process::{self, InitResult};

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

/// A server that has hibernated, to its end.
pub(crate) fn resume<S: Hibernate>(state: S::State) -> Result<(), ExitReason> {
    serve_all(S::restore(state), Some(Hibernation::OF_SERVER))
}

fn start_up<S: GenServer>(
    argument: S::Argument,
    hibernation: Option<Hibernation<S>>,
) -> Result<(), ExitReason> {
    let server = match S::init(argument) {
        Init::Started(server) => server,
        Init::Ignore => {
            process::init_ack(InitResult::Ignore);
            return Ok(());
        }
        Init::Stop(reason) => {
            process::init_ack(InitResult::Error(reason.clone()));
            return ended(reason);
        }
    };
    process::init_ack(InitResult::Started);
    serve_all(server, hibernation)
}

/// The server's loop.
fn serve_all<S: GenServer>(mut server: S, hibernation: Option<Hibernation<S>>) -> Result<(), ExitReason> {
    let parent = process::parent();
    let hibernate = |server: &S| {
        if let Some(hibernation) = &hibernation {
            let error = (hibernation.hibernate)(server);
            log::warn!("the server goes on and does not hibernate: {error}");
        }
    };
    // One that has just failed to is not tried again before something has come.
    let mut may_hibernate = true;
    loop {
        let idle = hibernation.as_ref().filter(|_| may_hibernate);
        let idle = idle.and_then(|hibernation| (hibernation.after)(&server));
        let Some(received) = mailbox::receive(idle) else {
            hibernate(&server);
            may_hibernate = false;
            continue;
        };
        may_hibernate = true;
        let next = match received {
            // Rule G32: the parent's end is the server's, whatever the reason.
            Received::Exit { from, reason } if Some(from) == parent => Next::Stop(reason),
            Received::Message(message) => serve(&mut server, message),
            other => server.handle_info(other),
        };
        match next {
            Next::Continue => {}
            Next::Hibernate => hibernate(&server),
            Next::Stop(reason) => {
                server.terminate(&reason);
                return ended(reason);
            }
        }
    }
}

fn serve<S: GenServer>(server: &mut S, message: Message) -> Next {
    match message.kind {
        MessageKind::Call(from) => match decode(&message.payload) {
            Ok(request) => called(server, request, from),
            Err(error) => misfit(&message, &error),
        },
        MessageKind::Cast => match decode(&message.payload) {
            Ok(request) => server.handle_cast(request),
            Err(error) => misfit(&message, &error),
        },
        MessageKind::Info => server.handle_info(Received::Message(message)),
    }
}

/// No client may end a server by sending what it does not understand.
fn misfit(message: &Message, error: &regrow_term::DecodeError) -> Next {
    log::warn!("a request of {} was not understood: {error}", message.from);
    if let Some(from) = message.reply_to() {
        mailbox::reply_not_understood(from);
    }
    Next::Continue
}

fn called<S: GenServer>(server: &mut S, request: S::Call, from: ReplyTo) -> Next {
    let answer = |reply: S::Reply| {
        if let Err(error) = mailbox::reply(from, &reply) {
            log::error!("an answer to {} was not sent: {error}", from.pid());
        }
    };
    match server.handle_call(request, from) {
        CallResult::Reply(reply) => {
            answer(reply);
            Next::Continue
        }
        CallResult::ReplyAndHibernate(reply) => {
            answer(reply);
            Next::Hibernate
        }
        CallResult::NoReply => Next::Continue,
        CallResult::StopNoReply(reason) => Next::Stop(reason),
        CallResult::Stop(reason, reply) => {
            // Rule G17: terminate first, then the answer, then the end.
            server.terminate(&reason);
            answer(reply);
            process::exit(reason)
        }
    }
}

fn ended(reason: ExitReason) -> Result<(), ExitReason> {
    if reason == ExitReason::Normal { Ok(()) } else { Err(reason) }
}
