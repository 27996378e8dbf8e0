//! What is signed: Core's `sighash.json`, and the vectors of BIP341.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "a test says how much it tested, and ends at what goes wrong"
)]

mod support;

use bitcoin::consensus::serialize;
use bitcoin::hashes::{Hash as _, sha256d};
use bitcoin::{ScriptBuf, Transaction, TxOut};
use pumasi_script::{ExecutionData, Flags, Interpreter, PrecomputedTx, ScriptVerifier as _};
use serde_json::Value;
use support::{entries, read, sats, transaction, witness};

#[test]
fn legacy_hashes_are_those_of_core() {
    let entries = entries("sighash.json");
    for entry in &entries {
        let text = |index: usize| entry[index].as_str().unwrap();
        let tx = transaction(text(0));
        let spent = vec![TxOut::NULL; tx.input.len()];
        let script = ScriptBuf::from_hex(text(1)).unwrap();
        let input = usize::try_from(entry[2].as_u64().unwrap()).unwrap();
        let hash_type = entry[3].as_i64().unwrap() as u32;
        let sighash = PrecomputedTx::new(&tx, spent).legacy_sighash(input, &script, hash_type);
        assert_eq!(sha256d::Hash::from_byte_array(sighash).to_string(), text(4), "{}", text(0));
    }
    println!("sighash.json: {} hashes", entries.len());
    assert_eq!(entries.len(), 500);
}

#[test]
fn taproot_hashes_and_signatures_are_those_of_bip341() {
    let vectors: Value = serde_json::from_slice(&read("bip341_wallet_vectors.json")).unwrap();
    let mut inputs = 0;
    for vector in vectors["keyPathSpending"].as_array().unwrap() {
        let mut tx = transaction(vector["given"]["rawUnsignedTx"].as_str().unwrap());
        let utxos = vector["given"]["utxosSpent"].as_array().unwrap();
        let spent: Vec<TxOut> = utxos
            .iter()
            .map(|utxo| TxOut {
                value: sats(&utxo["amountSats"]),
                script_pubkey: ScriptBuf::from_hex(utxo["scriptPubKey"].as_str().unwrap()).unwrap(),
            })
            .collect();
        for spending in vector["inputSpending"].as_array().unwrap() {
            let input = usize::try_from(spending["given"]["txinIndex"].as_u64().unwrap()).unwrap();
            let hash_type = u8::try_from(spending["given"]["hashType"].as_u64().unwrap()).unwrap();
            let sighash =
                PrecomputedTx::new(&tx, spent.clone()).taproot_sighash(input, hash_type, &ExecutionData::default());
            assert_eq!(hex::encode(sighash.unwrap()), spending["intermediary"]["sigHash"].as_str().unwrap());
            tx.input[input].witness = witness(&spending["expected"]["witness"]);
            assert_eq!(verify(&tx, &spent, input), "OK");
            inputs += 1;
        }
        // A signature is over the sequence, too.
        let signed = tx.input.iter().position(|input| !input.witness.is_empty()).unwrap();
        tx.input[signed].sequence = bitcoin::Sequence(0x1234_5678);
        assert_eq!(verify(&tx, &spent, signed), "SCHNORR_SIG");
    }
    println!("bip341_wallet_vectors.json: {inputs} key path spends");
    assert_eq!(inputs, 7);
}

fn verify(tx: &Transaction, spent: &[TxOut], input: usize) -> &'static str {
    let tx = PrecomputedTx::new(tx, spent.to_vec());
    Interpreter::new().verify(&tx, input, Flags::STANDARD).err().map_or("OK", pumasi_script::ScriptError::name)
}

#[test]
fn a_script_that_is_cut_off_is_signed_up_to_the_opcode_that_is_cut_off() {
    let tx = transaction(entries("sighash.json")[0][0].as_str().unwrap());
    let tx = Transaction { input: tx.input[..1].to_vec(), ..tx };
    let shared = PrecomputedTx::new(&tx, vec![TxOut::NULL]);
    for (script, length_and_signed) in
        [("510501", "035105"), ("ab510501", "035105"), ("4cff01", "034cff"), ("4dff", "024d")]
    {
        // The transaction with the signed part in the place of the script, and the hash type behind it.
        let mut blank = tx.clone();
        blank.input[0].script_sig = ScriptBuf::new();
        let mut preimage = serialize(&blank);
        let signed = hex::decode(length_and_signed).unwrap();
        preimage.splice(4 + 1 + 36..4 + 1 + 36 + 1, signed);
        preimage.extend(1u32.to_le_bytes());
        let sighash = shared.legacy_sighash(0, &ScriptBuf::from_hex(script).unwrap(), 1);
        assert_eq!(sighash, sha256d::Hash::hash(&preimage).to_byte_array(), "{script}");
    }
}

#[test]
fn every_input_of_a_large_transaction_has_the_hash_of_the_plain_definition() {
    // Sixteen inputs share a state: the borders between them are where it could go wrong.
    let template = transaction(entries("sighash.json")[0][0].as_str().unwrap());
    let input = template.input[0].clone();
    for count in [1, 15, 16, 17, 33, 300] {
        let inputs = (0..count).map(|vout| {
            let mut input = input.clone();
            input.previous_output.vout = vout;
            input
        });
        let tx = Transaction { input: inputs.collect(), ..template.clone() };
        let script = ScriptBuf::from_hex("76a988ac").unwrap();
        let shared = PrecomputedTx::new(&tx, vec![TxOut::NULL; tx.input.len()]);
        for index in 0..tx.input.len() {
            for hash_type in [1, 2, 3, 0x81, 0x82, 0x83] {
                let plain = bitcoin::sighash::SighashCache::new(&tx).legacy_signature_hash(index, &script, hash_type);
                assert_eq!(shared.legacy_sighash(index, &script, hash_type), plain.unwrap().to_byte_array());
            }
        }
    }
}
