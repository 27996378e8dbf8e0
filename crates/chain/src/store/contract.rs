//! What every [`Store`] must do, as tests. A crate with a store calls [`suite`] from a test of its own.
//!
//! These functions panic where a store does not keep the contract.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, Block, BlockHash, OutPoint, ScriptBuf, TxOut, Txid};

use super::{Batch, IndexRecord, MemoryStore, Store};
use crate::chainstate::{ChainState, FlushMode, Source};
use crate::coins::{Coin, CoinsView};
use crate::params::Params;
use crate::stats::CoinsHash;
use crate::testing::{BlockMaker, options, spend};
use crate::tree::{BlockId, Status, Validity};

/// Opens a store, and opens it again after it was closed.
pub trait Harness {
    /// What is tested.
    type Store: Store;

    /// Opens what was closed before, or an empty store the first time.
    fn open(&mut self) -> Self::Store;

    /// Takes a store back, as if the process ended here: without a goodbye.
    fn close(&mut self, store: Self::Store);
}

/// All tests, each with a harness of its own.
pub fn suite<H: Harness>(mut fresh: impl FnMut() -> H) {
    an_empty_store_knows_nothing(&mut fresh());
    a_commit_is_there_after_closing(&mut fresh());
    a_commit_without_a_best_block_leaves_it(&mut fresh());
    records_are_replaced(&mut fresh());
    coins_of_a_transaction_are_shown_together(&mut fresh());
    blocks_and_undo_data_are_given_back(&mut fresh());
    removed_blocks_are_gone_and_others_stay(&mut fresh());
    a_chain_reads_the_same_as_from_memory(&mut fresh());
}

fn point(txid: u16, vout: u32) -> OutPoint {
    // Like real ones, the txids of a run are far apart.
    OutPoint::new(Txid::hash(&txid.to_le_bytes()), vout)
}

fn coin(sat: u64) -> Coin {
    let script_pubkey = ScriptBuf::from_bytes(vec![0x51; (sat % 40) as usize]);
    Coin {
        output: TxOut { value: Amount::from_sat(sat), script_pubkey },
        height: 1 + sat as u32,
        coinbase: sat.is_multiple_of(2),
    }
}

fn record(nonce: u32, status: Status) -> IndexRecord {
    let header = Header { nonce, ..Params::regtest().genesis.header };
    IndexRecord { header, status, tx_count: nonce }
}

fn hash(n: u8) -> BlockHash {
    BlockHash::from_byte_array([n; 32])
}

fn sorted(mut records: Vec<IndexRecord>) -> Vec<IndexRecord> {
    records.sort_by_key(|record| record.header.nonce);
    records
}

fn an_empty_store_knows_nothing(harness: &mut impl Harness) {
    let store = harness.open();
    assert!(store.index().unwrap().is_empty());
    assert_eq!(store.best_block().unwrap(), None);
    assert_eq!(store.coin(&point(0, 0)).unwrap(), None);
    assert_eq!(store.read_block(&hash(1)).unwrap(), None);
    assert_eq!(store.read_undo(&hash(1)).unwrap(), None);
    assert!(store.prunable(u32::MAX).unwrap().is_empty());
    store.for_each_coin(&mut |_, _| panic!("a coin in an empty store")).unwrap();
}

fn a_commit_is_there_after_closing(harness: &mut impl Harness) {
    let mut store = harness.open();
    let (a, b, c) = (point(0, 0), point(0, 300), point(1, u32::MAX));
    let (one, two) = (coin(1), coin(2_100_000_000_000_000));
    let index = [record(1, Status::HEADER)];
    let coins = vec![(&a, Some(&one)), (&b, Some(&two)), (&c, None)];
    store.commit(Batch { index: &index, coins, best_block: Some(hash(1)) }).unwrap();
    harness.close(store);

    let mut store = harness.open();
    assert_eq!(store.coin(&a).unwrap(), Some(one.clone()));
    assert_eq!(store.coin(&b).unwrap(), Some(two));
    assert_eq!(store.coin(&c).unwrap(), None);
    assert_eq!(store.best_block().unwrap(), Some(hash(1)));
    assert_eq!(store.index().unwrap(), index);
    let coins = vec![(&a, None), (&c, Some(&one))];
    store.commit(Batch { coins, best_block: Some(hash(2)), ..Batch::default() }).unwrap();
    harness.close(store);

    let store = harness.open();
    assert_eq!(store.coin(&a).unwrap(), None);
    assert_eq!(store.coin(&c).unwrap(), Some(one));
    assert_eq!(store.best_block().unwrap(), Some(hash(2)));
}

