//! Transactions whose parents are not known yet (Core's `TxOrphanage`).
//!
//! An orphan stays as long as somebody who announced it is connected. Limits hold for all peers together; when they are
//! reached, whoever uses most beyond a fair share loses the oldest announcement. So nobody can push out the orphans of
//! another.

use crate::PeerId;
use crate::log::{Category, LogLine};
use crate::random::Random;
use bitcoin::{Block, OutPoint, Transaction, Txid, Weight, Wtxid};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Weight that each peer may use, in weight units.
const RESERVED_WEIGHT_PER_PEER: u64 = 404_000;
/// Announcements plus a tenth of the inputs, for all peers together.
const MAX_LATENCY: u64 = 3_000;
/// Heavier transactions are not standard and not kept.
const MAX_STANDARD_WEIGHT: Weight = Weight::from_wu_usize(400_000);

/// An orphan, for `getorphantxs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrphanInfo {
    /// The transaction.
    pub tx: Arc<Transaction>,
    /// Who announced it.
    pub announcers: Vec<PeerId>,
}

#[derive(Debug)]
struct Orphan {
    tx: Arc<Transaction>,
    txid: Txid,
    weight: u64,
    /// Announcers, with the order in which they came.
    announcers: BTreeMap<PeerId, u64>,
    /// Who is to submit it again, since a parent has come.
    reconsider: Option<PeerId>,
}

impl Orphan {
    /// A tenth of the inputs: what it costs to look at beyond one announcement.
    fn input_score(&self) -> u64 {
        self.tx.input.len() as u64 / 10
    }
}

#[derive(Debug, Default)]
struct Usage {
    /// Orphans by the order of their announcement.
    announced: BTreeMap<u64, Wtxid>,
    reconsider: BTreeMap<u64, Wtxid>,
    weight: u64,
    latency: u64,
}

/// The orphans of all peers.
#[derive(Debug, Default)]
pub(crate) struct Orphanage {
    orphans: HashMap<Wtxid, Orphan>,
    spends: HashMap<OutPoint, BTreeSet<Wtxid>>,
    peers: BTreeMap<PeerId, Usage>,
    sequence: u64,
    weight: u64,
    /// Announcements and input scores of all orphans.
    latency: u64,
    log: Vec<LogLine>,
}

impl Orphanage {
    fn note(&mut self, text: String) {
        self.log.push(LogLine::debug(Category::TxPackages, text));
    }

