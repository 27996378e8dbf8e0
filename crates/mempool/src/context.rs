//! What the mempool asks of the chain.

use bitcoin::{OutPoint, Transaction};
use pumasi_chain::coins::Coin;
use pumasi_script::{Flags, ScriptVerifier, SigCache};

/// The chain as the mempool sees it: the tip, its coins, and its rules for the next block.
///
/// It stands still during one call to the mempool. A store that cannot be read has no answer here: the driver must stop
/// the node by itself, and may answer [`ChainContext::coin`] with `None` meanwhile.
pub trait ChainContext {
    /// A confirmed output that no confirmed transaction spends.
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin>;

    /// The height of the tip.
    fn tip_height(&self) -> u32;

    /// The median time past of the tip, in seconds since the epoch (BIP113).
    fn median_time_past(&self) -> u32;

    /// Whether the relative locks of a transaction (BIP68) are open in the next block, when the coins that it spends are
    /// at these heights, in the order of its inputs; unconfirmed ones are at the next height.
    fn sequence_locks_open(&self, tx: &Transaction, coin_heights: &[u32]) -> bool;

    /// The script rules of the next block.
    fn next_block_flags(&self) -> Flags;

    /// Decides about scripts. It sees every input twice, under the rules of policy and of the next block; one that
    /// remembers signatures pays once.
    fn verifier(&self) -> &dyn ScriptVerifier;

    /// Where to note that all scripts of a transaction hold under the rules of the next block, so that the block itself
    /// need not run them again.
    fn script_cache(&self) -> Option<&SigCache> {
        None
    }
}
