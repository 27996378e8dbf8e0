//! Whatever a script says, there is a verdict, and soft forks only take away.
#![allow(clippy::unwrap_used, dead_code, reason = "a test ends at what goes wrong")]

mod support;

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{Amount, ScriptBuf, TxOut, Witness};
use proptest::prelude::*;
use pumasi_script::{Flags, Interpreter, PrecomputedTx, ScriptVerifier as _, legacy_sigops, transaction_sigop_cost};
use support::{credit_and_spend, fill, trim};

/// Pushes of a few bytes, small numbers, and every opcode, more often those that take from the stack.
fn script() -> impl Strategy<Value = Vec<u8>> {
    let push = prop::collection::vec(any::<u8>(), 0..6).prop_map(|data| {
        let mut push = vec![data.len() as u8];
        push.extend(data);
        push
    });
    let one = prop_oneof![
        4 => push,
        4 => (0x4f..=0x60u8).prop_map(|opcode| vec![opcode]),
        6 => (0x61..=0xbau8).prop_map(|opcode| vec![opcode]),
        1 => any::<u8>().prop_map(|opcode| vec![opcode]),
    ];
    prop::collection::vec(one, 0..40).prop_map(|parts| parts.concat())
}

fn flags() -> impl Strategy<Value = Flags> {
    any::<u32>().prop_map(|bits| fill(Flags::from_bits_truncate(bits)))
}

fn is_valid(script_sig: &[u8], script_pubkey: &[u8], witness: &[Vec<u8>], flags: Flags) -> bool {
    let output = TxOut { value: Amount::ONE_SAT, script_pubkey: script_pubkey.to_vec().into() };
    let (spent, tx) = credit_and_spend(output, script_sig.to_vec().into(), Witness::from_slice(witness));
    let tx = PrecomputedTx::new(&tx, vec![spent]);
    // No byte of a script counts for more than a multisig, which costs eighty.
    let bytes = script_sig.len() + script_pubkey.len() + witness.last().map_or(0, Vec::len);
    assert!(transaction_sigop_cost(tx.tx(), tx.spent(), flags) <= 80 * bytes as u64 + 1);
    Interpreter::new().verify(&tx, 0, flags).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_script_of_any_bytes_has_a_verdict(
        script_sig in prop::collection::vec(any::<u8>(), 0..60),
        script_pubkey in prop::collection::vec(any::<u8>(), 0..60),
        flags in flags(),
    ) {
        is_valid(&script_sig, &script_pubkey, &[], flags);
    }

    #[test]
    fn what_is_valid_under_more_flags_is_valid_under_fewer(
        script_sig in script(), script_pubkey in script(), more in flags(), fewer in any::<u32>(),
    ) {
        let fewer = trim(more & Flags::from_bits_truncate(fewer));
        if is_valid(&script_sig, &script_pubkey, &[], more) {
            prop_assert!(is_valid(&script_sig, &script_pubkey, &[], fewer));
        }
    }

    #[test]
    fn a_witness_script_has_a_verdict(
        script in script(), items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..5), flags in flags(),
    ) {
        let script_pubkey = ScriptBuf::new_p2wsh(&ScriptBuf::from(script.clone()).wscript_hash());
        prop_assert_eq!(script_pubkey.as_bytes()[2..].to_vec(), sha256::Hash::hash(&script).to_byte_array().to_vec());
        let mut witness = items;
        witness.push(script);
        let valid = is_valid(&[], script_pubkey.as_bytes(), &witness, flags);
        prop_assert!(valid || !is_valid(&[], script_pubkey.as_bytes(), &witness, Flags::ALL));
    }

    #[test]
    fn a_multisig_counts_for_its_keys_or_for_twenty(keys in 1..=16u8, accurate: bool) {
        let script = ScriptBuf::from(vec![0x50 + keys, 0xae, 0xac]);
        prop_assert_eq!(legacy_sigops(&script, accurate), if accurate { u64::from(keys) + 1 } else { 21 });
    }
}
