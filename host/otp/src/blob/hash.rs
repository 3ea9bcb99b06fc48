//! The hash of a blob.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::blob::{Blob, BlobError};

/// The SHA-256 of a blob in the making: of a large one it takes a while.
pub struct BlobHash {
    blob: Arc<Blob>,
    bytes: Bytes,
    at: usize,
    hasher: Sha256,
}

impl BlobHash {
    /// Begins.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn begin(blob: Arc<Blob>) -> Result<Self, BlobError> {
        let bytes = blob.bytes()?;
        Ok(Self { blob, bytes, at: 0, hasher: Sha256::new() })
    }

    /// Goes on with so many bytes; how many those were, and the hash, when that was all. It is computed once.
    pub fn step(&mut self, at_most: usize) -> (usize, Option<[u8; 32]>) {
        if let Some(hash) = self.blob.hash.get() {
            return (0, Some(*hash));
        }
        let end = self.at.saturating_add(at_most).min(self.bytes.len());
        self.hasher.update(&self.bytes[self.at..end]);
        let hashed = end - std::mem::replace(&mut self.at, end);
        if end < self.bytes.len() {
            return (hashed, None);
        }
        let hash = std::mem::take(&mut self.hasher).finalize().into();
        (hashed, Some(*self.blob.hash.get_or_init(|| hash)))
    }
}
