//! The chain as it stands: which headers and blocks are known, which are connected, and the coins that they leave.
//!
//! [`ChainState`] does one thing at a time and reports what happened as [`Event`]s. A driver feeds it headers and
//! blocks, calls [`ChainState::activate_step`] until it is done, works off the events, and flushes now and then. What
//! is not flushed at a crash is done again from the stored blocks: [`ChainState::open`] starts from the coins of the
//! last commit, and activation replays the rest.

mod accept;
mod activate;
mod active;
mod candidates;
mod event;
mod failure;
mod load;
mod read;
mod tip;
mod tips;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use bitcoin::{Block, BlockHash, OutPoint, Txid, Work};

use crate::coins::{Coin, CoinsCache, CoinsView, Layered};
use crate::error::ChainError;
use crate::params::{DEFAULT_MAX_TIP_AGE, Params};
use crate::scripts::ScriptChecks;
use crate::store::{Batch, IndexRecord, Store, StoreError};
use crate::tree::{BlockId, Entry, HeaderTree};
use crate::versionbits::VersionBitsCache;

pub use accept::{Accepted, Source};
pub use activate::Progress;
pub use active::ActiveChain;
pub use event::Event;
pub use tips::{Tip, TipStatus};

use candidates::Candidates;

#[cfg(test)]
mod tests;

/// Bytes of coins that are held back from the store, unless told otherwise.
const DEFAULT_CACHE_BYTES: usize = 450 << 20;
/// Bodies of blocks that are kept between arrival and connection, so that they need not be read back.
const RECENT_BLOCKS: usize = 16;

/// How a chain is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who checks scripts.
    pub scripts: ScriptChecks,
    /// A secret for the hash maps of coins; random bits.
    pub hash_key: [u64; 2],
    /// Seconds after which the tip is too old for the node to count as synced.
    pub max_tip_age: i64,
    /// Bytes of coins that are held back from the store.
    pub cache_bytes: usize,
}

impl Options {
    /// With Core's limits.
    pub fn new(scripts: ScriptChecks, hash_key: [u64; 2]) -> Self {
        Self { scripts, hash_key, max_tip_age: DEFAULT_MAX_TIP_AGE, cache_bytes: DEFAULT_CACHE_BYTES }
    }
}

/// What a flush writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushMode {
    /// Only what is known about blocks. Cheap; with it, no block that arrived is lost in a crash.
    Index,
    /// The coins too.
    Full,
}

/// A body between arrival and connection, with what was computed of it.
#[derive(Debug, Clone)]
struct Body {
    block: Arc<Block>,
    txids: Arc<[Txid]>,
}

/// The chain as it stands.
#[derive(Debug)]
pub struct ChainState<S> {
    params: Params,
    options: Options,
    store: S,
    tree: HeaderTree,
    active: ActiveChain,
    candidates: Candidates,
    coins: CoinsCache,
    /// Blocks whose index record is not written yet.
    dirty: BTreeSet<BlockId>,
    recent: VecDeque<(BlockId, Body)>,
    best_header: BlockId,
    best_invalid: Option<BlockId>,
    /// The block that activation is on its way to.
    goal: Option<BlockId>,
    /// Until the first activation is through, blocks that were connected before the start are not checked again.
    replaying: bool,
    initial_download: bool,
    /// Why scripts of the last block were checked, as it was reported.
    last_script_checks: Option<Option<&'static str>>,
    next_sequence: i32,
    precious_sequence: i32,
    precious_work: Work,
    version_bits: Mutex<VersionBitsCache>,
    events: Vec<Event>,
}

impl<S: Store> ChainState<S> {
    /// The rules of the network.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// All headers that are known and not refused.
    pub fn tree(&self) -> &HeaderTree {
        &self.tree
    }

    /// The connected blocks.
    pub fn active(&self) -> &ActiveChain {
        &self.active
    }

    /// The last connected block.
    pub fn tip(&self) -> &Entry {
        &self.tree[self.active.tip()]
    }

    /// The valid header with the most work.
    pub fn best_header(&self) -> BlockId {
        self.best_header
    }

    /// The invalid block with the most work, while it has more than what is valid on its chain.
    pub fn best_invalid(&self) -> Option<BlockId> {
        self.best_invalid
    }

    /// Whether an invalid chain has more than six blocks of work more than ours: either this node or many miners are
    /// wrong about the rules.
    pub fn large_work_invalid_chain(&self) -> bool {
        let tip = self.tip();
        let margin = (0..6).fold(tip.work, |work, _| work + tip.header.work());
        self.best_invalid.is_some_and(|id| self.tree[id].work > margin)
    }

