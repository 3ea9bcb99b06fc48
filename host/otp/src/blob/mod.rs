//! Blobs: bytes that never change, kept by the host, and shared by handle in messages, tables and registries (as Erlang's large
//! binaries are).
//!
//! A handle is data: a byte string that begins with [`BLOB_MARK`] and goes on with 128 random bits. Whoever has it can read the blob
//! as long as somebody holds it: a process, or a payload that is on its way or is kept somewhere in the host. Payloads are searched for
//! handles when the host takes them over, and when a process gets them: until it lets go, or ends, it holds what has come with them. The
//! creator is charged once for the bytes; who holds a blob, for holding it.

mod hash;
mod held;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use memchr::memmem;
use regrow_term::{BLOB_MARK, BlobId};

pub use self::hash::BlobHash;
pub(crate) use self::held::HeldBlobs;
pub use self::held::MAX_HELD_BLOBS;
use crate::by_random::ByRandom;
use crate::exit_reason::LimitExceeded;
use crate::holdings::Keeper;
use crate::limits::Limits;
use crate::process::Context;
use crate::runtime::Inner;
use crate::sync::Mutex;
use crate::timer::Component;

/// The handles of one payload that hold their blobs, the first ones; those beyond do not.
pub const MAX_BLOBS_IN_PAYLOAD: usize = 1_000;

/// What a blob is charged with beside its bytes.
const OVERHEAD: u64 = 256;

/// Why something was not done with a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobError {
    /// There is no such blob, or no more: nobody holds it.
    Gone,
    /// The range is not within it; how long it is.
    OutOfRange(u64),
    /// The process has no room for it (`kept_bytes`), holds [`MAX_HELD_BLOBS`], or the bytes are more than a message may have.
    Limit(LimitExceeded),
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("there is no such blob: nobody holds it"),
            Self::OutOfRange(len) => write!(f, "the blob has only {len} bytes"),
            Self::Limit(limit) => write!(f, "{limit}"),
        }
    }
}

impl std::error::Error for BlobError {}

impl From<LimitExceeded> for BlobError {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

/// The blobs of a runtime.
#[derive(Default)]
pub(crate) struct Blobs {
    by_id: Mutex<ByRandom<BlobId, Weak<Blob>>>,
    /// How many there are: without any, no payload is searched.
    alive: AtomicUsize,
    /// What a component's ended processes have left, in bytes.
    orphans: Mutex<HashMap<Component, u64>>,
}

/// Bytes that never change.
pub struct Blob {
    id: BlobId,
    len: u64,
    /// None, if its creator has ended and its component has left too much.
    bytes: Mutex<Option<Bytes>>,
    charged: Mutex<Charged>,
    hash: OnceLock<[u8; 32]>,
    blobs: Arc<Blobs>,
}

/// Who is charged for a blob.
enum Charged {
    Creator(Arc<Keeper>),
    Orphan(Component),
    Nobody,
}

impl Blobs {
    fn get(&self, id: BlobId) -> Option<Arc<Blob>> {
        self.by_id.lock().get(&id)?.upgrade()
    }

