//! Counting signature operations, which blocks and transactions have limits for.

use crate::Flags;
use crate::opcode::{
    OP_1, OP_16, OP_CHECKMULTISIG, OP_CHECKMULTISIGVERIFY, OP_CHECKSIG, OP_CHECKSIGVERIFY, Reader, is_push_only,
    witness_program,
};
use bitcoin::{Script, Transaction, TxOut, Witness};

/// What a multisig counts for when the number of its keys is not looked at.
const MAX_PUBKEYS_PER_MULTISIG: u64 = 20;
/// What a signature operation outside of a witness costs (BIP141).
const WITNESS_SCALE_FACTOR: u64 = 4;

/// The signature operations of one script (Core's `CScript::GetSigOpCount`).
///
/// A multisig counts for 20, or with `accurate` for as many as the number pushed just before it says. Counting ends where
/// the script cannot be read any more.
pub fn legacy_sigops(script: &Script, accurate: bool) -> u64 {
    let mut reader = Reader::new(script.as_bytes());
    let mut count = 0;
    let mut last = None;
    while let Some(Ok(instruction)) = reader.next() {
        count += match (instruction.opcode, last) {
            (OP_CHECKSIG | OP_CHECKSIGVERIFY, _) => 1,
            (OP_CHECKMULTISIG | OP_CHECKMULTISIGVERIFY, Some(keys @ OP_1..=OP_16)) if accurate => {
                u64::from(keys - (OP_1 - 1))
            }
            (OP_CHECKMULTISIG | OP_CHECKMULTISIGVERIFY, _) => MAX_PUBKEYS_PER_MULTISIG,
            _ => 0,
        };
        last = Some(instruction.opcode);
    }
    count
}

/// The signature operations of what an input runs: the redeem script for P2SH (BIP16), otherwise the output's own script.
pub fn p2sh_sigops(script_sig: &Script, script_pubkey: &Script) -> u64 {
    if !script_pubkey.is_p2sh() {
        return legacy_sigops(script_pubkey, true);
    }
    redeem_script(script_sig).map_or(0, |redeem| legacy_sigops(redeem, true))
}

/// The signature operations of a witness (BIP141); each costs one, where others cost four.
pub fn witness_sigops(script_sig: &Script, script_pubkey: &Script, witness: &Witness, flags: Flags) -> u64 {
    if !flags.contains(Flags::WITNESS) {
        return 0;
    }
    if let Some(program) = witness_program(script_pubkey) {
        return program_sigops(program, witness);
    }
    let redeem = if script_pubkey.is_p2sh() { redeem_script(script_sig) } else { None };
    redeem.and_then(witness_program).map_or(0, |program| program_sigops(program, witness))
}

fn program_sigops((version, program): (u8, &[u8]), witness: &Witness) -> u64 {
    match (version, program.len(), witness.last()) {
        (0, 20, _) => 1,
        (0, 32, Some(script)) => legacy_sigops(Script::from_bytes(script), true),
        // Taproot counts against the weight of its witness instead (BIP342).
        _ => 0,
    }
}

/// What a `scriptSig` pushes last; none if it does more than push. Nothing pushed is an empty script.
fn redeem_script(script_sig: &Script) -> Option<&Script> {
    if !is_push_only(script_sig) {
        return None;
    }
    let mut reader = Reader::new(script_sig.as_bytes());
    let mut last: &[u8] = &[];
    while let Some(Ok(instruction)) = reader.next() {
        last = instruction.data;
    }
    Some(Script::from_bytes(last))
}

/// The signature operations of a transaction without its previous outputs (Core's `GetLegacySigOpCount`).
pub fn transaction_legacy_sigops(tx: &Transaction) -> u64 {
    let inputs = tx.input.iter().map(|input| legacy_sigops(&input.script_sig, false));
    let outputs = tx.output.iter().map(|output| legacy_sigops(&output.script_pubkey, false));
    inputs.chain(outputs).sum()
}

