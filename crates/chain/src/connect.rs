//! Applying a block to the coins, and taking it back.

use bitcoin::{Amount, Block, BlockHash, OutPoint, Transaction, TxOut, Txid};
use pumasi_script::{CacheUse, Flags, transaction_sigop_cost};

use crate::coins::{Coin, CoinsCache, CoinsView, is_unspendable};
use crate::error::{BlockError, ChainError};
use crate::params::{Buried, MAX_BLOCK_SIGOPS_COST, MAX_MONEY, Params};
use crate::scripts::{Job, ScriptChecks};
use crate::store::StoreError;
use crate::transaction::{check_inputs, locks_open, missing_inputs, sequence_locks};
use crate::tree::{BlockId, HeaderTree};
use crate::undo::{BlockUndo, TxUndo};

/// Height from which a coinbase could repeat one from before BIP34 again.
const BIP34_IMPLIES_BIP30_LIMIT: u32 = 1_983_702;
/// The two blocks whose coinbase repeats an earlier one while that was unspent.
const BIP30_REPEATS: [(u32, &str); 2] = [
    (91_842, "00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec"),
    (91_880, "00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721"),
];
/// The two blocks whose coinbase those repeat, and which nobody can spend since.
const BIP30_REPEATED: [(u32, &str); 2] = [
    (91_722, "00000000000271a2dc26e7667f8419f2e15416dc6955e5a6c6cdf3f2574dd08e"),
    (91_812, "00000000000af0aed4792b1acee3d966af36cf5def14935db8de83d6f9306f2f"),
];

/// Where a block stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'t> {
    /// The headers.
    pub tree: &'t HeaderTree,
    /// The block before; it is the one as of which the coins are.
    pub parent: BlockId,
    /// Hash of the block.
    pub hash: BlockHash,
}

impl Place<'_> {
    /// Height of the block.
    pub fn height(&self) -> u32 {
        self.tree[self.parent].height + 1
    }
}

/// How the scripts of a block are checked.
#[derive(Debug, Clone, Copy)]
pub enum Scripts<'c> {
    /// Checked, and what the cache knew of them is forgotten or kept.
    Check(&'c ScriptChecks, CacheUse),
    /// Taken to be valid: below the assumed valid block, or when replaying what was checked before.
    Assume,
}

/// Applies a block to the coins in `cache` above `below`, and gives what is needed to take it back. The block has passed
/// [`crate::block::check_block`] and [`crate::block::contextual_check_block`]. The genesis block is not connected: its
/// coinbase cannot be spent.
///
/// # Errors
/// The rule that the block breaks; the cache is then in no state to be used.
pub fn connect_block(
    block: &Block,
    txids: &[Txid],
    place: Place<'_>,
    params: &Params,
    (cache, below): (&mut CoinsCache, &impl CoinsView),
    scripts: Scripts<'_>,
) -> Result<BlockUndo, ChainError> {
    let height = place.height();
    if enforces_bip30(&place, params) {
        check_no_overwrite(block, txids, cache, below)?;
    }
    let flags = params.script_flags(height, &place.hash);
    let enforce_locks = params.active_at(Buried::Csv, height);
    let mut totals = Totals::default();
    let mut jobs = Vec::with_capacity(block.txdata.len());
    let mut undo = BlockUndo { transactions: Vec::with_capacity(block.txdata.len().saturating_sub(1)) };
    for (tx, &txid) in block.txdata.iter().zip(txids) {
        if tx.is_coinbase() {
            totals.add_sigops(transaction_sigop_cost(tx, &[], flags))?;
        } else {
            let spent = spend_inputs(tx, cache, below)?.ok_or_else(missing_inputs);
            let checked = spent.and_then(|spent| Ok((check_inputs(tx, &spent, height)?, spent)));
            let (fee, spent) = checked.map_err(|error| error.in_connected_block(&txid))?;
            totals.add_fee(fee)?;
            if enforce_locks {
                check_sequence_locks(tx, &txid, &spent, &place)?;
            }
            let outputs: Vec<TxOut> = spent.iter().map(|coin| coin.output.clone()).collect();
            totals.add_sigops(transaction_sigop_cost(tx, &outputs, flags))?;
            if matches!(scripts, Scripts::Check(..)) {
                jobs.push(Job { tx, spent: outputs });
            }
            undo.transactions.push(spent);
        }
        add_outputs(tx, txid, height, cache);
    }
    check_reward(block, totals.fees, params.block_subsidy(height))?;
    run_scripts(jobs, flags, scripts)?;
    cache.set_best_block(place.hash);
    Ok(undo)
}

