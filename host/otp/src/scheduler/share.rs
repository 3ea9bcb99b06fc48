//! Shares of the CPU: how far ahead of others a subtree is, in virtual time.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::budget::{Account, DEFAULT_SHARE};

/// How far a subtree that comes back from waiting may lie behind the others, in nanoseconds: who has waited for an hour
/// has not saved up an hour.
const MAX_LAG: u64 = 1_000_000;

/// Where a virtual time ends: with the least share after three years of a processor's time.
const MAX_TIME: u64 = 1 << 63;

/// The virtual time of a subtree: what it has used of the CPU, in nanoseconds, divided by its share. Whoever has used least
/// has the next turn. All workers add to the same times, so that shares are of the whole machine.
#[derive(Default)]
pub(crate) struct VirtualTime {
    /// The subtree's, among its siblings.
    own: AtomicU64,
    /// That of the processes which belong to no budget below it, as if they were a subtree with the default share.
    direct: AtomicU64,
    /// The time of the member that was chosen last.
    last: AtomicU64,
}

impl VirtualTime {
    pub(super) fn own(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }

    pub(super) fn direct(&self) -> u64 {
        self.direct.load(Ordering::Relaxed)
    }

    /// A member with that time has been chosen.
    pub(super) fn chosen(&self, time: u64) {
        self.last.store(time, Ordering::Relaxed);
    }

    /// The processes of this subtree have something to do again, beside members of which `least` has used least.
    pub(super) fn direct_is_back(&self, least: Option<u64>) {
        self.direct.fetch_max(self.earliest(least), Ordering::Relaxed);
    }

    /// A subtree of this one has something to do again.
    pub(super) fn is_back(&self, member: &Self, least: Option<u64>) {
        member.own.fetch_max(self.earliest(least), Ordering::Relaxed);
    }

    /// Where one that comes back goes on: near whoever it will compete with, who need not be whoever was chosen last, on
    /// another worker.
    fn earliest(&self, least: Option<u64>) -> u64 {
        let last = self.last.load(Ordering::Relaxed);
        least.map_or(last, |least| least.min(last)).saturating_sub(MAX_LAG)
    }

    /// Charges a turn of a process that belongs to `account`, or to none.
    pub(super) fn charge(root: &Self, account: Option<&Account>, cost: u64) {
        let direct = account.map_or(root, |account| &account.time);
        direct.direct.fetch_add(cost, Ordering::Relaxed);
        let mut next = account;
        while let Some(account) = next {
            let weighted = cost.saturating_mul(DEFAULT_SHARE.into()) / u64::from(account.share().max(1));
            // Whoever has come so far comes last from then on, rather than first as if it had used nothing.
            if account.time.own() < MAX_TIME {
                account.time.own.fetch_add(weighted, Ordering::Relaxed);
            }
            account.used_cpu(cost);
            next = account.parent();
        }
    }
}
