use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::coins::Coin;
use crate::stats::CoinsHash;
use crate::store::{Batch, IndexRecord};

/// A store that remembers how it was after every call that changed it: at any of these a process could have died.
#[derive(Default)]
struct Recorded {
    inner: MemoryStore,
    history: Rc<RefCell<Vec<MemoryStore>>>,
}

impl Recorded {
    fn note(&self) {
        self.history.borrow_mut().push(self.inner.clone());
    }
}

impl CoinsView for Recorded {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.inner.coin(outpoint)
    }

    fn best_block(&self) -> Result<Option<BlockHash>, StoreError> {
        self.inner.best_block()
    }
}

impl Store for Recorded {
    fn index(&self) -> Result<Vec<IndexRecord>, StoreError> {
        self.inner.index()
    }

    fn commit(&mut self, batch: Batch<'_>) -> Result<(), StoreError> {
        self.inner.commit(batch)?;
        self.note();
        Ok(())
    }

    fn write_block(&mut self, hash: &BlockHash, height: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.inner.write_block(hash, height, bytes)?;
        self.note();
        Ok(())
    }

    fn read_block(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.read_block(hash)
    }

    fn write_undo(&mut self, hash: &BlockHash, height: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.inner.write_undo(hash, height, bytes)?;
        self.note();
        Ok(())
    }

    fn read_undo(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.read_undo(hash)
    }

    fn prunable(&self, height: u32) -> Result<Vec<BlockHash>, StoreError> {
        self.inner.prunable(height)
    }

    fn remove_blocks(&mut self, hashes: &[BlockHash]) -> Result<(), StoreError> {
        self.inner.remove_blocks(hashes)?;
        self.note();
        Ok(())
    }

    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.inner.for_each_coin(visit)
    }

    fn blocks_size(&self) -> u64 {
        self.inner.blocks_size()
    }

    fn coins_size(&self) -> u64 {
        self.inner.coins_size()
    }
}

/// Blocks with a fork: 110 empty ones, five that spend, then a branch of eight that spends otherwise.
fn blocks() -> Vec<Arc<Block>> {
    let mut maker = BlockMaker::new(&Params::regtest());
    let (trunk, mut blocks) = maker.run(maker.genesis(), 110);
    for length in [5usize, 8] {
        let mut tip = trunk;
        for i in 0..length {
            let (id, block) = maker.make(tip, vec![spending(&blocks[length - 1 - i].clone(), i as u64)]);
            blocks.push(block);
            tip = id;
        }
    }
    blocks
}

fn open<S: Store>(store: S) -> ChainState<S> {
    ChainState::open(Params::regtest(), store, options(), NOW).unwrap()
}

#[test]
fn a_crash_at_any_write_replays_to_the_same_coins() {
    let blocks = blocks();
    let store = Recorded::default();
    let history = Rc::clone(&store.history);
    let mut chain = open(store);
    for (i, block) in blocks.iter().enumerate() {
        chain.process_block(block, Source::REQUESTED, NOW).unwrap();
        if i % 2 == 0 {
            chain.flush(FlushMode::Index).unwrap();
        }
        if i % 7 == 0 {
            chain.flush(FlushMode::Full).unwrap();
        }
    }
    let expected = chain.coin_stats(CoinsHash::MuHash).unwrap();
    assert_eq!(expected.best_block, Some(blocks.last().unwrap().block_hash()));

    let history = history.borrow();
    // The first blocks are all alike.
    let late = history.len() - 60;
    for (i, snapshot) in history.iter().enumerate().skip(late) {
        let mut chain = open(snapshot.clone());
        let known = snapshot.index().unwrap().iter().filter(|record| record.status.have_data).count();
        chain.activate_best_chain(NOW).unwrap();
        let best = chain.tree().ids().map(|id| chain.tree()[id].work).max();
        assert_eq!(Some(chain.tip().work), best, "crash {i}: all that was indexed is connected again");
        assert!(known > 100);
        for block in &blocks {
            chain.process_block(block, Source::REQUESTED, NOW).unwrap();
        }
        let stats = chain.coin_stats(CoinsHash::MuHash).unwrap();
        assert_eq!((stats.best_block, stats.hash), (expected.best_block, expected.hash), "crash {i}");
    }
    println!("{} crashes", history.len() - late);
}

