//! One waiting transaction with its figures.

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::{Transaction, Txid, Wtxid};

use crate::{
    FeeRate,
    pool::clusters::{ClusterId, Step},
};

/// Where an entry lies in the mempool's table.
pub(crate) type Slot = u32;

/// The figures of a transaction together with all its ancestors, or with all its descendants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Transactions.
    pub count: u64,
    /// Virtual bytes.
    pub vsize: i64,
    /// Satoshis, with prioritisation.
    pub fees: i64,
    /// Signature operations, weighted.
    pub sigop_cost: i64,
}

impl Family {
    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.vsize += other.vsize;
        self.fees = self.fees.saturating_add(other.fees);
        self.sigop_cost += other.sigop_cost;
    }

    pub(crate) fn subtract(&mut self, other: Self) {
        self.count -= other.count;
        self.vsize -= other.vsize;
        self.fees = self.fees.saturating_sub(other.fees);
        self.sigop_cost -= other.sigop_cost;
    }

    /// What the whole family pays.
    pub fn feerate(&self) -> FeeRate {
        FeeRate::of(self.fees, self.vsize)
    }
}

/// What is known of a transaction when it enters.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) tx: Arc<Transaction>,
    pub(crate) txid: Txid,
    pub(crate) wtxid: Wtxid,
    /// Satoshis.
    pub(crate) fee: i64,
    /// Satoshis added by prioritisation.
    pub(crate) fee_delta: i64,
    pub(crate) weight: u64,
    /// The weight, raised where signature operations weigh more.
    pub(crate) adjusted_weight: i64,
    pub(crate) sigop_cost: i64,
    pub(crate) vsize: i64,
    /// Seconds since the epoch.
    pub(crate) time: i64,
    pub(crate) height: u32,
    pub(crate) sequence: u64,
    pub(crate) spends_coinbase: bool,
}

impl Admission {
    pub(crate) fn modified_fee(&self) -> i64 {
        self.fee.saturating_add(self.fee_delta)
    }

    pub(crate) fn alone(&self) -> Family {
        Family { count: 1, vsize: self.vsize, fees: self.modified_fee(), sigop_cost: self.sigop_cost }
    }
}

/// A transaction in the mempool.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) admission: Admission,
    /// Bytes of memory that the transaction itself takes.
    pub(crate) usage: usize,
    pub(crate) parents: BTreeSet<Slot>,
    pub(crate) children: BTreeSet<Slot>,
    pub(crate) ancestors: Family,
    pub(crate) descendants: Family,
    /// Its cluster, its place there, and the chunk that it is mined with.
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) place: u32,
    pub(crate) chunk: Step,
}

impl Entry {
    /// The transaction.
    pub fn tx(&self) -> &Arc<Transaction> {
        &self.admission.tx
    }

    /// Its id without witness.
    pub fn txid(&self) -> Txid {
        self.admission.txid
    }

    /// Its id with witness.
    pub fn wtxid(&self) -> Wtxid {
        self.admission.wtxid
    }

    /// The fee that it pays, in satoshis.
    pub fn fee(&self) -> i64 {
        self.admission.fee
    }

    /// The fee with prioritisation, in satoshis.
    pub fn modified_fee(&self) -> i64 {
        self.admission.modified_fee()
    }

    /// The virtual size in bytes, raised where signature operations weigh more than bytes.
    pub fn vsize(&self) -> i64 {
        self.admission.vsize
    }

    /// The weight by BIP141.
    pub fn weight(&self) -> u64 {
        self.admission.weight
    }

    pub(crate) fn adjusted_weight(&self) -> i64 {
        self.admission.adjusted_weight
    }

    /// What the chunk that it is mined with pays: satoshis with prioritisation, and weight raised where signature
    /// operations weigh more.
    pub fn chunk(&self) -> (i64, i64) {
        (self.chunk.fee, self.chunk.weight)
    }

    /// When it entered, in seconds since the epoch.
    pub fn time(&self) -> i64 {
        self.admission.time
    }

    /// The height of the chain when it entered.
    pub fn height(&self) -> u32 {
        self.admission.height
    }

    /// The mempool's event number when it entered; 0 when a reorganisation put it back.
    pub fn sequence(&self) -> u64 {
        self.admission.sequence
    }

    /// Signature operations, weighted by BIP141.
    pub fn sigop_cost(&self) -> i64 {
        self.admission.sigop_cost
    }

    /// The figures with all unconfirmed ancestors, itself included.
    pub fn ancestors(&self) -> Family {
        self.ancestors
    }

    /// The figures with all unconfirmed descendants, itself included.
    pub fn descendants(&self) -> Family {
        self.descendants
    }

    /// What the transaction pays by itself, with prioritisation.
    pub fn feerate(&self) -> FeeRate {
        FeeRate::of(self.modified_fee(), self.vsize())
    }

    pub(crate) fn alone(&self) -> Family {
        self.admission.alone()
    }
}
