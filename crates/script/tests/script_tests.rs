//! Core's `script_tests.json`: scripts under flags, and the reason why each fails.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "a test says how much it tested, and ends at what goes wrong"
)]

mod support;

use bitcoin::secp256k1::constants::ONE;
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use bitcoin::taproot::{LeafVersion, TaprootBuilder, TaprootSpendInfo};
use bitcoin::{Amount, ScriptBuf, TxOut, Witness};
use pumasi_script::{Flags, Interpreter, PrecomputedTx, ScriptVerifier as _};
use serde_json::Value;
use support::{SomeFlags, credit_and_spend, entries, fill, parse_script, trim};

struct Case {
    tx: bitcoin::Transaction,
    spent: TxOut,
    flags: Flags,
    expected: String,
}

impl Case {
    fn read(mut entry: Vec<Value>) -> Self {
        let (mut items, mut value, mut taproot) = (Vec::<Vec<u8>>::new(), Amount::ZERO, None);
        if entry[0].is_array() {
            let mut given = entry.remove(0).as_array().unwrap().clone();
            value = Amount::from_btc(given.pop().unwrap().as_f64().unwrap()).unwrap();
            for item in given {
                let item = item.as_str().unwrap();
                items.push(if let Some(script) = item.strip_prefix("#SCRIPT#") {
                    parse_script(script).into_bytes()
                } else if item == "#CONTROLBLOCK#" {
                    let script = ScriptBuf::from(items.last().unwrap().clone());
                    let info = taproot.insert(tree(script.clone()));
                    info.control_block(&(script, LeafVersion::TapScript)).unwrap().serialize()
                } else {
                    hex::decode(item).unwrap()
                });
            }
        }
        let text = |index: usize| entry[index].as_str().unwrap();
        let script_pubkey = match text(1) {
            "0x51 0x20 #TAPROOTOUTPUT#" => ScriptBuf::new_p2tr_tweaked(taproot.unwrap().output_key()),
            script => parse_script(script),
        };
        let output = TxOut { value, script_pubkey };
        let (spent, tx) = credit_and_spend(output, parse_script(text(0)), Witness::from_slice(&items));
        let flags: Flags = text(2).parse().unwrap();
        Self { tx, spent, flags: fill_for_cleanstack(flags), expected: text(3).to_owned() }
    }

    fn verdict(&self, flags: Flags) -> &'static str {
        let tx = PrecomputedTx::new(&self.tx, vec![self.spent.clone()]);
        Interpreter::new().verify(&tx, 0, flags).err().map_or("OK", pumasi_script::ScriptError::name)
    }
}

fn fill_for_cleanstack(flags: Flags) -> Flags {
    if flags.contains(Flags::CLEANSTACK) { fill(flags) } else { flags }
}

/// One leaf under the key that is the number one.
fn tree(script: ScriptBuf) -> TaprootSpendInfo {
    let secp = Secp256k1::new();
    let (internal, _) = SecretKey::from_slice(&ONE).unwrap().x_only_public_key(&secp);
    TaprootBuilder::new().add_leaf(0, script).unwrap().finalize(&secp, internal).unwrap()
}

fn cases() -> Vec<(String, Case)> {
    let entries = entries("script_tests.json");
    entries.into_iter().map(|entry| (serde_json::to_string(&entry).unwrap(), Case::read(entry))).collect()
}

#[test]
fn every_script_has_cores_verdict_and_reason() {
    let cases = cases();
    for (text, case) in &cases {
        assert_eq!(case.verdict(case.flags), case.expected, "{text}");
    }
    println!("script_tests.json: {} scripts", cases.len());
    assert_eq!(cases.len(), 1_222);
}

#[test]
fn fewer_flags_never_make_a_script_invalid_and_more_never_valid() {
    let (cases, mut checks) = (cases(), 0);
    for ((text, case), seed) in cases.iter().zip(1..) {
        let valid = case.expected == "OK";
        for some in SomeFlags(seed).take(32) {
            let flags = if valid { trim(case.flags.without(some)) } else { fill(case.flags | some) };
            assert_eq!(case.verdict(flags) == "OK", valid, "{flags}: {text}");
            checks += 1;
        }
    }
    println!("script_tests.json: {checks} checks under other flags");
    assert_eq!(checks, 1_222 * 32);
}
