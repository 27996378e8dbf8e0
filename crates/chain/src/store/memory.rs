//! A store in memory, for tests and for a node that keeps nothing.

use std::collections::{BTreeMap, HashMap};

use bitcoin::consensus::encode::serialize;
use bitcoin::{BlockHash, OutPoint, Txid};

use super::{Batch, IndexRecord, Store, StoreError};
use crate::coins::{Coin, CoinsView};

/// All in memory; gone when dropped.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    index: HashMap<BlockHash, IndexRecord>,
    blocks: HashMap<BlockHash, (u32, Vec<u8>)>,
    undo: HashMap<BlockHash, Vec<u8>>,
    // Ordered by transaction, as `Store::for_each_coin` shows them.
    coins: BTreeMap<(Txid, u32), Coin>,
    best_block: Option<BlockHash>,
}

impl CoinsView for MemoryStore {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        Ok(self.coins.get(&(outpoint.txid, outpoint.vout)).cloned())
    }

    fn best_block(&self) -> Result<Option<BlockHash>, StoreError> {
        Ok(self.best_block)
    }
}

impl Store for MemoryStore {
    fn index(&self) -> Result<Vec<IndexRecord>, StoreError> {
        Ok(self.index.values().copied().collect())
    }

    fn commit(&mut self, batch: Batch<'_>) -> Result<(), StoreError> {
        for record in batch.index {
            self.index.insert(record.header.block_hash(), *record);
        }
        for (outpoint, coin) in batch.coins {
            let key = (outpoint.txid, outpoint.vout);
            match coin {
                Some(coin) => self.coins.insert(key, coin.clone()),
                None => self.coins.remove(&key),
            };
        }
        self.best_block = batch.best_block.or(self.best_block);
        Ok(())
    }

    fn write_block(&mut self, hash: &BlockHash, height: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.blocks.insert(*hash, (height, bytes.to_vec()));
        Ok(())
    }

    fn read_block(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blocks.get(hash).map(|(_, bytes)| bytes.clone()))
    }

    fn write_undo(&mut self, hash: &BlockHash, _: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.undo.insert(*hash, bytes.to_vec());
        Ok(())
    }

    fn read_undo(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.undo.get(hash).cloned())
    }

    fn prunable(&self, height: u32) -> Result<Vec<BlockHash>, StoreError> {
        let below = self.blocks.iter().filter(|(_, (at, _))| *at < height);
        Ok(below.map(|(hash, _)| *hash).collect())
    }

    fn remove_blocks(&mut self, hashes: &[BlockHash]) -> Result<(), StoreError> {
        for hash in hashes {
            self.blocks.remove(hash);
            self.undo.remove(hash);
        }
        Ok(())
    }

    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.coins.iter().try_for_each(|((txid, vout), coin)| visit(OutPoint::new(*txid, *vout), coin.clone()))
    }

    fn blocks_size(&self) -> u64 {
        let blocks = self.blocks.values().map(|(_, bytes)| bytes.len());
        blocks.chain(self.undo.values().map(Vec::len)).map(|len| len as u64).sum()
    }

    fn coins_size(&self) -> u64 {
        self.coins.values().map(|coin| 36 + 9 + serialize(&coin.output).len() as u64).sum()
    }
}
