//! The steps of admission that change nothing.

use std::collections::{BTreeSet, HashMap};

use bitcoin::{OutPoint, Transaction, TxOut, Txid, Wtxid};
use pumasi_chain::{
    Coin, TxResult,
    transaction::{check_transaction, is_final},
};
use pumasi_script::{Flags, PrecomputedTx};

use crate::{ChainContext, FeeRate, Mempool, Rejected, entry::Slot, policy};

/// Signature operations of one transaction, weighted: a fifth of a block's.
const MAX_STANDARD_TX_SIGOPS_COST: i64 = 16_000;
/// Outputs that are looked up to tell a confirmed transaction from an orphan.
const MAX_LOOKUPS_OF_OWN_OUTPUTS: u32 = 16;

/// Steps 2 to 5: structure, inputs and outputs, size, and values, as far as the transaction shows them by itself.
pub(crate) fn check_by_itself(tx: &Transaction) -> Result<(), Rejected> {
    check_transaction(tx)?;
    if tx.is_coinbase() {
        return Err(Rejected::new(TxResult::Consensus, "coinbase"));
    }
    Ok(())
}

/// Only what the next block may contain waits here.
pub(crate) fn check_final(tx: &Transaction, chain: &dyn ChainContext) -> Result<(), Rejected> {
    if is_final(tx, chain.tip_height().saturating_add(1), chain.median_time_past()) {
        return Ok(());
    }
    Err(Rejected::new(TxResult::PrematureSpend, "non-final"))
}

/// Step 6: the transaction is not here yet, with this witness or another.
pub(crate) fn check_not_in_mempool(pool: &Mempool, txid: &Txid, wtxid: &Wtxid) -> Result<(), Rejected> {
    let reason = match () {
        () if pool.contains_wtxid(wtxid) => "txn-already-in-mempool",
        () if pool.contains(txid) => "txn-same-nonwitness-data-in-mempool",
        () => return Ok(()),
    };
    Err(Rejected::new(TxResult::Conflict, reason))
}

/// Step 7: the transaction is not in the chain, as far as its outputs are unspent there.
pub(crate) fn check_not_in_chain(tx: &Transaction, txid: Txid, chain: &dyn ChainContext) -> Result<(), Rejected> {
    let outputs = 0..(tx.output.len() as u32).min(MAX_LOOKUPS_OF_OWN_OUTPUTS);
    if outputs.map(|vout| OutPoint { txid, vout }).any(|outpoint| chain.coin(&outpoint).is_some()) {
        return Err(Rejected::new(TxResult::Conflict, "txn-already-known"));
    }
    Ok(())
}

/// Step 8: which transactions here spend the same outputs.
pub(crate) fn find_conflicts(
    pool: &Mempool,
    tx: &Transaction,
    allow_replacement: bool,
) -> Result<BTreeSet<Slot>, Rejected> {
    let conflicts: BTreeSet<Slot> =
        tx.input.iter().filter_map(|input| pool.spender_slot(&input.previous_output)).collect();
    if !conflicts.is_empty() && !allow_replacement {
        return Err(Rejected::new(TxResult::MempoolPolicy, "bip125-replacement-disallowed"));
    }
    Ok(conflicts)
}

/// Steps 9 and 11: the coins that the transaction spends, from its package, the mempool or the chain.
pub(crate) fn find_coins(
    pool: &Mempool,
    package_outputs: &HashMap<OutPoint, TxOut>,
    tx: &Transaction,
    txid: Txid,
    chain: &dyn ChainContext,
) -> Result<Vec<Coin>, Rejected> {
    let mut coins = Vec::with_capacity(tx.input.len());
    for input in &tx.input {
        match find_coin(pool, package_outputs, &input.previous_output, chain) {
            Some(coin) => coins.push(coin),
            None => {
                check_not_in_chain(tx, txid, chain)?;
                return Err(Rejected::new(TxResult::MissingInputs, "bad-txns-inputs-missingorspent"));
            }
        }
    }
    Ok(coins)
}

fn find_coin(
    pool: &Mempool,
    package_outputs: &HashMap<OutPoint, TxOut>,
    outpoint: &OutPoint,
    chain: &dyn ChainContext,
) -> Option<Coin> {
    let unconfirmed =
        |output: &TxOut| Coin { output: output.clone(), height: chain.tip_height().saturating_add(1), coinbase: false };
    if let Some(output) = package_outputs.get(outpoint) {
        return Some(unconfirmed(output));
    }
    // What is in the mempool cannot be in the chain as well.
    if pool.contains(&outpoint.txid) {
        return pool.output(outpoint).map(unconfirmed);
    }
    chain.coin(outpoint)
}

