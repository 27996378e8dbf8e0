//! Why a block or a transaction is refused: Core's result classes, reject reasons and debug messages.

use std::borrow::Cow;
use std::fmt;

use bitcoin::Txid;

use crate::store::StoreError;

/// What a refused block says about its header and about who sent it (Core's `BlockValidationResult`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockResult {
    /// The block breaks a consensus rule: it and all that build on it are invalid for ever.
    Consensus,
    /// The block was found invalid before; the reason was not kept.
    CachedInvalid,
    /// The header itself breaks a rule: proof of work, difficulty, time, version.
    InvalidHeader,
    /// The body does not match what the header commits to. The header may still be good: another body may fit it.
    Mutated,
    /// The parent is not known.
    MissingPrev,
    /// The parent, or one of its ancestors, is invalid.
    InvalidPrev,
    /// The timestamp is more than two hours ahead of our clock. It may be accepted later.
    TimeFuture,
    /// The header chain has too little work to be worth memory.
    HeaderLowWork,
    /// Not a verdict about the block: it was asked to be tested on a parent that is not the tip.
    Inconclusive,
}

/// A block that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockError {
    result: BlockResult,
    reason: Cow<'static, str>,
    debug: String,
}

impl BlockError {
    /// A refusal with Core's reject reason (such as `bad-cb-amount`) and debug message (may be empty).
    pub fn new(result: BlockResult, reason: impl Into<Cow<'static, str>>, debug: impl Into<String>) -> Self {
        Self { result, reason: reason.into(), debug: debug.into() }
    }

    /// A broken consensus rule.
    pub fn consensus(reason: impl Into<Cow<'static, str>>, debug: impl Into<String>) -> Self {
        Self::new(BlockResult::Consensus, reason, debug)
    }

    /// A broken rule of headers.
    pub fn header(reason: impl Into<Cow<'static, str>>, debug: impl Into<String>) -> Self {
        Self::new(BlockResult::InvalidHeader, reason, debug)
    }

    /// A body that the header does not commit to.
    pub fn mutated(reason: impl Into<Cow<'static, str>>, debug: impl Into<String>) -> Self {
        Self::new(BlockResult::Mutated, reason, debug)
    }

    /// The class of the refusal.
    pub fn result(&self) -> BlockResult {
        self.result
    }

    /// Core's reject reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Core's debug message; empty when there is none.
    pub fn debug(&self) -> &str {
        &self.debug
    }
}

/// As Core prints it: `reason` or `reason, debug`.
impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_reason(f, &self.reason, &self.debug)
    }
}

impl std::error::Error for BlockError {}

/// Why the chain could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The block breaks a rule. The chain is as good as before.
    #[error(transparent)]
    Invalid(#[from] BlockError),
    /// The store failed, or what it gave back is damaged. Stop; a restart begins from the last commit.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a transaction is refused, and so what may be done about it (Core's `TxValidationResult`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TxResult {
    /// Breaks a consensus rule.
    Consensus,
    /// Its inputs (which the txid covers) break policy.
    InputsNotStandard,
    /// Breaks policy otherwise.
    NotStandard,
    /// Some of its inputs are not known, or spent.
    MissingInputs,
    /// Spends a coinbase too early, or its locks are not open yet.
    PrematureSpend,
    /// The witness may have been changed by a third party: another witness may make it valid.
    WitnessMutated,
    /// The witness is missing.
    WitnessStripped,
    /// Already in the mempool or in the chain.
    Conflict,
    /// Breaks a limit of the mempool: fee, size, ancestors, replacement.
    MempoolPolicy,
    /// There is no mempool.
    NoMempool,
    /// Breaks policy alone, but may be accepted in a package.
    Reconsiderable,
    /// Not looked at, since its package failed.
    Unknown,
}

/// A transaction that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxError {
    result: TxResult,
    reason: Cow<'static, str>,
    debug: String,
}

impl TxError {
    /// A refusal with Core's reject reason (such as `bad-txns-in-belowout`) and debug message (may be empty).
    pub fn new(result: TxResult, reason: impl Into<Cow<'static, str>>, debug: impl Into<String>) -> Self {
        Self { result, reason: reason.into(), debug: debug.into() }
    }

    /// A broken consensus rule without a debug message.
    pub fn consensus(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(TxResult::Consensus, reason, "")
    }

    /// The class of the refusal.
    pub fn result(&self) -> TxResult {
        self.result
    }

    /// Core's reject reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Core's debug message; empty when there is none.
    pub fn debug(&self) -> &str {
        &self.debug
    }

    /// The refusal of the block that holds this transaction, when the transaction alone shows it.
    pub(crate) fn in_checked_block(self, txid: &Txid) -> BlockError {
        let debug = format!("Transaction check failed (tx hash {txid}) {}", self.debug);
        BlockError::consensus(self.reason, debug)
    }

    /// The refusal of the block that holds this transaction, when its inputs show it.
    pub(crate) fn in_connected_block(self, txid: &Txid) -> BlockError {
        let debug = format!("{} in transaction {txid}", self.debug);
        BlockError::consensus(self.reason, debug)
    }
}

/// As Core prints it: `reason` or `reason, debug`.
impl fmt::Display for TxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_reason(f, &self.reason, &self.debug)
    }
}

impl std::error::Error for TxError {}

fn write_reason(f: &mut fmt::Formatter<'_>, reason: &str, debug: &str) -> fmt::Result {
    f.write_str(reason)?;
    if debug.is_empty() { Ok(()) } else { write!(f, ", {debug}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_print_as_core_prints_them() {
        assert_eq!(BlockError::consensus("bad-cb-amount", "").to_string(), "bad-cb-amount");
        assert_eq!(
            BlockError::header("high-hash", "proof of work failed").to_string(),
            "high-hash, proof of work failed"
        );
        assert_eq!(TxError::consensus("bad-txns-vin-empty").to_string(), "bad-txns-vin-empty");
    }
}
