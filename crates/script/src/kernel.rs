//! Bitcoin Core's engine as the judge.

use crate::{Flags, Interpreter, PrecomputedTx, ScriptError, ScriptVerifier};
use bitcoin::consensus::serialize;
use bitcoin::{Transaction, TxOut};
use bitcoinkernel::{PrecomputedTransactionData, ScriptPubkey, verify};

/// Bitcoin Core's own engine decides what is consensus; our interpreter tells why, and decides what is policy.
///
/// The engine answers yes or no under [`Flags::MANDATORY`]. It takes `WITNESS` only with `P2SH`, and `TAPROOT` only with
/// both; anything else is [`ScriptError::UnknownError`], and so is a script that only the engine refuses.
#[derive(Clone, Default)]
pub struct Kernel {
    interpreter: Interpreter,
}

impl Kernel {
    /// Core's engine with this interpreter beside it.
    pub fn new(interpreter: Interpreter) -> Self {
        Self { interpreter }
    }
}

impl ScriptVerifier for Kernel {
    fn verify(&self, tx: &PrecomputedTx<'_>, input: usize, flags: Flags) -> Result<(), ScriptError> {
        let valid = tx.kernel().is_some_and(|kernel| kernel.is_valid(input, flags & Flags::MANDATORY));
        let explain = || self.interpreter.verify(tx, input, flags);
        match (valid, flags.without(Flags::MANDATORY).is_empty()) {
            (true, true) => Ok(()),
            (true, false) => explain(),
            (false, _) => Err(explain().err().unwrap_or(ScriptError::UnknownError)),
        }
    }
}

/// A transaction as the engine has it.
pub(crate) struct KernelTx {
    tx: bitcoinkernel::Transaction,
    spent: Vec<(ScriptPubkey, i64)>,
    data: PrecomputedTransactionData,
}

impl KernelTx {
    /// None if the engine cannot read the transaction.
    pub(crate) fn new(tx: &Transaction, spent: &[TxOut]) -> Option<Self> {
        let tx = bitcoinkernel::Transaction::new(&serialize(tx)).ok()?;
        let spent = spent.iter().map(|output| {
            let amount = i64::try_from(output.value.to_sat()).ok()?;
            Some((ScriptPubkey::new(output.script_pubkey.as_bytes()).ok()?, amount))
        });
        let spent = spent.collect::<Option<Vec<_>>>()?;
        let outputs: Vec<_> = spent.iter().map(|(script, amount)| bitcoinkernel::TxOut::new(script, *amount)).collect();
        let data = PrecomputedTransactionData::new(&tx, &outputs).ok()?;
        Some(Self { tx, spent, data })
    }

    fn is_valid(&self, input: usize, flags: Flags) -> bool {
        let (script, amount) = &self.spent[input];
        verify(script, Some(*amount), &self.tx, input, Some(flags.bits()), &self.data).is_ok()
    }
}