fn a_commit_without_a_best_block_leaves_it(harness: &mut impl Harness) {
    let mut store = harness.open();
    store.commit(Batch { best_block: Some(hash(1)), ..Batch::default() }).unwrap();
    store.commit(Batch::default()).unwrap();
    assert_eq!(store.best_block().unwrap(), Some(hash(1)));
    harness.close(store);
    assert_eq!(harness.open().best_block().unwrap(), Some(hash(1)));
}

fn records_are_replaced(harness: &mut impl Harness) {
    let mut store = harness.open();
    let index: Vec<IndexRecord> = (0..500).map(|nonce| record(nonce, Status::HEADER)).collect();
    store.commit(Batch { index: &index, ..Batch::default() }).unwrap();
    let status = Status { validity: Validity::Scripts, failed: true, have_data: true, have_undo: true };
    store.commit(Batch { index: &[record(7, status)], ..Batch::default() }).unwrap();
    harness.close(store);

    let records = sorted(harness.open().index().unwrap());
    assert_eq!(records.len(), 500);
    assert_eq!(records[7], record(7, status));
    assert_eq!(records[8], index[8]);
}

fn coins_of_a_transaction_are_shown_together(harness: &mut impl Harness) {
    let mut store = harness.open();
    let coins: Vec<(OutPoint, Coin)> =
        (0..5000u16).map(|i| (point(i % 1000, u32::from(i / 1000) * 200), coin(u64::from(i)))).collect();
    let changes = coins.iter().map(|(outpoint, coin)| (outpoint, Some(coin))).collect();
    store.commit(Batch { coins: changes, ..Batch::default() }).unwrap();
    let mut shown = Vec::new();
    store
        .for_each_coin(&mut |outpoint, coin| {
            shown.push((outpoint, coin));
            Ok(())
        })
        .unwrap();
    let groups = shown.chunk_by(|(a, _), (b, _)| a.txid == b.txid).count();
    assert_eq!((shown.len(), groups), (5000, 1000));
    shown.sort_by_key(|(outpoint, _)| *outpoint);
    let mut expected = coins;
    expected.sort_by_key(|(outpoint, _)| *outpoint);
    assert_eq!(shown, expected);
    assert!(store.coins_size() > 0);
}

fn blocks_and_undo_data_are_given_back(harness: &mut impl Harness) {
    let mut store = harness.open();
    let large = vec![7; 4_000_000];
    for (n, bytes) in [(1, &large[..]), (2, &[1, 2, 3]), (3, &[9; 80])] {
        store.write_block(&hash(n), u32::from(n), bytes).unwrap();
    }
    store.write_undo(&hash(2), 2, &[4, 5]).unwrap();
    store.write_undo(&hash(2), 2, &[4, 5]).unwrap();
    store.write_block(&hash(3), 3, &[9; 80]).unwrap();
    assert_eq!(store.read_block(&hash(2)).unwrap(), Some(vec![1, 2, 3]), "before a commit");
    store.commit(Batch { best_block: Some(hash(2)), ..Batch::default() }).unwrap();
    harness.close(store);

    let store = harness.open();
    assert_eq!(store.read_block(&hash(1)).unwrap(), Some(large));
    assert_eq!(store.read_block(&hash(3)).unwrap(), Some(vec![9; 80]));
    assert_eq!(store.read_undo(&hash(2)).unwrap(), Some(vec![4, 5]));
    assert_eq!(store.read_undo(&hash(1)).unwrap(), None);
    assert!(store.blocks_size() >= 4_000_000);
}

