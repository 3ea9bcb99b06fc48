//! What the host keeps for guests outside their memories: the child specifications that they have made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regrow_otp::{Charge, Context, LimitExceeded, LimitKind, Resource};

/// What a specification takes beside its argument, in bytes.
const SPEC_BYTES: u64 = 1 << 10;

/// What is kept for one process.
#[derive(Clone, Default)]
pub(super) struct KeptBytes(Arc<AtomicU64>);

/// A specification that is kept, and counted to whoever has made it until this is dropped.
pub struct KeptSpec {
    of_maker: KeptBytes,
    bytes: u64,
    charge: Charge,
}

impl KeptBytes {
    /// Counts a specification with an argument of so many bytes: all of a process's may take as much as its memory.
    pub(super) fn spec(
        &self,
        maker: &Context,
        argument_bytes: usize,
    ) -> Result<Arc<KeptSpec>, LimitExceeded> {
        let bytes = SPEC_BYTES.saturating_add(argument_bytes as u64);
        let allowed = maker.meter().memory_limit_bytes.load(Ordering::Relaxed);
        let requested = self.0.load(Ordering::Relaxed).saturating_add(bytes);
        if requested > allowed {
            return Err(LimitExceeded { limit: LimitKind::Memory, allowed, requested });
        }
        let charge = maker.hold(Resource::Memory, bytes)?;
        Ok(KeptSpec::new(self.clone(), bytes, charge))
    }
}

impl KeptSpec {
    fn new(of_maker: KeptBytes, bytes: u64, charge: Charge) -> Arc<Self> {
        of_maker.0.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Self { of_maker, bytes, charge })
    }

    /// As this one, with so many bytes of arguments more. Whoever adds them need not be whom they are counted to: that
    /// one is refused his next specification.
    pub(super) fn with_more(&self, argument_bytes: usize) -> Arc<Self> {
        let bytes = self.bytes.saturating_add(argument_bytes as u64);
        Self::new(self.of_maker.clone(), bytes, self.charge.again(bytes))
    }
}

impl Drop for KeptSpec {
    fn drop(&mut self) {
        self.of_maker.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
