//! Names of blobs, and the handles that stand for them in terms.

use alloc::vec::Vec;
use core::fmt;

/// What a handle begins with.
pub const BLOB_MARK: [u8; 8] = *b"\xf5rgblob\x01";

/// Names a blob: bytes that the host keeps. 128 random bits: who was not told them can't use it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId {
    /// The first half of the random bits.
    pub high: u64,
    /// The second half.
    pub low: u64,
}

/// A handle is a capability: people see that it is one, not which.
impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Blob<{:04x}…>", self.high >> 48)
    }
}

impl BlobId {
    /// How many bytes it has behind the mark.
    const BYTES: usize = 16;

    /// The bytes that stand for it in terms: [`BLOB_MARK`], and the random bits.
    pub fn to_handle(self) -> Vec<u8> {
        [&BLOB_MARK[..], &self.high.to_be_bytes(), &self.low.to_be_bytes()].concat()
    }

    /// Which blob the handle is for that these bytes begin with.
    pub fn at_start_of(bytes: &[u8]) -> Option<Self> {
        let id: &[u8; Self::BYTES] = bytes.strip_prefix(&BLOB_MARK)?.first_chunk()?;
        let number = u128::from_be_bytes(*id);
        Some(Self { high: (number >> 64) as u64, low: number as u64 })
    }

    /// Which blob these bytes are the handle of.
    pub fn from_handle(handle: &[u8]) -> Option<Self> {
        Self::at_start_of(handle).filter(|_| handle.len() == BLOB_MARK.len() + Self::BYTES)
    }
}