fn run_scripts(jobs: Vec<Job<'_>>, flags: Flags, scripts: Scripts<'_>) -> Result<(), BlockError> {
    match scripts {
        Scripts::Check(checks, usage) => checks.run(jobs, flags, usage),
        Scripts::Assume => Ok(()),
    }
}

/// What adds up over a block.
#[derive(Debug, Default)]
struct Totals {
    fees: Amount,
    sigops: u64,
}

impl Totals {
    fn add_fee(&mut self, fee: Amount) -> Result<(), BlockError> {
        let fees = self.fees.checked_add(fee).filter(|fees| fees.to_sat() <= MAX_MONEY);
        let debug = "accumulated fee in the block out of range";
        self.fees = fees.ok_or_else(|| BlockError::consensus("bad-txns-accumulated-fee-outofrange", debug))?;
        Ok(())
    }

    fn add_sigops(&mut self, cost: u64) -> Result<(), BlockError> {
        self.sigops += cost;
        if self.sigops > MAX_BLOCK_SIGOPS_COST {
            return Err(BlockError::consensus("bad-blk-sigops", "too many sigops"));
        }
        Ok(())
    }
}

/// Whether the block may not repeat a transaction whose outputs are unspent (BIP30). It cannot, on the chain on which
/// BIP34 became active where we know that it did, so the look-ups are spared there.
fn enforces_bip30(place: &Place<'_>, params: &Params) -> bool {
    let height = place.height();
    let repeats = BIP30_REPEATS.iter().any(|&known| is_block(known, height, &place.hash));
    let bip34 = place.tree.ancestor(place.parent, params.bip34_height);
    let on_known_chain = bip34.is_some_and(|id| place.tree[id].hash == params.bip34_hash);
    (!repeats && !on_known_chain) || height >= BIP34_IMPLIES_BIP30_LIMIT
}

fn is_block((at, name): (u32, &str), height: u32, hash: &BlockHash) -> bool {
    at == height && hash.to_string() == name
}

/// No transaction repeats one that has unspent outputs (BIP30).
fn check_no_overwrite(
    block: &Block,
    txids: &[Txid],
    cache: &CoinsCache,
    below: &impl CoinsView,
) -> Result<(), ChainError> {
    for (tx, &txid) in block.txdata.iter().zip(txids) {
        for vout in 0..tx.output.len() as u32 {
            if cache.has(below, &OutPoint::new(txid, vout))? {
                return Err(BlockError::consensus("bad-txns-BIP30", "tried to overwrite transaction").into());
            }
        }
    }
    Ok(())
}

/// The relative locks are open (BIP68).
fn check_sequence_locks(tx: &Transaction, txid: &Txid, spent: &[Coin], place: &Place<'_>) -> Result<(), BlockError> {
    let locks = sequence_locks(tx, spent.iter().map(|coin| coin.height), place.tree, place.parent);
    if locks_open(locks, place.tree, place.parent) {
        return Ok(());
    }
    Err(BlockError::consensus("bad-txns-nonfinal", format!("contains a non-BIP68-final transaction {txid}")))
}

/// The coinbase takes no more than subsidy and fees.
fn check_reward(block: &Block, fees: Amount, subsidy: Amount) -> Result<(), BlockError> {
    let actual: u64 = block.txdata[0].output.iter().map(|output| output.value.to_sat()).sum();
    let limit = fees.to_sat() + subsidy.to_sat();
    if actual > limit {
        let debug = format!("coinbase pays too much (actual={actual} vs limit={limit})");
        return Err(BlockError::consensus("bad-cb-amount", debug));
    }
    Ok(())
}

/// Takes the coins of all inputs; none when one of them is missing.
fn spend_inputs(
    tx: &Transaction,
    cache: &mut CoinsCache,
    below: &impl CoinsView,
) -> Result<Option<TxUndo>, StoreError> {
    tx.input.iter().map(|input| cache.spend(below, &input.previous_output)).collect()
}

