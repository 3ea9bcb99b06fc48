//! `regrow:otp/blob`

use bytes::Bytes;
use regrow_otp::{BlobError, BlobHash, BlobId};

use crate::engine::bindings::regrow::otp::blob as wit;
use crate::engine::bindings::regrow::otp::blob::Host;
use crate::engine::host::authority::good;
use crate::engine::state::GuestState;

type Answer<T> = Result<T, wit::BlobError>;

/// Bytes that are hashed before others have their turn, and what they cost beside their being read.
const HASHED_AT_ONCE: usize = 64 << 10;
const HASH_COST: usize = 16;

impl Host for GuestState {
    async fn create(&mut self, bytes: Vec<u8>) -> wasmtime::Result<Answer<wit::BlobId>> {
        let context = self.charge(bytes.len()).await?;
        Ok(context.create_blob(Bytes::from(bytes)).map(Into::into).map_err(Into::into))
    }

    async fn length(&mut self, blob: wit::BlobId) -> wasmtime::Result<Answer<u64>> {
        let context = self.charged(0).await?;
        Ok(context.blob(blob.into()).map(|blob| blob.len()).map_err(Into::into))
    }

    async fn read(
        &mut self,
        blob: wit::BlobId,
        offset: u64,
        length: u64,
    ) -> wasmtime::Result<Answer<Vec<u8>>> {
        let context = self.charge(0).await?;
        let bytes = good!(context.blob(blob.into()).and_then(|blob| blob.read(offset, length)));
        good!(context.check_message_bytes(bytes.len()).map_err(BlobError::Limit));
        self.charge_moved(bytes.len()).await;
        Ok(Ok(Vec::from(bytes)))
    }

    async fn hash(&mut self, blob: wit::BlobId) -> wasmtime::Result<Answer<Vec<u8>>> {
        let context = self.charge(0).await?;
        let mut hash = good!(context.blob(blob.into()).and_then(BlobHash::begin));
        loop {
            let (hashed, found) = hash.step(HASHED_AT_ONCE);
            self.charged(hashed * HASH_COST).await?;
            if let Some(found) = found {
                return Ok(Ok(found.to_vec()));
            }
        }
    }

    async fn hold(&mut self, blob: wit::BlobId) -> wasmtime::Result<Answer<()>> {
        let context = self.charged(0).await?;
        Ok(context.hold_blob(blob.into()).map_err(Into::into))
    }

    async fn receive(&mut self, blob: wit::BlobId) -> wasmtime::Result<Answer<()>> {
        let context = self.charged(0).await?;
        Ok(context.receive_blob(blob.into()).map_err(Into::into))
    }

    async fn release(&mut self, blob: wit::BlobId) -> wasmtime::Result<()> {
        self.charged(0).await?.release_blob(blob.into());
        Ok(())
    }
}

impl From<wit::BlobId> for BlobId {
    fn from(id: wit::BlobId) -> Self {
        Self { high: id.high, low: id.low }
    }
}

impl From<BlobId> for wit::BlobId {
    fn from(id: BlobId) -> Self {
        Self { high: id.high, low: id.low }
    }
}

impl From<BlobError> for wit::BlobError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Gone => Self::Gone,
            BlobError::OutOfRange(len) => Self::OutOfRange(len),
            BlobError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
