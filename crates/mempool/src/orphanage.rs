//! Transactions whose parents are unknown, kept for a while in case the parents come.
//!
//! Each peer has a reserve of weight, and a share of the work that looking through the orphans costs. Only when all
//! peers together are over the limit does the peer that is furthest over its own lose its oldest announcements: no peer
//! can push out what another announced within its reserve.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bitcoin::{OutPoint, Transaction, Wtxid};

use crate::{FeeRate, policy::MAX_STANDARD_TX_WEIGHT};

/// A peer, by the number that its connection has.
pub type PeerId = u64;

/// How much the orphanage keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrphanLimits {
    /// The weight that each peer may always use.
    pub reserved_weight_per_peer: u64,
    /// The work of all announcements together: 1 for each, and 1 for each ten inputs of each transaction.
    pub max_latency_score: u64,
}

impl Default for OrphanLimits {
    fn default() -> Self {
        Self { reserved_weight_per_peer: 404_000, max_latency_score: 3000 }
    }
}

/// An orphan, and who announced it.
#[derive(Clone, Debug)]
struct Orphan {
    tx: Arc<Transaction>,
    weight: u64,
    announcers: BTreeMap<PeerId, Announcement>,
}

impl Orphan {
    /// The work of looking at its inputs.
    fn input_score(&self) -> u64 {
        self.tx.input.len() as u64 / 10
    }

    fn latency_score(&self) -> u64 {
        1 + self.input_score()
    }
}

/// That a peer has announced an orphan. Ordered by what is given up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Announcement {
    /// A parent has come, so that it should be looked at again.
    reconsider: bool,
    /// When it was announced, counted in announcements.
    sequence: u64,
}

/// What one peer uses.
#[derive(Clone, Debug, Default)]
struct PeerUse {
    weight: u64,
    latency_score: u64,
    announcements: BTreeMap<Announcement, Wtxid>,
}

/// The orphans of all peers.
#[derive(Debug)]
pub struct Orphanage {
    limits: OrphanLimits,
    orphans: HashMap<Wtxid, Orphan>,
    peers: BTreeMap<PeerId, PeerUse>,
    by_input: HashMap<OutPoint, BTreeSet<Wtxid>>,
    /// The weight of all orphans, each counted once.
    weight: u64,
    /// The work of all inputs, each orphan counted once.
    input_score: u64,
    announcements: usize,
    sequence: u64,
}

impl Orphanage {
    /// No orphans yet.
    pub fn new(limits: OrphanLimits) -> Self {
        Self {
            limits,
            orphans: HashMap::new(),
            peers: BTreeMap::new(),
            by_input: HashMap::new(),
            weight: 0,
            input_score: 0,
            announcements: 0,
            sequence: 0,
        }
    }

    /// Orphans, each counted once.
    pub fn len(&self) -> usize {
        self.orphans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.orphans.is_empty()
    }

    /// Announcements; an orphan has one for each peer that announced it.
    pub fn announcements(&self) -> usize {
        self.announcements
    }

    /// The weight of all orphans, each counted once.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// The weight of the orphans that a peer has announced.
    pub fn weight_of_peer(&self, peer: PeerId) -> u64 {
        self.peers.get(&peer).map_or(0, |peer| peer.weight)
    }

