//! Who told a query of whom: how far it went, and whom not to wait for. Sans-I/O.
//!
//! One liar can tell of twenty peers that seem to be the nearest and do not exist. Waiting for one after the other would
//! cost a lookup seconds; so once some of those that a node told of were silent and hardly one was there, the rest of them are
//! passed over, but for those of whom a better node told as well.
//!
//! Whoever is passed over is lost to the query, though a record in a late answer still counts, and a lookup that was misled begins anew.
//! Where the nearest nodes themselves are wanted, for a put or for a set, nobody is passed over: a liar could keep the true ones out.

use libp2p::PeerId;
use libp2p::kad::QueryId;
use std::collections::HashMap;

/// Peers remembered of one query. It asks some forty, and each tells of twenty, most of them the same.
const MAX_PEERS: usize = 1_024;
/// Tellers remembered of one peer. One of whom so many told is never passed over.
const MAX_TELLERS: usize = 8;
/// So many peers of one teller have to be silent, and more than twice as many as are there, before the others of its peers are
/// passed over: of honest tellers in a network where 30% are gone one in forty looks like that.
const SILENT: usize = 3;
/// Peers passed over in one lookup. Each is dialled all the same, at an address that a stranger chose.
const MAX_PASSED: usize = 40;

/// What is known of whether a peer is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Sign {
    #[default]
    None,
    /// It was given up.
    Silent,
    /// It has answered, or was connected.
    Life,
}

#[derive(Default)]
struct Heard {
    /// Requests one after another until it was heard of.
    hops: usize,
    tellers: Vec<PeerId>,
    sign: Sign,
}

/// Whether the query needs what is nearest, or only a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    Record,
    Nearest,
}

struct Trail {
    wants: Wants,
    peers: HashMap<PeerId, Heard>,
    /// Whom each teller told of.
    told: HashMap<PeerId, Vec<PeerId>>,
    silent: usize,
    passed: usize,
}

impl Trail {
    fn new(wants: Wants) -> Self {
        Self { wants, peers: HashMap::new(), told: HashMap::new(), silent: 0, passed: 0 }
    }

    fn heard(&mut self, peer: PeerId, hops: usize) -> Option<&mut Heard> {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&peer) {
            return None;
        }
        Some(self.peers.entry(peer).or_insert_with(|| Heard { hops, ..Heard::default() }))
    }

    fn told(&mut self, teller: PeerId, peers: impl Iterator<Item = (PeerId, bool)>) {
        let next = self.hops(&teller) + 1;
        let mut told = Vec::new();
        for (peer, connected) in peers {
            let Some(heard) = self.heard(peer, next) else { continue };
            heard.hops = next.min(heard.hops);
            if connected {
                heard.sign = Sign::Life;
            }
            // Nobody vouches for itself.
            if peer == teller || told.contains(&peer) {
                continue;
            }
            if heard.tellers.len() < MAX_TELLERS && !heard.tellers.contains(&teller) {
                heard.tellers.push(teller);
            }
            told.push(peer);
        }
        if self.told.len() < MAX_PEERS {
            self.told.insert(teller, told);
        }
    }

    fn hops(&self, peer: &PeerId) -> usize {
        self.peers.get(peer).map_or(1, |heard| heard.hops)
    }

    fn there(&mut self, peer: PeerId) {
        if let Some(heard) = self.heard(peer, 1) {
            heard.sign = Sign::Life;
        }
    }

    fn given_up(&mut self, peer: &PeerId) {
        if let Some(heard) = self.peers.get_mut(peer).filter(|heard| heard.sign == Sign::None) {
            heard.sign = Sign::Silent;
            self.silent += 1;
        }
    }

    /// Whether a node told of hardly any but silent peers, so far.
    fn is_doubtful(&self, teller: &PeerId) -> bool {
        let told = self.told.get(teller).into_iter().flatten().filter_map(|peer| self.peers.get(peer));
        let (silent, there) = told.fold((0, 0), |(silent, there), heard| match heard.sign {
            Sign::Silent => (silent + 1, there),
            Sign::Life => (silent, there + 1),
            Sign::None => (silent, there),
        });
        silent >= SILENT && silent > 2 * there
    }

    /// `None` when it is not known here.
    fn passes_over(&self, peer: &PeerId) -> Option<bool> {
        let heard = self.peers.get(peer)?;
        let doubtful = self.wants == Wants::Record
            && self.silent >= SILENT
            && self.passed < MAX_PASSED
            && heard.sign != Sign::Life
            && !heard.tellers.is_empty()
            && heard.tellers.len() < MAX_TELLERS
            && heard.tellers.iter().all(|teller| self.is_doubtful(teller));
        Some(doubtful)
    }
}

/// For each query under way, of whom it heard, and from whom.
#[derive(Default)]
pub(crate) struct Trails(HashMap<QueryId, Trail>);

impl Trails {
    pub(crate) fn follow(&mut self, query: QueryId, wants: Wants) {
        self.0.insert(query, Trail::new(wants));
    }

    /// A put gives its record to these nodes, whoever told of them.
    pub(crate) fn follow_put(&mut self, put: QueryId, nodes: impl Iterator<Item = PeerId>) {
        let mut trail = Trail::new(Wants::Nearest);
        trail.peers = nodes.take(MAX_PEERS).map(|node| (node, Heard::default())).collect();
        self.0.insert(put, trail);
    }

    pub(crate) fn forget(&mut self, query: &QueryId) {
        self.0.remove(query);
    }

    /// `teller` answered with these peers, of whom some are connected.
    pub(crate) fn told(&mut self, query: &QueryId, teller: PeerId, peers: impl Iterator<Item = (PeerId, bool)>) {
        if let Some(trail) = self.0.get_mut(query) {
            trail.told(teller, peers);
        }
    }

    /// A peer is there.
    pub(crate) fn there(&mut self, peer: &PeerId) {
        self.0.values_mut().for_each(|trail| trail.there(*peer));
    }

    /// A peer was given up.
    pub(crate) fn given_up(&mut self, peer: &PeerId) {
        self.0.values_mut().for_each(|trail| trail.given_up(peer));
    }

    /// Whether not to wait for a stranger: each query that heard of it wants a record only, and heard of it only from nodes that
    /// so far told of silent ones. It counts as passed over then.
    pub(crate) fn pass_over(&mut self, peer: &PeerId) -> bool {
        let mut known = self.0.values().filter_map(|trail| trail.passes_over(peer)).peekable();
        let pass = known.peek().is_some() && known.all(|passed| passed);
        if pass {
            self.0.values_mut().filter(|trail| trail.peers.contains_key(peer)).for_each(|trail| trail.passed += 1);
        }
        pass
    }

    /// Requests one after another from this node to `peer`: 1 for a peer of the routing table.
    pub(crate) fn hops(&self, query: &QueryId, peer: &PeerId) -> usize {
        self.0.get(query).map_or(1, |trail| trail.hops(peer))
    }
}

#[cfg(test)]
mod tests;
