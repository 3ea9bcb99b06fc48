//! The memory limit of one process, over all its memories and tables.

use regrow_otp::{LimitExceeded, LimitKind};
use wasmtime::ResourceLimiter;

/// Entries of tables at most: 10,000 are far more than a program's function pointers need.
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// Counts what a process has, and refuses what is too much.
pub(super) struct MemoryLimiter {
    allowed: u64,
    used: u64,
}

impl MemoryLimiter {
    pub(super) fn new(allowed: u64) -> Self {
        Self { allowed, used: 0 }
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }
}

impl ResourceLimiter for MemoryLimiter {
    /// Going over the limit ends the process, with the limit as its reason (rule P10): a guest that is told
    /// "no" panics somewhere else, and nobody learns why.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let requested = self.used.saturating_add((desired - current) as u64);
        if requested > self.allowed {
            let limit = LimitExceeded { limit: LimitKind::Memory, allowed: self.allowed, requested };
            return Err(wasmtime::Error::new(limit));
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.used = requested;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            let (allowed, requested) = (MAX_TABLE_ELEMENTS as u64, desired as u64);
            let limit = LimitExceeded { limit: LimitKind::TableElements, allowed, requested };
            return Err(wasmtime::Error::new(limit));
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}
