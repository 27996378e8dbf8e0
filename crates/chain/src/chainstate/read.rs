//! Looking things up.

use std::sync::PoisonError;

use bitcoin::Block;
use bitcoin::consensus::encode::deserialize;

use super::{ChainState, FlushMode};
use crate::params::Deployment;
use crate::stats::{CoinStats, CoinsHash, coin_stats};
use crate::store::{Store, StoreError};
use crate::tree::BlockId;
use crate::undo::BlockUndo;
use crate::versionbits::{Info, ThresholdState, VersionBitsCache};

impl<S: Store> ChainState<S> {
    /// The consensus encoding of a block, when the store has its body.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn read_block_bytes(&self, id: BlockId) -> Result<Option<Vec<u8>>, StoreError> {
        let entry = &self.tree[id];
        if entry.status.have_data { self.store.read_block(&entry.hash) } else { Ok(None) }
    }

    /// A block, when the store has its body.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or gives another block.
    pub fn read_block(&self, id: BlockId) -> Result<Option<Block>, StoreError> {
        let Some(bytes) = self.read_block_bytes(id)? else { return Ok(None) };
        let hash = self.tree[id].hash;
        let block: Block =
            deserialize(&bytes).map_err(|error| StoreError::corrupt("blocks", format!("block {hash}: {error}")))?;
        if block.block_hash() != hash {
            return Err(StoreError::corrupt("blocks", format!("asked for {hash}, got {}", block.block_hash())));
        }
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
        let total = if tip.chain_tx_count <= known_count {
            known_count as f64 + since(known_time) * rate
        } else {
            count + since(tip.header.time) * rate
        };
        if total > 0.0 { (count / total).min(1.0) } else { 0.0 }
    }
}
