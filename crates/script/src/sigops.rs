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
