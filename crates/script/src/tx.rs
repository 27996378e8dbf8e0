//! A transaction with what its signature hashes have in common.

use crate::sighash::{LegacyParts, SegwitHashes, TaprootHashes};
use bitcoin::{Transaction, TxOut};
use std::sync::OnceLock;

/// A transaction, the outputs it spends, and the parts of its signature hashes that all inputs share.
///
/// The shared parts are computed when the first input needs them, once, whichever thread that is.
pub struct PrecomputedTx<'t> {
    tx: &'t Transaction,
    spent: Vec<TxOut>,
    segwit: OnceLock<SegwitHashes>,
    taproot: OnceLock<TaprootHashes>,
    legacy: OnceLock<LegacyParts>,
}

impl<'t> PrecomputedTx<'t> {
    /// A transaction with the outputs that its inputs spend, one for each input in order.
    ///
    /// # Panics
    ///
    /// If there are more or fewer outputs than inputs.
    pub fn new(tx: &'t Transaction, spent: Vec<TxOut>) -> Self {
        assert_eq!(tx.input.len(), spent.len(), "one spent output for each input");
        Self { tx, spent, segwit: OnceLock::new(), taproot: OnceLock::new(), legacy: OnceLock::new() }
    }

    /// The transaction itself.
    pub fn tx(&self) -> &'t Transaction {
        self.tx
    }

    /// The outputs that it spends, in the order of its inputs.
    pub fn spent(&self) -> &[TxOut] {
        &self.spent
    }

    pub(crate) fn segwit(&self) -> &SegwitHashes {
        self.segwit.get_or_init(|| SegwitHashes::new(self.tx))
    }

    pub(crate) fn taproot(&self) -> &TaprootHashes {
        self.taproot.get_or_init(|| TaprootHashes::new(&self.spent))
    }

    pub(crate) fn legacy(&self) -> &LegacyParts {
        self.legacy.get_or_init(|| LegacyParts::new(self.tx))
    }
}
