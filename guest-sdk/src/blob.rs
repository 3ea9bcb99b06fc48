//! Blobs: bytes that never change, kept by the host and shared by handle (as Erlang's large binaries are).
//!
//! ```
//! # use regrow_sdk::{blob::Blob, mailbox, process::self_pid};
//! # fn nothing(_: ()) {}
//! # regrow_sdk::component! { "nothing" => process nothing }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! let page = Blob::new(b"<html>a large page</html>")?;
//! // In a message, a table or a registry it takes as much as its handle.
//! mailbox::send(self_pid(), &("page", &page))?;
//! drop(page);
//! let (_, page): (String, Blob) = mailbox::receive_message(None).unwrap().decode()?;
//! assert_eq!(page.read(0..6)?, b"<html>");
//! assert_eq!(page.len()?, 25);
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! A blob is there as long as somebody holds it: a [`Blob`] in a process, or a message, a timer, a row, an entry that it stands in. The
//! process that made it is charged for it, once (`kept_bytes`). A message with a blob that is not decoded holds it until its
//! receiver ends.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use regrow_term::BlobId;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::LimitExceeded;
use crate::sys;

/// Why something was not done with a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobError {
    /// Nobody holds it any more.
    Gone,
    /// The range is not within the blob; how long that is.
    OutOfRange(u64),
    /// There is no room for it, the process holds 10,000, or the bytes are more than a message may have.
    Limit(LimitExceeded),
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the blob is gone: nobody holds it"),
            Self::OutOfRange(len) => write!(f, "the blob has only {len} bytes"),
            Self::Limit(limit) => write!(f, "over a limit: {limit}"),
        }
    }
}

impl core::error::Error for BlobError {}

/// A blob that this process holds, until it is dropped. Equal ones are the same blob; contents are compared by [`Blob::hash`].
#[derive(PartialEq, Eq, Hash)]
pub struct Blob(BlobId);

impl Blob {
    /// Makes a blob, of as many bytes as a message may have.
    ///
    /// # Errors
    /// [`BlobError::Limit`]
    pub fn new(bytes: &[u8]) -> Result<Self, BlobError> {
        sys::blob::create(bytes).map(Self)
    }

    /// How many bytes it has.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn len(&self) -> Result<u64, BlobError> {
        sys::blob::length(self.0)
    }

    /// Whether it has none.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn is_empty(&self) -> Result<bool, BlobError> {
        Ok(self.len()? == 0)
    }

    /// A range of its bytes, of as many as a message may have.
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn read(&self, range: Range<u64>) -> Result<Vec<u8>, BlobError> {
        sys::blob::read(self.0, range.start, range.end.saturating_sub(range.start))
    }

    /// All of its bytes.
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn to_vec(&self) -> Result<Vec<u8>, BlobError> {
        self.read(0..self.len()?)
    }

    /// Its SHA-256. The host computes it once.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn hash(&self) -> Result<[u8; 32], BlobError> {
        sys::blob::hash(self.0)
    }
}

impl Clone for Blob {
    fn clone(&self) -> Self {
        // One that is gone has nothing to be held.
        let _gone = sys::blob::hold(self.0);
        Self(self.0)
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        sys::blob::release(self.0);
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0.to_handle())
    }
}

/// Holds it. Fails if it is gone, or there is no room for it.
impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = deserializer.deserialize_bytes(Handle)?;
        sys::blob::receive(id).map_err(|error| D::Error::custom(error.to_string()))?;
        Ok(Self(id))
    }
}

struct Handle;

impl Visitor<'_> for Handle {
    type Value = BlobId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handle of a blob")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<BlobId, E> {
        BlobId::from_handle(bytes).ok_or_else(|| E::custom("these bytes are no handle of a blob"))
    }
}
