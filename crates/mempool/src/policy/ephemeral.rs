//! Ephemeral dust: one worthless output, in a transaction without a fee, whose only child must spend it.

use std::collections::{BTreeSet, HashMap};

use bitcoin::{OutPoint, Transaction, Txid, Wtxid};
use pumasi_chain::TxResult;

use super::dust_outputs;
use crate::{FeeRate, Mempool, Rejected, entry::Admission};

/// A transaction with dust pays nothing, so that nobody gains by mining it without the child that spends the dust.
pub(crate) fn check_dust_is_free(admission: &Admission, dust_relay_feerate: FeeRate) -> Result<(), Rejected> {
    let paid = admission.fee != 0 || admission.modified_fee() != 0;
    if paid && dust_outputs(&admission.tx, dust_relay_feerate).next().is_some() {
        return Err(Rejected::new(TxResult::NotStandard, "dust").because("tx with dust output must be 0-fee"));
    }
    Ok(())
}

/// Every child spends all the dust of its unconfirmed parents, in `package` or in the mempool.
///
/// # Errors
///
/// The child that does not, and why it is refused.
pub(crate) fn check_dust_is_spent(
    package: &[(Txid, &Transaction)],
    pool: &Mempool,
) -> Result<(), Box<(Wtxid, Rejected)>> {
    let in_package: HashMap<Txid, &Transaction> = package.iter().copied().collect();
    for &(child, tx) in package {
        let parents: BTreeSet<Txid> = tx.input.iter().map(|input| input.previous_output.txid).collect();
        let mut unspent = BTreeSet::new();
        for txid in parents {
            let in_pool = || pool.entry(&txid).map(|entry| &**entry.tx());
            let Some(parent) = in_package.get(&txid).copied().or_else(in_pool) else { continue };
            let dust = dust_outputs(parent, pool.config.dust_relay_feerate);
            unspent.extend(dust.map(|vout| OutPoint { txid, vout: vout as u32 }));
        }
        for input in &tx.input {
            unspent.remove(&input.previous_output);
        }
        if !unspent.is_empty() {
            let wtxid = tx.compute_wtxid();
            let debug = format!("tx {child} (wtxid={wtxid}) did not spend parent's ephemeral dust");
            let rejected = Rejected::new(TxResult::MempoolPolicy, "missing-ephemeral-spends").because(debug);
            return Err(Box::new((wtxid, rejected)));
        }
    }
    Ok(())
}
