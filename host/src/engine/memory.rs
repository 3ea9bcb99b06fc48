//! The memory limit of one process, over all its memories and tables.

use std::sync::atomic::Ordering;

use regrow_otp::{Context, LimitExceeded, LimitKind, Resource};
use wasmtime::ResourceLimiter;

/// Entries of a table at most: more than programs have functions to point to. A table of this size is just no mapping of its
/// own (128 KiB).
pub(super) const MAX_TABLE_ELEMENTS: usize = 16_000;

/// What an entry of a table takes.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts what a process has, and refuses what is too much.
pub(super) struct MemoryLimiter {
    allowed: Allowed,
    used: u64,
    /// What was granted last: it may fail all the same.
    last_growth: u64,
}

enum Allowed {
    Fixed(u64),
    /// What the process may use now: whoever runs the node may change it.
    Of(Context),
}

impl MemoryLimiter {
    pub(super) fn fixed(allowed: u64) -> Self {
        Self { allowed: Allowed::Fixed(allowed), used: 0, last_growth: 0 }
    }

    pub(super) fn of(process: Context) -> Self {
        Self { allowed: Allowed::Of(process), used: 0, last_growth: 0 }
    }

    fn allowed(&self) -> u64 {
        match &self.allowed {
            Allowed::Fixed(bytes) => *bytes,
            Allowed::Of(process) => process.meter().memory_limit_bytes.load(Ordering::Relaxed),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Counts what the host holds for the process beside its memories.
    pub(super) fn hold(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.grow(bytes as u64)
    }

    /// Going over the limit ends the process, with the limit as its reason (rule P10): a guest that is told
    /// "no" panics somewhere else, and nobody learns why.
    fn grow(&mut self, more: u64) -> wasmtime::Result<()> {
        let requested = self.used.saturating_add(more);
        let allowed = self.allowed();
        if requested > allowed {
            let limit = LimitExceeded { limit: LimitKind::Memory, allowed, requested };
            return Err(wasmtime::Error::new(limit));
        }
        if let Allowed::Of(process) = &self.allowed {
            process.charge(Resource::Memory, more).map_err(wasmtime::Error::new)?;
        }
        self.last_growth = more;
        self.used = requested;
        Ok(())
    }

    /// What was granted last could not be had.
    fn give_back(&mut self) {
        let failed = std::mem::take(&mut self.last_growth).min(self.used);
        self.used -= failed;
        if let Allowed::Of(process) = &self.allowed {
            process.release(Resource::Memory, failed);
        }
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        if let Allowed::Of(process) = &self.allowed {
            process.release(Resource::Memory, self.used);
        }
    }
}

/// Core instances, memories and tables of one process. Components of any language have a few.
const MAX_CORE_INSTANCES: usize = 16;
const MAX_MEMORIES: usize = 4;
const MAX_TABLES: usize = 16;

impl ResourceLimiter for MemoryLimiter {
    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = (desired - current) as u64;
        if maximum.is_some_and(|maximum| desired > maximum)
            && self.used.saturating_add(more) <= self.allowed()
        {
            return Ok(false);
        }
        self.grow(more)?;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.give_back();
        Ok(())
    }

    /// What was granted and failed stays counted (there is no `table_grow_failed`): a growth may fail before anybody is
    /// asked, and what was granted last is then something else that the guest still has.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            let (allowed, requested) = (MAX_TABLE_ELEMENTS as u64, desired as u64);
            let limit = LimitExceeded { limit: LimitKind::TableElements, allowed, requested };
            return Err(wasmtime::Error::new(limit));
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(((desired - current) * TABLE_ELEMENT_BYTES) as u64)?;
        Ok(true)
    }
}
