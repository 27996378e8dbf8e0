//! How far a lookup went: who told it of whom. Sans-I/O.

use libp2p::PeerId;
use libp2p::kad::QueryId;
use std::collections::HashMap;

/// Peers remembered of one lookup. It asks some forty, and each tells of twenty, most of them the same.
const MAX_PEERS: usize = 1_024;

/// For each lookup under way, how many peers stood between this node and each peer that it heard of.
#[derive(Default)]
pub(crate) struct Trails(HashMap<QueryId, HashMap<PeerId, usize>>);

impl Trails {
    pub(crate) fn follow(&mut self, lookup: QueryId) {
        self.0.insert(lookup, HashMap::new());
    }

    pub(crate) fn forget(&mut self, lookup: &QueryId) {
        self.0.remove(lookup);
    }

    /// `teller` answered with these peers.
    pub(crate) fn told(&mut self, lookup: &QueryId, teller: PeerId, peers: impl Iterator<Item = PeerId>) {
        let Some(trail) = self.0.get_mut(lookup) else { return };
        let next = trail.get(&teller).map_or(1, |hops| *hops) + 1;
        for peer in peers {
            if trail.len() < MAX_PEERS || trail.contains_key(&peer) {
                let hops = trail.entry(peer).or_insert(next);
                *hops = next.min(*hops);
            }
        }
    }

    /// Requests one after another from this node to `peer`: 1 for a peer of the routing table.
    pub(crate) fn hops(&self, lookup: &QueryId, peer: &PeerId) -> usize {
        self.0.get(lookup).and_then(|trail| trail.get(peer)).copied().unwrap_or(1)
    }
}
