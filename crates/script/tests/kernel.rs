//! Bitcoin Core's own engine beside our interpreter: the same verdict on every vector, with the flags of consensus.
#![cfg(feature = "kernel")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "a test says how much it tested, and ends at what goes wrong"
)]

mod support;

use bitcoin::consensus::deserialize;
use bitcoin::{Amount, ScriptBuf, TxOut, Witness};
use pumasi_script::{Flags, Interpreter, Kernel, PrecomputedTx, ScriptError, ScriptVerifier as _};
use serde_json::Value;
use support::{SomeFlags, credit_and_spend, entries, fill, gunzip, parse_script, read, transaction, witness};

/// Flags that the engine takes.
fn consensus(flags: Flags) -> Flags {
    let flags = flags & Flags::MANDATORY;
    fill(if flags.contains(Flags::TAPROOT) { flags | Flags::WITNESS } else { flags })
}

fn agree(tx: &PrecomputedTx<'_>, input: usize, flags: Flags) {
    let (ours, core) = (Interpreter::new().verify(tx, input, flags), Kernel::default().verify(tx, input, flags));
    assert_eq!(ours, core, "{flags}: {:?}", tx.tx());
}

#[test]
fn the_engine_has_our_verdict_on_the_scripts_of_the_vectors() {
    let mut checks = 0;
    for (entry, seed) in entries("script_tests.json").into_iter().zip(1..) {
        // With a witness they are transactions of the other vectors.
        let Some(script_sig) = entry[0].as_str() else { continue };
        let output = TxOut { value: Amount::ZERO, script_pubkey: parse_script(entry[1].as_str().unwrap()) };
        let (spent, tx) = credit_and_spend(output, parse_script(script_sig), Witness::new());
        let tx = PrecomputedTx::new(&tx, vec![spent]);
        for flags in SomeFlags(seed).take(8).chain([Flags::NONE, Flags::ALL]) {
            agree(&tx, 0, consensus(flags));
            checks += 1;
        }
    }
    println!("script_tests.json: {checks} verdicts of Core's engine");
    assert!(checks > 10_000);
}

#[test]
fn the_engine_has_our_verdict_on_the_spends_of_cores_taproot_test() {
    let tests: Vec<Value> = serde_json::from_slice(&gunzip(&read("script_assets.json.gz"))).unwrap();
    let mut checks = 0;
    for (test, seed) in tests.iter().zip(1..) {
        let spent = test["prevouts"].as_array().unwrap().iter();
        let spent: Vec<TxOut> =
            spent.map(|output| deserialize(&hex::decode(output.as_str().unwrap()).unwrap()).unwrap()).collect();
        let input = usize::try_from(test["index"].as_u64().unwrap()).unwrap();
        for spend in [test.get("success"), test.get("failure")].into_iter().flatten() {
            let mut tx = transaction(test["tx"].as_str().unwrap());
            tx.input[input].script_sig = ScriptBuf::from_hex(spend["scriptSig"].as_str().unwrap()).unwrap();
            tx.input[input].witness = witness(&spend["witness"]);
            let tx = PrecomputedTx::new(&tx, spent.clone());
            for flags in SomeFlags(seed).take(2).chain([Flags::ALL]) {
                agree(&tx, input, consensus(flags));
                checks += 1;
            }
        }
    }
    println!("script_assets.json: {checks} verdicts of Core's engine");
    assert_eq!(checks, 3 * (2_808 + 2_490));
}

#[test]
fn what_the_engine_accepts_our_policy_may_still_refuse() {
    // A push that could be shorter: valid in a block, not relayed.
    let output = TxOut { value: Amount::ZERO, script_pubkey: parse_script("1 EQUAL") };
    let (spent, tx) = credit_and_spend(output, parse_script("0x01 0x01"), Witness::new());
    let tx = PrecomputedTx::new(&tx, vec![spent]);
    assert_eq!(Kernel::default().verify(&tx, 0, Flags::MANDATORY), Ok(()));
    assert_eq!(Kernel::default().verify(&tx, 0, Flags::STANDARD), Err(ScriptError::MinimalData));
}

#[test]
fn flags_that_the_engine_does_not_take_together_are_an_unknown_error() {
    let output = TxOut { value: Amount::ZERO, script_pubkey: parse_script("1") };
    let (spent, tx) = credit_and_spend(output, ScriptBuf::new(), Witness::new());
    let tx = PrecomputedTx::new(&tx, vec![spent]);
    assert_eq!(Kernel::default().verify(&tx, 0, Flags::WITNESS), Err(ScriptError::UnknownError));
}