    /// All orphans with the peers that announced each, in no order (RPC `getorphantxs`).
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<Transaction>, impl Iterator<Item = PeerId>)> {
        self.orphans.values().map(|orphan| (&orphan.tx, orphan.announcers.keys().copied()))
    }

    /// The orphan with this wtxid.
    pub fn get(&self, wtxid: &Wtxid) -> Option<&Arc<Transaction>> {
        self.orphans.get(wtxid).map(|orphan| &orphan.tx)
    }

    /// Whether the orphan is kept.
    pub fn contains(&self, wtxid: &Wtxid) -> bool {
        self.orphans.contains_key(wtxid)
    }

    /// Whether the orphan is kept for this peer.
    pub fn contains_from(&self, wtxid: &Wtxid, peer: PeerId) -> bool {
        self.orphans.get(wtxid).is_some_and(|orphan| orphan.announcers.contains_key(&peer))
    }

    /// Keeps an orphan that a peer has sent, unless it is larger than a standard transaction. Tells whether it is new.
    pub fn add(&mut self, tx: Arc<Transaction>, peer: PeerId) -> bool {
        let (wtxid, weight) = (tx.compute_wtxid(), tx.weight().to_wu());
        if weight > MAX_STANDARD_TX_WEIGHT {
            return false;
        }
        let new = !self.contains(&wtxid);
        if new {
            for input in &tx.input {
                self.by_input.entry(input.previous_output).or_default().insert(wtxid);
            }
            let orphan = Orphan { tx, weight, announcers: BTreeMap::new() };
            self.weight += weight;
            self.input_score += orphan.input_score();
            self.orphans.insert(wtxid, orphan);
        }
        self.announce(wtxid, peer);
        new
    }

    /// Notes that another peer has announced an orphan, too. Tells whether that was news.
    pub fn add_announcer(&mut self, wtxid: &Wtxid, peer: PeerId) -> bool {
        self.contains(wtxid) && self.announce(*wtxid, peer)
    }

    fn announce(&mut self, wtxid: Wtxid, peer: PeerId) -> bool {
        let announcement = Announcement { reconsider: false, sequence: self.sequence };
        let Some(orphan) = self.orphans.get_mut(&wtxid) else { return false };
        if orphan.announcers.contains_key(&peer) {
            return false;
        }
        orphan.announcers.insert(peer, announcement);
        let used = self.peers.entry(peer).or_default();
        used.weight += orphan.weight;
        used.latency_score += orphan.latency_score();
        used.announcements.insert(announcement, wtxid);
        self.announcements += 1;
        self.sequence += 1;
        self.limit();
        true
    }

    /// Forgets an orphan, whoever announced it. Tells whether it was kept.
    pub fn erase(&mut self, wtxid: &Wtxid) -> bool {
        let erased = self.erase_all(wtxid);
        // With fewer peers, the limit for all is lower.
        self.limit();
        erased
    }

    fn erase_all(&mut self, wtxid: &Wtxid) -> bool {
        let Some(orphan) = self.orphans.get(wtxid) else { return false };
        for peer in orphan.announcers.keys().copied().collect::<Vec<_>>() {
            self.erase_announcement(wtxid, peer);
        }
        true
    }

    /// Forgets what a peer has announced, as far as no other peer did.
    pub fn erase_for_peer(&mut self, peer: PeerId) {
        let Some(used) = self.peers.get(&peer) else { return };
        for wtxid in used.announcements.values().copied().collect::<Vec<_>>() {
            self.erase_announcement(&wtxid, peer);
        }
        self.limit();
    }

    /// Forgets what a block contains or makes impossible.
    pub fn erase_for_block(&mut self, transactions: &[Transaction]) {
        let inputs = transactions.iter().flat_map(|tx| &tx.input);
        let gone: BTreeSet<Wtxid> =
            inputs.filter_map(|input| self.by_input.get(&input.previous_output)).flatten().copied().collect();
        for wtxid in gone {
            self.erase_all(&wtxid);
        }
        self.limit();
    }

    fn erase_announcement(&mut self, wtxid: &Wtxid, peer: PeerId) {
        let Some(orphan) = self.orphans.get_mut(wtxid) else { return };
        let Some(announcement) = orphan.announcers.remove(&peer) else { return };
        self.announcements -= 1;
        if let Some(used) = self.peers.get_mut(&peer) {
            used.weight -= orphan.weight;
            used.latency_score -= orphan.latency_score();
            used.announcements.remove(&announcement);
            if used.announcements.is_empty() {
                self.peers.remove(&peer);
            }
        }
        if orphan.announcers.is_empty() {
            self.forget(wtxid);
        }
    }

    fn forget(&mut self, wtxid: &Wtxid) {
        let Some(orphan) = self.orphans.remove(wtxid) else { return };
        self.weight -= orphan.weight;
        self.input_score -= orphan.input_score();
        for input in &orphan.tx.input {
            if let Some(children) = self.by_input.get_mut(&input.previous_output) {
                children.remove(wtxid);
                if children.is_empty() {
                    self.by_input.remove(&input.previous_output);
                }
            }
        }
    }

    /// A transaction has entered the mempool: its orphans are to be looked at again, each on behalf of one of the peers
    /// that announced it, which `draw(n)` picks by a random number below `n`. Returns the orphans and those peers.
    pub fn add_children_to_work(
        &mut self,
        parent: &Transaction,
        mut draw: impl FnMut(usize) -> usize,
    ) -> Vec<(Wtxid, PeerId)> {
        let txid = parent.compute_txid();
        let outputs = (0..parent.output.len() as u32).map(|vout| OutPoint { txid, vout });
        let children: Vec<Wtxid> = outputs.filter_map(|output| self.by_input.get(&output)).flatten().copied().collect();
        let mut work = Vec::new();
        for wtxid in children {
            let Some(orphan) = self.orphans.get(&wtxid) else { continue };
            if orphan.announcers.values().any(|announcement| announcement.reconsider) {
                continue;
            }
            // A random peer, so that the one who is chosen cannot plan on hindering us by leaving.
            let count = orphan.announcers.len();
            let Some(&peer) = orphan.announcers.keys().nth(draw(count) % count.max(1)) else { continue };
            self.set_reconsider(&wtxid, peer, true);
            work.push((wtxid, peer));
        }
        work
    }

    fn set_reconsider(&mut self, wtxid: &Wtxid, peer: PeerId, reconsider: bool) {
        let announcement = self.orphans.get_mut(wtxid).and_then(|orphan| orphan.announcers.get_mut(&peer));
        let (Some(announcement), Some(used)) = (announcement, self.peers.get_mut(&peer)) else { return };
        used.announcements.remove(announcement);
        announcement.reconsider = reconsider;
        used.announcements.insert(*announcement, *wtxid);
    }

    /// Whether an orphan of this peer is to be looked at again.
    pub fn has_work(&self, peer: PeerId) -> bool {
        self.next_work(peer).is_some()
    }

    /// The next orphan of this peer to be looked at again. It stays an orphan until it is erased.
    pub fn take_work(&mut self, peer: PeerId) -> Option<Arc<Transaction>> {
        let wtxid = self.next_work(peer)?;
        self.set_reconsider(&wtxid, peer, false);
        self.get(&wtxid).cloned()
    }

    fn next_work(&self, peer: PeerId) -> Option<Wtxid> {
        let first = Announcement { reconsider: true, sequence: 0 };
        self.peers.get(&peer)?.announcements.range(first..).next().map(|(_, &wtxid)| wtxid)
    }

    /// The orphans of this peer that spend outputs of `parent`: those to be looked at again first, then the newest.
    pub fn children_from_peer(&self, parent: &Transaction, peer: PeerId) -> Vec<Arc<Transaction>> {
        let txid = parent.compute_txid();
        let Some(used) = self.peers.get(&peer) else { return Vec::new() };
        let orphans = used.announcements.values().rev().filter_map(|wtxid| self.get(wtxid));
        orphans.filter(|tx| tx.input.iter().any(|input| input.previous_output.txid == txid)).cloned().collect()
    }

    fn latency_score(&self) -> u64 {
        self.announcements as u64 + self.input_score
    }

    fn is_over_limit(&self) -> bool {
        let max_weight = self.limits.reserved_weight_per_peer.saturating_mul(self.peers.len().max(1) as u64);
        self.latency_score() > self.limits.max_latency_score || self.weight > max_weight
    }

    fn limit(&mut self) {
        // The shares stay as they are meanwhile, even if a peer loses all that it had.
        let share = (self.limits.max_latency_score / self.peers.len().max(1) as u64).max(1);
        while self.is_over_limit() {
            let worst = self.peers.iter().max_by_key(|&(&peer, used)| (self.greed(used, share), peer));
            let Some((&peer, used)) = worst else { break };
            let Some(wtxid) = used.announcements.values().next().copied() else { break };
            self.erase_announcement(&wtxid, peer);
        }
    }

    /// By how much a peer exceeds its share, of weight or of work, whichever is worse; of equals, work.
    fn greed(&self, used: &PeerUse, share: u64) -> (FeeRate, Reverse<u64>) {
        let ratio = |used: u64, share: u64| {
            let clamp = |value| i64::try_from(value).unwrap_or(i64::MAX);
            (FeeRate::of(clamp(used), clamp(share)), Reverse(share))
        };
        ratio(used.latency_score, share).max(ratio(used.weight, self.limits.reserved_weight_per_peer.max(1)))
    }
}

#[cfg(test)]
mod tests;
