//! Fetching transactions (Core's `TxDownloadManager`): whom to ask, what is known to be useless, and orphans.

use crate::bloom::RollingBloom;
use crate::host::{Host, TxId, TxRejection, TxVerdict};
use crate::log::{Category, LogLine};
use crate::orphanage::Orphanage;
use crate::random::Random;
use crate::tx_request::{TxHash, TxRequestTracker, hash_of};
use crate::{PeerId, Time};
use bitcoin::hashes::{Hash, sha256};
use bitcoin::{Block, Transaction, Txid, Wtxid};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Requests to one peer in flight above which further ones are delayed.
const MAX_IN_FLIGHT: usize = 100;
/// Announcements that are tracked for one peer.
pub(crate) const MAX_ANNOUNCEMENTS: usize = 5_000;
/// Delay for requests by txid while others announce by wtxid.
const TXID_RELAY_DELAY: Duration = Duration::from_secs(2);
/// Delay for peers that are not preferred.
const NON_PREFERRED_DELAY: Duration = Duration::from_secs(2);
/// Delay for peers with too many requests in flight.
const OVERLOADED_DELAY: Duration = Duration::from_secs(2);
/// Time to deliver before another is asked.
const GETDATA_INTERVAL: Duration = Duration::from_secs(60);

/// What matters of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxPeer {
    pub(crate) preferred: bool,
    pub(crate) relay_permission: bool,
    pub(crate) wtxid_relay: bool,
}

/// A parent with a child that may pay for it, and who sent them.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) parent: Arc<Transaction>,
    pub(crate) child: Arc<Transaction>,
    pub(crate) sender: PeerId,
}

/// What to do with a transaction that has arrived.
#[derive(Debug)]
pub(crate) enum Arrival {
    Validate,
    Known,
    TryPackage(Package),
}

/// What remains to be done about a refused transaction.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// Remember it for compact blocks.
    pub(crate) keep_for_compact_blocks: bool,
    /// Parents that the peer must have.
    pub(crate) parents: Vec<Txid>,
    pub(crate) package: Option<Package>,
}

#[derive(Debug)]
pub(crate) struct TxDownload {
    requests: TxRequestTracker,
    pub(crate) orphanage: Orphanage,
    peers: HashMap<PeerId, TxPeer>,
    rejects: RollingBloom,
    /// Refused for their fee alone, single transactions and packages.
    reconsiderable: RollingBloom,
    confirmed: RollingBloom,
    random: Random,
    log: Vec<LogLine>,
}

