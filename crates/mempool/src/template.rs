//! What a block should contain: the families that pay best, parents before children.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bitcoin::{Transaction, Txid};
use pumasi_chain::transaction::is_final;

use crate::{
    ChainContext, Family, FeeRate, Mempool,
    entry::{Entry, Slot},
};

/// Families that may fail to fit, one after the other, before a nearly full block is good enough.
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
    /// Families that pay less stay out (`-blockmintxfee`).
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

/// A family's place in the queue: what pays best comes last. A parent that does not pay its way is judged with its
/// ancestors, a child that pays for its parents with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    feerate: FeeRate,
    txid: std::cmp::Reverse<Txid>,
    slot: Slot,
}

impl Rank {
    fn of(entry: &Entry, slot: Slot, ancestors: Family) -> Self {
        let feerate = entry.feerate().min(ancestors.feerate());
        Self { feerate, txid: std::cmp::Reverse(entry.txid()), slot }
    }
}

/// A selection under way.
struct Selection<'a> {
    pool: &'a Mempool,
    limits: &'a TemplateLimits,
    queue: BTreeSet<Rank>,
    /// The figures of families of which a part is in the block already.
    remaining: HashMap<Slot, Family>,
    chosen: BTreeSet<Slot>,
    template: Template,
}

impl Mempool {
    /// Chooses transactions for the next block, by the fee rate of each together with its ancestors.
    pub fn select(&self, limits: &TemplateLimits, chain: &dyn ChainContext) -> Template {
        let queue = self.table.iter().map(|(slot, entry)| Rank::of(entry, slot, entry.ancestors())).collect();
        let mut selection = Selection {
            pool: self,
            limits,
            queue,
            remaining: HashMap::new(),
            chosen: BTreeSet::new(),
            template: Template::default(),
        };
        selection.run(chain);
        selection.template
    }
}

impl Selection<'_> {
    fn run(&mut self, chain: &dyn ChainContext) {
        let mut failures = 0;
        while let Some(Rank { slot, .. }) = self.queue.pop_last() {
            let family = self.family(slot);
            if family.fees < self.limits.min_feerate.fee_for(family.vsize) {
                // Everything that is left pays less.
                return;
            }
            if !self.fits(family) {
                failures += 1;
                if failures > MAX_CONSECUTIVE_FAILURES && self.is_nearly_full() {
                    return;
                }
                continue;
            }
            let mut members: Vec<Slot> =
                self.pool.table.ancestors([slot]).into_iter().filter(|member| !self.chosen.contains(member)).collect();
            if !members.iter().all(|&member| self.is_final(member, chain)) {
                continue;
            }
            failures = 0;
            members.sort_by_key(|&member| (self.pool.table[member].ancestors().count, self.pool.table[member].txid()));
            self.choose(&members);
        }
    }

    fn family(&self, slot: Slot) -> Family {
        self.remaining.get(&slot).copied().unwrap_or_else(|| self.pool.table[slot].ancestors())
    }

    fn fits(&self, family: Family) -> bool {
        // The virtual size times four is a little more than the weight, never less.
        let weight = u64::try_from(family.vsize).unwrap_or(u64::MAX).saturating_mul(4);
        self.weight().saturating_add(weight) < self.limits.max_weight
            && self.limits.reserved_sigop_cost + self.template.sigop_cost + family.sigop_cost < MAX_BLOCK_SIGOPS_COST
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
            self.queue.remove(&Rank::of(entry, member, self.family(member)));
            self.chosen.insert(member);
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
        for &member in members {
            self.pay_off(member);
        }
    }

    /// What is in the block no longer burdens its descendants.
    fn pay_off(&mut self, member: Slot) {
        let alone = self.pool.table[member].alone();
        for descendant in self.pool.table.descendants([member]) {
            if self.chosen.contains(&descendant) {
                continue;
            }
            let (entry, before) = (&self.pool.table[descendant], self.family(descendant));
            let mut after = before;
            after.subtract(alone);
            self.remaining.insert(descendant, after);
            // One that did not fit by itself may fit now that its parents are in.
            self.queue.remove(&Rank::of(entry, descendant, before));
            self.queue.insert(Rank::of(entry, descendant, after));
        }
    }
}
