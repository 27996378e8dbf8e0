//! Scripts: an output and what spends it, as a stranger may put into a transaction.
//!
//! With the feature `kernel` Bitcoin Core's engine says the same about each.

use bitcoin::hashes::{Hash as _, hash160, sha256};
use bitcoin::key::TapTweak as _;
use bitcoin::secp256k1::{All, Keypair, Message, Secp256k1, SecretKey};
use bitcoin::taproot::{LeafVersion, TapLeafHash, TaprootBuilder};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute, opcodes, script,
};
use pumasi_script::{ExecutionData, Flags, Interpreter, PrecomputedTx, ScriptVerifier as _, transaction_sigop_cost};
use std::sync::LazyLock;

static SECP: LazyLock<Secp256k1<All>> = LazyLock::new(Secp256k1::new);

/// Items of a witness, or pushes of an input.
const MAX_ITEMS: usize = 64;

/// Where the script is: in the output, behind one of the hashes, in a leaf of a tree, or nowhere.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The input's own script is the first item as it is; the others are a witness.
    Raw,
    Bare,
    P2sh,
    P2wsh,
    P2shP2wsh,
    Tapscript,
    P2wpkh,
    P2trKey,
}

/// One byte of place, four of flags, four of what the transaction is like, then the script and the items, each with its length
/// (two bytes) in front. An item `SIG`, key, hash type stands for a signature that is valid if the item is checked with
/// the script as it is. The keys are the numbers one to three.
pub fn script(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<9>() else { return };
    let [place, f0, f1, f2, f3, version, lock_time, sequence, fewer] = *head;
    let place = match place % 8 {
        0 => Place::Raw,
        1 => Place::Bare,
        2 => Place::P2sh,
        3 => Place::P2wsh,
        4 => Place::P2shP2wsh,
        5 => Place::Tapscript,
        6 => Place::P2wpkh,
        _ => Place::P2trKey,
    };
    let mut parts = parts(rest);
    let script = parts.next().unwrap_or_default();
    let items: Vec<Vec<u8>> = parts.take(MAX_ITEMS).collect();
    let flags = filled(Flags::from_bits_truncate(u32::from_le_bytes([f0, f1, f2, f3])));

    let (tx, spent) = spend(place, script.into(), items, [version, lock_time, sequence]);
    check(&PrecomputedTx::new(&tx, spent), flags, fewer);
}

fn check(tx: &PrecomputedTx<'_>, flags: Flags, fewer: u8) {
    assert!(transaction_sigop_cost(tx.tx(), tx.spent(), flags) <= 80 * 4_000_000);
    let ours = Interpreter::new();
    let verdict = ours.verify(tx, 1, flags);
    if verdict.is_ok() {
        let fewer = trimmed(flags.without(Flags::from_bits_truncate(1 << (fewer % 21))));
        assert_eq!(ours.verify(tx, 1, fewer), Ok(()), "{fewer} is less than {flags}");
    }
    #[cfg(feature = "kernel")]
    {
        let consensus = with_witness_for_taproot(flags) & Flags::MANDATORY;
        let core = pumasi_script::Kernel::default().verify(tx, 1, consensus);
        assert_eq!(ours.verify(tx, 1, consensus).is_ok(), core.is_ok(), "{consensus}: {:?}", tx.tx());
    }
}

/// Core's engine takes taproot only with witnesses.
#[cfg(feature = "kernel")]
fn with_witness_for_taproot(flags: Flags) -> Flags {
    if flags.contains(Flags::WITNESS) { flags } else { flags.without(Flags::TAPROOT) }
}

fn filled(flags: Flags) -> Flags {
    let witness = if flags.contains(Flags::CLEANSTACK) { Flags::WITNESS } else { Flags::NONE };
    let flags = flags | witness;
    if flags.contains(Flags::WITNESS) { flags | Flags::P2SH } else { flags }
}

fn trimmed(flags: Flags) -> Flags {
    let flags = if flags.contains(Flags::P2SH) { flags } else { flags.without(Flags::WITNESS) };
    if flags.contains(Flags::WITNESS) { flags } else { flags.without(Flags::CLEANSTACK) }
}

/// Parts with their length in front; the last may be shorter than it says.
fn parts(mut rest: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let (part, after) = after.split_at(usize::from(u16::from_le_bytes(*len)).min(after.len()));
        rest = after;
        Some(part.to_vec())
    })
}

fn key(number: u8) -> Keypair {
    let mut secret = [0; 32];
    secret[31] = number % 3 + 1;
    Keypair::from_secret_key(&SECP, &SecretKey::from_slice(&secret).expect("one to three"))
}