fn add_outputs(tx: &Transaction, txid: Txid, height: u32, cache: &mut CoinsCache) {
    let coinbase = tx.is_coinbase();
    for (vout, output) in (0..).zip(&tx.output) {
        if !is_unspendable(&output.script_pubkey) {
            // Only a coinbase can be there already, when BIP30 is not checked.
            cache.add(OutPoint::new(txid, vout), Coin { output: output.clone(), height, coinbase }, coinbase);
        }
    }
}

/// Whether taking back a block found the coins as the block had left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnected {
    /// All as expected.
    Clean,
    /// Some coin was missing, or there already. The result is right none the less; but it should not happen.
    Unclean,
}

/// Takes a block back from the coins in `cache` above `below`.
///
/// # Errors
/// [`StoreError::Corrupt`] when the undo data is not that of the block; the cache is then in no state to be used.
pub fn disconnect_block(
    block: &Block,
    txids: &[Txid],
    undo: BlockUndo,
    place: Place<'_>,
    (cache, below): (&mut CoinsCache, &impl CoinsView),
) -> Result<Disconnected, StoreError> {
    let height = place.height();
    let lost_coinbase = BIP30_REPEATED.iter().any(|&known| is_block(known, height, &place.hash));
    if undo.transactions.len() + 1 != block.txdata.len() {
        return Err(inconsistent(&place.hash));
    }
    let mut clean = true;
    let mut spent_by = undo.transactions;
    for (tx, &txid) in block.txdata.iter().zip(txids).rev() {
        let coinbase = tx.is_coinbase();
        let removed = remove_outputs(tx, txid, height, cache, below)?;
        clean &= removed || (coinbase && lost_coinbase);
        // The first transaction, the coinbase, is the one that is left without undo data.
        let Some(spent) = spent_by.pop() else { continue };
        if spent.len() != tx.input.len() {
            return Err(inconsistent(&place.hash));
        }
        for (input, coin) in tx.input.iter().zip(spent).rev() {
            let exists = cache.has(below, &input.previous_output)?;
            clean &= !exists;
            cache.add(input.previous_output, coin, exists);
        }
    }
    cache.set_best_block(place.tree[place.parent].hash);
    Ok(if clean { Disconnected::Clean } else { Disconnected::Unclean })
}

fn inconsistent(hash: &BlockHash) -> StoreError {
    StoreError::corrupt("undo data", format!("does not fit block {hash}"))
}