/// The cost of all signature operations of a transaction (Core's `GetTransactionSigOpCost`); a block may have 80,000.
///
/// `spent` are the previous outputs, one for each input in order; a coinbase needs none.
pub fn transaction_sigop_cost(tx: &Transaction, spent: &[TxOut], flags: Flags) -> u64 {
    let legacy = transaction_legacy_sigops(tx) * WITNESS_SCALE_FACTOR;
    if tx.is_coinbase() {
        return legacy;
    }
    debug_assert_eq!(tx.input.len(), spent.len());
    let inputs = tx.input.iter().zip(spent).map(|(input, output)| {
        let script_pubkey = &output.script_pubkey;
        let p2sh = if flags.contains(Flags::P2SH) && script_pubkey.is_p2sh() {
            p2sh_sigops(&input.script_sig, script_pubkey) * WITNESS_SCALE_FACTOR
        } else {
            0
        };
        p2sh + witness_sigops(&input.script_sig, script_pubkey, &input.witness, flags)
    });
    legacy + inputs.sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::ScriptBuf;
    use bitcoin::hashes::{Hash as _, hash160, sha256};
    use bitcoin::script::PushBytesBuf;

    /// Of Core's unit test: `1 <20 bytes> <20 bytes> 2 CHECKMULTISIG IF CHECKSIG ENDIF`.
    fn script() -> ScriptBuf {
        let hash = [[20].as_slice(), &[0; 20]].concat();
        [[0x51].as_slice(), &hash, &hash, &[0x52, 0xae, 0x63, 0xac, 0x68]].concat().into()
    }

    fn pushes(items: &[&[u8]]) -> ScriptBuf {
        let items = items.iter().map(|item| PushBytesBuf::try_from(item.to_vec()).unwrap());
        items.fold(ScriptBuf::builder(), bitcoin::script::Builder::push_slice).into_script()
    }

    #[test]
    fn a_multisig_counts_for_its_keys_only_when_counted_accurately() {
        assert_eq!(legacy_sigops(&ScriptBuf::new(), true), 0);
        assert_eq!((legacy_sigops(&script(), true), legacy_sigops(&script(), false)), (3, 21));
        // What comes behind an instruction that is cut off does not count.
        assert_eq!(legacy_sigops(Script::from_bytes(&[0xac, 0x4c, 0xac]), false), 1);
    }

    #[test]
    fn a_script_behind_a_hash_counts_where_it_is_shown() {
        let p2sh = ScriptBuf::new_p2sh(&script().script_hash());
        assert_eq!((legacy_sigops(&p2sh, true), legacy_sigops(&p2sh, false)), (0, 0));
        assert_eq!(p2sh_sigops(&pushes(&[&[], script().as_bytes()]), &p2sh), 3);
        // More than pushes: nothing is run, so nothing counts.
        let with_nop: ScriptBuf = [pushes(&[script().as_bytes()]).as_bytes(), &[0x61]].concat().into();
        assert_eq!(p2sh_sigops(&with_nop, &p2sh), 0);
        assert_eq!(p2sh_sigops(&ScriptBuf::new(), &script()), 3);
    }

    #[test]
    fn a_witness_counts_by_its_program_and_only_under_its_flag() {
        let flags = Flags::P2SH | Flags::WITNESS;
        let key = ScriptBuf::new_p2wpkh(&bitcoin::WPubkeyHash::from_raw_hash(hash160::Hash::all_zeros()));
        let p2wsh = ScriptBuf::new_p2wsh(&script().wscript_hash());
        let witness = Witness::from_slice(&[&[], script().as_bytes()]);
        let none = ScriptBuf::new();
        assert_eq!(witness_sigops(&none, &key, &Witness::new(), flags), 1);
        assert_eq!(witness_sigops(&none, &key, &Witness::new(), Flags::P2SH), 0);
        assert_eq!(witness_sigops(&none, &p2wsh, &witness, flags), 3);
        assert_eq!(witness_sigops(&none, &p2wsh, &Witness::new(), flags), 0);
        let nested = ScriptBuf::new_p2sh(&p2wsh.script_hash());
        assert_eq!(witness_sigops(&pushes(&[p2wsh.as_bytes()]), &nested, &witness, flags), 3);
        // Taproot counts against its weight instead.
        let taproot: ScriptBuf = [&[0x51, 32], sha256::Hash::hash(&[]).as_byte_array().as_slice()].concat().into();
        assert_eq!(witness_sigops(&none, &taproot, &witness, flags), 0);
    }

    #[test]
    fn everything_but_a_witness_costs_four() {
        let p2sh = ScriptBuf::new_p2sh(&script().script_hash());
        let input = |script_sig, witness| bitcoin::TxIn { script_sig, witness, ..bitcoin::TxIn::default() };
        let output = |script_pubkey| TxOut { value: bitcoin::Amount::ZERO, script_pubkey };
        let mut tx = Transaction {
            version: bitcoin::transaction::Version::ONE,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: vec![
                input(pushes(&[script().as_bytes()]), Witness::new()),
                input(ScriptBuf::new(), Witness::from_slice(&[script()])),
            ],
            output: vec![output(script())],
        };
        // A coinbase names no output that it spends.
        tx.input[0].previous_output.vout = 0;
        let spent = [output(p2sh), output(ScriptBuf::new_p2wsh(&script().wscript_hash()))];
        assert_eq!(transaction_legacy_sigops(&tx), 21);
        assert_eq!(transaction_sigop_cost(&tx, &spent, Flags::NONE), 21 * 4);
        assert_eq!(transaction_sigop_cost(&tx, &spent, Flags::P2SH), 21 * 4 + 3 * 4);
        assert_eq!(transaction_sigop_cost(&tx, &spent, Flags::MANDATORY), 21 * 4 + 3 * 4 + 3);
        tx.input.truncate(1);
        tx.input[0].previous_output = bitcoin::OutPoint::null();
        assert_eq!(transaction_sigop_cost(&tx, &[], Flags::MANDATORY), 21 * 4);
    }
}
