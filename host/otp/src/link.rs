//! Links: one process's side of them, and the protocol that keeps both sides in step.
//!
//! `link` takes effect at the caller at once and travels to the peer as a signal; so does `unlink`, which the
//! peer acknowledges. Until then the caller's side is *unlinking*: nothing that the peer did before it knew
//! has an effect any more (rule P27), and a link that the peer asks for in between is taken as made before
//! the unlink. That is the protocol of Erlang's distribution, "link protocol" in `erl_dist_protocol`.

use crate::pid::Pid;
use crate::signal::UnlinkId;
use crate::small_map::SmallMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Linked,
    Unlinking(UnlinkId),
}

#[derive(Default)]
pub(crate) struct Links {
    peers: SmallMap<Pid, Side>,
    next_unlink: u64,
}

impl Links {
    /// Links to `peer`; true if the peer must be told.
    pub(crate) fn link(&mut self, peer: Pid) -> bool {
        self.peers.insert(peer, Side::Linked) != Some(Side::Linked)
    }

    /// Starts to unlink from `peer`; the identity to tell the peer, if there was a link.
    pub(crate) fn unlink(&mut self, peer: Pid) -> Option<UnlinkId> {
        let side = self.peers.get_mut(&peer).filter(|side| **side == Side::Linked)?;
        self.next_unlink += 1;
        let id = UnlinkId(self.next_unlink);
        *side = Side::Unlinking(id);
        Some(id)
    }

    /// Undoes `link`, or ends an unlinking, with a peer that turned out to be dead.
    pub(crate) fn forget(&mut self, peer: Pid) {
        self.peers.remove(&peer);
    }

    /// The peer linked to us.
    pub(crate) fn on_link(&mut self, peer: Pid) {
        if self.peers.get(&peer).is_none() {
            self.peers.insert(peer, Side::Linked);
        }
    }

    /// The peer unlinked from us; the caller acknowledges.
    pub(crate) fn on_unlink(&mut self, peer: Pid) {
        if self.peers.get(&peer) == Some(&Side::Linked) {
            self.peers.remove(&peer);
        }
    }

    /// The peer knows of our unlink.
    pub(crate) fn on_unlink_ack(&mut self, peer: Pid, id: UnlinkId) {
        if self.peers.get(&peer) == Some(&Side::Unlinking(id)) {
            self.peers.remove(&peer);
        }
    }

    /// The peer ended; true if the link was active, so that its end has an effect (rule P18).
    pub(crate) fn on_exit(&mut self, peer: Pid) -> bool {
        self.peers.remove(&peer) == Some(Side::Linked)
    }

    pub(crate) fn is_linked(&self, peer: Pid) -> bool {
        self.peers.get(&peer) == Some(&Side::Linked)
    }

    /// Takes no more memory than it needs.
    pub(crate) fn shrink(&mut self) {
        self.peers.shrink();
    }

    /// How many links there are, those on their way out included: they still hold their slot.
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Pid> + '_ {
        self.peers.iter().filter(|(_, side)| **side == Side::Linked).map(|(peer, _)| *peer)
    }
}
