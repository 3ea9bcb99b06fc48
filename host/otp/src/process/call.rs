//! Calls and requests: a message that asks for an answer, under a reference that is a monitor of the server and an
//! alias for its reply (`gen:call`, `gen_server:send_request`).

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Instant;
use crate::monitor::Role;
use crate::pid::{Destination, Reference, ReplyTo};
use crate::process::receive::noted;
use crate::process::{CallError, Context, SendError, State, Waiting};
use crate::received::{MessageKind, Received};
use crate::signal::Signal;

impl Context {
    /// Sends a request and waits for its answer (`gen_server:call/3`). A server that ends is known at once; an
    /// answer that comes too late vanishes. The timeout counts for all of it, also for room in the server's mailbox.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn call(
        &self,
        to: &Destination,
        payload: Bytes,
        timeout: Option<Duration>,
    ) -> Result<Bytes, CallError> {
        let deadline = self.deadline(timeout);
        let reference = match self.request(to, payload, deadline).await {
            Err(CallError::NotSent(SendError::NoRoomInTime)) => return Err(CallError::Timeout),
            sent => sent?,
        };
        // When the time is up, what arrived at the last moment counts (`gen:do_call`), and nothing of the call is left
        // behind (rule G14).
        let answer = self.receive_answer_until(reference, deadline).await;
        match answer.or_else(|| self.abandon(reference)) {
            Some(Received::Reply { payload, .. }) => Ok(payload),
            Some(Received::Down { reason, .. }) => Err(CallError::Down(reason)),
            Some(_) | None => Err(CallError::Timeout),
        }
    }

    /// Sends a request and does not wait for its answer (`gen_server:send_request/2`): [`Context::receive_answer`] under
    /// the reference gives its reply, or a DOWN if the server ends or was not there (rule G39).
    ///
    /// # Errors
    /// [`CallError`], but neither `Timeout` nor `Down`.
    pub async fn send_request(&self, to: &Destination, payload: Bytes) -> Result<Reference, CallError> {
        self.request(to, payload, None).await
    }

    /// Stops waiting for a request: a late answer vanishes, and one that is in the mailbox is taken out and returned
    /// (`gen_server:receive_response/2` after its timeout, rule G40).
    pub fn abandon(&self, request: Reference) -> Option<Received> {
        if self.demonitor(request, false) {
            return None;
        }
        self.process().state.lock().mailbox.take_answer(request)
    }

    /// Waits for the first answer to one of several references (rule G42). None after `timeout`.
    pub async fn receive_any_answer(
        &self,
        references: Vec<Reference>,
        timeout: Option<Duration>,
    ) -> Option<Received> {
        let waiting = Waiting::AnyAnswer { deadline: self.deadline(timeout) };
        self.wait_for_any(waiting, references).await
    }

    pub(super) async fn wait_for_any(
        &self,
        waiting: Waiting,
        mut references: Vec<Reference>,
    ) -> Option<Received> {
        references.sort_unstable();
        let mut searched = 0;
        let mut take = |state: &mut State| state.mailbox.take_any_answer(&references, &mut searched);
        let received = self.wait(waiting, |state| noted(state, &mut take)).await;
        self.make_room(received)
    }

    async fn request(
        &self,
        to: &Destination,
        payload: Bytes,
        deadline: Option<Instant>,
    ) -> Result<Reference, CallError> {
        let target = self.runtime().inner.resolve(to);
        if target == Some(self.pid()) {
            return Err(CallError::CallingSelf);
        }
        // A name is looked up once (`gen:call`): from here on it is that process.
        let object = target.map_or_else(|| to.clone(), Destination::Pid);
        let reference = self.hold_monitor(target, object, Role::Call, None).map_err(CallError::Limit)?;
        let Some(target) = target else { return Ok(reference) };
        let kind = MessageKind::Call(ReplyTo { pid: self.pid(), reference });
        let begun = self.message(kind, payload, deadline);
        let begun = begun.and_then(|message| self.begin_to_send(target, Signal::Message(message)));
        let sent = match begun {
            Ok(Some(suspended)) => self.wait_for_room(suspended, deadline).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            self.abandon(reference);
            return Err(CallError::NotSent(error));
        }
        Ok(reference)
    }
}
