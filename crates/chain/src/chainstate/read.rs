//! Looking things up.

use std::sync::PoisonError;

use bitcoin::Block;
use bitcoin::consensus::encode::deserialize;

use super::{ChainState, FlushMode};
use crate::block::check_not_mutated;
use crate::params::{Buried, Deployment};
use crate::stats::{CoinStats, CoinsHash, coin_stats};
use crate::store::{Store, StoreError};
use crate::tree::BlockId;
use crate::undo::BlockUndo;
use crate::versionbits::{Info, ThresholdState, VersionBitsCache};

/// A tip that is no older than this, in seconds, is near the end of the chain.
const RECENT: i64 = 2 * 60 * 60;

impl<S: Store> ChainState<S> {
    /// The consensus encoding of a block, when the store has its body.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn read_block_bytes(&self, id: BlockId) -> Result<Option<Vec<u8>>, StoreError> {
        let entry = &self.tree[id];
        if entry.status.have_data { self.store.read_block(&entry.hash) } else { Ok(None) }
    }

    /// A block, when the store has its body. What a disk has damaged must neither be handed on nor be connected: that would
    /// change the coins, or condemn a good block.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or gives another block or a body that is not that of the header.
    pub fn read_block(&self, id: BlockId) -> Result<Option<Block>, StoreError> {
        let Some(bytes) = self.read_block_bytes(id)? else { return Ok(None) };
        let (hash, height) = (self.tree[id].hash, self.tree[id].height);
        let block: Block =
            deserialize(&bytes).map_err(|error| StoreError::corrupt("blocks", format!("block {hash}: {error}")))?;
        if block.block_hash() != hash {
            return Err(StoreError::corrupt("blocks", format!("asked for {hash}, got {}", block.block_hash())));
        }
        let segwit = self.params.active_at(Buried::Segwit, height);
        check_not_mutated(&block, segwit)
            .map_err(|error| StoreError::corrupt("blocks", format!("block {hash} was damaged: {error}")))?;
        Ok(Some(block))
    }

    /// The coins that a block spent, when the store has them.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or what it gives is damaged.
    pub fn read_undo(&self, id: BlockId) -> Result<Option<BlockUndo>, StoreError> {
        let entry = &self.tree[id];
        if entry.height == 0 {
            return Ok(Some(BlockUndo::default()));
        }
        if !entry.status.have_undo {
            return Ok(None);
        }
        self.store.read_undo(&entry.hash)?.map(|bytes| BlockUndo::decode(&bytes)).transpose()
    }

    /// Figures about all coins. Flushes first, since the store walks over its own.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written or read.
    pub fn coin_stats(&mut self, hash: CoinsHash) -> Result<CoinStats, StoreError> {
        self.flush(FlushMode::Full)?;
        coin_stats(&self.store, hash)
    }

    /// All about the vote for a soft fork as of this block; `None` when the network does not know it.
    pub fn deployment_info(&self, deployment: Deployment, block: BlockId) -> Option<Info> {
        let vote = self.params.deployment(deployment)?;
        Some(self.with_version_bits(|cache| cache.info(&self.tree, block, vote)))
    }

    /// The state of a vote for the child of this block.
    pub fn deployment_state_after(&self, deployment: Deployment, parent: BlockId) -> Option<ThresholdState> {
        let vote = self.params.deployment(deployment)?;
        Some(self.with_version_bits(|cache| cache.state_after(&self.tree, Some(parent), vote)))
    }

    /// The version of a new block on the tip.
    pub fn next_block_version(&self) -> i32 {
        self.with_version_bits(|cache| cache.block_version(&self.tree, Some(self.active.tip()), &self.params))
    }

    /// Version bits for rules that we do not know and that miners have locked in, and whether they are active.
    pub fn unknown_activations(&self) -> Vec<(u8, bool)> {
        self.with_version_bits(|cache| cache.unknown_activations(&self.tree, self.active.tip(), &self.params))
    }

    fn with_version_bits<R>(&self, act: impl FnOnce(&mut VersionBitsCache) -> R) -> R {
        // Whoever panicked while it held the lock left at worst a state that is computed again.
        act(&mut self.version_bits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How much of all transactions is connected, from 0 to 1, guessed from the rate at which they come.
    pub fn verification_progress(&self, now: i64) -> f64 {
        let tip = self.tip();
        let (known_time, known_count, rate) = self.params.tx_data;
        let count = tip.chain_tx_count as f64;
        let since = |time: u32| (now - i64::from(time)).max(0) as f64;
        // Near the end it goes by blocks that are missing: their miners' clocks would keep it from ever being 1.
        let recent = (now - i64::from(tip.header.time)).abs() <= RECENT;
        let missing = self.tree[self.best_header].height.saturating_sub(tip.height);
        let total = if tip.chain_tx_count <= known_count {
            known_count as f64 + since(known_time) * rate
        } else if recent {
            count + (i64::from(missing) * self.params.pow_target_spacing) as f64 * rate
        } else {
            count + since(tip.header.time) * rate
        };
        if total > 0.0 { (count / total).min(1.0) } else { 0.0 }
    }
}
