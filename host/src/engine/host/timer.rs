//! `regrow:otp/timer`

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::Reference;

use crate::engine::bindings::regrow::otp::timer::Host;
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::host::convert::{destination, destination_len, whole_milliseconds};
use crate::engine::state::GuestState;

impl Host for GuestState {
    async fn start(
        &mut self,
        after_ms: u64,
        to: wit::Destination,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        let context = self.charge(payload.len() + destination_len(&to)).await?;
        let after = Duration::from_millis(after_ms);
        let started = context.start_timer(after, destination(to), Bytes::from(payload));
        Ok(started.map(|reference| reference.0).map_err(Into::into))
    }

    async fn cancel(&mut self, timer: u64) -> wasmtime::Result<Option<u64>> {
        let context = self.charge(0).await?;
        Ok(context.cancel_timer(Reference(timer)).map(whole_milliseconds))
    }

    async fn read(&mut self, timer: u64) -> wasmtime::Result<Option<u64>> {
        let context = self.charge(0).await?;
        Ok(context.read_timer(Reference(timer)).map(whole_milliseconds))
    }

    async fn monotonic_time_ms(&mut self) -> wasmtime::Result<u64> {
        let context = self.charge(0).await?;
        Ok(u64::try_from(context.runtime().now().since_start().as_millis()).unwrap_or(u64::MAX))
    }
}
