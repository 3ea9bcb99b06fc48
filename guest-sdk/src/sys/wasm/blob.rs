//! `regrow:otp/blob`

use alloc::vec::Vec;

use regrow_term::BlobId;

use crate::blob::BlobError;
use crate::sys::wasm::bindings::regrow::otp::blob as wit;

type Answer<T> = Result<T, BlobError>;

pub(crate) fn create(bytes: &[u8]) -> Answer<BlobId> {
    let id = wit::create(bytes)?;
    Ok(BlobId { high: id.high, low: id.low })
}

pub(crate) fn length(id: BlobId) -> Answer<u64> {
    Ok(wit::length(id.into())?)
}

pub(crate) fn read(id: BlobId, offset: u64, length: u64) -> Answer<Vec<u8>> {
    Ok(wit::read(id.into(), offset, length)?)
}

pub(crate) fn hash(id: BlobId) -> Answer<[u8; 32]> {
    let hash = wit::hash(id.into())?;
    Ok(hash.try_into().expect("the host's hash has 32 bytes"))
}

pub(crate) fn hold(id: BlobId) -> Answer<()> {
    Ok(wit::hold(id.into())?)
}

pub(crate) fn receive(id: BlobId) -> Answer<()> {
    Ok(wit::receive(id.into())?)
}

pub(crate) fn release(id: BlobId) {
    wit::release(id.into());
}

impl From<BlobId> for wit::BlobId {
    fn from(id: BlobId) -> Self {
        Self { high: id.high, low: id.low }
    }
}

impl From<wit::BlobError> for BlobError {
    fn from(error: wit::BlobError) -> Self {
        match error {
            wit::BlobError::Gone => Self::Gone,
            wit::BlobError::OutOfRange(len) => Self::OutOfRange(len),
            wit::BlobError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
