//! Chains that grow, fork, fail and crash.

mod accept;
mod crash;
mod failure;
mod model;
mod reorg;

use std::sync::Arc;

use bitcoin::{Amount, Block, BlockHash, OutPoint, Transaction};

use super::*;
use crate::error::BlockError;
use crate::store::MemoryStore;
use crate::testing::{BlockMaker, options, spend};

const NOW: i64 = 2_000_000_000;

/// A chain and a maker of blocks for it.
struct Rig {
    chain: ChainState<MemoryStore>,
    maker: BlockMaker,
}

impl Rig {
    fn new(params: Params) -> Self {
        let maker = BlockMaker::new(&params);
        let chain = ChainState::open(params, MemoryStore::default(), options(), NOW).unwrap();
        Self { chain, maker }
    }

    fn regtest() -> Self {
        Self::new(Params::regtest())
    }

    /// Makes and connects a run of empty blocks on top of one of the maker's.
    fn grow(&mut self, parent: BlockId, count: u32) -> (BlockId, Vec<Arc<Block>>) {
        let (tip, blocks) = self.maker.run(parent, count);
        for block in &blocks {
            self.process(block).unwrap();
        }
        (tip, blocks)
    }

    fn process(&mut self, block: &Arc<Block>) -> Result<Accepted, ChainError> {
        self.chain.process_block(block, Source::REQUESTED, NOW)
    }

    /// The verdict over a block: from taking it in, or from connecting it.
    fn verdict(&mut self, block: &Arc<Block>) -> Result<(), BlockError> {
        self.chain.drain_events();
        match self.process(block) {
            Ok(_) => {}
            Err(ChainError::Invalid(error)) => return Err(error),
            Err(error) => panic!("{error}"),
        }
        let hash = block.block_hash();
        let verdicts = self.chain.drain_events().into_iter().filter_map(|event| match event {
            Event::BlockChecked { hash: checked, result } if checked == hash => Some(result),
            _ => None,
        });
        verdicts.last().unwrap_or(Ok(()))
    }

    fn reason(&mut self, block: &Arc<Block>) -> String {
        self.verdict(block).map_or_else(|error| error.reason().to_owned(), |()| "ok".to_owned())
    }

    fn tip(&self) -> BlockHash {
        self.chain.tip().hash
    }

    fn id(&self, block: &Block) -> BlockId {
        self.chain.tree().id(&block.block_hash()).unwrap()
    }
}

/// The coinbase's output, which has 50 bitcoin on the first blocks of regtest.
fn coinbase_of(block: &Block) -> (OutPoint, Amount) {
    (OutPoint::new(block.txdata[0].compute_txid(), 0), block.txdata[0].output[0].value)
}

/// A transaction that spends a block's coinbase into one output, with a fee.
fn spending(block: &Block, fee: u64) -> (Transaction, Amount) {
    let fee = Amount::from_sat(fee);
    (spend(&[coinbase_of(block)], 1, fee, 99), fee)
}