    /// Whether the node still catches up. Once it has, this stays false.
    pub fn is_initial_block_download(&self) -> bool {
        self.initial_download
    }

    /// Where the chain is kept.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Where the chain is kept, for what concerns only the store.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// The store, without what is held back.
    pub fn into_store(self) -> S {
        self.store
    }

    /// How the chain is run.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Changes how many bytes of coins are held back.
    pub fn set_cache_bytes(&mut self, bytes: usize) {
        self.options.cache_bytes = bytes;
    }

    /// What happened since the last call.
    pub fn drain_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Coins that are held in memory, and about how many bytes they take.
    pub fn cache_size(&self) -> (usize, usize) {
        (self.coins.len(), self.coins.memory())
    }

    /// As [`CoinsView::coin`], and keeps the coin in memory, since a block is going to spend it.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn fetch_coin(&mut self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.coins.fetch(&self.store, outpoint).map(Option::<&Coin>::cloned)
    }

    /// Writes what is held back. Either all of it is in the store afterwards, or the error says that nothing is.
    ///
    /// # Errors
    /// [`StoreError`] of the commit; what was to be written is kept for the next time.
    pub fn flush(&mut self, mode: FlushMode) -> Result<(), StoreError> {
        let index: Vec<IndexRecord> = self.dirty.iter().map(|&id| self.record(id)).collect();
        let mut batch = Batch { index: &index, ..Batch::default() };
        if mode == FlushMode::Full {
            batch.coins = self.coins.changes();
            batch.best_block = self.coins.best_block();
        }
        let nothing = batch.index.is_empty() && batch.coins.is_empty() && batch.best_block.is_none();
        if !nothing {
            self.store.commit(batch)?;
        }
        self.dirty.clear();
        if mode == FlushMode::Full {
            self.coins.written(self.coins.memory() <= self.options.cache_bytes);
        }
        Ok(())
    }

    /// Whether more coins are held back than may be.
    pub fn should_flush(&self) -> bool {
        self.coins.memory() > self.options.cache_bytes
    }

    /// Removes the bodies of blocks below a height, as far as the store can free space by it. Blocks near the tip are
    /// kept. Gives how many were removed.
    ///
    /// # Errors
    /// [`StoreError`]; blocks that are not removed yet stay in the store without being known.
    pub fn prune(&mut self, below: u32) -> Result<usize, StoreError> {
        let keep = self.active.height().saturating_sub(crate::params::MIN_BLOCKS_TO_KEEP);
        let hashes = self.store.prunable(below.min(keep))?;
        // The way to it may be among them.
        self.goal = None;
        for hash in &hashes {
            if let Some(id) = self.tree.id(hash) {
                let status = &mut self.tree.entry_mut(id).status;
                (status.have_data, status.have_undo) = (false, false);
                self.dirty.insert(id);
            }
        }
        // The coins must not need a body that is gone: they are written first.
        self.flush(FlushMode::Full)?;
        self.store.remove_blocks(&hashes)?;
        Ok(hashes.len())
    }

    fn record(&self, id: BlockId) -> IndexRecord {
        let Entry { header, status, tx_count, .. } = self.tree[id];
        IndexRecord { header, status, tx_count }
    }

    /// The tip is recent enough: the node has caught up.
    fn update_initial_download(&mut self, now: i64) {
        let tip = self.tip();
        let recent = i64::from(tip.header.time) >= now.saturating_sub(self.options.max_tip_age);
        if recent && tip.work >= self.params.minimum_chain_work {
            self.initial_download = false;
        }
    }

    fn remember(&mut self, id: BlockId, body: Body) {
        if self.recent.len() == RECENT_BLOCKS {
            self.recent.pop_front();
        }
        self.recent.push_back((id, body));
    }

    /// The body of a block that is in the store, from memory if it is still there.
    fn take_body(&mut self, id: BlockId) -> Result<Body, ChainError> {
        if let Some(at) = self.recent.iter().position(|(recent, _)| *recent == id)
            && let Some((_, body)) = self.recent.remove(at)
        {
            return Ok(body);
        }
        let block = self.read_block(id)?.ok_or_else(|| missing_body(&self.tree[id].hash))?;
        let txids = crate::block::txids(&block).into();
        Ok(Body { block: Arc::new(block), txids })
    }
}

fn missing_body(hash: &BlockHash) -> StoreError {
    StoreError::corrupt("blocks", format!("block {hash} is in the index but not in the store"))
}

impl<S: Store> CoinsView for ChainState<S> {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.coins.coin(&self.store, outpoint)
    }

    fn best_block(&self) -> Result<Option<BlockHash>, StoreError> {
        Layered { cache: &self.coins, below: &self.store }.best_block()
    }
}
