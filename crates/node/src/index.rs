//! What a node can keep beyond what validation needs: where each transaction is, who spent each output, and compact
//! filters (BIP157).

use std::path::Path;

use bitcoin::bip158::{BlockFilter, FilterHash, FilterHeader};
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash, OutPoint, Txid};
use fjall::{Database, Keyspace, OwnedWriteBatch, PersistMode};
use pumasi_chain::filter;
use pumasi_chain::undo::BlockUndo;
use pumasi_p2p::FilterHashes;

use crate::backend::Chain;
use crate::log::DebugLog;
use crate::storage::database;

/// Bytes of memory for the database's own cache.
const CACHE_SIZE: u64 = 8 << 20;
/// Key of the block up to which the indexes go.
const BEST: &[u8] = b"best";
/// Key of which indexes there are.
const KINDS: &[u8] = b"kinds";

struct Opened {
    database: Database,
    /// Block of a transaction.
    transactions: Option<Keyspace>,
    /// Filter of a block, after its header.
    filters: Option<Keyspace>,
    /// Spending transaction of an output, and its block.
    spenders: Option<Keyspace>,
    meta: Keyspace,
    best: Option<BlockHash>,
}

/// Which indexes are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// `-txindex`
    pub(crate) transactions: bool,
    /// `-blockfilterindex`
    pub(crate) filters: bool,
    /// `-txospenderindex`
    pub(crate) spenders: bool,
}

/// The indexes of a node; without any, all of this does nothing.
pub(crate) struct Indexes {
    opened: Option<Opened>,
    height: u32,
    log: DebugLog,
}

impl Indexes {
    /// Opens the indexes that are wanted, below `folder`.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub(crate) fn open(folder: &Path, wanted: Wanted, log: DebugLog) -> Result<Self, fjall::Error> {
        let Wanted { transactions, filters, spenders } = wanted;
        if !transactions && !filters && !spenders {
            return Ok(Self { opened: None, height: 0, log });
        }
        let names = ["meta", "transactions", "filters", "spenders"];
        let (database, [meta, by_txid, by_block, by_output]) =
            database::open(&folder.join("indexes"), CACHE_SIZE, names)?;
        let kinds = [u8::from(transactions), u8::from(filters), u8::from(spenders)];
        // An index that was not kept for a while starts again.
        let same = meta.get(KINDS)?.is_some_and(|known| *known == kinds);
        if !same {
            meta.remove(BEST)?;
            meta.insert(KINDS, kinds)?;
        }
        let best = meta.get(BEST)?.and_then(|bytes| BlockHash::from_slice(&bytes).ok());
        let opened = Opened {
            transactions: transactions.then_some(by_txid),
            filters: filters.then_some(by_block),
            spenders: spenders.then_some(by_output),
            meta,
            best,
            database,
        };
        Ok(Self { opened: Some(opened), height: 0, log })
    }

    /// Brings the indexes to the tip of the chain.
    pub(crate) fn catch_up(&mut self, chain: &Chain) {
        let Some(opened) = &self.opened else { return };
        let (tree, active) = (chain.tree(), chain.active());
        let known = opened.best.and_then(|hash| tree.id(&hash));
        let start = known.map_or(0, |id| tree[tree.fork_point(id, active.tip())].height + 1);
        for height in start..=active.height() {
            let Some(id) = active.at(height) else { break };
            let (Ok(Some(block)), Ok(undo)) = (chain.read_block(id), chain.read_undo(id)) else {
                self.log.error(&format!("The index stops at height {height}: the block cannot be read."));
                break;
            };
            self.connect(&tree[id].hash, height, &block, &undo.unwrap_or_default());
        }
    }

    /// A block joined the chain.
    pub(crate) fn connect(&mut self, hash: &BlockHash, height: u32, block: &Block, undo: &BlockUndo) {
        if let Some(opened) = &mut self.opened {
            match opened.connect(hash, block, undo) {
                Ok(()) => self.height = height,
                Err(error) => self.log.error(&format!("The index cannot be written: {error}")),
            }
        }
    }

    /// A block left the chain.
    pub(crate) fn disconnect(&mut self, _: &BlockHash, block: &Block) {
        if let Some(opened) = &mut self.opened {
            self.height = self.height.saturating_sub(1);
            if let Err(error) = opened.disconnect(block) {
                self.log.error(&format!("The index cannot be written: {error}"));
            }
        }
    }

    /// Makes what was written durable.
    pub(crate) fn flush(&mut self) {
        if let Some(opened) = &self.opened
            && let Err(error) = opened.database.persist(PersistMode::SyncData)
        {
            self.log.error(&format!("The index cannot be saved: {error}"));
        }
    }

    /// The block that a transaction is in.
    pub(crate) fn transaction_block(&self, txid: &Txid) -> Option<BlockHash> {
        let found = self.opened.as_ref()?.transactions.as_ref()?.get(txid.to_byte_array()).ok()??;
        BlockHash::from_slice(&found).ok()
    }

    /// The transaction that spent an output in the chain, and its block.
    pub(crate) fn spender(&self, outpoint: &OutPoint) -> Option<(Txid, BlockHash)> {
        let found = self.opened.as_ref()?.spenders.as_ref()?.get(output_key(outpoint)).ok()??;
        let (txid, block) = found.split_first_chunk::<32>()?;
        Some((Txid::from_byte_array(*txid), BlockHash::from_slice(block).ok()?))
    }

    pub(crate) fn has_spenders(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.spenders.is_some())
    }

    pub(crate) fn has_transactions(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.transactions.is_some())
    }

    pub(crate) fn has_filters(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.filters.is_some())
    }

    /// Height and hash of the block up to which the indexes go.
    pub(crate) fn best(&self) -> Option<(u32, BlockHash)> {
        self.opened.as_ref().and_then(|opened| Some((self.height, opened.best?)))
    }

    /// The basic filter of a block.
    pub(crate) fn filter(&self, hash: &BlockHash) -> Option<Vec<u8>> {
        Some(self.opened.as_ref()?.filter_record(hash)?.1)
    }

    /// Hash and header of the basic filter of a block.
    pub(crate) fn filter_hashes(&self, hash: &BlockHash) -> Option<FilterHashes> {
        let (header, content) = self.opened.as_ref()?.filter_record(hash)?;
        Some(FilterHashes { hash: FilterHash::hash(&content), header })
    }
}

