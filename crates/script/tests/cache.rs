//! The cache of signatures: bounded, and never the reason for a verdict.
#![allow(clippy::unwrap_used, dead_code, reason = "a test ends at what goes wrong")]

mod support;

use bitcoin::{Transaction, TxOut};
use pumasi_script::{CacheUse, Flags, Interpreter, PrecomputedTx, ScriptError, ScriptVerifier as _, SigCache};
use serde_json::Value;
use std::sync::Arc;
use support::{read, sats, transaction, witness};

/// The taproot spends of BIP341, signed.
fn signed() -> (Transaction, Vec<TxOut>, Vec<usize>) {
    let vectors: Value = serde_json::from_slice(&read("bip341_wallet_vectors.json")).unwrap();
    let vector = &vectors["keyPathSpending"][0];
    let mut tx = transaction(vector["given"]["rawUnsignedTx"].as_str().unwrap());
    let spent = vector["given"]["utxosSpent"].as_array().unwrap().iter().map(|utxo| TxOut {
        value: sats(&utxo["amountSats"]),
        script_pubkey: utxo["scriptPubKey"].as_str().map(|hex| hex::decode(hex).unwrap().into()).unwrap(),
    });
    let spent = spent.collect();
    let spending = vector["inputSpending"].as_array().unwrap();
    let inputs: Vec<usize> =
        spending.iter().map(|input| usize::try_from(input["given"]["txinIndex"].as_u64().unwrap()).unwrap()).collect();
    for (input, spending) in inputs.iter().zip(spending) {
        tx.input[*input].witness = witness(&spending["expected"]["witness"]);
    }
    (tx, spent, inputs)
}

fn verify(cache: &Arc<SigCache>, usage: CacheUse) -> Vec<Result<(), ScriptError>> {
    let (tx, spent, inputs) = signed();
    let tx = PrecomputedTx::new(&tx, spent);
    let interpreter = Interpreter::with_cache(Arc::clone(cache), usage);
    inputs.into_iter().map(|input| interpreter.verify(&tx, input, Flags::STANDARD)).collect()
}

#[test]
fn a_signature_is_as_valid_from_the_cache_as_without() {
    let cache = Arc::new(SigCache::new(1 << 20, [1; 32]));
    for usage in [CacheUse::Take, CacheUse::Keep, CacheUse::Keep, CacheUse::Take, CacheUse::Take] {
        assert_eq!(verify(&cache, usage), [Ok(()); 7]);
    }
}

#[test]
fn a_signature_over_something_else_is_not_found() {
    let cache = Arc::new(SigCache::new(1 << 20, [1; 32]));
    verify(&cache, CacheUse::Keep);
    let (mut tx, spent, inputs) = signed();
    tx.version = bitcoin::transaction::Version(7);
    let tx = PrecomputedTx::new(&tx, spent);
    let interpreter = Interpreter::with_cache(cache, CacheUse::Keep);
    for input in inputs {
        assert_eq!(interpreter.verify(&tx, input, Flags::STANDARD), Err(ScriptError::SchnorrSig));
    }
}

#[test]
fn a_transaction_is_found_under_the_same_flags_until_it_is_taken() {
    let (tx, ..) = signed();
    let cache = SigCache::new(1 << 20, [1; 32]);
    assert!(!cache.contains_scripts(&tx, Flags::MANDATORY, CacheUse::Keep));
    cache.insert_scripts(&tx, Flags::MANDATORY);
    assert!(!cache.contains_scripts(&tx, Flags::STANDARD, CacheUse::Keep));
    assert!(cache.contains_scripts(&tx, Flags::MANDATORY, CacheUse::Keep));
    assert!(cache.contains_scripts(&tx, Flags::MANDATORY, CacheUse::Take));
    assert!(!cache.contains_scripts(&tx, Flags::MANDATORY, CacheUse::Keep));
}

#[test]
fn another_witness_is_another_transaction() {
    let (mut tx, ..) = signed();
    let cache = SigCache::new(1 << 20, [1; 32]);
    cache.insert_scripts(&tx, Flags::MANDATORY);
    tx.input[0].witness.clear();
    assert!(!cache.contains_scripts(&tx, Flags::MANDATORY, CacheUse::Keep));
}

#[test]
fn a_full_cache_drops_some_and_keeps_the_newest() {
    let (mut tx, ..) = signed();
    let cache = SigCache::new(0, [1; 32]);
    let (all, room) = (4_096, 64 * 8);
    let mut with = |lock_time: u32| {
        tx.lock_time = bitcoin::absolute::LockTime::from_consensus(lock_time);
        tx.clone()
    };
    for lock_time in 0..all {
        let tx = with(lock_time);
        cache.insert_scripts(&tx, Flags::MANDATORY);
        assert!(cache.contains_scripts(&tx, Flags::MANDATORY, CacheUse::Keep));
    }
    let kept = (0..all).filter(|lock_time| cache.contains_scripts(&with(*lock_time), Flags::MANDATORY, CacheUse::Keep));
    let kept = kept.count();
    assert!(kept <= room && kept > room / 2, "{kept}");
}
