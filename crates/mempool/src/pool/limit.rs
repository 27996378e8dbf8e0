//! Keeping the mempool small: expiry, eviction of what pays least, and the fee rate that rises with it.

use std::collections::BTreeSet;

use bitcoin::OutPoint;

use super::{Event, Mempool, RemovalReason};
use crate::{FeeRate, entry::Slot};

/// Seconds after which the risen fee rate has halved.
const ROLLING_FEE_HALFLIFE: i64 = 12 * 3600;
/// Seconds between two looks at the clock.
const ROLLING_FEE_STEP: i64 = 10;

/// The fee rate that a full mempool asks for. It rises with each eviction and decays once a block has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RollingFee {
    /// Satoshis per 1,000 virtual bytes.
    rate: f64,
    /// Seconds since the epoch.
    updated: i64,
    block_since_rise: bool,
}

impl RollingFee {
    fn raise(&mut self, evicted: FeeRate) {
        let rate = evicted.sat_per_kvb() as f64;
        if rate > self.rate {
            self.rate = rate;
            self.block_since_rise = false;
        }
    }

    pub(super) fn block_connected(&mut self, now: i64) {
        self.updated = now;
        self.block_since_rise = true;
    }

    fn decayed(mut self, now: i64, usage: usize, max_usage: usize, incremental: FeeRate) -> Self {
        if !self.block_since_rise || self.rate == 0.0 || now <= self.updated.saturating_add(ROLLING_FEE_STEP) {
            return self;
        }
        let halflife = match usage {
            small if small < max_usage / 4 => ROLLING_FEE_HALFLIFE / 4,
            half if half < max_usage / 2 => ROLLING_FEE_HALFLIFE / 2,
            _ => ROLLING_FEE_HALFLIFE,
        };
        let elapsed = now.saturating_sub(self.updated);
        self.rate /= (elapsed as f64 / halflife as f64).exp2();
        self.updated = now;
        if self.rate < incremental.sat_per_kvb() as f64 / 2.0 {
            self.rate = 0.0;
        }
        self
    }

    fn feerate(&self, incremental: FeeRate) -> FeeRate {
        if self.rate == 0.0 {
            return FeeRate::ZERO;
        }
        let rate = FeeRate::from_sat_per_kvb(self.rate.round() as i64);
        if self.block_since_rise { rate.max(incremental) } else { rate }
    }
}

/// What [`Mempool::limit`] removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitReport {
    /// Transactions that had waited too long, with their descendants.
    pub expired: usize,
    /// Transactions that paid too little for a full mempool.
    pub evicted: usize,
    /// Confirmed outputs that nothing in the mempool spends any more; a cache of coins need not keep them.
    pub no_spends_remaining: Vec<OutPoint>,
}

impl Mempool {
    /// The least fee rate that enters, apart from the relay's own (RPC field `mempoolminfee`, message `feefilter`).
    pub fn min_feerate(&self, now: i64) -> FeeRate {
        self.decayed_fee(now).feerate(self.config.incremental_relay_feerate)
    }

    fn decayed_fee(&self, now: i64) -> RollingFee {
        self.rolling.decayed(now, self.usage(), self.config.max_size_bytes, self.config.incremental_relay_feerate)
    }

    /// Removes what has waited too long, then what pays least until the rest fits.
    pub fn limit(&mut self, now: i64) -> LimitReport {
        self.rolling = self.decayed_fee(now);
        let expired = self.expire(now.saturating_sub(self.config.expiry_seconds));
        let before = self.len();
        let no_spends_remaining = self.trim(self.config.max_size_bytes);
        LimitReport { expired, evicted: before - self.len(), no_spends_remaining }
    }

    fn expire(&mut self, before: i64) -> usize {
        let old: Vec<Slot> = self.by_time.range(..(before, 0)).map(|&(_, slot)| slot).collect();
        let all = self.table.descendants(old);
        self.remove_with_descendants(&all, RemovalReason::Expiry);
        all.len()
    }

    /// Evicts the chunks that pay least until no more than `max_usage` bytes are used.
    pub fn trim(&mut self, max_usage: usize) -> Vec<OutPoint> {
        let mut freed = BTreeSet::new();
        let (mut evictions, mut highest) = (0, FeeRate::ZERO);
        while self.usage() > max_usage {
            let Some(chunk) = self.clusters.worst() else { break };
            // The next one to enter must pay for its own relay on top of what was just thrown away.
            let evicted = chunk.step().feerate_by_vsize();
            // The last chunk of a cluster has no descendants outside of it.
            let members: BTreeSet<Slot> = chunk.members.iter().copied().collect();
            let needed = evicted.saturating_add(self.config.incremental_relay_feerate);
            self.rolling.raise(needed);
            evictions += members.len();
            highest = highest.max(needed);
            for &member in &members {
                freed.extend(self.table[member].tx().input.iter().map(|input| input.previous_output));
            }
            self.remove_with_descendants(&members, RemovalReason::SizeLimit);
        }
        if evictions > 0 {
            self.events.push(Event::FeeRaised { evicted: evictions, feerate: highest });
        }
        let unspent =
            |outpoint: &OutPoint| self.table.get(&outpoint.txid).is_none() && !self.spends.contains_key(outpoint);
        freed.into_iter().filter(unspent).collect()
    }
}
