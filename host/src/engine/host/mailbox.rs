//! `regrow:otp/mailbox`

use bytes::Bytes;
use regrow_otp::{CallError as OtpCallError, MessageKind, Reference};

use crate::engine::bindings::regrow::otp::mailbox::{AliasMode, CallError, Host, SendKind};
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::host::authority::good;
use crate::engine::host::convert::{destination_len, milliseconds};
use crate::engine::state::GuestState;

impl GuestState {
    /// Charges what has been received, on its way into the guest.
    async fn deliver(
        &mut self,
        received: Option<regrow_otp::Received>,
    ) -> wasmtime::Result<Option<wit::Received>> {
        if let Some(received) = &received {
            self.context()?.blobs_arrive_with(received);
            self.charge_moved(received.copied_len()).await;
        }
        Ok(received.map(Into::into))
    }
}

fn message_kind(kind: SendKind) -> MessageKind {
    match kind {
        SendKind::Info => MessageKind::Info,
        SendKind::Cast => MessageKind::Cast,
    }
}

impl Host for GuestState {
    async fn send(
        &mut self,
        to: wit::Destination,
        kind: SendKind,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        self.charged(payload.len() + destination_len(&to)).await?;
        let to = good!(self.reachable(to)?);
        let sent = self.context()?.send(&to, message_kind(kind), Bytes::from(payload)).await;
        Ok(sent.map_err(Into::into))
    }

    async fn send_nosuspend(
        &mut self,
        to: wit::Destination,
        kind: SendKind,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let context = self.charge(payload.len() + destination_len(&to)).await?;
        let to = good!(self.reachable(to)?);
        let sent = context.send_nosuspend(&to, message_kind(kind), Bytes::from(payload));
        Ok(sent.map_err(Into::into))
    }

    async fn alias(&mut self, mode: AliasMode) -> wasmtime::Result<Result<wit::ReplyTo, wit::Error>> {
        let context = self.charge(0).await?;
        let alias = context.alias(match mode {
            AliasMode::Explicit => regrow_otp::AliasMode::Explicit,
            AliasMode::Reply => regrow_otp::AliasMode::Reply,
        });
        Ok(alias.map(Into::into).map_err(Into::into))
    }

    async fn unalias(&mut self, alias: u64) -> wasmtime::Result<bool> {
        Ok(self.charge(0).await?.unalias(Reference(alias)))
    }

    async fn send_to_alias(
        &mut self,
        to: wit::ReplyTo,
        kind: SendKind,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let context = self.charge(payload.len()).await?;
        let sent = context.send_to_alias(to.into(), message_kind(kind), Bytes::from(payload)).await;
        Ok(sent.map_err(Into::into))
    }

    async fn receive(&mut self, timeout_ms: Option<u64>) -> wasmtime::Result<Option<wit::Received>> {
        let received = self.charged(0).await?.receive(milliseconds(timeout_ms)).await;
        self.deliver(received).await
    }

    async fn scan(&mut self, timeout_ms: Option<u64>) -> wasmtime::Result<Option<wit::Received>> {
        let context = self.charge(0).await?;
        context.start_scan(milliseconds(timeout_ms));
        let seen = context.scan_next().await;
        self.deliver(seen).await
    }

    async fn scan_next(&mut self) -> wasmtime::Result<Option<wit::Received>> {
        let seen = self.charged(0).await?.scan_next().await;
        self.deliver(seen).await
    }

    async fn take(&mut self) -> wasmtime::Result<bool> {
        Ok(self.charged(0).await?.take().is_some())
    }

    async fn wait_for(
        &mut self,
        reference: u64,
        timeout_ms: Option<u64>,
    ) -> wasmtime::Result<Option<wit::Received>> {
        let context = self.charged(0).await?;
        let received = context.receive_answer(Reference(reference), milliseconds(timeout_ms)).await;
        self.deliver(received).await
    }

    async fn wait_for_any(
        &mut self,
        references: Vec<u64>,
        timeout_ms: Option<u64>,
    ) -> wasmtime::Result<Result<Option<wit::Received>, wit::Error>> {
        let context = self.charge(references.len() * size_of::<u64>()).await?;
        // A process has no more to wait for.
        let limits = self.owner()?.context.limits();
        let allowed = limits.monitors.saturating_add(limits.timers);
        if references.len() as u64 > allowed {
            let (which, requested) = ("references".to_owned(), references.len() as u64);
            return Ok(Err(wit::Error::Limit(wit::LimitExceeded { which, allowed, requested })));
        }
        let references = references.into_iter().map(Reference).collect();
        let received = context.receive_any_answer(references, milliseconds(timeout_ms)).await;
        Ok(Ok(self.deliver(received).await?))
    }

    async fn abandon(&mut self, request: u64) -> wasmtime::Result<Option<wit::Received>> {
        let answer = self.charge(0).await?.abandon(Reference(request));
        self.deliver(answer).await
    }

    async fn call(
        &mut self,
        to: wit::Destination,
        payload: Vec<u8>,
        timeout_ms: Option<u64>,
    ) -> wasmtime::Result<Result<Vec<u8>, CallError>> {
        self.charged(payload.len() + destination_len(&to)).await?;
        let to = match self.reachable(to)? {
            Ok(to) => to,
            Err(error) => return Ok(Err(CallError::Refused(error))),
        };
        let answer = self.context()?.call(&to, Bytes::from(payload), milliseconds(timeout_ms)).await;
        if let Ok(answer) = &answer {
            self.context()?.blobs_arrive(answer);
        }
        self.charge_moved(match &answer {
            Ok(answer) => answer.len(),
            Err(OtpCallError::Down(reason)) => reason.weight(),
            Err(_) => 0,
        })
        .await;
        Ok(answer.map(Vec::from).map_err(|error| match error {
            OtpCallError::Timeout => CallError::Timeout,
            OtpCallError::Down(reason) => CallError::Down(reason.into()),
            OtpCallError::CallingSelf => CallError::CallingSelf,
            OtpCallError::NotSent(error) => CallError::Refused(error.into()),
            OtpCallError::Limit(limit) => CallError::Refused(limit.into()),
        }))
    }

    async fn send_request(
        &mut self,
        to: wit::Destination,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        let context = self.charge(payload.len() + destination_len(&to)).await?;
        let to = good!(self.reachable(to)?);
        let sent = context.send_request(&to, Bytes::from(payload)).await;
        Ok(sent.map(|reference| reference.0).map_err(|error| match error {
            OtpCallError::NotSent(error) => error.into(),
            OtpCallError::Limit(limit) => limit.into(),
            other => wit::Error::BadArgument(other.to_string()),
        }))
    }

    async fn reply(
        &mut self,
        to: wit::ReplyTo,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let context = self.charged(payload.len()).await?;
        Ok(context.reply(to.into(), Bytes::from(payload)).map_err(Into::into))
    }
}
