//! Standard inputs (Bitcoin Core's `ValidateInputsStandardness`), and what an input script pushes.

use bitcoin::{
    Script, ScriptBuf, Transaction, TxOut,
    opcodes::all::{OP_PUSHNUM_1, OP_PUSHNUM_16, OP_PUSHNUM_NEG1, OP_RESERVED},
    script::Instruction,
};
use pumasi_script::{ScriptError, legacy_sigops, p2sh_sigops};

use super::solver::OutputType;
use pumasi_chain::TxResult;

use crate::Rejected;

/// Signature operations outside of witnesses that a transaction may run (BIP54).
const MAX_TX_LEGACY_SIGOPS: u64 = 2500;
/// Signature operations of a redeem script.
const MAX_P2SH_SIGOPS: u64 = 15;
/// Consensus limits that an input script meets when it is run.
const MAX_SCRIPT_ELEMENT_SIZE: usize = 520;
const MAX_STACK_SIZE: usize = 1000;

/// Checks that every input spends a known kind of script at bounded cost. `spent` are the previous outputs, in order.
pub(crate) fn check_inputs_standard(tx: &Transaction, spent: &[TxOut]) -> Result<(), Rejected> {
    let refuse =
        |debug: String| Rejected::new(TxResult::InputsNotStandard, "bad-txns-nonstandard-inputs").because(debug);
    check_bip54_sigops(tx, spent).map_err(refuse)?;
    for (index, (input, output)) in tx.input.iter().zip(spent).enumerate() {
        check_input(index, &input.script_sig, &output.script_pubkey).map_err(refuse)?;
    }
    Ok(())
}

fn check_bip54_sigops(tx: &Transaction, spent: &[TxOut]) -> Result<(), String> {
    let counts = tx.input.iter().zip(spent).map(|(input, output)| {
        legacy_sigops(&input.script_sig, true) + p2sh_sigops(&input.script_sig, &output.script_pubkey)
    });
    let sigops: u64 = counts.sum();
    if sigops > MAX_TX_LEGACY_SIGOPS { Err("non-witness sigops exceed bip54 limit".to_owned()) } else { Ok(()) }
}

fn check_input(index: usize, script_sig: &Script, script_pubkey: &Script) -> Result<(), String> {
    match OutputType::of(script_pubkey) {
        OutputType::Nonstandard => Err(format!("input {index} script unknown")),
        OutputType::WitnessUnknown => Err(format!("input {index} witness program is undefined")),
        OutputType::ScriptHash => {
            let redeem = redeem_script(script_sig)
                .map_err(|error| format!("p2sh scriptsig malformed (input {index}: {error})"))?
                .ok_or_else(|| format!("input {index} P2SH redeemscript missing"))?;
            let sigops = legacy_sigops(&redeem, true);
            if sigops > MAX_P2SH_SIGOPS {
                let counts = format!("input {index}: {sigops} > {MAX_P2SH_SIGOPS}");
                return Err(format!("p2sh redeemscript sigops exceed limit ({counts})"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What an input script leaves on top of the stack; `None` when it pushes nothing.
///
/// # Errors
///
/// Why the script would fail. It must be one that only pushes: anything else is [`ScriptError::BadOpcode`] here.
pub(super) fn redeem_script(script_sig: &Script) -> Result<Option<ScriptBuf>, ScriptError> {
    let mut top = None;
    for (depth, instruction) in script_sig.instructions().enumerate() {
        if depth >= MAX_STACK_SIZE {
            return Err(ScriptError::StackSize);
        }
        let item = match instruction.map_err(|_| ScriptError::BadOpcode)? {
            Instruction::PushBytes(bytes) if bytes.len() > MAX_SCRIPT_ELEMENT_SIZE => {
                return Err(ScriptError::PushSize);
            }
            Instruction::PushBytes(bytes) => bytes.as_bytes().to_vec(),
            Instruction::Op(OP_PUSHNUM_NEG1) => vec![0x81],
            Instruction::Op(opcode) => {
                let numbers = OP_PUSHNUM_1.to_u8()..=OP_PUSHNUM_16.to_u8();
                if !numbers.contains(&opcode.to_u8()) {
                    return Err(ScriptError::BadOpcode);
                }
                vec![opcode.to_u8() - OP_RESERVED.to_u8()]
            }
        };
        top = Some(item);
    }
    Ok(top.map(ScriptBuf::from_bytes))
}

/// Whether an input needs a witness: if it has none, it was taken off on the way. Anchors need none.
pub(crate) fn spends_witness_program(tx: &Transaction, spent: &[TxOut]) -> bool {
    tx.input.iter().zip(spent).any(|(input, output)| {
        let script_pubkey = &output.script_pubkey;
        let direct = script_pubkey.is_witness_program() && OutputType::of(script_pubkey) != OutputType::Anchor;
        let wrapped = || matches!(redeem_script(&input.script_sig), Ok(Some(redeem)) if redeem.is_witness_program());
        direct || (script_pubkey.is_p2sh() && wrapped())
    })
}

#[cfg(test)]
mod tests {
    use bitcoin::hex::FromHex;

    use super::*;

    fn top(script: &[u8]) -> Result<Option<Vec<u8>>, ScriptError> {
        redeem_script(Script::from_bytes(script)).map(|top| top.map(ScriptBuf::into_bytes))
    }

    #[test]
    fn the_last_push_is_the_redeem_script() {
        assert_eq!(top(&[]), Ok(None));
        assert_eq!(top(&[0x00]), Ok(Some(vec![])));
        assert_eq!(top(&[0x51, 0x02, 7, 8]), Ok(Some(vec![7, 8])));
        assert_eq!(top(&[0x4f]), Ok(Some(vec![0x81])));
        assert_eq!(top(&[0x60]), Ok(Some(vec![16])));
        assert_eq!(top(&[0x50]), Err(ScriptError::BadOpcode), "OP_RESERVED");
        assert_eq!(top(&[0x02, 7]), Err(ScriptError::BadOpcode), "cut short");
        assert_eq!(top(&[0x51; 1000]), Ok(Some(vec![1])));
        assert_eq!(top(&[0x51; 1001]), Err(ScriptError::StackSize));
        let long = [&[0x4d, 0x09, 0x02][..], &[0; 521]].concat();
        assert_eq!(top(&long), Err(ScriptError::PushSize));
    }

    #[test]
    fn a_redeem_script_has_at_most_fifteen_signature_operations() {
        let p2sh = ScriptBuf::from_bytes(Vec::from_hex(&format!("a914{}87", "11".repeat(20))).unwrap());
        let with = |count: u8| [&[count][..], &vec![0xac; usize::from(count)]].concat();
        assert_eq!(check_input(0, Script::from_bytes(&with(15)), &p2sh), Ok(()));
        let error = check_input(3, Script::from_bytes(&with(16)), &p2sh).unwrap_err();
        assert_eq!(error, "p2sh redeemscript sigops exceed limit (input 3: 16 > 15)");
        assert_eq!(check_input(1, Script::new(), &p2sh).unwrap_err(), "input 1 P2SH redeemscript missing");
        assert_eq!(check_input(2, Script::new(), Script::from_bytes(&[0x51])).unwrap_err(), "input 2 script unknown");
    }
}