/// BIP68: relative locks are open in the next block.
pub(crate) fn check_sequence_locks(tx: &Transaction, coins: &[Coin], chain: &dyn ChainContext) -> Result<(), Rejected> {
    let heights: Vec<u32> = coins.iter().map(|coin| coin.height).collect();
    if chain.sequence_locks_open(tx, &heights) {
        return Ok(());
    }
    Err(Rejected::new(TxResult::PrematureSpend, "non-BIP68-final"))
}

/// Steps 10 and 12: coinbases are mature, and the inputs are worth the outputs. The difference is the fee, in satoshis.
pub(crate) fn check_inputs(tx: &Transaction, coins: &[Coin], chain: &dyn ChainContext) -> Result<i64, Rejected> {
    let fee = pumasi_chain::transaction::check_inputs(tx, coins, chain.tip_height().saturating_add(1))?;
    Ok(fee.to_signed().expect("at most 21 million bitcoin").to_sat())
}

/// A transaction is no burden to a block's limit of signature operations.
pub(crate) fn check_sigops(sigop_cost: i64) -> Result<(), Rejected> {
    if sigop_cost > MAX_STANDARD_TX_SIGOPS_COST {
        let rejected = Rejected::new(TxResult::NotStandard, "bad-txns-too-many-sigops");
        return Err(rejected.because(sigop_cost.to_string()));
    }
    Ok(())
}

/// The fee reaches what the mempool asks for now, and what relay asks for always.
pub(crate) fn check_feerate(pool: &Mempool, fee: i64, vsize: i64, now: i64) -> Result<(), Rejected> {
    let check = |needed: i64, reason| {
        if needed > 0 && fee < needed {
            return Err(Rejected::new(TxResult::Reconsiderable, reason).because(format!("{fee} < {needed}")));
        }
        Ok(())
    };
    check(pool.min_feerate(now).fee_for(vsize), "mempool min fee not met")?;
    check(pool.config.min_relay_feerate.fee_for(vsize), "min relay fee not met")
}

/// The fee is not a slip of the sender.
pub(crate) fn check_max_feerate(feerate: FeeRate, max: Option<FeeRate>) -> Result<(), Rejected> {
    if max.is_some_and(|max| feerate > max) {
        return Err(Rejected::new(TxResult::MempoolPolicy, "max feerate exceeded"));
    }
    Ok(())
}

/// Step 13: the scripts hold under the rules of policy.
pub(crate) fn check_policy_scripts(tx: &PrecomputedTx<'_>, chain: &dyn ChainContext) -> Result<(), Rejected> {
    let Err(rejected) = check_scripts(tx, Flags::STANDARD, chain) else { return Ok(()) };
    let stripped = tx.tx().input.iter().all(|input| input.witness.is_empty())
        && policy::spends_witness_program(tx.tx(), tx.spent());
    // The sender may have taken the witness off: the transaction itself is not to blame.
    let kind = if stripped { TxResult::WitnessStripped } else { rejected.kind };
    Err(Rejected { kind, ..rejected })
}

/// Step 13 again, under the rules of the next block. Policy is stricter, so this can only fail by a bug; but a bug there
/// must not let anything in that a block may not contain.
pub(crate) fn check_consensus_scripts(tx: &PrecomputedTx<'_>, chain: &dyn ChainContext) -> Result<(), Rejected> {
    let flags = chain.next_block_flags();
    check_scripts(tx, flags, chain)?;
    if let Some(cache) = chain.script_cache() {
        cache.insert_scripts(tx.tx(), flags);
    }
    Ok(())
}

fn check_scripts(tx: &PrecomputedTx<'_>, flags: Flags, chain: &dyn ChainContext) -> Result<(), Rejected> {
    for (index, input) in tx.tx().input.iter().enumerate() {
        if let Err(error) = chain.verifier().verify(tx, index, flags) {
            let (txid, wtxid) = (tx.tx().compute_txid(), tx.tx().compute_wtxid());
            let debug = format!("input {index} of {txid} (wtxid {wtxid}), spending {}", input.previous_output);
            let (kind, place) = if flags.intersects(Flags::STANDARD.without(Flags::MANDATORY)) {
                (TxResult::NotStandard, "mempool")
            } else {
                (TxResult::Consensus, "block")
            };
            let reason = format!("{place}-script-verify-flag-failed ({error})");
            return Err(Rejected::new(kind, reason).because(debug));
        }
    }
    Ok(())
}
