//! Reading the vectors.

use bitcoin::consensus::deserialize;
use bitcoin::script::{PushBytesBuf, ScriptBuf};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Sequence, Transaction, TxIn, TxOut, Witness, absolute};
use pumasi_script::{Flags, opcode_name};
use serde_json::Value;
use std::path::Path;

/// A file of `tests/vectors/`.
pub(crate) fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)).unwrap()
}

/// The content of a gzip file that has no name inside.
pub(crate) fn gunzip(file: &[u8]) -> Vec<u8> {
    let name = usize::from(file[3] & 8 != 0) * (file[10..].iter().position(|byte| *byte == 0).unwrap() + 1);
    miniz_oxide::inflate::decompress_to_vec(&file[10 + name..file.len() - 8]).unwrap()
}

/// The entries of a JSON array without those that are comments.
pub(crate) fn entries(name: &str) -> Vec<Vec<Value>> {
    let all: Vec<Vec<Value>> = serde_json::from_slice(&read(name)).unwrap();
    all.into_iter().filter(|entry| entry.len() > 1).collect()
}

pub(crate) fn transaction(hex: &str) -> Transaction {
    deserialize(&hex::decode(hex).unwrap()).unwrap()
}

/// A script in the language of the vectors (Core's `ParseScript`).
pub(crate) fn parse_script(text: &str) -> ScriptBuf {
    let mut script = Vec::new();
    for word in text.split_whitespace() {
        let push = |data: &[u8]| {
            let data = PushBytesBuf::try_from(data.to_vec()).unwrap();
            ScriptBuf::builder().push_slice(data).into_bytes()
        };
        if let Ok(number) = word.parse::<i64>() {
            script.extend(ScriptBuf::builder().push_int(number).into_bytes());
        } else if let Some(raw) = word.strip_prefix("0x") {
            script.extend(hex::decode(raw).unwrap());
        } else if let Some(quoted) = word.strip_prefix('\'') {
            script.extend(push(quoted.strip_suffix('\'').unwrap().as_bytes()));
        } else {
            script.push(opcode(word));
        }
    }
    script.into()
}

fn opcode(word: &str) -> u8 {
    let name = if word.starts_with("OP_") { word.to_owned() } else { format!("OP_{word}") };
    let found = (0x50..=0xba).find(|opcode| opcode_name(*opcode) == name);
    found.unwrap_or_else(|| panic!("no opcode {word}"))
}

/// The transaction that makes the output of a script test, and the one that spends it.
pub(crate) fn credit_and_spend(output: TxOut, script_sig: ScriptBuf, witness: Witness) -> (TxOut, Transaction) {
    let with = |outpoint, script_sig, witness, output| Transaction {
        version: Version::ONE,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn { previous_output: outpoint, script_sig, sequence: Sequence::MAX, witness }],
        output: vec![output],
    };
    let credit = with(OutPoint::null(), parse_script("0 0"), Witness::new(), output.clone());
    let outpoint = OutPoint::new(credit.compute_txid(), 0);
    let spend = with(outpoint, script_sig, witness, TxOut { value: output.value, script_pubkey: ScriptBuf::new() });
    (output, spend)
}

pub(crate) fn witness(items: &Value) -> Witness {
    let items = items.as_array().unwrap().iter().map(|item| hex::decode(item.as_str().unwrap()).unwrap());
    Witness::from_slice(&items.collect::<Vec<_>>())
}

pub(crate) fn sats(amount: &Value) -> Amount {
    Amount::from_sat(amount.as_u64().unwrap())
}

/// Without the flags that mean nothing when others are not set.
pub(crate) fn trim(mut flags: Flags) -> Flags {
    if !flags.contains(Flags::P2SH) {
        flags = flags.without(Flags::WITNESS);
    }
    if !flags.contains(Flags::WITNESS) {
        flags = flags.without(Flags::CLEANSTACK);
    }
    flags
}

/// With the flags that others need.
pub(crate) fn fill(mut flags: Flags) -> Flags {
    if flags.contains(Flags::CLEANSTACK) {
        flags |= Flags::WITNESS;
    }
    if flags.contains(Flags::WITNESS) {
        flags |= Flags::P2SH;
    }
    flags
}

/// Every flag by itself.
pub(crate) fn each_flag() -> impl Iterator<Item = Flags> {
    (0..32).map(|bit| Flags::from_bits_truncate(1 << bit)).filter(|flag| !flag.is_empty())
}

/// Sets of flags that look random and are the same each time (SplitMix64).
pub(crate) struct SomeFlags(pub(crate) u64);

impl Iterator for SomeFlags {
    type Item = Flags;

    fn next(&mut self) -> Option<Flags> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(Flags::from_bits_truncate((mixed >> 32) as u32))
    }
}
