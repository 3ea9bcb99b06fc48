//! The process table: from pid to process, in shards.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::pid::Pid;
use crate::process::Process;

const SHARDS: usize = 16;

/// Places for processes of the host when there are none for others.
const HOST_RESERVE: u64 = 64;

/// One in so many places is kept from what guests spawn: supervisors must still be able to restart their children.
const TREE_RESERVE: u64 = 100;

/// Who asks for a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Places {
    /// A guest, for a process that it spawns.
    Guests,
    /// A supervisor.
    Tree,
    /// The host itself: a full node must still be steered.
    Host,
}

#[derive(Default)]
struct Slot {
    /// How many processes the slot has had.
    incarnation: u32,
    process: Option<Arc<Process>>,
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

pub(crate) struct ProcessTable {
    shards: [RwLock<Shard>; SHARDS],
    next_shard: AtomicUsize,
    live: AtomicU64,
    max_processes: u64,
}

impl ProcessTable {
    pub(crate) fn new(max_processes: u64) -> Self {
        Self {
            shards: Default::default(),
            next_shard: AtomicUsize::new(0),
            live: AtomicU64::new(0),
            max_processes,
        }
    }

    /// Gives a new process a slot, and through `build` its pid. None if the table is full.
    pub(crate) fn insert(
        &self,
        nonce: u64,
        places: Places,
        build: impl FnOnce(Pid) -> Process,
    ) -> Option<Arc<Process>> {
        let allowed = self.max_processes(places);
        let admitted = self
            .live
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |live| (live < allowed).then_some(live + 1));
        admitted.ok()?;
        let shard_index = self.next_shard.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut shard = self.shards[shard_index].write().unwrap_or_else(PoisonError::into_inner);
        let index = shard.free.pop().unwrap_or_else(|| {
            shard.slots.push(Slot::default());
            shard.slots.len() as u32 - 1
        });
        let slot = &mut shard.slots[index as usize];
        // Slot 0 of the first shard is number 0 + SHARDS: number 0 belongs to the host itself.
        let number = (index + 1) * SHARDS as u32 + shard_index as u32;
        let pid = Pid { node: 0, slot: number, incarnation: slot.incarnation, nonce };
        let process = Arc::new(build(pid));
        slot.process = Some(process.clone());
        Some(process)
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<Process>> {
        let (shard, index) = locate(pid)?;
        let shard = self.shards[shard].read().unwrap_or_else(PoisonError::into_inner);
        shard.slots.get(index)?.process.as_ref().filter(|process| process.pid == pid).cloned()
    }

    pub(crate) fn remove(&self, pid: Pid) {
        let Some((shard, index)) = locate(pid) else { return };
        let mut shard = self.shards[shard].write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = shard.slots.get_mut(index) else { return };
        if slot.process.as_ref().is_some_and(|process| process.pid == pid) {
            slot.process = None;
            slot.incarnation = slot.incarnation.wrapping_add(1);
            shard.free.push(index as u32);
            self.live.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn live(&self) -> u64 {
        self.live.load(Ordering::Acquire)
    }

    pub(crate) fn max_processes(&self, places: Places) -> u64 {
        match places {
            Places::Guests => self.max_processes - self.max_processes / TREE_RESERVE,
            Places::Tree => self.max_processes,
            Places::Host => self.max_processes.saturating_add(HOST_RESERVE),
        }
    }

    /// The live processes that `are_wanted`, in any order.
    pub(crate) fn find_all(&self, are_wanted: impl Fn(&Process) -> bool) -> Vec<Arc<Process>> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let processes = shard.slots.iter().filter_map(|slot| slot.process.as_ref());
            found.extend(processes.filter(|process| are_wanted(process)).cloned());
        }
        found
    }

    /// Every live process, in the order of their slots.
    pub(crate) fn all(&self) -> Vec<Arc<Process>> {
        let mut all: Vec<Arc<Process>> = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.slots.iter().filter_map(|slot| slot.process.clone()));
        }
        all.sort_by_key(|process| process.pid);
        all
    }
}

fn locate(pid: Pid) -> Option<(usize, usize)> {
    let number = pid.slot as usize;
    let index = (number / SHARDS).checked_sub(1)?;
    (pid.node == 0).then_some((number % SHARDS, index))
}
