//! Which blobs a process holds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Weak};

use regrow_term::BlobId;

use crate::blob::{Blob, BlobError};
use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::holdings::Keeper;
use crate::limits::check;
use crate::process::Context;
use crate::received::Received;
use crate::timer::Component;

/// The most blobs that a process may hold: its end lets go of all of them at once.
pub const MAX_HELD_BLOBS: usize = 10_000;

/// What a process is charged with for each blob that it holds, whoever has made it.
const HELD_BYTES: u64 = 128;

/// A blob that a process holds.
struct HeldBlob {
    _blob: Arc<Blob>,
    /// How often the process has said that it holds it.
    times: u64,
    /// How many handles have come that it has not yet said to have received.
    arrived: u64,
}

/// What a process holds of blobs, and those that it has made.
#[derive(Default)]
pub(crate) struct HeldBlobs {
    held: BTreeMap<BlobId, HeldBlob>,
    created: Vec<Weak<Blob>>,
    /// How many of those there may be until it is time to look which are no more.
    sweep_at: usize,
}

impl HeldBlobs {
    fn entry(&mut self, keeper: &Keeper, blob: &Arc<Blob>) -> Result<&mut HeldBlob, LimitExceeded> {
        let held = self.held.len() + 1;
        match self.held.entry(blob.id) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                check(LimitKind::Blobs, MAX_HELD_BLOBS as u64, held as u64)?;
                keeper.charge(HELD_BYTES)?;
                Ok(entry.insert(HeldBlob { _blob: blob.clone(), times: 0, arrived: 0 }))
            }
        }
    }

    /// Those for which there is no room do not arrive.
    fn arrive(&mut self, keeper: &Keeper, carried: Vec<(Arc<Blob>, u64)>) {
        for (blob, times) in carried {
            if let Ok(entry) = self.entry(keeper, &blob) {
                entry.arrived = entry.arrived.saturating_add(times);
            }
        }
    }

    fn note_created(&mut self, blob: &Arc<Blob>) {
        const FEW: usize = 64;
        if self.created.len() >= self.sweep_at.max(FEW) {
            self.created.retain(|blob| blob.strong_count() > 0);
            self.sweep_at = self.created.len() * 2;
        }
        self.created.push(Arc::downgrade(blob));
    }

    /// What is to be dropped of it, when nothing is locked.
    fn take_held(&mut self, keeper: &Keeper) -> impl Sized + use<> {
        keeper.release(self.held.len() as u64 * HELD_BYTES);
        std::mem::take(&mut self.held)
    }

    /// Its process has ended.
    pub(crate) fn end(mut self, keeper: &Keeper, component: &Component) {
        // Of those that it alone held nothing is left to be charged for.
        drop(self.take_held(keeper));
        self.created.iter().filter_map(Weak::upgrade).for_each(|blob| blob.orphan(component));
    }
}

impl Context {
    /// A new blob: this process, which is charged for it, holds it.
    pub(super) fn hold_new_blob(&self, blob: &Arc<Blob>) -> Result<(), LimitExceeded> {
        let holdings = self.process().holdings();
        let mut held = holdings.held.lock();
        held.blobs.entry(&holdings.keeper, blob)?.times = 1;
        held.blobs.note_created(blob);
        Ok(())
    }

    /// Holds a blob once more, until as many [`Context::release_blob`], or this process's end.
    ///
    /// # Errors
    /// [`BlobError::Gone`], [`BlobError::Limit`]
    pub fn hold_blob(&self, id: BlobId) -> Result<(), BlobError> {
        self.change_held(id, |held| held.times += 1)
    }

    /// Holds a blob once more, whose handle this process has found in what has come: what has arrived with that is taken over.
    ///
    /// # Errors
    /// [`BlobError::Gone`], [`BlobError::Limit`]
    pub fn receive_blob(&self, id: BlobId) -> Result<(), BlobError> {
        self.change_held(id, |held| {
            held.times += 1;
            held.arrived = held.arrived.saturating_sub(1);
        })
    }

    fn change_held(&self, id: BlobId, change: impl FnOnce(&mut HeldBlob)) -> Result<(), BlobError> {
        let blob = self.blob(id)?;
        let holdings = self.process().holdings();
        let mut held = holdings.held.lock();
        let entry = held.blobs.entry(&holdings.keeper, &blob);
        // The last reference must not go while what is held is locked.
        let changed = entry.map(change);
        drop(held);
        Ok(changed?)
    }

    /// Holds a blob once less, or lets go of one that has only arrived. Nothing happens if this process does not hold it.
    pub fn release_blob(&self, id: BlobId) {
        let holdings = self.process().holdings();
        let mut held = holdings.held.lock();
        let Some(of_id) = held.blobs.held.get_mut(&id) else { return };
        match of_id.times.checked_sub(1) {
            Some(less) => of_id.times = less,
            None => of_id.arrived = of_id.arrived.saturating_sub(1),
        }
        if of_id.times == 0 && of_id.arrived == 0 {
            let gone = held.blobs.held.remove(&id);
            holdings.keeper.release(HELD_BYTES);
            drop(held);
            drop(gone);
        }
    }

    /// This process is about to get these bytes: it holds the blobs whose handles are in them until it says otherwise, as far as
    /// it has room for them.
    pub fn blobs_arrive(&self, payload: &[u8]) {
        let carried = self.runtime().inner.blobs.carried(payload);
        if carried.is_empty() {
            return;
        }
        let holdings = self.process().holdings();
        holdings.held.lock().blobs.arrive(&holdings.keeper, carried);
    }

    /// This process begins anew with these bytes, and nothing else of its memory: it holds the blobs whose handles are in them, as if they
    /// had come now.
    pub fn blobs_begin_anew(&self, state: &[u8]) {
        let Some(holdings) = self.process().holdings.get() else { return };
        let carried = self.runtime().inner.blobs.carried(state);
        let mut held = holdings.held.lock();
        let old = held.blobs.take_held(&holdings.keeper);
        held.blobs.arrive(&holdings.keeper, carried);
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
}
