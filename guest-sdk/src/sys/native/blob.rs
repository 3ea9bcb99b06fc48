//! Blobs off wasm: those of `regrow-otp`.

use bytes::Bytes;
use regrow_otp as otp;
use regrow_term::BlobId;

use crate::blob::BlobError;
use crate::sys::native::current;

type Answer<T> = Result<T, BlobError>;

pub(crate) fn create(bytes: &[u8]) -> Answer<BlobId> {
    Ok(current().context.create_blob(Bytes::copy_from_slice(bytes))?)
}

pub(crate) fn length(id: BlobId) -> Answer<u64> {
    Ok(current().context.blob(id)?.len())
}

pub(crate) fn read(id: BlobId, offset: u64, length: u64) -> Answer<Vec<u8>> {
    Ok(current().context.blob(id)?.read(offset, length)?.to_vec())
}

pub(crate) fn hash(id: BlobId) -> Answer<[u8; 32]> {
    let mut hash = otp::BlobHash::begin(current().context.blob(id)?)?;
    loop {
        if let (_, Some(hash)) = hash.step(usize::MAX) {
            return Ok(hash);
        }
    }
}

pub(crate) fn hold(id: BlobId) -> Answer<()> {
    Ok(current().context.hold_blob(id)?)
}

pub(crate) fn receive(id: BlobId) -> Answer<()> {
    Ok(current().context.receive_blob(id)?)
}

pub(crate) fn release(id: BlobId) {
    current().context.release_blob(id);
}

impl From<otp::BlobError> for BlobError {
    fn from(error: otp::BlobError) -> Self {
        match error {
            otp::BlobError::Gone => Self::Gone,
            otp::BlobError::OutOfRange(len) => Self::OutOfRange(len),
            otp::BlobError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
