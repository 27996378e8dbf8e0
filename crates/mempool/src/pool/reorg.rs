//! A reorganisation: what the old chain had confirmed waits again, and what the new one does not allow goes.

use std::{
    collections::{BTreeSet, BinaryHeap, HashMap, VecDeque},
    sync::Arc,
};

use bitcoin::{Block, Transaction, Txid};
use pumasi_chain::{params::COINBASE_MATURITY, transaction::is_final};

use super::{LimitReport, Mempool, RemovalReason, usage};
use crate::{AcceptOptions, ChainContext, Entry, entry::Slot};

/// The memory that the transactions of disconnected blocks may take, in bytes.
const MAX_DISCONNECTED_BYTES: usize = 20_000_000;

/// Transactions of disconnected blocks, until the new chain stands.
#[derive(Debug, Default)]
pub struct DisconnectedTransactions {
    /// In the order of disconnecting: the last transaction of the highest block first. Gaps where the new chain has
    /// confirmed a transaction again.
    queue: VecDeque<Option<Arc<Transaction>>>,
    /// Positions in the queue, counted from its first element ever.
    positions: HashMap<Txid, usize>,
    /// Elements that have left the queue at the front.
    dropped: usize,
    usage: usize,
}

impl DisconnectedTransactions {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many transactions are kept.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Keeps the transactions of a block that was the tip. Returns those that there is no room for: pass them to
    /// [`Mempool::remove_reorged`].
    #[must_use]
    pub fn add_block(&mut self, block: &Block) -> Vec<Arc<Transaction>> {
        for tx in block.txdata.iter().rev() {
            let tx = Arc::new(tx.clone());
            self.usage += usage::transaction(&tx);
            self.positions.insert(tx.compute_txid(), self.dropped + self.queue.len());
            self.queue.push_back(Some(tx));
        }
        let mut evicted = Vec::new();
        while self.usage > MAX_DISCONNECTED_BYTES {
            let Some(first) = self.queue.pop_front() else { break };
            self.dropped += 1;
            if let Some(tx) = first {
                self.forget(&tx);
                evicted.push(tx);
            }
        }
        evicted
    }

    /// Forgets what a block of the new chain has confirmed.
    pub fn remove_for_block(&mut self, transactions: &[Transaction]) {
        for tx in transactions {
            let Some(&position) = self.positions.get(&tx.compute_txid()) else { continue };
            if let Some(kept) = self.queue.get_mut(position - self.dropped).and_then(Option::take) {
                self.forget(&kept);
            }
        }
    }

    fn forget(&mut self, tx: &Transaction) {
        self.positions.remove(&tx.compute_txid());
        self.usage -= usage::transaction(tx);
    }

    /// The transactions in the order in which the old chain had confirmed them.
    fn into_oldest_first(self) -> impl Iterator<Item = Arc<Transaction>> {
        self.queue.into_iter().rev().flatten()
    }
}

impl Mempool {
    /// Removes what depends on a transaction of a disconnected block that cannot be kept.
    pub fn remove_reorged(&mut self, tx: &Transaction) {
        self.remove_recursive(tx, RemovalReason::Reorg);
    }

    /// Makes the mempool fit the chain after a reorganisation. With `put_back`, the transactions of disconnected blocks
    /// come in again as far as they are valid; without it they, and what depends on them, are gone.
    pub fn update_for_reorg(
        &mut self,
        disconnected: DisconnectedTransactions,
        chain: &dyn ChainContext,
        now: i64,
        put_back: bool,
    ) -> LimitReport {
        let mut returned = Vec::new();
        for tx in disconnected.into_oldest_first() {
            if put_back && self.put_back(&tx, chain, now) {
                returned.extend(self.table.slot(&tx.compute_txid()));
            } else {
                self.remove_reorged(&tx);
            }
        }
        self.link_children(&returned);
        self.remove_invalid(chain);
        self.limit(now)
    }

    fn put_back(&mut self, tx: &Arc<Transaction>, chain: &dyn ChainContext, now: i64) -> bool {
        let options = AcceptOptions { bypass_limits: true, ..AcceptOptions::default() };
        !tx.is_coinbase() && self.accept_with(Arc::clone(tx), chain, now, options).is_ok()
    }

