//! What the host keeps for a guest process outside its memory, over all its instances: the child specifications that it has
//! made, the names that it has looked up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use regrow_otp::{Charge, Context, LimitExceeded, LimitKind, PerSecond, Resource};

use crate::engine::grants::{Grants, Network};

/// What a specification takes beside its argument, in bytes.
const SPEC_BYTES: u64 = 1 << 10;

/// Names that one process may look up in a second.
const LOOKUPS_PER_SECOND: u64 = 10;

/// What is kept for one process.
#[derive(Default)]
pub(super) struct Kept {
    /// Bytes of the specifications that it has made.
    spec_bytes: AtomicU64,
    lookups: PerSecond,
    /// The addresses of names that it has found: they stay the same.
    network: OnceLock<Arc<Network>>,
}

/// A specification that is kept, and counted to whoever has made it until this is dropped.
pub struct KeptSpec {
    of_maker: Arc<Kept>,
    bytes: u64,
    charge: Charge,
}

impl Kept {
    /// Counts a specification with an argument of so many bytes: all of a process's may take as much as its memory.
    pub(super) fn spec(
        self: &Arc<Self>,
        maker: &Context,
        argument_bytes: usize,
    ) -> Result<Arc<KeptSpec>, LimitExceeded> {
        let bytes = SPEC_BYTES.saturating_add(argument_bytes as u64);
        let allowed = maker.meter().memory_limit_bytes.load(Ordering::Relaxed);
        let requested = self.spec_bytes.load(Ordering::Relaxed).saturating_add(bytes);
        if requested > allowed {
            return Err(LimitExceeded { limit: LimitKind::Memory, allowed, requested });
        }
        let charge = maker.hold(Resource::Memory, bytes)?;
        Ok(KeptSpec::new(self.clone(), bytes, charge))
    }

    /// Whether the process may look up another name at `now`, in nanoseconds since the runtime's start.
    pub(super) fn may_look_up(&self, now: u64) -> bool {
        self.lookups.take(LOOKUPS_PER_SECOND, now)
    }

    /// What of the network the process may reach, with these grants.
    pub(super) fn network(&self, grants: &Grants) -> Arc<Network> {
        self.network.get_or_init(|| Arc::new(Network::new(&grants.tcp, &grants.udp))).clone()
    }
}

impl KeptSpec {
    fn new(of_maker: Arc<Kept>, bytes: u64, charge: Charge) -> Arc<Self> {
        of_maker.spec_bytes.fetch_add(bytes, Ordering::Relaxed);
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
        self.of_maker.spec_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
