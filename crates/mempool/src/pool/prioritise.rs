//! Fees that exist only for this node: a miner's word for or against a transaction.

use bitcoin::Txid;

use super::Mempool;

/// A transaction with a fee delta (RPC `getprioritisedtransactions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prioritised {
    /// The transaction; it need not be here yet.
    pub txid: Txid,
    /// Satoshis that are added to its fee.
    pub fee_delta: i64,
    /// The fee with the delta, when the transaction is in the mempool.
    pub modified_fee: Option<i64>,
}

impl Mempool {
    /// Adds `delta` satoshis to the fee by which a transaction is judged, now or when it comes.
    pub fn prioritise(&mut self, txid: Txid, delta: i64) {
        let sum = self.deltas.entry(txid).or_default();
        *sum = sum.saturating_add(delta);
        let sum = *sum;
        if sum == 0 {
            self.deltas.remove(&txid);
        }
        let Some(slot) = self.table.slot(&txid) else { return };
        let before = self.table[slot].modified_fee();
        self.table[slot].admission.fee_delta = sum;
        let change = self.table[slot].modified_fee().saturating_sub(before);
        for ancestor in self.table.ancestors([slot]) {
            let fees = &mut self.table[ancestor].descendants.fees;
            *fees = fees.saturating_add(change);
        }
        for descendant in self.table.descendants([slot]) {
            let fees = &mut self.table[descendant].ancestors.fees;
            *fees = fees.saturating_add(change);
        }
        self.recluster([slot]);
    }

    /// All fee deltas, by txid.
    pub fn prioritised(&self) -> impl Iterator<Item = Prioritised> {
        self.deltas.iter().map(|(&txid, &fee_delta)| {
            let modified_fee = self.entry(&txid).map(crate::Entry::modified_fee);
            Prioritised { txid, fee_delta, modified_fee }
        })
    }

    /// The delta of one transaction, in satoshis.
    pub(crate) fn delta(&self, txid: &Txid) -> i64 {
        self.deltas.get(txid).copied().unwrap_or(0)
    }

    /// Forgets the delta of a transaction that is settled.
    pub(super) fn clear_prioritisation(&mut self, txid: &Txid) {
        self.deltas.remove(txid);
    }
}
