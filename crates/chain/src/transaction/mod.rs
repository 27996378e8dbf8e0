//! Rules of single transactions.
//!
//! - [`check_transaction`]: what needs no context.
//! - [`is_final`], [`sequence_locks`], [`locks_open`]: the locks (nLockTime; BIP68, BIP112, BIP113).
//! - [`check_inputs`]: what needs the coins that are spent.

mod inputs;
mod locks;

use std::collections::HashSet;

use bitcoin::{OutPoint, Transaction};

use crate::error::TxError;
use crate::hasher::HashKeyed;
use crate::params::{MAX_BLOCK_WEIGHT, MAX_MONEY, WITNESS_SCALE_FACTOR};

pub use inputs::{check_inputs, missing_inputs};
pub use locks::{SequenceLocks, is_final, locks_open, sequence_locks};

/// Fewest and most bytes of a coinbase's script.
const COINBASE_SCRIPT: std::ops::RangeInclusive<usize> = 2..=100;
/// Inputs up to which duplicates are sought by comparing each with each.
const FEW_INPUTS: usize = 8;

/// The rules that a transaction obeys by itself, in Core's order.
///
/// # Errors
/// The reject reason of the first rule that is broken; always [`crate::TxResult::Consensus`].
pub fn check_transaction(tx: &Transaction) -> Result<(), TxError> {
    check_inputs_present(tx)?;
    check_outputs_present(tx)?;
    check_size(tx)?;
    check_output_values(tx)?;
    check_duplicate_inputs(tx)?;
    if tx.is_coinbase() { check_coinbase_script(tx) } else { check_no_null_inputs(tx) }
}

fn check_inputs_present(tx: &Transaction) -> Result<(), TxError> {
    if tx.input.is_empty() { Err(TxError::consensus("bad-txns-vin-empty")) } else { Ok(()) }
}

fn check_outputs_present(tx: &Transaction) -> Result<(), TxError> {
    if tx.output.is_empty() { Err(TxError::consensus("bad-txns-vout-empty")) } else { Ok(()) }
}

/// The witness does not count here: whether it was changed on the way is not known yet.
fn check_size(tx: &Transaction) -> Result<(), TxError> {
    let too_large = tx.base_size() as u64 * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT;
    if too_large { Err(TxError::consensus("bad-txns-oversize")) } else { Ok(()) }
}

/// Each output and their sum stay between 0 and 21 million bitcoin (CVE-2010-5139).
fn check_output_values(tx: &Transaction) -> Result<(), TxError> {
    let mut sum = 0u64;
    for output in &tx.output {
        let value = output.value.to_sat();
        if i64::try_from(value).is_err() {
            return Err(TxError::consensus("bad-txns-vout-negative"));
        }
        if value > MAX_MONEY {
            return Err(TxError::consensus("bad-txns-vout-toolarge"));
        }
        sum += value;
        if sum > MAX_MONEY {
            return Err(TxError::consensus("bad-txns-txouttotal-toolarge"));
        }
    }
    Ok(())
}

/// No coin is spent twice (CVE-2018-17144).
fn check_duplicate_inputs(tx: &Transaction) -> Result<(), TxError> {
    let inputs = &tx.input;
    let unique = if inputs.len() <= FEW_INPUTS {
        let seen_before = |i: usize| inputs[..i].iter().any(|other| other.previous_output == inputs[i].previous_output);
        !(1..inputs.len()).any(seen_before)
    } else {
        let mut seen: HashSet<OutPoint, HashKeyed> =
            HashSet::with_capacity_and_hasher(inputs.len(), HashKeyed::default());
        inputs.iter().all(|input| seen.insert(input.previous_output))
    };
    if unique { Ok(()) } else { Err(TxError::consensus("bad-txns-inputs-duplicate")) }
}

fn check_coinbase_script(tx: &Transaction) -> Result<(), TxError> {
    let fits = COINBASE_SCRIPT.contains(&tx.input[0].script_sig.len());
    if fits { Ok(()) } else { Err(TxError::consensus("bad-cb-length")) }
}

fn check_no_null_inputs(tx: &Transaction) -> Result<(), TxError> {
    let null = tx.input.iter().any(|input| input.previous_output.is_null());
    if null { Err(TxError::consensus("bad-txns-prevout-null")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use bitcoin::{Amount, ScriptBuf, TxIn, TxOut, Txid, absolute::LockTime, transaction::Version};

    use super::*;

    fn point(n: u32) -> OutPoint {
        OutPoint::new(Txid::from_byte_array([1; 32]), n)
    }

    fn tx(inputs: &[OutPoint], values: &[u64]) -> Transaction {
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: inputs.iter().map(|&previous_output| TxIn { previous_output, ..TxIn::default() }).collect(),
            output: values
                .iter()
                .map(|&sat| TxOut { value: Amount::from_sat(sat), script_pubkey: ScriptBuf::new() })
                .collect(),
        }
    }

    fn reason(tx: &Transaction) -> String {
        check_transaction(tx).map_or_else(|error| error.reason().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn inputs_and_outputs_must_be_present() {
        assert_eq!(reason(&tx(&[], &[1])), "bad-txns-vin-empty");
        assert_eq!(reason(&tx(&[point(0)], &[])), "bad-txns-vout-empty");
        assert_eq!(reason(&tx(&[point(0)], &[1])), "ok");
    }

    #[test]
    fn size_is_limited_without_the_witness() {
        let mut big = tx(&[point(0)], &[1]);
        let spare = 1_000_000 - big.base_size() - 4;
        big.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; spare]);
        big.input[0].witness.push(vec![0; 100_000]);
        assert_eq!(big.base_size(), 1_000_000);
        assert_eq!(reason(&big), "ok");
        big.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; spare + 1]);
        assert_eq!(reason(&big), "bad-txns-oversize");
    }

    #[test]
    fn values_stay_within_21_million() {
        assert_eq!(reason(&tx(&[point(0)], &[MAX_MONEY])), "ok");
        assert_eq!(reason(&tx(&[point(0)], &[MAX_MONEY + 1])), "bad-txns-vout-toolarge");
        assert_eq!(reason(&tx(&[point(0)], &[u64::MAX])), "bad-txns-vout-negative");
        assert_eq!(reason(&tx(&[point(0)], &[MAX_MONEY, 1])), "bad-txns-txouttotal-toolarge");
    }

    #[test]
    fn a_coin_is_not_spent_twice_in_few_or_many_inputs() {
        assert_eq!(reason(&tx(&[point(0), point(1), point(0)], &[1])), "bad-txns-inputs-duplicate");
        let mut many: Vec<OutPoint> = (0..100).map(point).collect();
        assert_eq!(reason(&tx(&many, &[1])), "ok");
        many.push(point(50));
        assert_eq!(reason(&tx(&many, &[1])), "bad-txns-inputs-duplicate");
    }

    #[test]
    fn a_coinbase_script_has_2_to_100_bytes() {
        for (length, expected) in [(1, "bad-cb-length"), (2, "ok"), (100, "ok"), (101, "bad-cb-length")] {
            let mut coinbase = tx(&[OutPoint::null()], &[1]);
            coinbase.input[0].script_sig = ScriptBuf::from_bytes(vec![0; length]);
            assert_eq!(reason(&coinbase), expected, "{length}");
        }
    }

    #[test]
    fn only_a_coinbase_has_a_null_input() {
        assert_eq!(reason(&tx(&[point(0), OutPoint::null()], &[1])), "bad-txns-prevout-null");
    }
}