#[test]
fn what_is_written_is_not_written_again() {
    let store = Recorded::default();
    let history = Rc::clone(&store.history);
    let mut chain = open(store);
    chain.process_block(&blocks()[0], Source::REQUESTED, NOW).unwrap();
    let mut writes = |mode| {
        let before = history.borrow().len();
        chain.flush(mode).unwrap();
        history.borrow().len() - before
    };
    let flushes = [FlushMode::Index, FlushMode::Index, FlushMode::Full, FlushMode::Full, FlushMode::Index];
    assert_eq!(flushes.map(&mut writes), [1, 0, 1, 0, 0]);
}

#[test]
fn with_the_index_flushed_no_block_is_lost() {
    let blocks = blocks();
    let mut chain = open(MemoryStore::default());
    for block in &blocks {
        chain.process_block(block, Source::REQUESTED, NOW).unwrap();
        chain.flush(FlushMode::Index).unwrap();
    }
    let tip = chain.tip().hash;
    let mut chain = open(chain.into_store());
    assert_eq!(chain.active().height(), 0, "the coins were never written");
    chain.activate_best_chain(NOW).unwrap();
    assert_eq!(chain.tip().hash, tip);
}

#[test]
fn a_restart_keeps_failures_and_preferences() {
    let mut rig = Rig::regtest();
    let genesis = rig.maker.genesis();
    let (_, first) = rig.grow(genesis, 3);
    let (_, second) = rig.grow(genesis, 3);
    let (_, third) = rig.grow(genesis, 2);
    rig.chain.invalidate(rig.id(&third[0]), NOW).unwrap();
    rig.chain.flush(FlushMode::Full).unwrap();
    let mut chain = open(rig.chain.into_store());
    chain.activate_best_chain(NOW).unwrap();
    assert_eq!(chain.tip().hash, first[2].block_hash(), "not the other of equal work");
    assert!(chain.tree().get(&third[1].block_hash()).unwrap().status.failed);
    assert!(!chain.tree().get(&second[2].block_hash()).unwrap().status.failed);
}

#[test]
fn a_chain_of_another_network_is_refused() {
    let chain = open(MemoryStore::default());
    let error = ChainState::open(Params::main(), chain.into_store(), options(), NOW).unwrap_err();
    assert!(error.to_string().contains("another network"), "{error}");
}

#[test]
fn damaged_data_is_an_error_that_names_it() {
    let mut rig = Rig::regtest();
    let (tip, blocks) = rig.grow(rig.maker.genesis(), 2);
    rig.chain.flush(FlushMode::Full).unwrap();
    let hash = blocks[1].block_hash();
    rig.chain.recent.clear();
    rig.chain.store_mut().write_block(&hash, 2, &bitcoin::consensus::serialize(&*blocks[0])).unwrap();
    let id = rig.id(&blocks[1]);
    let error = rig.chain.invalidate(id, NOW).unwrap_err();
    assert_eq!(error.to_string(), format!("corrupt blocks: asked for {hash}, got {}", blocks[0].block_hash()));
    rig.chain.store_mut().write_block(&hash, 2, &[1, 2, 3]).unwrap();
    assert!(
        rig.chain.invalidate(id, NOW).unwrap_err().to_string().starts_with(&format!("corrupt blocks: block {hash}"))
    );
    rig.chain.store_mut().write_undo(&hash, 2, &[7]).unwrap();
    assert!(rig.chain.read_undo(id).unwrap_err().to_string().starts_with("corrupt undo data"));
    let _ = tip;
}

#[test]
fn pruned_blocks_are_gone_but_the_chain_goes_on() {
    let mut rig = Rig::regtest();
    let (tip, blocks) = rig.grow(rig.maker.genesis(), 300);
    assert_eq!(rig.chain.prune(1000).unwrap(), 12, "blocks 0 to 11: the last 288 stay");
    assert_eq!(rig.chain.read_block(rig.id(&blocks[10])).unwrap(), None);
    assert!(rig.chain.read_block(rig.id(&blocks[11])).unwrap().is_some());
    rig.grow(tip, 1);
    rig.chain.flush(FlushMode::Full).unwrap();
    let mut chain = open(rig.chain.into_store());
    chain.activate_best_chain(NOW).unwrap();
    assert_eq!(chain.active().height(), 301);
    assert_eq!(chain.tip().chain_tx_count, 302);
}

