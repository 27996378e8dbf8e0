//! The table of waiting transactions, their relations, and what was done to them.

mod block;
pub(crate) mod clusters;
mod graph;
mod limit;
mod prioritise;
mod query;
mod remove;
mod reorg;
mod table;
mod usage;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bitcoin::{OutPoint, Transaction, Txid, Wtxid};

pub use clusters::ClusterChunk;
pub use limit::LimitReport;
pub use prioritise::Prioritised;
pub use query::MempoolInfo;
pub use reorg::DisconnectedTransactions;

use crate::{
    Config, FeeRate,
    entry::{Admission, Entry, Slot},
};
use clusters::{Clusters, Step};
use limit::RollingFee;
use table::Table;

/// Why a transaction left (Bitcoin Core's `MemPoolRemovalReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemovalReason {
    /// It waited too long.
    Expiry,
    /// The mempool was full, and others paid more.
    SizeLimit,
    /// A reorganisation made it invalid.
    Reorg,
    /// A block confirmed it.
    Block,
    /// A block confirmed another spend of the same coin.
    Conflict,
    /// A transaction that pays more took its place.
    Replaced,
}

impl RemovalReason {
    /// The word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::SizeLimit => "sizelimit",
            Self::Reorg => "reorg",
            Self::Block => "block",
            Self::Conflict => "conflict",
            Self::Replaced => "replaced",
        }
    }
}

/// What happened to the mempool, in order. [`Mempool::drain_events`] hands each out once; none survives a restart.
#[derive(Clone, Debug)]
pub enum Event {
    /// A transaction entered: announce it.
    Added {
        /// The transaction.
        tx: Arc<Transaction>,
        /// The fee in satoshis, without prioritisation.
        fee: i64,
        /// Virtual bytes.
        vsize: i64,
        /// The mempool's event number.
        sequence: u64,
    },
    /// A transaction left.
    Removed {
        /// The transaction.
        tx: Arc<Transaction>,
        /// Why.
        reason: RemovalReason,
        /// The mempool's event number; none when a block confirmed it.
        sequence: Option<u64>,
        /// It was our own, and no peer had asked for it yet.
        unbroadcast: bool,
    },
    /// The mempool was full: so many left, and entering now costs so much.
    FeeRaised {
        /// Transactions.
        evicted: usize,
        /// The fee rate of the best chunk that left, with the incremental rate on top.
        feerate: FeeRate,
    },
}

/// Transactions that wait for a block.
///
/// Everything in it is valid for the next block by the rules of consensus, no two of its transactions spend the same
/// output, and the figures of every family are exact.
#[derive(Debug)]
pub struct Mempool {
    pub(crate) config: Config,
    pub(crate) table: Table,
    by_wtxid: HashMap<Wtxid, Slot>,
    /// Which entry spends an output, confirmed or not.
    spends: HashMap<OutPoint, Slot>,
    by_time: BTreeSet<(i64, Slot)>,
    pub(crate) clusters: Clusters,
    /// Whose cluster has lost members, and is not ordered anew yet.
    torn: BTreeSet<Slot>,
    deltas: BTreeMap<Txid, i64>,
    unbroadcast: BTreeSet<Txid>,
    total_vsize: i64,
    total_fee: i64,
    /// Bytes of memory of all transactions and of the links between them.
    inner_usage: usize,
    rolling: RollingFee,
    sequence: u64,
    events: Vec<Event>,
}

impl Mempool {
    /// An empty mempool.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            table: Table::default(),
            by_wtxid: HashMap::new(),
            spends: HashMap::new(),
            by_time: BTreeSet::new(),
            clusters: Clusters::default(),
            torn: BTreeSet::new(),
            deltas: BTreeMap::new(),
            unbroadcast: BTreeSet::new(),
            total_vsize: 0,
            total_fee: 0,
            inner_usage: 0,
            rolling: RollingFee::default(),
            sequence: 1,
            events: Vec::new(),
        }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The number of the next event. A reader who knows it can order what it hears by other roads.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What happened since the last call, oldest first.
    pub fn drain_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn next_sequence(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }

    /// Puts a checked transaction in. Its parents become relatives; children that are here already (after a
    /// reorganisation) do so in [`Mempool::link_children`].
    pub(crate) fn insert(&mut self, admission: Admission) -> Slot {
        let usage = usage::transaction(&admission.tx);
        let alone = admission.alone();
        let parents = self.table.parents_of(&admission.tx);
        let (txid, wtxid, time) = (admission.txid, admission.wtxid, admission.time);
        self.total_vsize += admission.vsize;
        self.total_fee += admission.fee;
        self.inner_usage += usage;
        let tx = Arc::clone(&admission.tx);
        let slot = self.table.insert(
            txid,
            Entry {
                admission,
                usage,
                parents: BTreeSet::new(),
                children: BTreeSet::new(),
                ancestors: alone,
                descendants: alone,
                cluster: None,
                place: 0,
                chunk: Step { fee: 0, weight: 0 },
            },
        );
        self.by_wtxid.insert(wtxid, slot);
        self.by_time.insert((time, slot));
        for input in &tx.input {
            let before = self.spends.insert(input.previous_output, slot);
            debug_assert!(before.is_none(), "an output is spent once");
        }
        for parent in parents {
            self.link(parent, slot);
        }
        let ancestors = self.table.ancestors([slot]);
        let mut sum = alone;
        for &ancestor in ancestors.iter().filter(|&&ancestor| ancestor != slot) {
            sum.add(self.table[ancestor].alone());
            self.table[ancestor].descendants.add(alone);
        }
        self.table[slot].ancestors = sum;
        self.recluster([slot]);
        slot
    }

    /// Tells the world of a transaction that has entered for good.
    pub(crate) fn announce(&mut self, slot: Slot) {
        let entry = &self.table[slot];
        let (tx, fee, vsize) = (Arc::clone(entry.tx()), entry.fee(), entry.vsize());
        let sequence = self.next_sequence();
        self.events.push(Event::Added { tx, fee, vsize, sequence });
    }

    fn link(&mut self, parent: Slot, child: Slot) {
        if self.table[parent].children.insert(child) {
            self.inner_usage += usage::LINK;
        }
        if self.table[child].parents.insert(parent) {
            self.inner_usage += usage::LINK;
        }
    }

    fn unlink(&mut self, parent: Slot, child: Slot) {
        if self.table[parent].children.remove(&child) {
            self.inner_usage -= usage::LINK;
        }
        if self.table[child].parents.remove(&parent) {
            self.inner_usage -= usage::LINK;
        }
    }

    /// The least fee rate that enters now: the mempool's own, or the relay's.
    pub(crate) fn feerate_floor(&self, now: i64) -> FeeRate {
        self.min_feerate(now).max(self.config.min_relay_feerate)
    }
}
