//! Witness programs (BIP141, BIP341).

use super::machine::{Context, MAX_SCRIPT_ELEMENT_SIZE, MAX_STACK_SIZE, eval_script};
use super::require_true;
use super::stack::Stack;
use crate::checker::SECP;
use crate::opcode::{OP_CHECKSIG, OP_DUP, OP_EQUALVERIFY, OP_HASH160, Reader, is_op_success};
use crate::sighash::{self, branch_hash, leaf_hash, tweak_hash};
use crate::{ExecutionData, Flags, ScriptError, SigVersion, SignatureChecker};
use bitcoin::Witness;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Parity, Scalar, XOnlyPublicKey};

/// The first byte of an annex.
const ANNEX_TAG: u8 = 0x50;
/// The version of a leaf without the parity that shares its byte.
const LEAF_MASK: u8 = 0xfe;
const LEAF_TAPSCRIPT: u8 = 0xc0;
/// The leaf's version and the internal key.
const CONTROL_BASE_SIZE: usize = 33;
const CONTROL_NODE_SIZE: usize = 32;
const CONTROL_MAX_NODES: usize = 128;
/// Weight for signatures that a witness has beyond its own size (BIP342).
const VALIDATION_WEIGHT_OFFSET: i64 = 50;

/// Checks a witness against the program of an output, or of a redeem script.
pub(super) fn verify_program(
    (version, program): (u8, &[u8]),
    witness: &Witness,
    flags: Flags,
    checker: &dyn SignatureChecker,
    is_p2sh: bool,
) -> Result<(), ScriptError> {
    match (version, program.len()) {
        (0, 32) => verify_script_hash(program, witness, flags, checker),
        (0, 20) => verify_key_hash(program, witness, flags, checker),
        (0, _) => Err(ScriptError::WitnessProgramWrongLength),
        (1, 32) if !is_p2sh => match program.try_into() {
            Ok(key) if flags.contains(Flags::TAPROOT) => verify_taproot(key, witness, flags, checker),
            _ => Ok(()),
        },
        // Pay to anchor: anyone can spend it.
        (1, 2) if !is_p2sh && program == [0x4e, 0x73] => Ok(()),
        _ if flags.contains(Flags::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM) => {
            Err(ScriptError::DiscourageUpgradableWitnessProgram)
        }
        _ => Ok(()),
    }
}

/// P2WSH: the last item is the script.
fn verify_script_hash(
    hash: &[u8],
    witness: &Witness,
    flags: Flags,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    let script = witness.last().ok_or(ScriptError::WitnessProgramWitnessEmpty)?;
    if sha256::Hash::hash(script).as_byte_array() != hash {
        return Err(ScriptError::WitnessProgramMismatch);
    }
    let stack = witness.iter().take(witness.len() - 1).collect();
    execute(stack, script, &Context { flags, version: SigVersion::WitnessV0, checker }, ExecutionData::default())
}

