//! The spends that Core's `feature_taproot.py` makes: each with a witness that is valid and one that is not.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "a test says how much it tested, and ends at what goes wrong"
)]

mod support;

use bitcoin::consensus::deserialize;
use bitcoin::{ScriptBuf, Transaction, TxOut};
use pumasi_script::{CacheUse, Flags, Interpreter, PrecomputedTx, ScriptVerifier as _, SigCache};
use serde_json::Value;
use std::sync::Arc;
use support::{gunzip, read, transaction, witness};

/// Every set of consensus flags that means something.
fn consensus_flags() -> Vec<Flags> {
    let flags = [
        Flags::P2SH,
        Flags::DERSIG,
        Flags::NULLDUMMY,
        Flags::CHECKLOCKTIMEVERIFY,
        Flags::CHECKSEQUENCEVERIFY,
        Flags::WITNESS,
        Flags::TAPROOT,
    ];
    let sets = (0..1 << flags.len()).map(|set: u32| {
        let chosen = flags.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
        chosen.fold(Flags::NONE, |set, (_, flag)| set | *flag)
    });
    sets.filter(|set| !set.contains(Flags::WITNESS) || set.contains(Flags::P2SH))
        .filter(|set| !set.contains(Flags::TAPROOT) || set.contains(Flags::WITNESS))
        .collect()
}

struct Asset {
    tx: Transaction,
    spent: Vec<TxOut>,
    input: usize,
}

impl Asset {
    fn read(test: &Value) -> Self {
        let spent = test["prevouts"].as_array().unwrap().iter();
        let spent = spent.map(|output| deserialize(&hex::decode(output.as_str().unwrap()).unwrap()).unwrap());
        let input = usize::try_from(test["index"].as_u64().unwrap()).unwrap();
        Self { tx: transaction(test["tx"].as_str().unwrap()), spent: spent.collect(), input }
    }

    fn with(&self, spend: &Value) -> Transaction {
        let mut tx = self.tx.clone();
        tx.input[self.input].script_sig = ScriptBuf::from_hex(spend["scriptSig"].as_str().unwrap()).unwrap();
        tx.input[self.input].witness = witness(&spend["witness"]);
        tx
    }
}

#[test]
fn every_spend_of_cores_taproot_test_has_its_verdict() {
    let tests: Vec<Value> = serde_json::from_slice(&gunzip(&read("script_assets.json.gz"))).unwrap();
    // The same signatures come under many flags; that the cache gives no other verdict is tested with them.
    let cache = Arc::new(SigCache::new(8 << 20, [7; 32]));
    let interpreter = Interpreter::with_cache(cache, CacheUse::Keep);
    let sets = consensus_flags();
    let (mut successes, mut failures, mut checks) = (0, 0, 0);
    for test in &tests {
        let asset = Asset::read(test);
        let flags: Flags = test["flags"].as_str().unwrap().parse().unwrap();
        let is_final = test["final"].as_bool().unwrap_or(false);
        if let Some(success) = test.get("success") {
            let tx = asset.with(success);
            let tx = PrecomputedTx::new(&tx, asset.spent.clone());
            for set in sets.iter().filter(|set| is_final || flags.contains(**set)) {
                assert_eq!(interpreter.verify(&tx, asset.input, *set), Ok(()), "{set}: {}", test["comment"]);
                checks += 1;
            }
            successes += 1;
        }
        if let Some(failure) = test.get("failure") {
            let tx = asset.with(failure);
            let tx = PrecomputedTx::new(&tx, asset.spent.clone());
            for set in sets.iter().filter(|set| set.contains(flags)) {
                assert!(interpreter.verify(&tx, asset.input, *set).is_err(), "{set}: {}", test["comment"]);
                checks += 1;
            }
            failures += 1;
        }
    }
    println!("script_assets.json: {successes} valid spends, {failures} invalid ones, {checks} checks");
    assert_eq!((tests.len(), successes, failures), (2_808, 2_808, 2_490));
}
