//! `regrow:otp/timer`

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{Context, Instant, Reference, TimerError};

use crate::engine::bindings::regrow::otp::timer::{Due, Host};
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::host::authority::good;
use crate::engine::host::convert::{destination_len, whole_milliseconds};
use crate::engine::state::GuestState;

fn instant(context: &Context, due: Due) -> Instant {
    match due {
        Due::AfterMs(after) => context.runtime().now().saturating_add(Duration::from_millis(after)),
        Due::AtMs(at) => Instant::from_start(Duration::from_millis(at)),
    }
}

impl Host for GuestState {
    async fn start(
        &mut self,
        due: Due,
        to: wit::Destination,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        let context = self.charge(payload.len() + destination_len(&to)).await?;
        let to = good!(self.reachable(to)?);
        let started = context.start_timer_at(instant(&context, due), to, Bytes::from(payload));
        Ok(started.map(|reference| reference.0).map_err(Into::into))
    }

    async fn send(
        &mut self,
        due: Due,
        to: wit::Destination,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        let context = self.charge(payload.len() + destination_len(&to)).await?;
        let to = good!(self.reachable(to)?);
        let started = context.send_at(instant(&context, due), to, Bytes::from(payload));
        Ok(started.map(|reference| reference.0).map_err(|error| match error {
            TimerError::Limit(limit) => limit.into(),
            TimerError::Full(limit) => wit::Error::Full(limit.into()),
        }))
    }

    async fn cancel(&mut self, timer: u64) -> wasmtime::Result<Option<u64>> {
        let context = self.charge(0).await?;
        Ok(context.cancel_timer(Reference(timer)).map(whole_milliseconds))
    }

    async fn read(&mut self, timer: u64) -> wasmtime::Result<Option<u64>> {
        let context = self.charge(0).await?;
        Ok(context.read_timer(Reference(timer)).map(whole_milliseconds))
    }

    async fn cancel_async(&mut self, timer: u64) -> wasmtime::Result<()> {
        self.charge(0).await?.cancel_timer_async(Reference(timer));
        Ok(())
    }

    async fn read_async(&mut self, timer: u64) -> wasmtime::Result<()> {
        self.charge(0).await?.read_timer_async(Reference(timer));
        Ok(())
    }

    async fn monotonic_time_ms(&mut self) -> wasmtime::Result<u64> {
        let context = self.charge(0).await?;
        Ok(u64::try_from(context.runtime().now().since_start().as_millis()).unwrap_or(u64::MAX))
    }
}