/// P2WPKH: a signature and a key, under the script of P2PKH.
fn verify_key_hash(
    hash: &[u8],
    witness: &Witness,
    flags: Flags,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    if witness.len() != 2 {
        return Err(ScriptError::WitnessProgramMismatch);
    }
    let mut script = [OP_DUP, OP_HASH160, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    script[3..23].copy_from_slice(hash);
    script[23..].copy_from_slice(&[OP_EQUALVERIFY, OP_CHECKSIG]);
    let context = Context { flags, version: SigVersion::WitnessV0, checker };
    execute(witness.iter().collect(), &script, &context, ExecutionData::default())
}

/// P2TR: a signature by the output's key, or a script with the path that leads from it to that key.
fn verify_taproot(
    output_key: &[u8; 32],
    witness: &Witness,
    flags: Flags,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    let mut data = ExecutionData::default();
    let mut len = witness.len();
    if let Some(annex) = witness.last().filter(|last| len >= 2 && last.first() == Some(&ANNEX_TAG)) {
        data.annex_hash = Some(sighash::annex_hash(annex));
        len -= 1;
    }
    let item = |index: usize| witness.nth(index).ok_or(ScriptError::WitnessProgramWitnessEmpty);
    if len < 2 {
        return checker.check_schnorr(item(0)?, output_key, &data);
    }
    let (script, control) = (item(len - 2)?, item(len - 1)?);
    let leaf_version = verify_commitment(output_key, script, control, &mut data)?;
    if leaf_version != LEAF_TAPSCRIPT {
        if flags.contains(Flags::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION) {
            return Err(ScriptError::DiscourageUpgradableTaprootVersion);
        }
        return Ok(());
    }
    // A witness is at most as long as a block.
    data.weight_left = witness.size() as i64 + VALIDATION_WEIGHT_OFFSET;
    let context = Context { flags, version: SigVersion::Tapscript, checker };
    if has_op_success(script)? {
        if flags.contains(Flags::DISCOURAGE_OP_SUCCESS) {
            return Err(ScriptError::DiscourageOpSuccess);
        }
        return Ok(());
    }
    if len - 2 > MAX_STACK_SIZE {
        return Err(ScriptError::StackSize);
    }
    execute(witness.iter().take(len - 2).collect(), script, &context, data)
}

/// Checks that the output's key commits to the script, and gives the version of its leaf.
fn verify_commitment(
    output_key: &[u8; 32],
    script: &[u8],
    control: &[u8],
    data: &mut ExecutionData,
) -> Result<u8, ScriptError> {
    let ([first, rest @ ..], true) = (control, (control.len() >= CONTROL_BASE_SIZE)) else {
        return Err(ScriptError::TaprootWrongControlSize);
    };
    let (internal_key, path) = rest.split_first_chunk::<32>().ok_or(ScriptError::TaprootWrongControlSize)?;
    let (nodes, odd) = path.as_chunks::<CONTROL_NODE_SIZE>();
    if !odd.is_empty() || nodes.len() > CONTROL_MAX_NODES {
        return Err(ScriptError::TaprootWrongControlSize);
    }
    let leaf = leaf_hash(first & LEAF_MASK, script);
    data.leaf_hash = Some(leaf);
    let root = nodes.iter().fold(leaf, |below, node| branch_hash(&below, node));
    if is_tweaked(output_key, internal_key, &root, first & 1) {
        Ok(first & LEAF_MASK)
    } else {
        Err(ScriptError::WitnessProgramMismatch)
    }
}

fn is_tweaked(output_key: &[u8; 32], internal_key: &[u8; 32], root: &[u8; 32], parity: u8) -> bool {
    let parity = if parity == 0 { Parity::Even } else { Parity::Odd };
    let Ok(internal) = XOnlyPublicKey::from_slice(internal_key) else { return false };
    let Ok(output) = XOnlyPublicKey::from_slice(output_key) else { return false };
    let Ok(tweak) = Scalar::from_be_bytes(tweak_hash(internal_key, root)) else { return false };
    internal.tweak_add_check(&SECP, &output, parity, tweak)
}

/// Whether a tapscript has an opcode with which it succeeds, before one that cannot be read.
fn has_op_success(script: &[u8]) -> Result<bool, ScriptError> {
    let mut reader = Reader::new(script);
    while let Some(instruction) = reader.next() {
        if is_op_success(instruction.map_err(|_| ScriptError::BadOpcode)?.opcode) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs the script of a witness. It must leave exactly one item, under all flags.
fn execute<'a>(
    mut stack: Stack<'a>,
    script: &'a [u8],
    context: &Context<'_>,
    mut data: ExecutionData,
) -> Result<(), ScriptError> {
    if stack.iter().any(|item| item.as_bytes().len() > MAX_SCRIPT_ELEMENT_SIZE) {
        return Err(ScriptError::PushSize);
    }
    eval_script(&mut stack, script, context, &mut data)?;
    if stack.len() != 1 {
        return Err(ScriptError::CleanStack);
    }
    require_true(&stack)
}
