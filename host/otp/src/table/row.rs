//! A row of a table: a key and a value, in one piece.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use regrow_term::{Encoded, Numbers};

use crate::blob::CarriedBlobs;

/// A row: key and value, encoded, in the form in which terms are kept. Clones share it.
#[derive(Clone)]
pub struct Row {
    bytes: Arc<[u8]>,
    key_len: u32,
    /// Of rows in bags: a part of the hash of the value, so that equal ones are soon found.
    tag: u32,
    /// Blobs whose handles are in the value.
    blobs: CarriedBlobs,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        (self.key_len, &self.bytes) == (other.key_len, &other.bytes)
    }
}

impl Eq for Row {}

impl Row {
    /// What a row takes beside its bytes: its head, its entry, its place in an index.
    pub(super) const OVERHEAD: u64 = 80;

    /// Both have been checked.
    pub(super) fn new(key: &[u8], value: &[u8]) -> Self {
        /// Rows of up to so many bytes are put together on the stack.
        const SMALL: usize = 256;
        let len = key.len() + value.len();
        let mut small = [0; SMALL];
        let bytes = match small.get_mut(..len) {
            Some(small) => {
                small[..key.len()].copy_from_slice(key);
                small[key.len()..].copy_from_slice(value);
                Arc::from(&*small)
            }
            None => Arc::from([key, value].concat()),
        };
        Self { bytes, key_len: key.len() as u32, tag: 0, blobs: CarriedBlobs::default() }
    }

    /// Whether handles of blobs are in the value.
    pub(super) fn has_blobs(&self) -> bool {
        !self.blobs.is_empty()
    }

    /// Of a value that may have handles of blobs.
    pub(super) fn holding(self, blobs: CarriedBlobs) -> Self {
        Self { blobs, ..self }
    }

    /// For a bag.
    pub(super) fn tagged(self, tag: u32) -> Self {
        Self { tag, ..self }
    }

    /// Whether it is among rows of its bag.
    pub(super) fn is_among(&self, rows: &[Self]) -> bool {
        rows.iter().any(|other| other.tag == self.tag && other == self)
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.bytes[..self.key_len as usize]
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        &self.bytes[self.key_len as usize..]
    }

    /// What it is charged with.
    pub(super) fn weight(&self) -> u64 {
        self.bytes.len() as u64 + Self::OVERHEAD
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{{}, {}}}",
            Encoded::trusted(self.key()).to_term(),
            Encoded::trusted(self.value()).to_term()
        )
    }
}

/// What has a place among the rows of an ordered table: a row, or a key alone.
pub(super) trait Keyed {
    fn key(&self) -> &[u8];
}

impl Keyed for &[u8] {
    fn key(&self) -> &[u8] {
        self
    }
}

/// A row at its place among others: where numbers are equal by value, the keys are (rule E2).
#[derive(Clone)]
pub(crate) struct Ordered(pub(super) Row);

impl Keyed for Ordered {
    fn key(&self) -> &[u8] {
        self.0.key()
    }
}

impl<'a> std::borrow::Borrow<dyn Keyed + 'a> for Ordered {
    fn borrow(&self) -> &(dyn Keyed + 'a) {
        self
    }
}

impl Ord for dyn Keyed + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        Encoded::trusted(self.key()).compare(Encoded::trusted(other.key()), Numbers::ByValue)
    }
}

impl PartialOrd for dyn Keyed + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Keyed + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn Keyed + '_ {}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        (self as &dyn Keyed).cmp(other as &dyn Keyed)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}
