//! Running one script.

use super::stack::{Branches, Item, Stack};
use crate::number::{self, MAX_LOCK_TIME, MAX_OPERAND};
use crate::opcode::*;
use crate::{ExecutionData, Flags, ScriptError, SigVersion, SignatureChecker};

/// Bytes of an item.
pub(super) const MAX_SCRIPT_ELEMENT_SIZE: usize = 520;
/// Items on both stacks.
pub(super) const MAX_STACK_SIZE: usize = 1_000;
/// Bytes of a script, but for tapscript.
const MAX_SCRIPT_SIZE: usize = 10_000;
/// Opcodes that do not push, and keys of multisigs, but for tapscript.
const MAX_OPS_PER_SCRIPT: usize = 201;

/// What stays the same while a script runs.
pub(super) struct Context<'c> {
    pub(super) flags: Flags,
    pub(super) version: SigVersion,
    pub(super) checker: &'c dyn SignatureChecker,
}

/// A script that runs.
pub(super) struct Machine<'a, 'm> {
    pub(super) context: &'m Context<'m>,
    pub(super) script: &'a [u8],
    pub(super) stack: &'m mut Stack<'a>,
    pub(super) data: &'m mut ExecutionData,
    altstack: Stack<'a>,
    branches: Branches,
    ops: usize,
    /// Where the code that a signature signs begins: behind the last `OP_CODESEPARATOR`.
    pub(super) code_begin: usize,
}

/// Runs a script on a stack.
pub(super) fn eval_script<'a>(
    stack: &mut Stack<'a>,
    script: &'a [u8],
    context: &Context<'_>,
    data: &mut ExecutionData,
) -> Result<(), ScriptError> {
    if context.version != SigVersion::Tapscript && script.len() > MAX_SCRIPT_SIZE {
        return Err(ScriptError::ScriptSize);
    }
    data.code_separator = u32::MAX;
    let (altstack, branches) = (Stack::default(), Branches::default());
    Machine { context, script, stack, data, altstack, branches, ops: 0, code_begin: 0 }.run()
}

