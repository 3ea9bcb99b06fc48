//! `regrow:otp/topic`

use bytes::Bytes;
use regrow_otp::{RegistryError, Topic};

use crate::engine::bindings::regrow::otp::registry::Registration;
use crate::engine::bindings::regrow::otp::topic::{Host, Outcome};
use crate::engine::bindings::regrow::otp::types;
use crate::engine::host::authority::good;
use crate::engine::host::registry::Answer;
use crate::engine::state::GuestState;

/// Subscribers that are sent to before others have their turn.
const AT_ONCE: usize = 64;

/// What it takes to send to one of them, as bytes that are moved.
const SEND_COST: usize = 512;

impl Host for GuestState {
    async fn subscribe(
        &mut self,
        registry: String,
        topic: String,
        metadata: Vec<u8>,
    ) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(registry.len() + topic.len() + metadata.len() + SEND_COST).await?;
        good!(self.may_use_registry(&registry)?);
        good!(context.check_message_bytes(metadata.len()).map_err(RegistryError::Limit));
        let topic = good!(Topic::parse(&topic));
        Ok(context.subscribe(&registry, &topic, &metadata).map_err(Into::into))
    }

    async fn unsubscribe(&mut self, registry: String, topic: String) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(registry.len() + topic.len() + SEND_COST).await?;
        good!(self.may_use_registry(&registry)?);
        let topic = good!(Topic::parse(&topic));
        Ok(context.unsubscribe(&registry, &topic).map_err(Into::into))
    }

    async fn subscribers(
        &mut self,
        registry: String,
        topic: String,
    ) -> wasmtime::Result<Answer<Vec<Registration>>> {
        let context = self.charge(registry.len() + topic.len()).await?;
        good!(self.may_use_registry(&registry)?);
        let found = good!(context.subscribers(&registry, &topic));
        Ok(self.registrations(&context, found).await)
    }

    async fn broadcast(
        &mut self,
        registry: String,
        topic: String,
        payload: Vec<u8>,
        but: Option<types::Pid>,
    ) -> wasmtime::Result<Answer<Outcome>> {
        let context = self.charge(registry.len() + topic.len() + payload.len()).await?;
        good!(self.may_use_registry(&registry)?);
        let but = but.map(Into::into);
        let mut broadcast = good!(context.broadcast(&registry, &topic, but, Bytes::from(payload)));
        self.charge_moved(broadcast.keys().saturating_sub(1) * SEND_COST).await;
        loop {
            let sent = broadcast.send_some(&context, AT_ONCE);
            self.charged(sent * SEND_COST).await?;
            if sent == 0 {
                break;
            }
        }
        Ok(Ok(Outcome { delivered: broadcast.delivered, refused: broadcast.refused }))
    }
}