impl Opened {
    fn connect(&mut self, hash: &BlockHash, block: &Block, undo: &BlockUndo) -> Result<(), fjall::Error> {
        let mut batch = self.database.batch();
        if let Some(transactions) = &self.transactions {
            for tx in &block.txdata {
                batch.insert(transactions, tx.compute_txid().to_byte_array(), hash.to_byte_array());
            }
        }
        if let Some(spenders) = &self.spenders {
            for tx in block.txdata.iter().skip(1) {
                let value = [tx.compute_txid().to_byte_array(), hash.to_byte_array()].concat();
                for input in &tx.input {
                    batch.insert(spenders, output_key(&input.previous_output), value.as_slice());
                }
            }
        }
        if let Some(filters) = &self.filters {
            self.connect_filter(&mut batch, filters, hash, block, undo);
        }
        batch.insert(&self.meta, BEST, hash.to_byte_array());
        batch.commit()?;
        self.best = Some(*hash);
        Ok(())
    }

    fn connect_filter(
        &self,
        batch: &mut OwnedWriteBatch,
        to: &Keyspace,
        hash: &BlockHash,
        block: &Block,
        undo: &BlockUndo,
    ) {
        let before = self.filter_record(&block.header.prev_blockhash);
        let before = before.map_or_else(filter::first_previous_header, |(header, _)| header);
        // Undo data that does not fit its block was refused when the block was connected.
        let Ok(BlockFilter { content }) = filter::block_filter(block, undo) else { return };
        let header = FilterHash::hash(&content).filter_header(&before);
        batch.insert(to, hash.to_byte_array(), [header.as_byte_array(), content.as_slice()].concat());
    }

    fn disconnect(&mut self, block: &Block) -> Result<(), fjall::Error> {
        let mut batch = self.database.batch();
        if let Some(transactions) = &self.transactions {
            for tx in &block.txdata {
                batch.remove(transactions, tx.compute_txid().to_byte_array());
            }
        }
        if let Some(spenders) = &self.spenders {
            for input in block.txdata.iter().skip(1).flat_map(|tx| &tx.input) {
                batch.remove(spenders, output_key(&input.previous_output));
            }
        }
        let parent = block.header.prev_blockhash;
        batch.insert(&self.meta, BEST, parent.to_byte_array());
        batch.commit()?;
        self.best = Some(parent);
        Ok(())
    }

    fn filter_record(&self, hash: &BlockHash) -> Option<(FilterHeader, Vec<u8>)> {
        let record = self.filters.as_ref()?.get(hash.to_byte_array()).ok()??;
        let (header, content) = record.split_first_chunk::<32>()?;
        Some((FilterHeader::from_byte_array(*header), content.to_vec()))
    }
}

fn output_key(outpoint: &OutPoint) -> [u8; 36] {
    let mut key = [0; 36];
    key[..32].copy_from_slice(outpoint.txid.as_ref());
    key[32..].copy_from_slice(&outpoint.vout.to_be_bytes());
    key
}
