//! Sending: messages, replies, and what a full mailbox does to their senders.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::Bytes;

use crate::balance::Totals;
use crate::clock::Instant;
use crate::event::Event;
use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::limits::check;
use crate::pid::{Destination, Pid, ReplyTo};
use crate::process::wait::Wait;
use crate::process::{Context, Patience, Process, PushError, SendError, Waiting};
use crate::received::{Message, MessageKind};
use crate::signal::{Envelope, Signal};

impl Context {
    /// Sends a message (`!`). A dead process takes it silently. Waits for room in the mailbox of a process that has
    /// its senders wait; to itself a process does not wait.
    ///
    /// # Errors
    /// [`SendError`]
    pub async fn send(&self, to: &Destination, kind: MessageKind, payload: Bytes) -> Result<(), SendError> {
        let to = self.resolve(to)?;
        match self.begin_to_send(to, Signal::Message(self.message(kind, payload, None)?))? {
            None => Ok(()),
            Some(suspended) => self.wait_for_room(suspended, None).await,
        }
    }

    /// Sends a message, and does not wait for room (`erlang:send/3` with `nosuspend`).
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::Full`] also where `send` would wait.
    pub fn send_nosuspend(
        &self,
        to: &Destination,
        kind: MessageKind,
        payload: Bytes,
    ) -> Result<(), SendError> {
        let to = self.resolve(to)?;
        let message = self.message(kind, payload, None)?;
        self.push(to, Signal::Message(message), Patience::None).map_err(|refusal| refusal.error)
    }

    /// Sends a message to an alias (`AliasRef ! Message`). Nothing happens if it is not active (rule P44). Waits for
    /// room as [`Context::send`] does.
    ///
    /// # Errors
    /// [`SendError`]
    pub async fn send_to_alias(
        &self,
        alias: ReplyTo,
        kind: MessageKind,
        payload: Bytes,
    ) -> Result<(), SendError> {
        let message = self.message(kind, payload, None)?;
        let signal = Signal::AliasMessage { reference: alias.reference, message };
        match self.begin_to_send(alias.pid, signal)? {
            None => Ok(()),
            Some(suspended) => self.wait_for_room(suspended, None).await,
        }
    }

    /// Answers a call (`gen_server:reply/2`). Nothing happens if the caller does not wait any more.
    ///
    /// # Errors
    /// [`SendError::TooLarge`]
    pub fn reply(&self, to: ReplyTo, payload: Bytes) -> Result<(), SendError> {
        self.check_size(&payload).map_err(SendError::TooLarge)?;
        let payload = self.carrying(payload);
        self.runtime().inner.send(to.pid, Signal::Reply { reference: to.reference, payload });
        Ok(())
    }

    /// Sends a message that was made before, and does not wait for room.
    pub(crate) fn send_message_nosuspend(&self, to: Pid, message: Message) -> Result<(), SendError> {
        self.push(to, Signal::Message(message), Patience::None).map_err(|refusal| refusal.error)
    }

    fn resolve(&self, destination: &Destination) -> Result<Pid, SendError> {
        let found = self.runtime().inner.resolve(destination);
        found.ok_or_else(|| SendError::NoName(destination.to_string()))
    }

    /// Refuses what has more bytes than a message of this process may have.
    ///
    /// # Errors
    /// [`LimitExceeded`]
    pub fn check_message_bytes(&self, bytes: usize) -> Result<(), LimitExceeded> {
        check(LimitKind::MessageBytes, self.process().limits.message_bytes, bytes as u64)
    }

    /// Whether this process may send that much at once.
    pub(super) fn check_size(&self, payload: &Bytes) -> Result<(), LimitExceeded> {
        self.check_message_bytes(payload.len())
    }

    /// A message of this process, if it may be that large.
    pub(crate) fn message(
        &self,
        kind: MessageKind,
        payload: Bytes,
        deadline: Option<Instant>,
    ) -> Result<Message, SendError> {
        self.check_size(&payload).map_err(SendError::TooLarge)?;
        Ok(self.own_message(kind, payload, deadline))
    }

    /// A message of this process, however large.
    pub(super) fn own_message(
        &self,
        kind: MessageKind,
        payload: Bytes,
        deadline: Option<Instant>,
    ) -> Message {
        let component = self.identity().component.clone();
        let payload = self.carrying(payload);
        Message { from: self.pid(), kind, payload, envelope: Envelope { component, trace: None, deadline } }
    }

    /// Puts a signal into the receiver's inbox; if there is no room and it waits for some, what is to be waited for.
    pub(super) fn begin_to_send(&self, to: Pid, signal: Signal) -> Result<Option<Suspended>, SendError> {
        let patience = if to == self.pid() { Patience::None } else { Patience::Wait };
        match self.push(to, signal, patience) {
            Ok(()) => Ok(None),
            Err(Refusal { back: Some(suspended), .. }) => Ok(Some(Box::new(suspended))),
            Err(Refusal { error, .. }) => Err(error),
        }
    }

    /// Puts a message into the receiver's inbox. A dead receiver takes it silently (rule P49).
    #[expect(clippy::result_large_err, reason = "the signal goes back to its sender without an allocation")]
    fn push(&self, to: Pid, signal: Signal, patience: Patience) -> Result<(), Refusal> {
        let inner = &self.runtime().inner;
        self.process().sent.fetch_add(1, Ordering::Relaxed);
        let Some(process) = inner.table.get(to) else {
            Totals::add(&inner.totals.to_the_dead, 1);
            return Ok(());
        };
        match process.push(signal, patience) {
            Ok(()) => Ok(()),
            Err(PushError::Closed(_)) => {
                Totals::add(&inner.totals.to_the_dead, 1);
                Ok(())
            }
            Err(PushError::Dropped) => {
                self.refused(to, true);
                Ok(())
            }
            Err(PushError::Full(limit)) => {
                self.refused(to, false);
                Err(Refusal { error: SendError::Full(limit), back: None })
            }
            Err(PushError::Suspended(signal, ticket)) => {
                let place = Place { context: self.clone(), at: process, ticket, settled: false };
                Err(Refusal { error: SendError::NoRoomInTime, back: Some((place, signal)) })
            }
        }
    }

    fn refused(&self, to: Pid, dropped: bool) {
        self.emit(Event::Refused { from: self.pid(), to, dropped });
    }

    /// Waits until a signal finds room, or `deadline` has passed. Boxed: few sends come to this, and all would have to carry
    /// what it needs.
    pub(super) fn wait_for_room(
        &self,
        suspended: Suspended,
        deadline: Option<Instant>,
    ) -> Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + '_>> {
        Box::pin(self.wait_in_place(suspended, deadline))
    }

    async fn wait_in_place(&self, suspended: Suspended, deadline: Option<Instant>) -> Result<(), SendError> {
        let (mut place, signal) = *suspended;
        let waiting = Waiting::Room { at: place.at.pid, ticket: place.ticket, deadline };
        let mut wait = Wait::new(self, waiting);
        let mut signal = Some(signal);
        poll_fn(|_| {
            self.settle();
            if self.is_exiting() {
                return Poll::Pending;
            }
            let Some(again) = signal.take() else { return Poll::Ready(Ok(())) };
            let pushed = place.at.push(again, Patience::Waited(place.ticket));
            place.settled = !matches!(pushed, Err(PushError::Suspended(..)));
            match pushed {
                Ok(()) => Poll::Ready(Ok(())),
                Err(PushError::Closed(_)) => {
                    Totals::add(&self.runtime().inner.totals.to_the_dead, 1);
                    Poll::Ready(Ok(()))
                }
                Err(PushError::Dropped) => {
                    self.refused(place.at.pid, true);
                    Poll::Ready(Ok(()))
                }
                Err(PushError::Full(limit)) => {
                    self.refused(place.at.pid, false);
                    Poll::Ready(Err(SendError::Full(limit)))
                }
                Err(PushError::Suspended(..)) if !wait.goes_on() => Poll::Ready(Err(SendError::NoRoomInTime)),
                Err(PushError::Suspended(again, _)) => {
                    signal = Some(again);
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// A signal that waits for room, and its place in the line.
pub(super) type Suspended = Box<(Place, Signal)>;

/// Why a message was not sent, and the way to wait, if there is one.
struct Refusal {
    error: SendError,
    back: Option<(Place, Signal)>,
}

/// A place among the senders that wait for room. Given up when it is dropped: when the sender got room, gave up,
/// or was killed.
pub(super) struct Place {
    context: Context,
    at: Arc<Process>,
    ticket: u64,
    /// Whether it is known what became of the message.
    settled: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = {
            let mut inbox = self.at.inbox.lock();
            inbox.stop_waiting(self.ticket);
            inbox.next_waiter()
        };
        let inner = &self.context.runtime().inner;
        if !self.settled {
            Totals::add(&inner.totals.given_up, 1);
        }
        inner.wake_all(next);
    }
}