    /// Joins transactions that were put back to the children that waited here all along, and removes what makes their
    /// cluster too large.
    fn link_children(&mut self, returned: &[Slot]) {
        // One of them may have been replaced by a later one; its slot may then hold that one, which is here as well.
        let returned: BTreeSet<Slot> = returned.iter().copied().filter(|&slot| self.table.holds(slot)).collect();
        for &slot in &returned {
            let tx = Arc::clone(self.table[slot].tx());
            for child in self.spenders_of(&tx).collect::<Vec<_>>() {
                self.link(slot, child);
            }
        }
        for slot in self.table.descendants(returned.iter().copied()) {
            self.table[slot].ancestors = self.table.sum(&self.table.ancestors([slot]));
        }
        for slot in self.table.ancestors(returned.iter().copied()) {
            self.table[slot].descendants = self.table.sum(&self.table.descendants([slot]));
        }
        let mut excess = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for &slot in &returned {
            if !seen.contains(&slot) {
                let component = self.table.component(slot);
                excess.extend(self.excess(&component));
                seen.extend(component);
            }
        }
        self.torn.extend(seen);
        self.remove_with_descendants(&excess, RemovalReason::SizeLimit);
    }

    /// What has to leave so that the rest of these falls into clusters within the limits: going from what pays best to
    /// what pays least, whatever would make a cluster too large, with all that descends from it.
    fn excess(&self, component: &BTreeSet<Slot>) -> BTreeSet<Slot> {
        let limits = self.config.limits;
        let max_weight = limits.cluster_size_vbytes.saturating_mul(4);
        let weight: i64 = component.iter().map(|&slot| self.table[slot].adjusted_weight()).sum();
        if component.len() as u64 <= limits.cluster_count && weight <= max_weight {
            return BTreeSet::new();
        }
        let mut missing: HashMap<Slot, usize> =
            component.iter().map(|&slot| (slot, self.table[slot].parents.len())).collect();
        let mut excess = BTreeSet::new();
        let mut groups: Vec<(u64, i64)> = Vec::new();
        // The group of a transaction; a group that was joined to another points there.
        let mut joined: Vec<usize> = Vec::new();
        let mut group_of: HashMap<Slot, usize> = HashMap::new();
        let rank = |slot: Slot| (self.table[slot].chunk.feerate(), std::cmp::Reverse(slot));
        let mut ready: BinaryHeap<_> =
            missing.iter().filter(|(_, count)| **count == 0).map(|(&slot, _)| rank(slot)).collect();
        while let Some((_, std::cmp::Reverse(slot))) = ready.pop() {
            if excess.contains(&slot) {
                continue;
            }
            let entry = &self.table[slot];
            let find = |mut group: usize| {
                while joined[group] != group {
                    group = joined[group];
                }
                group
            };
            let parents: BTreeSet<usize> =
                entry.parents.iter().filter_map(|parent| group_of.get(parent)).map(|&group| find(group)).collect();
            let sum = parents.iter().map(|&group| groups[group]);
            let (count, weight) =
                sum.fold((1, entry.adjusted_weight()), |(count, weight), group| (count + group.0, weight + group.1));
            if count > limits.cluster_count || weight > max_weight {
                excess.extend(self.table.descendants([slot]));
                continue;
            }
            let group = groups.len();
            groups.push((count, weight));
            joined.push(group);
            parents.iter().for_each(|&parent| joined[parent] = group);
            group_of.insert(slot, group);
            for child in &entry.children {
                if let Some(count) = missing.get_mut(child) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(rank(*child));
                    }
                }
            }
        }
        excess
    }

    /// Removes what the next block may not contain any more.
    fn remove_invalid(&mut self, chain: &dyn ChainContext) {
        let invalid = self.table.iter().filter(|(_, entry)| !self.is_still_valid(entry, chain)).map(|(slot, _)| slot);
        let all = self.table.descendants(invalid.collect::<Vec<_>>());
        self.remove_with_descendants(&all, RemovalReason::Reorg);
    }

    /// Whether an entry is still final, its relative locks are open, and the coinbases that it spends are mature.
    fn is_still_valid(&self, entry: &Entry, chain: &dyn ChainContext) -> bool {
        let tx = entry.tx();
        let next_height = chain.tip_height().saturating_add(1);
        if !is_final(tx, next_height, chain.median_time_past()) {
            return false;
        }
        let has_locks = tx.input.iter().any(|input| input.sequence.is_relative_lock_time());
        if !has_locks && !entry.admission.spends_coinbase {
            return true;
        }
        let mut heights = Vec::with_capacity(tx.input.len());
        for input in &tx.input {
            if self.contains(&input.previous_output.txid) {
                heights.push(next_height);
                continue;
            }
            let Some(coin) = chain.coin(&input.previous_output) else { return false };
            if coin.coinbase && next_height.saturating_sub(coin.height) < COINBASE_MATURITY {
                return false;
            }
            heights.push(coin.height);
        }
        chain.sequence_locks_open(tx, &heights)
    }
}