impl TxDownload {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let mut bloom = |elements| RollingBloom::new(elements, 0.000_001, (random.u64(), random.u64()));
        let (rejects, reconsiderable, confirmed) = (bloom(120_000), bloom(120_000), bloom(48_000));
        Self {
            requests: TxRequestTracker::new((random.u64(), random.u64())),
            orphanage: Orphanage::default(),
            peers: HashMap::new(),
            rejects,
            reconsiderable,
            confirmed,
            random,
            log: Vec::new(),
        }
    }

    fn note(&mut self, category: Category, text: String) {
        self.log.push(LogLine::debug(category, text));
    }

    pub(crate) fn take_log(&mut self) -> Vec<LogLine> {
        let mut log = std::mem::take(&mut self.log);
        log.extend(self.orphanage.drain_log());
        log
    }

    pub(crate) fn connected(&mut self, peer: PeerId, info: TxPeer) {
        self.peers.insert(peer, info);
    }

    pub(crate) fn disconnected(&mut self, peer: PeerId) {
        self.orphanage.erase_for_peer(peer);
        self.requests.disconnected(peer);
        self.peers.remove(&peer);
    }

    fn wtxid_peers(&self) -> bool {
        self.peers.values().any(|peer| peer.wtxid_relay)
    }

    /// What was refused may be fine on another tip.
    pub(crate) fn tip_changed(&mut self) {
        self.rejects.clear();
        self.reconsiderable.clear();
    }

    pub(crate) fn block_connected(&mut self, block: &Block) {
        self.orphanage.erase_for_block(block);
        for tx in &block.txdata {
            let (txid, wtxid) = (tx.compute_txid().to_byte_array(), tx.compute_wtxid().to_byte_array());
            self.confirmed.insert(&txid);
            if wtxid != txid {
                self.confirmed.insert(&wtxid);
            }
            self.requests.forget(&txid);
            self.requests.forget(&wtxid);
        }
    }

    pub(crate) fn block_disconnected(&mut self) {
        self.confirmed.clear();
    }

    /// Whether there is no point in fetching it.
    fn already_have(&self, id: &TxId, include_reconsiderable: bool, host: &dyn Host) -> bool {
        let hash = hash_of(id);
        // An orphan is looked up by wtxid only: the same txid may come with another witness.
        self.orphanage.contains(&Wtxid::from_byte_array(hash))
            || (include_reconsiderable && self.reconsiderable.contains(&hash))
            || self.confirmed.contains(&hash)
            || self.rejects.contains(&hash)
            || host.mempool_contains(id)
    }

    fn delay(&self, peer: PeerId, info: TxPeer, by_txid: bool) -> Duration {
        let mut delay = Duration::ZERO;
        if !info.preferred {
            delay += NON_PREFERRED_DELAY;
        }
        if by_txid && self.wtxid_peers() {
            delay += TXID_RELAY_DELAY;
        }
        if !info.relay_permission && self.requests.count_in_flight(peer) >= MAX_IN_FLIGHT {
            delay += OVERLOADED_DELAY;
        }
        delay
    }

    /// A peer has announced a transaction. Returns whether it is known already.
    pub(crate) fn announced(&mut self, peer: PeerId, id: TxId, now: Time, host: &dyn Host) -> bool {
        if let TxId::Wtxid(wtxid) = id
            && let Some(orphan) = self.orphanage.get(&wtxid).cloned()
        {
            let parents = self.missing_parents(&orphan, host);
            if !parents.is_empty() && self.ask_for_parents(&parents, &wtxid, peer, now) {
                self.orphanage.add_announcer(&wtxid, peer);
            }
            return true;
        }
        if self.already_have(&id, true, host) {
            return true;
        }
        let Some(info) = self.peers.get(&peer).copied() else { return false };
        if !info.relay_permission && self.requests.count(peer) >= MAX_ANNOUNCEMENTS {
            return false;
        }
        let delay = self.delay(peer, info, matches!(id, TxId::Txid(_)));
        self.requests.received_inv(peer, id, info.preferred, now + delay);
        false
    }

    fn missing_parents(&self, tx: &Transaction, host: &dyn Host) -> Vec<Txid> {
        let mut parents = unique_parents(tx);
        parents.retain(|txid| !self.already_have(&TxId::Txid(*txid), false, host));
        parents
    }

    /// Treats a peer that has an orphan as if it had announced the parents. Returns whether it can be asked.
    fn ask_for_parents(&mut self, parents: &[Txid], orphan: &Wtxid, peer: PeerId, now: Time) -> bool {
        let Some(info) = self.peers.get(&peer).copied() else { return false };
        if self.orphanage.has_from(orphan, peer) {
            return false;
        }
        if !info.relay_permission && self.requests.count(peer) + parents.len() > MAX_ANNOUNCEMENTS {
            return false;
        }
        let time = now + self.delay(peer, info, true);
        for parent in parents {
            self.requests.received_inv(peer, TxId::Txid(*parent), info.preferred, time);
        }
        self.note(Category::TxPackages, format!("added peer={peer} as a candidate for resolving orphan {orphan}"));
        true
    }

    /// What to ask this peer for now.
    pub(crate) fn requests(&mut self, peer: PeerId, now: Time, host: &dyn Host) -> Vec<TxId> {
        let (wanted, expired) = self.requests.requestable(peer, now);
        for (slow, id) in expired {
            let (name, hash) = shown(&id);
            self.note(Category::Net, format!("timeout of inflight {name} {hash} from peer={slow}"));
        }
        let mut requests = Vec::new();
        for id in wanted {
            if self.already_have(&id, false, host) {
                self.requests.forget(&hash_of(&id));
                continue;
            }
            let (name, hash) = shown(&id);
            self.note(Category::Net, format!("Requesting {name} {hash} peer={peer}"));
            self.requests.requested(peer, &hash_of(&id), now + GETDATA_INTERVAL);
            requests.push(id);
        }
        requests
    }

    pub(crate) fn not_found(&mut self, peer: PeerId, id: &TxId) {
        self.requests.received_response(peer, &hash_of(id));
    }

    /// A transaction has come from a peer, asked for or not.
    pub(crate) fn received(&mut self, peer: PeerId, tx: &Arc<Transaction>, host: &dyn Host) -> Arrival {
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        self.requests.received_response(peer, txid.as_byte_array());
        if txid.as_byte_array() != wtxid.as_byte_array() {
            self.requests.received_response(peer, wtxid.as_byte_array());
        }
        if self.already_have(&TxId::Wtxid(wtxid), false, host) {
            return Arrival::Known;
        }
        if self.reconsiderable.contains(wtxid.as_byte_array()) {
            self.note(
                Category::TxPackages,
                format!("found tx {txid} (wtxid={wtxid}) in reconsiderable rejects, looking for child in orphanage"),
            );
            return self.find_package(tx, peer).map_or(Arrival::Known, Arrival::TryPackage);
        }
        Arrival::Validate
    }

    /// A child from the same peer that may pay for this parent, the newest first.
    fn find_package(&self, parent: &Arc<Transaction>, peer: PeerId) -> Option<Package> {
        self.orphanage
            .children_from(&parent.compute_txid(), peer)
            .into_iter()
            .find(|child| {
                !self.reconsiderable.contains(&package_hash(parent, child))
                    && !self.rejects.contains(child.compute_txid().as_byte_array())
            })
            .map(|child| Package { parent: Arc::clone(parent), child, sender: peer })
    }

    pub(crate) fn accepted(&mut self, tx: &Transaction) {
        self.requests.forget(tx.compute_txid().as_byte_array());
        self.requests.forget(tx.compute_wtxid().as_byte_array());
        self.orphanage.add_children_to_work_set(tx, &mut self.random);
        self.orphanage.erase(&tx.compute_wtxid());
    }

    pub(crate) fn package_rejected(&mut self, package: &Package) {
        self.reconsiderable.insert(&package_hash(&package.parent, &package.child));
    }

    /// The mempool has refused a transaction. `first` says that it has just come, not from the orphans.
    pub(crate) fn rejected(
        &mut self,
        tx: &Arc<Transaction>,
        rejection: &TxRejection,
        peer: PeerId,
        first: bool,
        now: Time,
        host: &dyn Host,
    ) -> Refusal {
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        let (txid_hash, wtxid_hash) = (txid.to_byte_array(), wtxid.to_byte_array());
        let has_witness = txid_hash != wtxid_hash;
        let mut refusal = Refusal { keep_for_compact_blocks: first, ..Refusal::default() };
        match rejection.verdict {
            TxVerdict::MissingInputs => {
                if first && !self.rejects.contains(&wtxid_hash) {
                    self.keep_orphan(tx, peer, now, host, &mut refusal);
                }
                return refusal;
            }
            TxVerdict::WitnessStripped => refusal.keep_for_compact_blocks = false,
            verdict => {
                if verdict == TxVerdict::Reconsiderable {
                    self.reconsiderable.insert(&wtxid_hash);
                    if first {
                        self.note(
                            Category::TxPackages,
                            format!(
                                "tx {txid} (wtxid={wtxid}) failed but reconsiderable, looking for child in orphanage"
                            ),
                        );
                        refusal.package = self.find_package(tx, peer);
                    }
                } else {
                    self.rejects.insert(&wtxid_hash);
                }
                self.requests.forget(&wtxid_hash);
                // This check depends on the txid only, so that another witness would not help.
                if verdict == TxVerdict::InputsNotStandard && has_witness {
                    self.rejects.insert(&txid_hash);
                    self.requests.forget(&txid_hash);
                }
            }
        }
        if self.orphanage.erase(&wtxid) {
            self.note(Category::TxPackages, format!("   removed orphan tx {txid} (wtxid={wtxid})"));
        }
        refusal
    }

    fn keep_orphan(&mut self, tx: &Arc<Transaction>, peer: PeerId, now: Time, host: &dyn Host, refusal: &mut Refusal) {
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        let parents = unique_parents(tx);
        let hopeless = parents.iter().any(|parent| self.rejects.contains(parent.as_byte_array()));
        // One parent may have been refused for its fee: the orphan could pay for it. More than one cannot be helped.
        let poor = parents.iter().filter(|parent| {
            self.reconsiderable.contains(parent.as_byte_array()) && !host.mempool_contains(&TxId::Txid(**parent))
        });
        if hopeless || poor.count() > 1 {
            self.note(Category::Mempool, format!("not keeping orphan with rejected parents {txid} (wtxid={wtxid})"));
            for hash in [txid.to_byte_array(), wtxid.to_byte_array()] {
                self.rejects.insert(&hash);
                self.requests.forget(&hash);
            }
            return;
        }
        refusal.keep_for_compact_blocks &= !self.orphanage.contains(&wtxid);
        refusal.parents = self.missing_parents(tx, host);
        let mut candidates = vec![peer];
        candidates.extend(self.requests.candidates(txid.as_byte_array()));
        if txid.as_byte_array() != wtxid.as_byte_array() {
            candidates.extend(self.requests.candidates(wtxid.as_byte_array()));
        }
        for candidate in candidates {
            if self.ask_for_parents(&refusal.parents, &wtxid, candidate, now) {
                self.orphanage.add(tx, candidate);
            }
        }
        self.requests.forget(txid.as_byte_array());
        self.requests.forget(wtxid.as_byte_array());
    }
}

fn unique_parents(tx: &Transaction) -> Vec<Txid> {
    let mut parents: Vec<_> = tx.input.iter().map(|input| input.previous_output.txid).collect();
    parents.sort_unstable();
    parents.dedup();
    parents
}

/// Identifies a package whatever the order of its transactions.
fn package_hash(parent: &Transaction, child: &Transaction) -> TxHash {
    let mut wtxids = [parent.compute_wtxid().to_byte_array(), child.compute_wtxid().to_byte_array()];
    wtxids.sort_unstable();
    sha256::Hash::hash(wtxids.as_flattened()).to_byte_array()
}

fn shown(id: &TxId) -> (&'static str, String) {
    match id {
        TxId::Txid(txid) => ("tx", txid.to_string()),
        TxId::Wtxid(wtxid) => ("wtx", wtxid.to_string()),
    }
}