    /// Those whose handles are in a payload, and how often.
    fn carried(&self, payload: &[u8]) -> Vec<(Arc<Blob>, u64)> {
        if self.alive.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut found: BTreeMap<BlobId, (Arc<Blob>, u64)> = BTreeMap::new();
        for at in memmem::find_iter(payload, &BLOB_MARK).take(MAX_BLOBS_IN_PAYLOAD) {
            let Some(id) = BlobId::at_start_of(&payload[at..]) else { break };
            if let Some((_, times)) = found.get_mut(&id) {
                *times += 1;
            } else if let Some(blob) = self.get(id) {
                found.insert(id, (blob, 1));
            }
        }
        found.into_values().collect()
    }
}

impl Blob {
    fn weight(&self) -> u64 {
        self.len + OVERHEAD
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes, shared.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn bytes(&self) -> Result<Bytes, BlobError> {
        self.bytes.lock().clone().ok_or(BlobError::Gone)
    }

    /// A range of its bytes, shared.
    ///
    /// # Errors
    /// [`BlobError::Gone`], [`BlobError::OutOfRange`]
    pub fn read(&self, offset: u64, length: u64) -> Result<Bytes, BlobError> {
        let bytes = self.bytes()?;
        let end = offset.checked_add(length).filter(|end| *end <= self.len);
        let range = end.and_then(|end| Some(usize::try_from(offset).ok()?..usize::try_from(end).ok()?));
        range.map(|range| bytes.slice(range)).ok_or(BlobError::OutOfRange(self.len))
    }

    /// The creator has ended: what it takes is its component's, up to what a process may keep unless it is told otherwise; what is
    /// beyond that is no more, whoever holds it.
    fn orphan(&self, component: &Component) {
        let mut charged = self.charged.lock();
        let Charged::Creator(keeper) = &*charged else { return };
        keeper.release(self.weight());
        let mut orphans = self.blobs.orphans.lock();
        let left = orphans.get(component).copied().unwrap_or_default() + self.weight();
        if left <= Limits::default().kept_bytes {
            orphans.insert(component.clone(), left);
            *charged = Charged::Orphan(component.clone());
        } else {
            *self.bytes.lock() = None;
            *charged = Charged::Nobody;
        }
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        self.blobs.by_id.lock().remove(&self.id);
        self.blobs.alive.fetch_sub(1, Ordering::AcqRel);
        match &*self.charged.lock() {
            Charged::Creator(keeper) => keeper.release(self.weight()),
            Charged::Orphan(component) => {
                let mut orphans = self.blobs.orphans.lock();
                if let Some(left) = orphans.get_mut(component) {
                    *left -= self.weight();
                    if *left == 0 {
                        orphans.remove(component);
                    }
                }
            }
            Charged::Nobody => {}
        }
    }
}

/// A payload, and the blobs that it holds.
struct Carrier {
    payload: Bytes,
    _carried: CarriedBlobs,
}

/// Blobs that are held by what carries their handles, as long as it is there.
#[derive(Clone, Default)]
pub struct CarriedBlobs(Option<Arc<Vec<Arc<Blob>>>>);

impl CarriedBlobs {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These, and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        match (&self.0, &others.0) {
            (Some(these), Some(others)) => Self(Some(Arc::new([&***these, &***others].concat()))),
            (these, others) => Self(these.as_ref().or(others.as_ref()).cloned()),
        }
    }
}

impl AsRef<[u8]> for Carrier {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Inner {
    /// A payload that the host takes over: it holds the blobs whose handles are in it.
    pub(crate) fn carrying(&self, payload: Bytes) -> Bytes {
        let carried = self.blobs_in(&payload);
        if carried.is_empty() { payload } else { Bytes::from_owner(Carrier { payload, _carried: carried }) }
    }

    /// The blobs whose handles are in what the host is about to keep.
    pub(crate) fn blobs_in(&self, payload: &[u8]) -> CarriedBlobs {
        let carried = self.blobs.carried(payload);
        let blobs = || Arc::new(carried.iter().map(|(blob, _)| blob.clone()).collect());
        CarriedBlobs((!carried.is_empty()).then(blobs))
    }
}

impl Context {
    /// Makes a blob, which this process holds once.
    ///
    /// # Errors
    /// [`BlobError::Limit`]
    pub fn create_blob(&self, bytes: Bytes) -> Result<BlobId, BlobError> {
        self.check_message_bytes(bytes.len())?;
        let inner = &self.runtime().inner;
        let holdings = self.process().holdings();
        let len = bytes.len() as u64;
        holdings.keeper.charge(len + OVERHEAD)?;
        let id = BlobId { high: inner.random_u64(), low: inner.random_u64() };
        let blob = Arc::new(Blob {
            id,
            len,
            bytes: Mutex::new(Some(bytes)),
            charged: Mutex::new(Charged::Creator(holdings.keeper.clone())),
            hash: OnceLock::new(),
            blobs: inner.blobs.clone(),
        });
        inner.blobs.alive.fetch_add(1, Ordering::AcqRel);
        inner.blobs.by_id.lock().insert(id, Arc::downgrade(&blob));
        // One that can't be held is gone, and what it was charged with given back.
        self.hold_new_blob(&blob)?;
        Ok(id)
    }

    /// A blob that somebody holds.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn blob(&self, id: BlobId) -> Result<Arc<Blob>, BlobError> {
        self.runtime().inner.blobs.get(id).ok_or(BlobError::Gone)
    }

    /// A payload that the host keeps for this process, which holds the blobs whose handles are in it.
    pub fn carrying(&self, payload: Bytes) -> Bytes {
        self.runtime().inner.carrying(payload)
    }

    /// The blobs whose handles are in what the host keeps in another form.
    pub fn blobs_in(&self, payload: &[u8]) -> CarriedBlobs {
        self.runtime().inner.blobs_in(payload)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("id", &self.id).field("len", &self.len).finish_non_exhaustive()
    }
}

/// How many blobs there are in a runtime.
pub(crate) fn blobs_alive(inner: &Inner) -> usize {
    inner.blobs.alive.load(Ordering::Acquire)
}