/// The second of two inputs spends what the script says.
fn spend(place: Place, script: ScriptBuf, mut items: Vec<Vec<u8>>, kind: [u8; 3]) -> (Transaction, Vec<TxOut>) {
    let [version, lock_time, sequence] = kind;
    let internal = key(0).x_only_public_key().0;
    let tree = TaprootBuilder::new().add_leaf(0, script.clone()).expect("one leaf");
    let tree = tree.finalize(&SECP, internal).expect("one leaf is a tree");
    let own_key = key(0).public_key();
    let script_pubkey = match place {
        Place::Raw | Place::Bare => script.clone(),
        Place::P2sh => hashed(&script),
        Place::P2wsh => program(0, sha256::Hash::hash(script.as_bytes()).as_byte_array()),
        Place::P2shP2wsh => hashed(&program(0, sha256::Hash::hash(script.as_bytes()).as_byte_array())),
        Place::Tapscript => program(1, &tree.output_key().serialize()),
        Place::P2wpkh => program(0, hash160::Hash::hash(&own_key.serialize()).as_byte_array()),
        Place::P2trKey => ScriptBuf::new_p2tr(&SECP, internal, None),
    };
    let input = |vout, sequence| TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array([7; 32]), vout),
        sequence,
        ..TxIn::default()
    };
    // Around the borders between heights and times, and between versions.
    let lock_time = absolute::LockTime::from_consensus(500_000_000 - 8 + u32::from(lock_time % 16));
    let sequence = Sequence(u32::from(sequence & 3) << 30 | u32::from(sequence & 4) << 20 | u32::from(sequence >> 3));
    let spent = vec![
        TxOut { value: Amount::from_sat(1), script_pubkey: ScriptBuf::new() },
        TxOut { value: Amount::from_sat(5_000), script_pubkey },
    ];
    let outputs = 1 + usize::from(version >> 2 & 1);
    let mut tx = Transaction {
        version: Version(i32::from(version & 3)),
        lock_time,
        input: vec![input(0, Sequence::MAX), input(1, sequence)],
        output: spent[..outputs].to_vec(),
    };
    sign(place, &tx, &spent, &script, &mut items);

    let witness_script = script.to_bytes();
    match place {
        Place::Raw => {
            let mut items = items.into_iter();
            tx.input[1].script_sig = items.next().unwrap_or_default().into();
            tx.input[1].witness = Witness::from_slice(&items.collect::<Vec<_>>());
        }
        Place::Bare => tx.input[1].script_sig = pushes(&items),
        Place::P2sh => {
            items.push(witness_script);
            tx.input[1].script_sig = pushes(&items);
        }
        Place::P2wsh | Place::P2shP2wsh => {
            if place == Place::P2shP2wsh {
                let redeem = program(0, sha256::Hash::hash(script.as_bytes()).as_byte_array());
                tx.input[1].script_sig = pushes(&[redeem.into_bytes()]);
            }
            items.push(witness_script);
            tx.input[1].witness = Witness::from_slice(&items);
        }
        Place::Tapscript => {
            let leaf = (script, LeafVersion::TapScript);
            items.extend([witness_script, tree.control_block(&leaf).expect("it is in the tree").serialize()]);
            tx.input[1].witness = Witness::from_slice(&items);
        }
        Place::P2wpkh | Place::P2trKey => tx.input[1].witness = Witness::from_slice(&items),
    }
    (tx, spent)
}

/// Puts signatures in the place of items that stand for one.
fn sign(place: Place, tx: &Transaction, spent: &[TxOut], script: &ScriptBuf, items: &mut [Vec<u8>]) {
    let shared = PrecomputedTx::new(tx, spent.to_vec());
    for item in items {
        let [b'S', b'I', b'G', number, hash_type] = **item else { continue };
        let (mut key, kind) = (key(number), u32::from(hash_type));
        let leaf = TapLeafHash::from_script(script, LeafVersion::TapScript).to_byte_array();
        let sighash = match place {
            Place::Raw | Place::Bare | Place::P2sh => Some(shared.legacy_sighash(1, script, kind)),
            Place::P2wsh | Place::P2shP2wsh => Some(shared.segwit_v0_sighash(1, script, kind)),
            Place::P2wpkh => {
                let code = spent[1].script_pubkey.p2wpkh_script_code().expect("it is one");
                Some(shared.segwit_v0_sighash(1, &code, kind))
            }
            Place::Tapscript => {
                let data = ExecutionData { leaf_hash: Some(leaf), ..ExecutionData::default() };
                shared.taproot_sighash(1, hash_type, &data)
            }
            Place::P2trKey => {
                key = key.tap_tweak(&SECP, None).to_keypair();
                shared.taproot_sighash(1, hash_type, &ExecutionData::default())
            }
        };
        let Some(sighash) = sighash else { continue };
        let message = Message::from_digest(sighash);
        let taproot = matches!(place, Place::Tapscript | Place::P2trKey);
        *item = if taproot {
            SECP.sign_schnorr_no_aux_rand(&message, &key).serialize().to_vec()
        } else {
            SECP.sign_ecdsa(&message, &key.secret_key()).serialize_der().to_vec()
        };
        // In taproot the default is said by leaving it out.
        if !taproot || hash_type != 0 {
            item.push(hash_type);
        }
    }
}

fn program(version: u8, hash: &[u8]) -> ScriptBuf {
    let version = if version == 0 { opcodes::OP_0 } else { opcodes::all::OP_PUSHNUM_1 };
    let hash = script::PushBytesBuf::try_from(hash.to_vec()).expect("a hash is short");
    ScriptBuf::builder().push_opcode(version).push_slice(hash).into_script()
}

/// P2SH of any script, however long.
fn hashed(script: &ScriptBuf) -> ScriptBuf {
    ScriptBuf::new_p2sh(&bitcoin::ScriptHash::from_raw_hash(hash160::Hash::hash(script.as_bytes())))
}

fn pushes(items: &[Vec<u8>]) -> ScriptBuf {
    let builder = items.iter().fold(ScriptBuf::builder(), |builder, item| match item.as_slice() {
        [number @ 1..=16] => builder.push_int((*number).into()),
        item => builder.push_slice(script::PushBytesBuf::try_from(item.to_vec()).expect("at most two bytes of length")),
    });
    builder.into_script()
}
