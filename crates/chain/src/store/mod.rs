//! What a chain needs to keep, as a trait: the block index, blocks, undo data and coins.

#[cfg(any(test, feature = "testing"))]
pub mod contract;
mod memory;
mod record;

use bitcoin::{BlockHash, OutPoint};

use crate::coins::{Coin, CoinChange, CoinsView};

pub use memory::MemoryStore;
pub use record::IndexRecord;

/// A store that could not do its work. What was committed before is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system failed: disk full, file gone, database error.
    #[error("{what}: {source}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something was read that was never written so.
    #[error("corrupt {what}: {detail}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

impl StoreError {
    /// A failure of the system.
    pub fn failed(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed { what, source: source.into() }
    }

    /// Damaged data.
    pub fn corrupt(what: &'static str, detail: impl Into<String>) -> Self {
        Self::Corrupt { what, detail: detail.into() }
    }
}

/// What changes together: all of it is in the store after a crash, or nothing.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    /// Blocks that are new or whose status changed.
    pub index: &'a [IndexRecord],
    /// Coins that are new or spent, in no order.
    pub coins: Vec<CoinChange<'a>>,
    /// The block as of which the coins are; `None` leaves it.
    pub best_block: Option<BlockHash>,
}

/// Where a chain is kept. [`CoinsView`] reads the coins as of the last commit.
///
/// Contract (`store::contract` has it as tests):
/// - [`Store::commit`] is atomic: after a crash at any instant the store has all of a batch or nothing of it, and
///   never a batch without those before it.
/// - What [`Store::write_block`] and [`Store::write_undo`] were given is durable no later than the next commit. After
///   a crash before it, the data may be there or not; it is written again then.
/// - A failed call leaves what was committed before.
pub trait Store: CoinsView {
    /// All index records, in any order.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn index(&self) -> Result<Vec<IndexRecord>, StoreError>;

    /// Writes all of a batch, or nothing of it.
    ///
    /// # Errors
    /// [`StoreError`] when nothing was written.
    fn commit(&mut self, batch: Batch<'_>) -> Result<(), StoreError>;

    /// Keeps a block: its consensus encoding. Writing the same block again is allowed.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    fn write_block(&mut self, hash: &BlockHash, height: u32, bytes: &[u8]) -> Result<(), StoreError>;

    /// A block that was written, and not removed.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or what was read is damaged.
    fn read_block(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps the undo data of a block: [`crate::BlockUndo::encode`]. Writing the same again is allowed.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    fn write_undo(&mut self, hash: &BlockHash, height: u32, bytes: &[u8]) -> Result<(), StoreError>;

    /// Undo data that was written, and not removed.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or what was read is damaged.
    fn read_undo(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError>;

    /// Blocks that could be removed together, so that space is freed, all of them below `height`. A store that keeps
    /// many blocks in one file gives the blocks of whole files only.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn prunable(&self, height: u32) -> Result<Vec<BlockHash>, StoreError>;

    /// Removes these blocks and their undo data. They came from [`Store::prunable`].
    ///
    /// # Errors
    /// [`StoreError`] when some could not be removed.
    fn remove_blocks(&mut self, hashes: &[BlockHash]) -> Result<(), StoreError>;

    /// Shows every coin of the last commit, those of one transaction next to each other.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or from the visitor, which ends the walk.
    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// Bytes that blocks and undo data take.
    fn blocks_size(&self) -> u64;

    /// Bytes that the coins take, about.
    fn coins_size(&self) -> u64;
}