/// Whether all outputs were there, as the transaction had made them.
fn remove_outputs(
    tx: &Transaction,
    txid: Txid,
    height: u32,
    cache: &mut CoinsCache,
    below: &impl CoinsView,
) -> Result<bool, StoreError> {
    let coinbase = tx.is_coinbase();
    let mut clean = true;
    for (vout, output) in (0..).zip(&tx.output) {
        if !is_unspendable(&output.script_pubkey) {
            let coin = cache.spend(below, &OutPoint::new(txid, vout))?;
            clean &=
                coin.is_some_and(|coin| coin.output == *output && coin.height == height && coin.coinbase == coinbase);
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use bitcoin::ScriptBuf;

    use super::*;
    use crate::store::MemoryStore;
    use crate::testing::{BlockMaker, anyone_can_spend, spend};

    /// A block that spends one coin, the coins after it, and how to take it back.
    struct Connected {
        maker: BlockMaker,
        block: std::sync::Arc<Block>,
        txids: Vec<Txid>,
        coins: CoinsCache,
        undo: BlockUndo,
        spent: OutPoint,
    }

    impl Connected {
        fn new() -> Self {
            let params = Params::regtest();
            let mut maker = BlockMaker::new(&params);
            let spent = OutPoint::new(params.genesis.txdata[0].compute_txid(), 5);
            let tx = spend(&[(spent, Amount::from_sat(1000))], 2, Amount::ZERO, 1);
            let (_, block) = maker.make(maker.genesis(), vec![(tx, Amount::ZERO)]);
            let txids = crate::block::txids(&block);
            let mut coins = CoinsCache::new([0, 0]);
            coins.add(spent, Self::coin(), false);
            let place = Place { tree: maker.tree(), parent: maker.genesis(), hash: block.block_hash() };
            let view = (&mut coins, &MemoryStore::default());
            let undo = connect_block(&block, &txids, place, &params, view, Scripts::Assume).unwrap();
            Self { maker, block, txids, coins, undo, spent }
        }

        fn coin() -> Coin {
            let output = TxOut { value: Amount::from_sat(1000), script_pubkey: anyone_can_spend(0) };
            Coin { output, height: 0, coinbase: false }
        }

        fn place(&self) -> Place<'_> {
            Place { tree: self.maker.tree(), parent: self.maker.genesis(), hash: self.block.block_hash() }
        }

        fn disconnect(&mut self) -> Result<Disconnected, StoreError> {
            let mut coins = std::mem::take(&mut self.coins);
            let view = (&mut coins, &MemoryStore::default());
            let done = disconnect_block(&self.block, &self.txids, self.undo.clone(), self.place(), view);
            self.coins = coins;
            done
        }
    }

    #[test]
    fn taking_a_block_back_leaves_the_coins_as_they_were() {
        let mut case = Connected::new();
        assert_eq!(case.undo.transactions, [[Connected::coin()]]);
        assert_eq!(case.coins.peek(&case.spent), None);
        assert_eq!(case.coins.best_block(), Some(case.block.block_hash()));
        assert_eq!(case.coins.len(), 3, "two outputs and that of the coinbase; not the commitment");

        assert_eq!(case.disconnect().unwrap(), Disconnected::Clean);

        assert_eq!(case.coins.peek(&case.spent), Some(&Connected::coin()));
        // And a note to delete the coinbase's output, which an older one below could have had.
        assert_eq!(case.coins.len(), 2);
        assert_eq!(case.coins.best_block(), Some(Params::regtest().genesis_hash()));
    }

    #[test]
    fn coins_that_are_not_as_the_block_left_them_are_noticed() {
        let mut case = Connected::new();
        case.coins.add(case.spent, Connected::coin(), false);
        assert_eq!(case.disconnect().unwrap(), Disconnected::Unclean, "a spent coin is there");

        let mut case = Connected::new();
        case.coins.spend(&MemoryStore::default(), &OutPoint::new(case.txids[1], 1)).unwrap();
        assert_eq!(case.disconnect().unwrap(), Disconnected::Unclean, "an output is missing");

        let mut case = Connected::new();
        let other = Coin { height: 7, ..Connected::coin() };
        case.coins.add(OutPoint::new(case.txids[1], 1), other, true);
        assert_eq!(case.disconnect().unwrap(), Disconnected::Unclean, "an output is another");
    }

    #[test]
    fn undo_data_of_another_block_is_damage() {
        let mut case = Connected::new();
        case.undo.transactions[0].push(Connected::coin());
        assert!(matches!(case.disconnect(), Err(StoreError::Corrupt { .. })));
        let mut case = Connected::new();
        case.undo.transactions.clear();
        assert!(matches!(case.disconnect(), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn outputs_that_nobody_can_spend_are_no_coins() {
        for (script, kept) in [(vec![0x6a], false), (vec![0x51; 10_001], false), (vec![0x51; 10_000], true)] {
            assert_eq!(!is_unspendable(&ScriptBuf::from_bytes(script)), kept);
        }
    }

    #[test]
    fn bip30_is_checked_but_on_the_known_chain_and_for_the_known_repeats() {
        let mut params = Params::main();
        let maker = BlockMaker::new(&Params::regtest());
        let place = |hash: &str| Place { tree: maker.tree(), parent: maker.genesis(), hash: hash.parse().unwrap() };
        let some = place("00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec");
        assert!(enforces_bip30(&some, &params), "the repeat is known by height and hash");
        params.bip34_height = 0;
        assert!(enforces_bip30(&some, &params), "another block is at the height of BIP34");
        params.bip34_hash = Params::regtest().genesis_hash();
        assert!(!enforces_bip30(&some, &params));
        assert!(is_block(BIP30_REPEATS[0], 91_842, &some.hash));
        assert!(!is_block(BIP30_REPEATS[0], 91_843, &some.hash));
    }
}
