//! A transaction with what its signature hashes have in common.

use crate::sighash::{LegacyParts, SharedHashes, TaprootHashes};
use bitcoin::{Transaction, TxOut};
use std::sync::OnceLock;

/// A transaction, the outputs it spends, and the parts of its signature hashes that all inputs share.
///
/// The shared parts are computed when the first input needs them, once, whichever thread that is.
pub struct PrecomputedTx<'t> {
    tx: &'t Transaction,
    spent: Vec<TxOut>,
    single: OnceLock<SharedHashes>,
    double: OnceLock<SharedHashes>,
    taproot: OnceLock<TaprootHashes>,
    legacy: OnceLock<LegacyParts>,
    #[cfg(feature = "kernel")]
    kernel: OnceLock<Option<crate::kernel::KernelTx>>,
}

impl<'t> PrecomputedTx<'t> {
    /// A transaction with the outputs that its inputs spend, one for each input in order.
    ///
    /// # Panics
    ///
    /// If there are more or fewer outputs than inputs.
    pub fn new(tx: &'t Transaction, spent: Vec<TxOut>) -> Self {
        assert_eq!(tx.input.len(), spent.len(), "one spent output for each input");
        Self {
            tx,
            spent,
            single: OnceLock::new(),
            double: OnceLock::new(),
            taproot: OnceLock::new(),
            legacy: OnceLock::new(),
            #[cfg(feature = "kernel")]
            kernel: OnceLock::new(),
        }
    }

    /// The transaction itself.
    pub fn tx(&self) -> &'t Transaction {
        self.tx
    }

    /// The outputs that it spends, in the order of its inputs.
    pub fn spent(&self) -> &[TxOut] {
        &self.spent
    }

    pub(crate) fn single_hashes(&self) -> &SharedHashes {
        self.single.get_or_init(|| SharedHashes::single(self.tx))
    }

    pub(crate) fn double_hashes(&self) -> &SharedHashes {
        self.double.get_or_init(|| SharedHashes::double(self.single_hashes()))
    }

    pub(crate) fn taproot(&self) -> &TaprootHashes {
        self.taproot.get_or_init(|| TaprootHashes::new(&self.spent))
    }

    pub(crate) fn legacy(&self) -> &LegacyParts {
        self.legacy.get_or_init(|| LegacyParts::new(self.tx))
    }

    #[cfg(feature = "kernel")]
    pub(crate) fn kernel(&self) -> Option<&crate::kernel::KernelTx> {
        self.kernel.get_or_init(|| crate::kernel::KernelTx::new(self.tx, &self.spent)).as_ref()
    }
}