#[test]
fn a_branch_whose_bodies_were_pruned_is_not_tried() {
    let mut rig = Rig::regtest();
    let (tip, _) = rig.grow(rig.maker.genesis(), 300);
    let fork = rig.maker.tree().ancestor(tip, 2).unwrap();
    let (_, branch) = rig.maker.run(fork, 300);
    branch[..8].iter().for_each(|block| {
        rig.process(block).unwrap();
    });
    rig.chain.prune(1000).unwrap();
    branch[8..].iter().for_each(|block| {
        rig.process(block).unwrap();
    });
    assert_eq!(rig.chain.active().tip(), rig.chain.tree().id(&rig.maker.tree()[tip].hash).unwrap());
    assert_eq!(rig.chain.best_header(), rig.id(&branch[299]));
}

#[test]
fn blocks_that_wait_for_another_wait_after_a_restart_too() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.maker.run(rig.maker.genesis(), 5);
    let headers: Vec<_> = blocks.iter().map(|block| block.header).collect();
    rig.chain.accept_headers(&headers, true, NOW).unwrap();
    blocks[1..].iter().for_each(|block| {
        rig.process(block).unwrap();
    });
    rig.chain.flush(FlushMode::Full).unwrap();
    rig.chain = open(rig.chain.into_store());
    rig.chain.activate_best_chain(NOW).unwrap();
    assert_eq!(rig.chain.active().height(), 0);
    rig.process(&blocks[0]).unwrap();
    assert_eq!(rig.tip(), blocks[4].block_hash());
}

#[test]
fn what_builds_on_a_failed_block_has_failed_whatever_the_index_says() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.grow(rig.maker.genesis(), 3);
    rig.chain.flush(FlushMode::Full).unwrap();
    let records = rig.chain.store().index().unwrap();
    let mut store = rig.chain.into_store();
    let mut record = *records.iter().find(|record| record.header == blocks[1].header).unwrap();
    record.status.failed = true;
    let best_block = Some(blocks[0].block_hash());
    store.commit(Batch { index: &[record], best_block, ..Batch::default() }).unwrap();
    let chain = open(store);
    assert!(chain.tree().get(&blocks[2].block_hash()).unwrap().status.failed);
    assert_eq!(chain.tree()[chain.best_header()].hash, blocks[0].block_hash());
}

#[test]
fn coins_that_are_not_those_of_the_tip_stop_a_reorganisation() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.grow(rig.maker.genesis(), 2);
    rig.chain.flush(FlushMode::Full).unwrap();
    let mut store = rig.chain.into_store();
    let (coin, _) = coinbase_of(&blocks[1]);
    store.commit(Batch { coins: vec![(&coin, None)], ..Batch::default() }).unwrap();
    let mut chain = open(store);
    let tip = chain.active().tip();
    let error = chain.invalidate(tip, NOW).unwrap_err();
    assert_eq!(error.to_string(), format!("corrupt coins: not as block {} had left them", blocks[1].block_hash()));
}

#[test]
fn a_tip_that_was_marked_before_the_crash_is_taken_back_after_it() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.grow(rig.maker.genesis(), 6);
    rig.chain.flush(FlushMode::Full).unwrap();
    rig.chain.invalidate(rig.id(&blocks[4]), NOW).unwrap();
    rig.chain.flush(FlushMode::Index).unwrap();
    let mut chain = open(rig.chain.into_store());
    assert_eq!(chain.tip().hash, blocks[5].block_hash(), "the coins are still those of the marked block");
    assert_eq!(chain.tree()[chain.best_header()].hash, blocks[3].block_hash());
    chain.drain_events();
    chain.activate_best_chain(NOW).unwrap();
    assert_eq!(chain.tip().hash, blocks[3].block_hash());
    assert_eq!(chain.coin(&coinbase_of(&blocks[4]).0).unwrap(), None);
    assert!(matches!(chain.drain_events().last(), Some(Event::TipChanged { .. })));
}
