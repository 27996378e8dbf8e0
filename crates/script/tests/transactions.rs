//! Core's `tx_valid.json` and `tx_invalid.json`: whole transactions under flags.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "a test says how much it tested, and ends at what goes wrong"
)]

mod support;

use bitcoin::{OutPoint, Transaction, TxOut};
use pumasi_script::{Flags, Interpreter, PrecomputedTx, ScriptVerifier as _};
use serde_json::Value;
use std::collections::HashMap;
use support::{SomeFlags, each_flag, entries, fill, parse_script, sats, transaction, trim};

struct Case {
    text: String,
    tx: Transaction,
    spent: Vec<TxOut>,
    flags: Flags,
}

impl Case {
    fn read(entry: &[Value]) -> Self {
        let outputs: HashMap<OutPoint, TxOut> = entry[0].as_array().unwrap().iter().map(output).collect();
        let tx = transaction(entry[1].as_str().unwrap());
        let spent = tx.input.iter().map(|input| outputs[&input.previous_output].clone()).collect();
        let text = serde_json::to_string(entry).unwrap();
        Self { text, tx, spent, flags: entry[2].as_str().unwrap().parse().unwrap() }
    }

    fn is_valid(&self, flags: Flags) -> bool {
        let tx = PrecomputedTx::new(&self.tx, self.spent.clone());
        (0..self.spent.len()).all(|input| Interpreter::new().verify(&tx, input, flags).is_ok())
    }
}

fn output(entry: &Value) -> (OutPoint, TxOut) {
    let text = |index: usize| entry[index].as_str().unwrap();
    // Minus one stands for the largest number.
    let vout = entry[1].as_i64().unwrap() as u32;
    let value = entry.get(3).map(sats).unwrap_or_default();
    (OutPoint::new(text(0).parse().unwrap(), vout), TxOut { value, script_pubkey: parse_script(text(2)) })
}

#[test]
fn valid_transactions_are_valid_under_all_flags_but_those_named() {
    let entries = entries("tx_valid.json");
    for (entry, seed) in entries.iter().zip(1..) {
        let case = Case::read(entry);
        assert!(case.is_valid(!case.flags), "{}", case.text);
        for (flag, some) in each_flag().zip(SomeFlags(seed)) {
            assert!(case.is_valid(trim(!(case.flags | flag))), "without {flag}: {}", case.text);
            assert!(case.is_valid(trim(!(case.flags | some))), "without {some}: {}", case.text);
            // Each flag is named because the transaction fails under it.
            let fewer = trim(case.flags.without(flag));
            assert!(fewer == case.flags || !case.is_valid(!fewer), "{flag} is needless: {}", case.text);
        }
    }
    println!("tx_valid.json: {} transactions", entries.len());
    assert_eq!(entries.len(), 121);
}

#[test]
fn invalid_transactions_are_invalid_under_the_flags_that_are_named() {
    let entries = entries("tx_invalid.json");
    // Those are invalid without a look at their scripts: the chain's part.
    let (without_scripts, with_scripts): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry[2] == "BADTX");
    for (entry, seed) in with_scripts.iter().zip(1..) {
        let case = Case::read(entry);
        assert_eq!(fill(case.flags), case.flags, "{}", case.text);
        assert!(!case.is_valid(case.flags), "{}", case.text);
        for (flag, some) in each_flag().zip(SomeFlags(seed)) {
            assert!(!case.is_valid(fill(case.flags | flag)), "with {flag}: {}", case.text);
            assert!(!case.is_valid(fill(case.flags | some)), "with {some}: {}", case.text);
            // Each flag is named because the transaction is valid without it.
            let fewer = trim(case.flags.without(flag));
            assert!(fewer == case.flags || case.is_valid(fewer), "{flag} is needless: {}", case.text);
        }
    }
    println!("tx_invalid.json: {} by their scripts, {} otherwise", with_scripts.len(), without_scripts.len());
    assert_eq!((entries.len(), with_scripts.len()), (93, 84));
}
