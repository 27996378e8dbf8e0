//! What a block should contain: the chunks that pay best, parents before children.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use bitcoin::Transaction;
use pumasi_chain::transaction::is_final;

use crate::{
    ChainContext, FeeRate, Mempool,
    entry::Slot,
    pool::clusters::{ClusterId, SlotChunk},
};

/// Chunks that may fail to fit, one after the other, before a nearly full block is good enough.
const MAX_CONSECUTIVE_FAILURES: u32 = 1000;
/// A block is nearly full when this much weight is left.
const NEARLY_FULL_WEIGHT: u64 = 4000;
/// Signature operations of a block, weighted (BIP141).
const MAX_BLOCK_SIGOPS_COST: i64 = 80_000;

/// What fits into the block.
#[derive(Clone, Copy, Debug)]
pub struct TemplateLimits {
    /// The weight of the block (`-blockmaxweight`).
    pub max_weight: u64,
    /// The weight kept for header, count and coinbase (`-blockreservedweight`).
    pub reserved_weight: u64,
    /// The signature operations kept for the coinbase, weighted.
    pub reserved_sigop_cost: i64,
    /// Chunks that pay less stay out (`-blockmintxfee`).
    pub min_feerate: FeeRate,
}

impl Default for TemplateLimits {
    fn default() -> Self {
        Self {
            max_weight: 4_000_000,
            reserved_weight: 8000,
            reserved_sigop_cost: 400,
            min_feerate: FeeRate::from_sat_per_kvb(1),
        }
    }
}

/// A transaction of a block template.
#[derive(Clone, Debug)]
pub struct TemplateTransaction {
    /// The transaction.
    pub tx: Arc<Transaction>,
    /// Satoshis, without prioritisation: what the coinbase may take.
    pub fee: i64,
    /// Signature operations, weighted.
    pub sigop_cost: i64,
    /// The weight by BIP141.
    pub weight: u64,
}

/// The transactions for the next block, without its coinbase.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// Parents before children.
    pub transactions: Vec<TemplateTransaction>,
    /// Satoshis, without prioritisation.
    pub total_fee: i64,
    /// The weight of these transactions, reserve not included.
    pub weight: u64,
    /// Their signature operations, reserve not included.
    pub sigop_cost: i64,
}

/// The next chunk of a cluster in the queue: what pays best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    feerate: FeeRate,
    /// Of equals, the cluster that stands longer.
    cluster: Reverse<ClusterId>,
    /// Which of its chunks.
    chunk: usize,
}

/// A selection under way.
struct Selection<'a> {
    pool: &'a Mempool,
    limits: &'a TemplateLimits,
    queue: BinaryHeap<Rank>,
    template: Template,
}

impl Mempool {
    /// Chooses transactions for the next block, chunk by chunk, best fee rate first.
    pub fn select(&self, limits: &TemplateLimits, chain: &dyn ChainContext) -> Template {
        let mut selection = Selection { pool: self, limits, queue: BinaryHeap::new(), template: Template::default() };
        self.clusters.iter().for_each(|(id, _)| selection.enqueue(id, 0));
        selection.run(chain);
        selection.template
    }
}

impl Selection<'_> {
    fn enqueue(&mut self, cluster: ClusterId, chunk: usize) {
        if let Some(next) = self.pool.clusters.get(cluster).get(chunk) {
            self.queue.push(Rank { feerate: next.feerate(), cluster: Reverse(cluster), chunk });
        }
    }

    fn run(&mut self, chain: &dyn ChainContext) {
        let mut failures = 0;
        while let Some(Rank { cluster: Reverse(id), chunk: at, .. }) = self.queue.pop() {
            let chunk = &self.pool.clusters.get(id)[at];
            if chunk.step().feerate_by_vsize() < self.limits.min_feerate {
                // Everything that is left pays less.
                return;
            }
            if !self.fits(chunk) || !chunk.members.iter().all(|&member| self.is_final(member, chain)) {
                // What comes after it in its cluster may depend on it: none of that either.
                failures += 1;
                if failures > MAX_CONSECUTIVE_FAILURES && self.is_nearly_full() {
                    return;
                }
                continue;
            }
            failures = 0;
            self.choose(&chunk.members);
            self.enqueue(id, at + 1);
        }
    }

    fn fits(&self, chunk: &SlotChunk) -> bool {
        let weight = u64::try_from(chunk.weight).unwrap_or(u64::MAX);
        let sigop_cost: i64 = chunk.members.iter().map(|&member| self.pool.table[member].sigop_cost()).sum();
        self.weight().saturating_add(weight) < self.limits.max_weight
            && self.limits.reserved_sigop_cost + self.template.sigop_cost + sigop_cost < MAX_BLOCK_SIGOPS_COST
    }

    fn weight(&self) -> u64 {
        self.limits.reserved_weight.saturating_add(self.template.weight)
    }

    fn is_nearly_full(&self) -> bool {
        self.weight() > self.limits.max_weight.saturating_sub(NEARLY_FULL_WEIGHT)
    }

    fn is_final(&self, slot: Slot, chain: &dyn ChainContext) -> bool {
        is_final(self.pool.table[slot].tx(), chain.tip_height().saturating_add(1), chain.median_time_past())
    }

    fn choose(&mut self, members: &[Slot]) {
        for &member in members {
            let entry = &self.pool.table[member];
            self.template.total_fee += entry.fee();
            self.template.weight += entry.weight();
            self.template.sigop_cost += entry.sigop_cost();
            self.template.transactions.push(TemplateTransaction {
                tx: Arc::clone(entry.tx()),
                fee: entry.fee(),
                sigop_cost: entry.sigop_cost(),
                weight: entry.weight(),
            });
        }
    }
}
