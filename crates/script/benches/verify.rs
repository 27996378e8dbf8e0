//! How many inputs are verified in a second on one core, beside nothing but their signatures.
//!
//! ```sh
//! cargo bench -p pumasi-script
//! ```
//!
//! The limit is libsecp256k1, with the key and the signature read from bytes, as every engine must. Both are measured in
//! turn, in short rounds, so that they share what else the machine does; the ratio is the median of the rounds.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]

use bitcoin::ecdsa;
use bitcoin::hashes::{Hash as _, hash160};
use bitcoin::key::{Keypair, TapTweak as _};
use bitcoin::secp256k1::{All, Message, PublicKey, Secp256k1, SecretKey, XOnlyPublicKey, schnorr};
use bitcoin::sighash::EcdsaSighashType;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, PubkeyHash, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, WPubkeyHash, Witness,
};
use bitcoin::{absolute, script};
use pumasi_script::{CacheUse, ExecutionData, Flags, Interpreter, PrecomputedTx, ScriptVerifier as _, SigCache};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Inputs of each kind that are measured.
const INPUTS: usize = 480;
/// Rounds, each of ours and of the limit.
const ROUNDS: usize = 41;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    P2pkh,
    P2wpkh,
    P2tr,
}

/// A signature as it comes: what is signed, by which key, and its bytes.
struct Raw {
    message: Message,
    key: Vec<u8>,
    signature: Vec<u8>,
}

struct Spend {
    tx: Transaction,
    spent: Vec<TxOut>,
    raw: Vec<Raw>,
}

/// A transaction that spends outputs of one kind, each of another key.
fn spend(secp: &Secp256k1<All>, kind: Kind, inputs: usize, seed: usize) -> Spend {
    let keys: Vec<Keypair> = (0..inputs)
        .map(|input| {
            let secret = hash(&[seed.to_le_bytes(), input.to_le_bytes()].concat());
            Keypair::from_secret_key(secp, &SecretKey::from_slice(&secret).unwrap())
        })
        .collect();
    let outputs = keys.iter().map(|key| {
        let hash = hash160::Hash::hash(&key.public_key().serialize());
        let script_pubkey = match kind {
            Kind::P2pkh => ScriptBuf::new_p2pkh(&PubkeyHash::from_raw_hash(hash)),
            Kind::P2wpkh => ScriptBuf::new_p2wpkh(&WPubkeyHash::from_raw_hash(hash)),
            Kind::P2tr => ScriptBuf::new_p2tr(secp, key.x_only_public_key().0, None),
        };
        TxOut { value: Amount::from_sat(100_000), script_pubkey }
    });
    let spent: Vec<TxOut> = outputs.collect();
    let mut tx = Transaction {
        version: Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: (0..inputs)
            .map(|input| TxIn {
                previous_output: OutPoint::new(Txid::from_byte_array(hash(&seed.to_le_bytes())), input as u32),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                ..TxIn::default()
            })
            .collect(),
        output: spent.iter().take(2).cloned().collect(),
    };
    let shared = PrecomputedTx::new(&tx, spent.clone());
    let raw: Vec<Raw> = (0..inputs).map(|input| sign(secp, kind, &shared, input, &keys[input])).collect();
    for (input, raw) in tx.input.iter_mut().zip(&raw) {
        let mut signature = raw.signature.clone();
        match kind {
            Kind::P2pkh => {
                signature.push(EcdsaSighashType::All as u8);
                let push = script::PushBytesBuf::try_from(signature).unwrap();
                let key = script::PushBytesBuf::try_from(raw.key.clone()).unwrap();
                input.script_sig = ScriptBuf::builder().push_slice(push).push_slice(key).into_script();
            }
            Kind::P2wpkh => {
                signature.push(EcdsaSighashType::All as u8);
                input.witness = Witness::from_slice(&[&signature, &raw.key]);
            }
            Kind::P2tr => input.witness = Witness::from_slice(&[&signature]),
        }
    }
    Spend { tx, spent, raw }
}

