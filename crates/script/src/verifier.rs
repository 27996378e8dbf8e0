//! Who decides about an input.

use crate::{CacheUse, Flags, PrecomputedTx, ScriptError, SigCache, TransactionChecker, verify_script};
use std::sync::Arc;

/// Decides whether an input may spend the output that it names.
pub trait ScriptVerifier: Send + Sync {
    /// Checks the scripts of one input of a transaction.
    ///
    /// # Errors
    ///
    /// Why the input may not spend its output under these flags.
    ///
    /// # Panics
    ///
    /// If the transaction has no such input.
    fn verify(&self, tx: &PrecomputedTx<'_>, input: usize, flags: Flags) -> Result<(), ScriptError>;
}

/// Our own interpreter.
#[derive(Clone, Default)]
pub struct Interpreter {
    cache: Option<(Arc<SigCache>, CacheUse)>,
}

impl Interpreter {
    /// Verifies every signature.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks a cache before it verifies a signature.
    pub fn with_cache(cache: Arc<SigCache>, usage: CacheUse) -> Self {
        Self { cache: Some((cache, usage)) }
    }
}

impl ScriptVerifier for Interpreter {
    fn verify(&self, tx: &PrecomputedTx<'_>, input: usize, flags: Flags) -> Result<(), ScriptError> {
        let mut checker = TransactionChecker::new(tx, input);
        if let Some((cache, usage)) = &self.cache {
            checker = checker.with_cache(cache, *usage);
        }
        let own = &tx.tx().input[input];
        verify_script(&own.script_sig, &tx.spent()[input].script_pubkey, &own.witness, flags, &checker)
    }
}