impl<'a> Machine<'a, '_> {
    fn run(mut self) -> Result<(), ScriptError> {
        let mut reader = Reader::new(self.script);
        let mut index = 0;
        while let Some(instruction) = reader.next() {
            let instruction = instruction.map_err(|_| ScriptError::BadOpcode)?;
            self.admit(&instruction)?;
            let (opcode, runs) = (instruction.opcode, self.branches.runs());
            if opcode <= OP_PUSHDATA4 {
                if runs {
                    self.push_data(&instruction)?;
                }
            } else if opcode == OP_CODESEPARATOR && runs {
                self.code_begin = reader.position();
                self.data.code_separator = index;
            } else if runs || (OP_IF..=OP_ENDIF).contains(&opcode) {
                self.execute(opcode, runs)?;
            }
            if self.stack.len() + self.altstack.len() > MAX_STACK_SIZE {
                return Err(ScriptError::StackSize);
            }
            // A script is shorter than a block: this cannot overflow.
            index += 1;
        }
        if self.branches.is_empty() { Ok(()) } else { Err(ScriptError::UnbalancedConditional) }
    }

    /// What holds even for an opcode that does not run.
    fn admit(&mut self, instruction: &Instruction<'_>) -> Result<(), ScriptError> {
        let (opcode, version) = (instruction.opcode, self.context.version);
        if instruction.data.len() > MAX_SCRIPT_ELEMENT_SIZE {
            return Err(ScriptError::PushSize);
        }
        if opcode > OP_16 && version != SigVersion::Tapscript {
            self.count_ops(1)?;
        }
        if is_disabled(opcode) {
            return Err(ScriptError::DisabledOpcode);
        }
        if opcode == OP_CODESEPARATOR && version == SigVersion::Base && self.has(Flags::CONST_SCRIPTCODE) {
            return Err(ScriptError::OpCodeSeparator);
        }
        Ok(())
    }

    fn push_data(&mut self, instruction: &Instruction<'a>) -> Result<(), ScriptError> {
        if self.has(Flags::MINIMALDATA) && !instruction.is_minimal_push() {
            return Err(ScriptError::MinimalData);
        }
        self.stack.push(Item::Bytes(instruction.data));
        Ok(())
    }

    fn execute(&mut self, opcode: u8, runs: bool) -> Result<(), ScriptError> {
        match opcode {
            OP_1NEGATE => self.stack.push(Item::number(-1)),
            OP_1..=OP_16 => self.stack.push(Item::number(i64::from(opcode - (OP_1 - 1)))),

            OP_NOP => {}
            OP_CHECKLOCKTIMEVERIFY => self.check_lock_time()?,
            OP_CHECKSEQUENCEVERIFY => self.check_sequence()?,
            OP_NOP1 | OP_NOP4..=OP_NOP10 => {
                if self.has(Flags::DISCOURAGE_UPGRADABLE_NOPS) {
                    return Err(ScriptError::DiscourageUpgradableNops);
                }
            }
            OP_IF | OP_NOTIF => {
                let enters = runs && self.condition()? == (opcode == OP_IF);
                self.branches.enter(enters);
            }
            OP_ELSE => self.branches.toggle()?,
            OP_ENDIF => self.branches.leave()?,
            OP_VERIFY => self.verify(ScriptError::Verify)?,
            OP_RETURN => return Err(ScriptError::OpReturn),

            OP_TOALTSTACK => {
                let item = self.stack.pop()?;
                self.altstack.push(item);
            }
            OP_FROMALTSTACK => {
                let item = self.altstack.pop().map_err(|_| ScriptError::InvalidAltstackOperation)?;
                self.stack.push(item);
            }
            OP_2DROP => self.stack.drop_top(2)?,
            OP_2DUP => self.stack.copy(0, 2)?,
            OP_3DUP => self.stack.copy(0, 3)?,
            OP_2OVER => self.stack.copy(2, 2)?,
            OP_2ROT => self.stack.roll(6, 2)?,
            OP_2SWAP => self.stack.roll(4, 2)?,
            OP_IFDUP => {
                if self.stack.peek(0)?.is_true() {
                    self.stack.copy(0, 1)?;
                }
            }
            OP_DEPTH => self.stack.push(Item::number(self.stack.len() as i64)),
            OP_DROP => self.stack.drop_top(1)?,
            OP_DUP => self.stack.copy(0, 1)?,
            OP_NIP => self.stack.nip()?,
            OP_OVER => self.stack.copy(1, 1)?,
            OP_PICK | OP_ROLL => self.pick(opcode == OP_ROLL)?,
            OP_ROT => self.stack.roll(3, 1)?,
            OP_SWAP => self.stack.roll(2, 1)?,
            OP_TUCK => self.stack.tuck()?,

            OP_SIZE => {
                let len = self.stack.peek(0)?.as_bytes().len();
                self.stack.push(Item::number(len as i64));
            }
            OP_EQUAL | OP_EQUALVERIFY => {
                let equal = self.stack.peek(1)?.as_bytes() == self.stack.peek(0)?.as_bytes();
                self.replace(2, Item::bool(equal))?;
                if opcode == OP_EQUALVERIFY {
                    self.verify(ScriptError::EqualVerify)?;
                }
            }
            OP_1ADD..=OP_WITHIN => self.arithmetic(opcode)?,
            OP_RIPEMD160..=OP_HASH256 => self.hash(opcode)?,

            OP_CHECKSIG | OP_CHECKSIGVERIFY => {
                self.check_sig()?;
                if opcode == OP_CHECKSIGVERIFY {
                    self.verify(ScriptError::CheckSigVerify)?;
                }
            }
            OP_CHECKSIGADD => self.check_sig_add()?,
            OP_CHECKMULTISIG | OP_CHECKMULTISIGVERIFY => {
                self.check_multisig()?;
                if opcode == OP_CHECKMULTISIGVERIFY {
                    self.verify(ScriptError::CheckMultisigVerify)?;
                }
            }
            _ => return Err(ScriptError::BadOpcode),
        }
        Ok(())
    }

    pub(super) fn has(&self, flag: Flags) -> bool {
        self.context.flags.contains(flag)
    }

    /// Counts towards the limit of opcodes.
    pub(super) fn count_ops(&mut self, count: usize) -> Result<(), ScriptError> {
        self.ops += count;
        if self.ops > MAX_OPS_PER_SCRIPT { Err(ScriptError::OpCount) } else { Ok(()) }
    }

    /// The number so far below the top.
    pub(super) fn number(&self, depth: usize) -> Result<i64, ScriptError> {
        number::decode(self.stack.peek(depth)?.as_bytes(), self.has(Flags::MINIMALDATA), MAX_OPERAND)
    }

    /// Takes arguments off the stack and puts a result there.
    pub(super) fn replace(&mut self, arguments: usize, result: Item<'a>) -> Result<(), ScriptError> {
        self.stack.drop_top(arguments)?;
        self.stack.push(result);
        Ok(())
    }

    /// Takes the top if it is true.
    pub(super) fn verify(&mut self, otherwise: ScriptError) -> Result<(), ScriptError> {
        if !self.stack.peek(0)?.is_true() {
            return Err(otherwise);
        }
        self.stack.drop_top(1)
    }

    /// Takes what `OP_IF` decides by.
    fn condition(&mut self) -> Result<bool, ScriptError> {
        let item = self.stack.pop()?;
        let minimal = matches!(item.as_bytes(), [] | [1]);
        match self.context.version {
            // Consensus in tapscript, policy in witness version 0.
            SigVersion::Tapscript if !minimal => Err(ScriptError::TapscriptMinimalIf),
            SigVersion::WitnessV0 if !minimal && self.has(Flags::MINIMALIF) => Err(ScriptError::MinimalIf),
            _ => Ok(item.is_true()),
        }
    }

    fn pick(&mut self, roll: bool) -> Result<(), ScriptError> {
        self.stack.require(2)?;
        let depth = usize::try_from(self.number(0)?).map_err(|_| ScriptError::InvalidStackOperation)?;
        self.stack.drop_top(1)?;
        if depth >= self.stack.len() {
            return Err(ScriptError::InvalidStackOperation);
        }
        if roll { self.stack.roll(depth + 1, 1) } else { self.stack.copy(depth, 1) }
    }

    /// BIP65. The argument stays on the stack.
    fn check_lock_time(&mut self) -> Result<(), ScriptError> {
        if !self.has(Flags::CHECKLOCKTIMEVERIFY) {
            return Ok(());
        }
        let lock_time = self.lock_time()?;
        if self.context.checker.check_lock_time(lock_time) { Ok(()) } else { Err(ScriptError::UnsatisfiedLocktime) }
    }

    /// BIP112. The argument stays on the stack; one with the highest bit set is for later soft forks.
    fn check_sequence(&mut self) -> Result<(), ScriptError> {
        const DISABLE: i64 = 1 << 31;
        if !self.has(Flags::CHECKSEQUENCEVERIFY) {
            return Ok(());
        }
        let sequence = self.lock_time()?;
        if sequence & DISABLE != 0 || self.context.checker.check_sequence(sequence) {
            return Ok(());
        }
        Err(ScriptError::UnsatisfiedLocktime)
    }

    fn lock_time(&self) -> Result<i64, ScriptError> {
        let item = self.stack.peek(0)?;
        let number = number::decode(item.as_bytes(), self.has(Flags::MINIMALDATA), MAX_LOCK_TIME)?;
        if number < 0 { Err(ScriptError::NegativeLocktime) } else { Ok(number) }
    }
}