fn sign(secp: &Secp256k1<All>, kind: Kind, tx: &PrecomputedTx<'_>, input: usize, key: &Keypair) -> Raw {
    let all = EcdsaSighashType::All as u32;
    let script = &tx.spent()[input].script_pubkey;
    let sighash = match kind {
        Kind::P2pkh => tx.legacy_sighash(input, script, all),
        Kind::P2wpkh => tx.segwit_v0_sighash(input, &script.p2wpkh_script_code().unwrap(), all),
        Kind::P2tr => tx.taproot_sighash(input, 0, &ExecutionData::default()).unwrap(),
    };
    let message = Message::from_digest(sighash);
    if kind == Kind::P2tr {
        let key = key.tap_tweak(secp, None).to_keypair();
        let signature = secp.sign_schnorr_no_aux_rand(&message, &key).serialize().to_vec();
        return Raw { message, key: key.x_only_public_key().0.serialize().to_vec(), signature };
    }
    let signature = ecdsa::Signature::sighash_all(secp.sign_ecdsa(&message, &key.secret_key()));
    let signature = signature.signature.serialize_der().to_vec();
    Raw { message, key: key.public_key().serialize().to_vec(), signature }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    bitcoin::hashes::sha256::Hash::hash(bytes).to_byte_array()
}

/// Nothing but the signatures.
fn limit(secp: &Secp256k1<All>, kind: Kind, spends: &[Spend]) {
    for raw in spends.iter().flat_map(|spend| &spend.raw) {
        let valid = if kind == Kind::P2tr {
            let key = XOnlyPublicKey::from_slice(black_box(&raw.key)).unwrap();
            let signature = schnorr::Signature::from_slice(black_box(&raw.signature)).unwrap();
            secp.verify_schnorr(&signature, &raw.message, &key)
        } else {
            let key = PublicKey::from_slice(black_box(&raw.key)).unwrap();
            let mut signature = bitcoin::secp256k1::ecdsa::Signature::from_der_lax(black_box(&raw.signature)).unwrap();
            signature.normalize_s();
            secp.verify_ecdsa(&raw.message, &signature, &key)
        };
        valid.unwrap();
    }
}

/// Whole inputs, with all that their transactions need computed anew.
fn ours(interpreter: &Interpreter, flags: Flags, spends: &[Spend]) {
    for spend in spends {
        let tx = PrecomputedTx::new(black_box(&spend.tx), spend.spent.clone());
        for input in 0..spend.spent.len() {
            interpreter.verify(&tx, input, flags).unwrap();
        }
    }
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let secp = Secp256k1::new();
    println!(
        "{ROUNDS} rounds of {INPUTS} inputs, one core; the limit is libsecp256k1 with keys and signatures read from bytes\n"
    );
    println!("inputs                  |  rules   | checks/s | limit/s | ratio");
    for (name, kind, inputs) in [
        ("P2PKH, 2 in each tx", Kind::P2pkh, 2),
        ("P2WPKH, 2 in each tx", Kind::P2wpkh, 2),
        ("P2TR key, 2 in each tx", Kind::P2tr, 2),
        ("P2PKH, 480 in one tx", Kind::P2pkh, 480),
        ("P2WPKH, 480 in one tx", Kind::P2wpkh, 480),
        ("P2TR key, 480 in one tx", Kind::P2tr, 480),
    ] {
        let spends: Vec<Spend> = (0..INPUTS / inputs).map(|seed| spend(&secp, kind, inputs, seed)).collect();
        for (rules, flags) in [("block", Flags::MANDATORY), ("relay", Flags::STANDARD)] {
            row(&secp, name, kind, &spends, rules, flags, &Interpreter::new());
        }
        let cache = Arc::new(SigCache::new(1 << 20, [7; 32]));
        let cached = Interpreter::with_cache(cache, CacheUse::Keep);
        ours(&cached, Flags::STANDARD, &spends);
        row(&secp, name, kind, &spends, "cached", Flags::STANDARD, &cached);
    }
}

fn row(
    secp: &Secp256k1<All>,
    name: &str,
    kind: Kind,
    spends: &[Spend],
    rules: &str,
    flags: Flags,
    interpreter: &Interpreter,
) {
    let rounds =
        (0..ROUNDS).map(|_| (seconds(|| limit(secp, kind, spends)), seconds(|| ours(interpreter, flags, spends))));
    let rounds: Vec<(f64, f64)> = rounds.collect();
    let rate = |time: Vec<f64>| INPUTS as f64 / median(time);
    let ratio = 100.0 * median(rounds.iter().map(|(limit, ours)| limit / ours).collect());
    let ours = rate(rounds.iter().map(|round| round.1).collect());
    let limit = rate(rounds.iter().map(|round| round.0).collect());
    println!("{name:<23} | {rules:<8} | {ours:>8.0} | {limit:>7.0} | {ratio:>4.0}%");
}
