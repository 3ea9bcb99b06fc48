//! The children of PartitionSupervisors, by key (rules PS2, PS4): whoever looks for one does not ask the supervisor.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use regrow_term::{Term, encode};

use crate::pid::Pid;
use crate::runtime::Runtime;
use crate::supervisor::request::ManagementError;

type Partitions = Arc<RwLock<Vec<Option<Pid>>>>;

/// The partitions of every PartitionSupervisor of a runtime.
#[derive(Default)]
pub(crate) struct PartitionTable(RwLock<HashMap<Pid, Partitions>>);

/// One supervisor's partitions, for as long as it lives.
pub(super) struct PartitionEntry {
    runtime: Runtime,
    supervisor: Pid,
    partitions: Partitions,
}

impl PartitionEntry {
    pub(super) fn new(runtime: &Runtime, supervisor: Pid) -> Self {
        let partitions = Partitions::default();
        let table = &runtime.inner.partitions.0;
        table.write().unwrap_or_else(PoisonError::into_inner).insert(supervisor, partitions.clone());
        Self { runtime: runtime.clone(), supervisor, partitions }
    }

    pub(super) fn update(&self, pids: Vec<Option<Pid>>) {
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        if *partitions != pids {
            *partitions = pids;
        }
    }
}

impl Drop for PartitionEntry {
    fn drop(&mut self) {
        let table = &self.runtime.inner.partitions.0;
        table.write().unwrap_or_else(PoisonError::into_inner).remove(&self.supervisor);
    }
}

impl Runtime {
    /// The child of the PartitionSupervisor `supervisor` that `key` belongs to (`{via, PartitionSupervisor, {Name,
    /// Key}}`). An integer is taken modulo the number of partitions, anything else by [`partition_hash`]. None while that
    /// child is not running.
    ///
    /// # Errors
    /// [`ManagementError::NoProc`], [`ManagementError::NoPartitions`]
    pub fn partition(&self, supervisor: &str, key: &Term) -> Result<Option<Pid>, ManagementError> {
        let supervisor = self.whereis(supervisor).ok_or(ManagementError::NoProc)?;
        let table = self.inner.partitions.0.read().unwrap_or_else(PoisonError::into_inner);
        let partitions = table.get(&supervisor).cloned().ok_or(ManagementError::NoPartitions(0))?;
        drop(table);
        let partitions = partitions.read().unwrap_or_else(PoisonError::into_inner);
        let number = match key {
            Term::Integer(number) => number.unsigned_abs(),
            other => u128::from(partition_hash(other)),
        };
        let count = partitions.len() as u128;
        let index = number.checked_rem(count).ok_or(ManagementError::NoPartitions(0))?;
        // It is less than a length.
        Ok(partitions.get(index as usize).copied().flatten())
    }
}

/// FNV-1a (Fowler, Noll and Vo), 64 bits, over the key's encoding: the same on every node and in every version.
pub fn partition_hash(key: &Term) -> u64 {
    let bytes = encode(key).unwrap_or_default();
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
