//! Standard witnesses (Bitcoin Core's `IsWitnessStandard`).

use bitcoin::{Script, Transaction, TxOut, Witness};

use super::inputs::redeem_script;
use pumasi_chain::TxResult;

use crate::Rejected;

/// The longest P2WSH script.
const MAX_STANDARD_P2WSH_SCRIPT_SIZE: usize = 3600;
/// The items below a P2WSH script.
const MAX_STANDARD_P2WSH_STACK_ITEMS: usize = 100;
/// The longest of these items.
const MAX_STANDARD_P2WSH_STACK_ITEM_SIZE: usize = 80;
/// The longest item below a tapscript.
const MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE: usize = 80;
/// The first byte of an annex (BIP341).
const ANNEX_TAG: u8 = 0x50;
/// The leaf version of tapscript (BIP342), and the bits of the control block that hold it.
const TAPSCRIPT_LEAF: u8 = 0xc0;
const LEAF_MASK: u8 = 0xfe;

/// Refuses bloated witnesses, and witnesses where none belongs. `spent` are the previous outputs, in order.
pub(crate) fn check_witness_standard(tx: &Transaction, spent: &[TxOut]) -> Result<(), Rejected> {
    let standard = tx.input.iter().zip(spent).all(|(input, output)| {
        input.witness.is_empty() || is_standard(&input.script_sig, &output.script_pubkey, &input.witness)
    });
    if standard { Ok(()) } else { Err(Rejected::new(TxResult::WitnessMutated, "bad-witness-nonstandard")) }
}

fn is_standard(script_sig: &Script, script_pubkey: &Script, witness: &Witness) -> bool {
    let p2sh = script_pubkey.is_p2sh();
    let redeem;
    let program = if p2sh {
        match redeem_script(script_sig) {
            Ok(Some(script)) => redeem = script,
            _ => return false,
        }
        redeem.as_script()
    } else {
        script_pubkey
    };
    let Some(version) = program.witness_version() else { return false };
    match (version.to_num(), &program.as_bytes()[2..]) {
        (0, program) if program.len() == 32 => is_standard_p2wsh(witness),
        (1, program) if program.len() == 32 && !p2sh => is_standard_taproot(witness),
        // Anyone may spend an anchor, so a witness there is only weight.
        (1, [0x4e, 0x73]) => p2sh,
        _ => true,
    }
}

fn is_standard_p2wsh(witness: &Witness) -> bool {
    let script = witness.last().unwrap_or_default();
    let below = witness.len().saturating_sub(1);
    script.len() <= MAX_STANDARD_P2WSH_SCRIPT_SIZE
        && below <= MAX_STANDARD_P2WSH_STACK_ITEMS
        && witness.iter().take(below).all(|item| item.len() <= MAX_STANDARD_P2WSH_STACK_ITEM_SIZE)
}

fn is_standard_taproot(witness: &Witness) -> bool {
    let items: Vec<&[u8]> = witness.iter().collect();
    match items.as_slice() {
        [_, .., last] if last.first() == Some(&ANNEX_TAG) => false,
        [stack @ .., _script, control] => match control.first() {
            None => false,
            Some(first) if first & LEAF_MASK == TAPSCRIPT_LEAF => {
                stack.iter().all(|item| item.len() <= MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE)
            }
            Some(_) => true,
        },
        [_signature] => true,
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::ScriptBuf;

    use super::*;

    fn standard(script_pubkey: &[u8], witness: &[&[u8]]) -> bool {
        is_standard(Script::new(), Script::from_bytes(script_pubkey), &Witness::from_slice(witness))
    }

    #[test]
    fn p2wsh_witnesses_are_bounded() {
        let program = ScriptBuf::from([&[0x00, 32][..], &[7; 32]].concat());
        let program = program.as_bytes();
        assert!(standard(program, &[&[0; 80], &[0x51; 3600]]));
        assert!(!standard(program, &[&[0; 81], &[0x51; 3600]]));
        assert!(!standard(program, &[&[0; 80], &[0x51; 3601]]));
        let mut items: Vec<&[u8]> = vec![&[]; 101];
        assert!(standard(program, &items));
        items.push(&[]);
        assert!(!standard(program, &items));
    }

    #[test]
    fn taproot_witnesses_have_no_annex_and_short_items() {
        let program = [&[0x51, 32][..], &[7; 32]].concat();
        assert!(standard(&program, &[&[1; 64]]), "key path");
        assert!(!standard(&program, &[&[1; 64], &[0x50]]), "annex");
        assert!(standard(&program, &[&[1; 80], &[0x51], &[0xc0; 33]]));
        assert!(!standard(&program, &[&[1; 81], &[0x51], &[0xc1; 33]]));
        assert!(standard(&program, &[&[1; 81], &[0x51], &[0xc2; 33]]), "another leaf version");
        assert!(!standard(&program, &[&[1; 80], &[0x51], &[]]), "empty control block");
    }

    #[test]
    fn a_witness_belongs_to_a_witness_program_only() {
        assert!(!standard(&[0x51, 2, 0x4e, 0x73], &[&[1]]), "anchor");
        assert!(!standard(&[0x51], &[&[1]]), "no program");
        assert!(standard(&[&[0x00, 20][..], &[7; 20]].concat(), &[&[1; 500], &[2; 33]]));
    }
}
