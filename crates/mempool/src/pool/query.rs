//! Questions to the mempool.

use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeSet,
    sync::Arc,
};

use bitcoin::{OutPoint, Transaction, TxOut, Txid, Wtxid};

use super::Mempool;
use crate::{Entry, FeeRate, entry::Slot};

/// The mempool in figures (RPC `getmempoolinfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MempoolInfo {
    /// Transactions.
    pub size: usize,
    /// Virtual bytes of all transactions.
    pub bytes: i64,
    /// Bytes of memory.
    pub usage: usize,
    /// Satoshis of all fees, without prioritisation.
    pub total_fee: i64,
    /// The memory it may use, in bytes.
    pub max_mempool: usize,
    /// The least fee rate that enters now.
    pub mempool_min_fee: FeeRate,
    /// The least fee rate that is relayed.
    pub min_relay_fee: FeeRate,
    /// What a replacement must add.
    pub incremental_relay_fee: FeeRate,
    /// Transactions of our own that no peer has asked for yet.
    pub unbroadcast_count: usize,
}

impl Mempool {
    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mempool in figures.
    pub fn info(&self, now: i64) -> MempoolInfo {
        MempoolInfo {
            size: self.len(),
            bytes: self.total_vsize,
            usage: self.usage(),
            total_fee: self.total_fee,
            max_mempool: self.config.max_size_bytes,
            mempool_min_fee: self.feerate_floor(now),
            min_relay_fee: self.config.min_relay_feerate,
            incremental_relay_fee: self.config.incremental_relay_feerate,
            unbroadcast_count: self.unbroadcast.len(),
        }
    }

    /// The entry of a transaction.
    pub fn entry(&self, txid: &Txid) -> Option<&Entry> {
        self.table.get(txid)
    }

    /// Whether the transaction, with whichever witness, is here.
    pub fn contains(&self, txid: &Txid) -> bool {
        self.table.slot(txid).is_some()
    }

    /// Whether the transaction with exactly this witness is here.
    pub fn contains_wtxid(&self, wtxid: &Wtxid) -> bool {
        self.by_wtxid.contains_key(wtxid)
    }

    /// The transaction with this txid.
    pub fn get(&self, txid: &Txid) -> Option<Arc<Transaction>> {
        self.entry(txid).map(|entry| Arc::clone(entry.tx()))
    }

    /// The transaction with this wtxid.
    pub fn get_by_wtxid(&self, wtxid: &Wtxid) -> Option<Arc<Transaction>> {
        self.by_wtxid.get(wtxid).map(|&slot| Arc::clone(self.table[slot].tx()))
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter().map(|(_, entry)| entry)
    }

    /// Which transaction here spends an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        self.spender_slot(outpoint).map(|slot| self.table[slot].txid())
    }

    pub(crate) fn spender_slot(&self, outpoint: &OutPoint) -> Option<Slot> {
        self.spends.get(outpoint).copied()
    }

    /// An output of a transaction that waits here, spent or not.
    pub fn output(&self, outpoint: &OutPoint) -> Option<&TxOut> {
        self.entry(&outpoint.txid)?.tx().output.get(outpoint.vout as usize)
    }

    /// The transactions here whose outputs this one spends.
    pub fn parents(&self, txid: &Txid) -> Vec<Txid> {
        self.entry(txid).map(|entry| self.txids(&entry.parents)).unwrap_or_default()
    }

    /// The transactions here that spend outputs of this one.
    pub fn children(&self, txid: &Txid) -> Vec<Txid> {
        self.entry(txid).map(|entry| self.txids(&entry.children)).unwrap_or_default()
    }

    /// All unconfirmed transactions that this one depends on, itself not included.
    pub fn ancestors(&self, txid: &Txid) -> Vec<Txid> {
        self.relatives(txid, |slot| self.table.ancestors([slot]))
    }

    /// All transactions that depend on this one, itself not included.
    pub fn descendants(&self, txid: &Txid) -> Vec<Txid> {
        self.relatives(txid, |slot| self.table.descendants([slot]))
    }

    fn relatives(&self, txid: &Txid, of: impl FnOnce(Slot) -> BTreeSet<Slot>) -> Vec<Txid> {
        let Some(slot) = self.table.slot(txid) else { return Vec::new() };
        let mut all = of(slot);
        all.remove(&slot);
        self.txids(&all)
    }

    fn txids(&self, slots: &BTreeSet<Slot>) -> Vec<Txid> {
        slots.iter().map(|&slot| self.table[slot].txid()).collect()
    }

    /// All txids in the order in which they would be mined (RPC `getrawmempool`, and the order of announcements).
    pub fn hashes_by_mining_order(&self) -> Vec<Txid> {
        let mut entries: Vec<&Entry> = self.iter().collect();
        entries.sort_by(|a, b| mining_order(a, b));
        entries.into_iter().map(Entry::txid).collect()
    }

    /// The order of two transactions in an announcement; what is not here comes last.
    pub fn compare_mining_order(&self, a: &Txid, b: &Txid) -> Ordering {
        match (self.entry(a), self.entry(b)) {
            (Some(a), Some(b)) => mining_order(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    /// Whether the transaction or an unconfirmed ancestor signals that it may be replaced (BIP125, RPC field
    /// `bip125-replaceable`). Replacement does not depend on it.
    pub fn is_rbf_opt_in(&self, txid: &Txid) -> Option<bool> {
        let slot = self.table.slot(txid)?;
        let ancestors = self.table.ancestors([slot]);
        Some(ancestors.iter().any(|&slot| self.table[slot].tx().is_explicitly_rbf()))
    }

    /// Marks a transaction of our own: it is announced again until a peer asks for it.
    pub fn add_unbroadcast(&mut self, txid: Txid) {
        if self.contains(&txid) {
            self.unbroadcast.insert(txid);
        }
    }

    /// A peer has asked for the transaction, so the network has it. Tells whether it was marked.
    pub fn remove_unbroadcast(&mut self, txid: &Txid) -> bool {
        self.unbroadcast.remove(txid)
    }

    /// The transactions of our own that no peer has asked for yet.
    pub fn unbroadcast(&self) -> &BTreeSet<Txid> {
        &self.unbroadcast
    }
}

/// The better chunk first; within a cluster parents before children.
fn mining_order(a: &Entry, b: &Entry) -> Ordering {
    let key = |entry: &Entry| (Reverse(entry.chunk.feerate()), entry.cluster, entry.place);
    key(a).cmp(&key(b))
}
