//! From an input and an output to a verdict.

mod compute;
mod find_and_delete;
mod machine;
mod signature;
mod stack;
mod witness;

use crate::opcode::{is_push_only, witness_program};
use crate::{ExecutionData, Flags, ScriptError, SigVersion, SignatureChecker};
use bitcoin::{Script, Witness};
use machine::{Context, eval_script};
use stack::Stack;

/// Checks that an input's script and witness satisfy an output's script (Core's `VerifyScript`).
///
/// # Errors
///
/// The first reason why they do not.
pub fn verify_script(
    script_sig: &Script,
    script_pubkey: &Script,
    witness: &Witness,
    flags: Flags,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    let context = Context { flags, version: SigVersion::Base, checker };
    if flags.contains(Flags::SIGPUSHONLY) && !is_push_only(script_sig) {
        return Err(ScriptError::SigPushOnly);
    }
    // One after the other, not joined: a script must not end inside of a push that the other one began (CVE-2010-5141).
    let mut stack = Stack::with_capacity(8);
    let mut data = ExecutionData::default();
    eval_script(&mut stack, script_sig.as_bytes(), &context, &mut data)?;
    let is_p2sh = flags.contains(Flags::P2SH) && script_pubkey.is_p2sh();
    let pushed = is_p2sh.then(|| stack.clone());
    eval_script(&mut stack, script_pubkey.as_bytes(), &context, &mut data)?;
    require_true(&stack)?;

    let mut clean = stack.len() == 1;
    let mut had_witness = false;
    if flags.contains(Flags::WITNESS)
        && let Some(program) = witness_program(script_pubkey)
    {
        if !script_sig.is_empty() {
            return Err(ScriptError::WitnessMalleated);
        }
        witness::verify_program(program, witness, flags, checker, false)?;
        (had_witness, clean) = (true, true);
    }
    if let Some(pushed) = pushed {
        (had_witness, clean) = verify_redeem_script(script_sig, pushed, witness, &context)?;
    }

    if flags.contains(Flags::CLEANSTACK) && !clean {
        return Err(ScriptError::CleanStack);
    }
    if flags.contains(Flags::WITNESS) && !had_witness && !witness.is_empty() {
        return Err(ScriptError::WitnessUnexpected);
    }
    Ok(())
}

/// Runs the script behind the hash (BIP16). Says whether it was a witness program, and whether the stack was clean.
fn verify_redeem_script(
    script_sig: &Script,
    mut pushed: Stack<'_>,
    witness: &Witness,
    context: &Context<'_>,
) -> Result<(bool, bool), ScriptError> {
    if !is_push_only(script_sig) {
        return Err(ScriptError::SigPushOnly);
    }
    // There is one, since its hash was found equal.
    let redeem = pushed.pop()?;
    let redeem = Script::from_bytes(redeem.as_bytes());
    let mut stack: Stack<'_> = pushed;
    eval_script(&mut stack, redeem.as_bytes(), context, &mut ExecutionData::default())?;
    require_true(&stack)?;
    let program = if context.flags.contains(Flags::WITNESS) { witness_program(redeem) } else { None };
    let Some(program) = program else { return Ok((false, stack.len() == 1)) };
    if !is_single_push(script_sig, redeem) {
        return Err(ScriptError::WitnessMalleatedP2sh);
    }
    witness::verify_program(program, witness, context.flags, context.checker, true)?;
    Ok((true, true))
}

fn require_true(stack: &Stack<'_>) -> Result<(), ScriptError> {
    if stack.top_is_true() == Some(true) { Ok(()) } else { Err(ScriptError::EvalFalse) }
}

/// Whether a script is nothing but one push of a witness program, which is too short for any but the shortest push.
fn is_single_push(script: &Script, program: &Script) -> bool {
    matches!(script.as_bytes(), [len, data @ ..] if usize::from(*len) == program.len() && data == program.as_bytes())
}