    pub(crate) fn drain_log(&mut self) -> std::vec::Drain<'_, LogLine> {
        self.log.drain(..)
    }

    pub(crate) fn contains(&self, wtxid: &Wtxid) -> bool {
        self.orphans.contains_key(wtxid)
    }

    pub(crate) fn get(&self, wtxid: &Wtxid) -> Option<&Arc<Transaction>> {
        self.orphans.get(wtxid).map(|orphan| &orphan.tx)
    }

    pub(crate) fn has_from(&self, wtxid: &Wtxid, peer: PeerId) -> bool {
        self.orphans.get(wtxid).is_some_and(|orphan| orphan.announcers.contains_key(&peer))
    }

    /// Keeps a transaction that this peer gave or announced.
    pub(crate) fn add(&mut self, tx: &Arc<Transaction>, peer: PeerId) {
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        if self.contains(&wtxid) {
            self.add_announcer(&wtxid, peer);
            return;
        }
        let weight = tx.weight();
        if weight > MAX_STANDARD_WEIGHT {
            let size = weight.to_wu();
            self.note(format!("ignoring large orphan tx (size: {size}, txid: {txid}, wtxid: {wtxid})"));
            return;
        }
        for input in &tx.input {
            self.spends.entry(input.previous_output).or_default().insert(wtxid);
        }
        let orphan =
            Orphan { tx: Arc::clone(tx), txid, weight: weight.to_wu(), announcers: BTreeMap::new(), reconsider: None };
        self.weight += orphan.weight;
        self.latency += orphan.input_score();
        self.orphans.insert(wtxid, orphan);
        self.announce(&wtxid, peer);
        self.note(format!(
            "stored orphan tx {txid} (wtxid={wtxid}), weight: {} (mapsz {} outsz {})",
            weight.to_wu(),
            self.orphans.len(),
            self.spends.len()
        ));
        self.limit();
    }

    /// Another peer has announced an orphan.
    pub(crate) fn add_announcer(&mut self, wtxid: &Wtxid, peer: PeerId) {
        let Some(orphan) = self.orphans.get(wtxid).filter(|orphan| !orphan.announcers.contains_key(&peer)) else {
            return;
        };
        let txid = orphan.txid;
        self.announce(wtxid, peer);
        self.note(format!("added peer={peer} as announcer of orphan tx {txid} (wtxid={wtxid})"));
        self.limit();
    }

    fn announce(&mut self, wtxid: &Wtxid, peer: PeerId) {
        let Some(orphan) = self.orphans.get_mut(wtxid) else { return };
        orphan.announcers.insert(peer, self.sequence);
        let usage = self.peers.entry(peer).or_default();
        usage.announced.insert(self.sequence, *wtxid);
        usage.weight += orphan.weight;
        usage.latency += 1 + orphan.input_score();
        self.latency += 1;
        self.sequence += 1;
    }

    /// Removes one announcement, and the orphan with the last one.
    fn retract(&mut self, wtxid: &Wtxid, peer: PeerId) {
        let Some(orphan) = self.orphans.get_mut(wtxid) else { return };
        let Some(sequence) = orphan.announcers.remove(&peer) else { return };
        if orphan.reconsider == Some(peer) {
            orphan.reconsider = None;
        }
        self.latency -= 1;
        if let Some(usage) = self.peers.get_mut(&peer) {
            usage.announced.remove(&sequence);
            usage.reconsider.remove(&sequence);
            usage.weight -= orphan.weight;
            usage.latency -= 1 + orphan.input_score();
            if usage.announced.is_empty() {
                self.peers.remove(&peer);
            }
        }
        if orphan.announcers.is_empty() {
            self.weight -= orphan.weight;
            self.latency -= orphan.input_score();
            let tx = Arc::clone(&orphan.tx);
            self.orphans.remove(wtxid);
            for input in &tx.input {
                if let Some(spenders) = self.spends.get_mut(&input.previous_output) {
                    spenders.remove(wtxid);
                    if spenders.is_empty() {
                        self.spends.remove(&input.previous_output);
                    }
                }
            }
        }
    }

    fn erase_unlimited(&mut self, wtxid: &Wtxid) -> bool {
        let Some(orphan) = self.orphans.get(wtxid) else { return false };
        let (txid, announcers) = (orphan.txid, orphan.announcers.keys().copied().collect::<Vec<_>>());
        for peer in &announcers {
            self.retract(wtxid, *peer);
        }
        let count = announcers.len();
        self.note(format!("removed orphan tx {txid} (wtxid={wtxid}) ({count} announcements)"));
        true
    }

    /// Removes an orphan; returns whether it was there.
    pub(crate) fn erase(&mut self, wtxid: &Wtxid) -> bool {
        let erased = self.erase_unlimited(wtxid);
        self.limit();
        erased
    }

    pub(crate) fn erase_for_peer(&mut self, peer: PeerId) {
        let wtxids: Vec<_> =
            self.peers.get(&peer).into_iter().flat_map(|usage| usage.announced.values().copied()).collect();
        for wtxid in &wtxids {
            self.retract(wtxid, peer);
        }
        if !wtxids.is_empty() {
            self.note(format!("Erased {} orphan transaction(s) from peer={peer}", wtxids.len()));
        }
        self.limit();
    }

    /// Removes what a block contains or contradicts.
    pub(crate) fn erase_for_block(&mut self, block: &Block) {
        if self.orphans.is_empty() {
            return;
        }
        let inputs = block.txdata.iter().flat_map(|tx| &tx.input);
        let wtxids: BTreeSet<Wtxid> =
            inputs.filter_map(|input| self.spends.get(&input.previous_output)).flatten().copied().collect();
        let erased = wtxids.iter().filter(|wtxid| self.erase_unlimited(wtxid)).count();
        if erased > 0 {
            self.note(format!("Erased {erased} orphan transaction(s) included or conflicted by block"));
        }
        self.limit();
    }

    /// A parent has come: its children are to be tried again, each by one of those who announced it.
    pub(crate) fn add_children_to_work_set(&mut self, parent: &Transaction, random: &mut Random) {
        let txid = parent.compute_txid();
        for vout in 0..parent.output.len() as u32 {
            let children = self.spends.get(&OutPoint { txid, vout }).cloned().unwrap_or_default();
            for wtxid in children {
                let Some(orphan) = self.orphans.get_mut(&wtxid).filter(|orphan| orphan.reconsider.is_none()) else {
                    continue;
                };
                let chosen = random.index(orphan.announcers.len());
                let Some((peer, sequence)) = orphan.announcers.iter().nth(chosen).map(|(peer, s)| (*peer, *s)) else {
                    continue;
                };
                orphan.reconsider = Some(peer);
                let child = orphan.txid;
                if let Some(usage) = self.peers.get_mut(&peer) {
                    usage.reconsider.insert(sequence, wtxid);
                }
                self.note(format!("added {child} (wtxid={wtxid}) to peer {peer} workset"));
            }
        }
    }

    pub(crate) fn has_work(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|usage| !usage.reconsider.is_empty())
    }

    /// The next orphan that this peer's turn is to try again.
    pub(crate) fn take_work(&mut self, peer: PeerId) -> Option<Arc<Transaction>> {
        let (_, wtxid) = self.peers.get_mut(&peer)?.reconsider.pop_first()?;
        let orphan = self.orphans.get_mut(&wtxid)?;
        orphan.reconsider = None;
        Some(Arc::clone(&orphan.tx))
    }

    /// Children of a transaction that the same peer announced, the newest first.
    pub(crate) fn children_from(&self, parent: &Txid, peer: PeerId) -> Vec<Arc<Transaction>> {
        let usage = self.peers.get(&peer);
        let newest_first = usage.into_iter().flat_map(|usage| usage.announced.values().rev());
        newest_first
            .filter_map(|wtxid| self.get(wtxid))
            .filter(|tx| tx.input.iter().any(|input| input.previous_output.txid == *parent))
            .cloned()
            .collect()
    }

    pub(crate) fn list(&self) -> Vec<OrphanInfo> {
        let info = |orphan: &Orphan| OrphanInfo {
            tx: Arc::clone(&orphan.tx),
            announcers: orphan.announcers.keys().copied().collect(),
        };
        self.orphans.values().map(info).collect()
    }

    fn is_over(&self) -> bool {
        let peers = self.peers.len().max(1) as u64;
        self.latency > MAX_LATENCY || self.weight > RESERVED_WEIGHT_PER_PEER * peers
    }

    /// Brings everything back within the limits.
    fn limit(&mut self) {
        if !self.is_over() {
            return;
        }
        let (before, mut retracted) = (self.orphans.len(), 0);
        let fair_latency = (MAX_LATENCY / self.peers.len().max(1) as u64).max(1);
        // Shares in millionths of what is fair; ties go against the newer peer.
        let share = |usage: &Usage| {
            (usage.latency * 1_000_000 / fair_latency).max(usage.weight * 1_000_000 / RESERVED_WEIGHT_PER_PEER)
        };
        while self.is_over() {
            let worst = self.peers.iter().max_by_key(|(peer, usage)| (share(usage), **peer));
            let Some((peer, usage)) = worst else { break };
            let idle = usage.announced.iter().find(|(sequence, _)| !usage.reconsider.contains_key(sequence));
            let Some((_, wtxid)) = idle.or_else(|| usage.announced.first_key_value()) else { break };
            let (peer, wtxid) = (*peer, *wtxid);
            self.retract(&wtxid, peer);
            retracted += 1;
        }
        let removed = before - self.orphans.len();
        self.note(format!("orphanage overflow, removed {removed} tx ({retracted} announcements)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::hashes::Hash;
    use bitcoin::{Amount, ScriptBuf, Sequence, TxIn, TxOut, Witness};
    use proptest::prelude::*;

    fn tx(spends: &[(u8, u32)], salt: u32, outputs: usize) -> Arc<Transaction> {
        let input = |(txid, vout): &(u8, u32)| TxIn {
            previous_output: OutPoint { txid: Txid::from_byte_array([*txid; 32]), vout: *vout },
            script_sig: ScriptBuf::new(),
            sequence: Sequence(salt),
            witness: Witness::new(),
        };
        let output = TxOut { value: Amount::from_sat(1), script_pubkey: ScriptBuf::from_bytes(vec![0x51; 30]) };
        Arc::new(Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: spends.iter().map(input).collect(),
            output: vec![output; outputs],
        })
    }

    #[test]
    fn a_flood_pushes_out_the_orphans_of_its_sender_only() {
        let mut orphanage = Orphanage::default();
        let honest: Vec<_> = (0..20).map(|salt| tx(&[(1, salt)], salt, 1)).collect();
        honest.iter().for_each(|tx| orphanage.add(tx, PeerId(1)));
        for salt in 0..5_000 {
            orphanage.add(&tx(&[(2, salt)], salt, 1), PeerId(2));
        }
        assert!(honest.iter().all(|tx| orphanage.contains(&tx.compute_wtxid())));
        assert!(orphanage.orphans.len() <= MAX_LATENCY as usize);
    }

    #[test]
    fn an_orphan_stays_while_somebody_who_announced_it_is_there() {
        let mut orphanage = Orphanage::default();
        let orphan = tx(&[(1, 0)], 0, 1);
        orphanage.add(&orphan, PeerId(1));
        orphanage.add_announcer(&orphan.compute_wtxid(), PeerId(2));
        orphanage.erase_for_peer(PeerId(1));
        assert!(orphanage.contains(&orphan.compute_wtxid()));
        orphanage.erase_for_peer(PeerId(2));
        assert!(!orphanage.contains(&orphan.compute_wtxid()));
        assert_eq!((orphanage.weight, orphanage.latency, orphanage.spends.len()), (0, 0, 0));
    }

    #[test]
    fn children_are_tried_again_once_when_a_parent_comes() {
        let mut orphanage = Orphanage::default();
        let parent = tx(&[(9, 0)], 0, 2);
        let child = Arc::new(Transaction {
            input: vec![TxIn {
                previous_output: OutPoint { txid: parent.compute_txid(), vout: 1 },
                ..Default::default()
            }],
            ..(*tx(&[], 0, 1)).clone()
        });
        orphanage.add(&child, PeerId(1));
        orphanage.add_children_to_work_set(&parent, &mut Random::new([1; 32]));
        assert!(orphanage.has_work(PeerId(1)));
        assert_eq!(orphanage.take_work(PeerId(1)), Some(child));
        assert!(!orphanage.has_work(PeerId(1)));
    }

    proptest! {
        #[test]
        fn the_sums_agree_after_anything(steps in prop::collection::vec((0..5_u8, 0..4_u64, 0..6_u32), 1..150)) {
            let mut orphanage = Orphanage::default();
            let mut random = Random::new([2; 32]);
            for (what, peer, salt) in steps {
                let peer = PeerId(peer);
                let inputs: Vec<_> = (0..salt * 25 + 1).map(|vout| (1, vout)).collect();
                let one = tx(&inputs, salt, 1 + salt as usize * 150);
                match what {
                    0 | 1 => orphanage.add(&one, peer),
                    2 => drop(orphanage.erase(&one.compute_wtxid())),
                    3 => orphanage.erase_for_peer(peer),
                    _ => orphanage.add_children_to_work_set(&one, &mut random),
                }
                prop_assert!(!orphanage.is_over());
                let weight: u64 = orphanage.orphans.values().map(|orphan| orphan.weight).sum();
                let latency: u64 =
                    orphanage.orphans.values().map(|o| o.announcers.len() as u64 + o.input_score()).sum();
                prop_assert_eq!((orphanage.weight, orphanage.latency), (weight, latency));
                let of_peers: usize = orphanage.peers.values().map(|usage| usage.announced.len()).sum();
                let of_orphans: usize = orphanage.orphans.values().map(|o| o.announcers.len()).sum();
                prop_assert_eq!(of_peers, of_orphans);
            }
        }
    }
}
