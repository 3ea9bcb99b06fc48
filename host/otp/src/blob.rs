//! Blobs: bytes that never change, kept by the host, and shared by handle in messages, tables and registries (as Erlang's large
//! binaries are).
//!
//! A handle is data: a byte string that begins with [`BLOB_MARK`] and goes on with 128 random bits. Whoever has it can read the blob
//! as long as somebody holds it: a process, or a payload that is on its way or is kept somewhere in the host. Payloads are searched for
//! handles when the host takes them over, and when a process gets them: until it lets go, or ends, it holds what has come with them. The
//! creator is charged once.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use memchr::memmem;
use regrow_term::{BLOB_MARK, BlobId};
use sha2::{Digest, Sha256};

use crate::by_random::ByRandom;
use crate::exit_reason::LimitExceeded;
use crate::holdings::Keeper;
use crate::limits::Limits;
use crate::process::Context;
use crate::received::Received;
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
    /// The process has no room for it (`kept_bytes`), or the bytes are more than a message may have.
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

    /// Those whose handles are in a payload, each once.
    fn carried(&self, payload: &[u8]) -> Vec<Arc<Blob>> {
        if self.alive.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut found: BTreeMap<BlobId, Arc<Blob>> = BTreeMap::new();
        for at in memmem::find_iter(payload, &BLOB_MARK).take(MAX_BLOBS_IN_PAYLOAD) {
            let Some(id) = BlobId::at_start_of(&payload[at..]) else { break };
            if !found.contains_key(&id)
                && let Some(blob) = self.get(id)
            {
                found.insert(id, blob);
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

/// A blob that a process holds.
pub(crate) struct HeldBlob {
    _blob: Arc<Blob>,
    /// How often the process has said that it holds it.
    times: u64,
    /// It has come with a payload, and the process has not yet said so.
    arrived: bool,
}

/// What a process holds of blobs, and those that it has made.
#[derive(Default)]
pub(crate) struct HeldBlobs {
    held: BTreeMap<BlobId, HeldBlob>,
    created: Vec<Weak<Blob>>,
}

impl HeldBlobs {
    fn entry(&mut self, blob: &Arc<Blob>) -> &mut HeldBlob {
        let new = || HeldBlob { _blob: blob.clone(), times: 0, arrived: false };
        self.held.entry(blob.id).or_insert_with(new)
    }

    fn note_created(&mut self, blob: &Arc<Blob>) {
        if self.created.len() == self.created.capacity() {
            self.created.retain(|blob| blob.strong_count() > 0);
        }
        self.created.push(Arc::downgrade(blob));
    }

    /// Its process has ended.
    pub(crate) fn end(self, component: &Component) {
        // Of those that it alone held nothing is left to be charged for.
        drop(self.held);
        self.created.iter().filter_map(Weak::upgrade).for_each(|blob| blob.orphan(component));
    }
}

/// A payload, and the blobs that it holds.
struct Carrier {
    payload: Bytes,
    _held: Carried,
}

/// Blobs that are held by what carries their handles.
pub(crate) struct Carried(
    #[expect(dead_code, reason = "they are held as long as it is there")] Vec<Arc<Blob>>,
);

impl AsRef<[u8]> for Carrier {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Inner {
    /// A payload that the host takes over: it holds the blobs whose handles are in it.
    pub(crate) fn carrying(&self, payload: Bytes) -> Bytes {
        let blobs = self.blobs.carried(&payload);
        if blobs.is_empty() { payload } else { Bytes::from_owner(Carrier { payload, _held: Carried(blobs) }) }
    }

    /// The blobs whose handles are in what the host is about to keep.
    pub(crate) fn blobs_in(&self, payload: &[u8]) -> Option<Arc<Carried>> {
        let blobs = self.blobs.carried(payload);
        (!blobs.is_empty()).then(|| Arc::new(Carried(blobs)))
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
        let mut held = holdings.held.lock();
        held.blobs.entry(&blob).times = 1;
        held.blobs.note_created(&blob);
        Ok(id)
    }

    /// A blob that somebody holds.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn blob(&self, id: BlobId) -> Result<Arc<Blob>, BlobError> {
        self.runtime().inner.blobs.get(id).ok_or(BlobError::Gone)
    }

    /// Holds a blob once more, until as many [`Context::release_blob`], or this process's end. The first time after it has arrived it is
    /// what has arrived.
    ///
    /// # Errors
    /// [`BlobError::Gone`]
    pub fn hold_blob(&self, id: BlobId) -> Result<(), BlobError> {
        let blob = self.blob(id)?;
        let held = &mut self.process().holdings().held.lock().blobs;
        let held = held.entry(&blob);
        held.times += 1;
        held.arrived = false;
        Ok(())
    }

    /// Holds a blob once less, or lets go of one that has only arrived. Nothing happens if this process does not hold it.
    pub fn release_blob(&self, id: BlobId) {
        let mut held = self.process().holdings().held.lock();
        let Some(of_id) = held.blobs.held.get_mut(&id) else { return };
        match of_id.times.checked_sub(1) {
            Some(less) => of_id.times = less,
            None => of_id.arrived = false,
        }
        if of_id.times == 0 && !of_id.arrived {
            let gone = held.blobs.held.remove(&id);
            drop(held);
            drop(gone);
        }
    }

    /// This process is about to get these bytes: it holds the blobs whose handles are in them until it says otherwise.
    pub fn blobs_arrive(&self, payload: &[u8]) {
        let carried = self.runtime().inner.blobs.carried(payload);
        if carried.is_empty() {
            return;
        }
        let mut held = self.process().holdings().held.lock();
        for blob in &carried {
            let of_id = held.blobs.entry(blob);
            of_id.arrived = true;
        }
    }

    /// This process begins anew with these bytes, and nothing else of its memory: it holds the blobs whose handles are in them, as if they
    /// had come now.
    pub fn blobs_begin_anew(&self, state: &[u8]) {
        let Some(holdings) = self.process().holdings.get() else { return };
        let carried = self.runtime().inner.blobs.carried(state);
        let old = std::mem::take(&mut holdings.held.lock().blobs.held);
        let mut held = holdings.held.lock();
        for blob in &carried {
            held.blobs.entry(blob).arrived = true;
        }
        drop(held);
        drop(old);
    }

    /// As [`Context::blobs_arrive`], with what has been received.
    pub fn blobs_arrive_with(&self, received: &Received) {
        match received {
            Received::Message(message) => self.blobs_arrive(&message.payload),
            Received::Timer { payload, .. } | Received::Reply { payload, .. } => self.blobs_arrive(payload),
            Received::System(system) => self.blobs_arrive(&system.payload),
            Received::Down { .. } | Received::Exit { .. } => {}
        }
    }

    /// A payload that the host keeps for this process, which holds the blobs whose handles are in it.
    pub fn carrying(&self, payload: Bytes) -> Bytes {
        self.runtime().inner.carrying(payload)
    }
}

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

    /// Goes on with so many bytes; the hash, when that was all. It is computed once.
    pub fn step(&mut self, at_most: usize) -> Option<[u8; 32]> {
        if let Some(hash) = self.blob.hash.get() {
            return Some(*hash);
        }
        let end = self.at.saturating_add(at_most).min(self.bytes.len());
        self.hasher.update(&self.bytes[self.at..end]);
        self.at = end;
        if end < self.bytes.len() {
            return None;
        }
        let hash = std::mem::take(&mut self.hasher).finalize().into();
        Some(*self.blob.hash.get_or_init(|| hash))
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
