//! The chain as the mempool sees it.

use bitcoin::{OutPoint, Transaction};
use pumasi_chain::coins::Coin;
use pumasi_chain::{CoinsView, transaction};
use pumasi_mempool::ChainContext;
use pumasi_script::{Flags, ScriptVerifier};

use super::Chain;

/// The tip of a chain, for one call to the mempool.
pub(crate) struct Context<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) verifier: &'a dyn ScriptVerifier,
}

impl ChainContext for Context<'_> {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        // A store that cannot be read shows itself at the next block; until then the coin counts as missing.
        self.chain.coin(outpoint).ok().flatten()
    }

    fn tip_height(&self) -> u32 {
        self.chain.active().height()
    }

    fn median_time_past(&self) -> u32 {
        self.chain.tree().median_time_past(self.chain.active().tip())
    }

    fn sequence_locks_open(&self, tx: &Transaction, coin_heights: &[u32]) -> bool {
        let (tree, tip) = (self.chain.tree(), self.chain.active().tip());
        transaction::locks_open(transaction::sequence_locks(tx, coin_heights.iter().copied(), tree, tip), tree, tip)
    }

    fn next_block_flags(&self) -> Flags {
        let height = self.chain.active().height() + 1;
        self.chain.params().script_flags(height, &self.chain.tip().hash)
    }

    fn verifier(&self) -> &dyn ScriptVerifier {
        self.verifier
    }
}