fn removed_blocks_are_gone_and_others_stay(harness: &mut impl Harness) {
    let mut store = harness.open();
    for n in 1..=20 {
        store.write_block(&hash(n), u32::from(n), &[n; 100]).unwrap();
        store.write_undo(&hash(n), u32::from(n), &[n; 10]).unwrap();
    }
    store.commit(Batch::default()).unwrap();
    let prunable = store.prunable(11).unwrap();
    assert!(prunable.iter().all(|block| (1..=10).any(|n| hash(n) == *block)), "only those below");
    store.remove_blocks(&prunable).unwrap();
    harness.close(store);

    let store = harness.open();
    for n in 1..=20 {
        let kept = !prunable.contains(&hash(n));
        assert_eq!(store.read_block(&hash(n)).unwrap(), kept.then(|| vec![n; 100]));
        assert_eq!(store.read_undo(&hash(n)).unwrap(), kept.then(|| vec![n; 10]));
    }
}

/// A chain with a reorganisation, in this store and in memory: the same tip, the same coins, also after closing.
fn a_chain_reads_the_same_as_from_memory(harness: &mut impl Harness) {
    let blocks = forked_chain();
    let mut model = chain(MemoryStore::default());
    blocks.iter().for_each(|block| feed(&mut model, block));
    let expected = model.coin_stats(CoinsHash::MuHash).unwrap();

    let mut state = chain(harness.open());
    for (i, block) in blocks.iter().enumerate() {
        feed(&mut state, block);
        match i % 10 {
            3 => state.flush(FlushMode::Full).unwrap(),
            5 => state.flush(FlushMode::Index).unwrap(),
            7 => {
                // What is not flushed is fed or replayed again.
                harness.close(state.into_store());
                state = chain(harness.open());
                state.activate_best_chain(NOW).unwrap();
                blocks[..=i].iter().for_each(|block| feed(&mut state, block));
            }
            _ => {}
        }
    }
    let stats = state.coin_stats(CoinsHash::MuHash).unwrap();
    assert_eq!((stats.best_block, stats.coins, stats.hash), (expected.best_block, expected.coins, expected.hash));
    harness.close(state.into_store());
    let mut state = chain(harness.open());
    assert_eq!(state.coin_stats(CoinsHash::MuHash).unwrap().hash, expected.hash);
    assert_eq!(state.tip().hash, model.tip().hash);
}

const NOW: i64 = 2_000_000_000;

fn chain<S: Store>(store: S) -> ChainState<S> {
    ChainState::open(Params::regtest(), store, options(), NOW).unwrap()
}

fn feed<S: Store>(state: &mut ChainState<S>, block: &Arc<Block>) {
    state.process_block(block, Source::REQUESTED, NOW).unwrap();
}

/// 130 blocks of which the last ones spend, and a longer branch that leaves before those.
fn forked_chain() -> Vec<Arc<Block>> {
    let mut maker = BlockMaker::new(&Params::regtest());
    let (trunk, mut blocks) = maker.run(maker.genesis(), 120);
    let coinbases: Vec<OutPoint> =
        blocks.iter().map(|block| OutPoint::new(block.txdata[0].compute_txid(), 0)).collect();
    for (length, outputs) in [(10, 3), (15, 5)] {
        let mut tip: BlockId = trunk;
        for coinbase in coinbases.iter().take(length) {
            let tx = spend(&[(*coinbase, Amount::from_int_btc(50))], outputs, Amount::ZERO, 7);
            let (id, block) = maker.make(tip, vec![(tx, Amount::ZERO)]);
            blocks.push(block);
            tip = id;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that survives closing.
    #[derive(Default)]
    struct Memory(MemoryStore);

    impl Harness for Memory {
        type Store = MemoryStore;

        fn open(&mut self) -> MemoryStore {
            std::mem::take(&mut self.0)
        }

        fn close(&mut self, store: MemoryStore) {
            self.0 = store;
        }
    }

    #[test]
    fn the_store_in_memory_keeps_the_contract() {
        suite(Memory::default);
    }
}
