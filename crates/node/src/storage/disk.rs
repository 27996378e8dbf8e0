//! The chain's [`Store`] on disk: `fjall` for index and coins, block files for the rest.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, OutPoint, Txid};
use fjall::{Database, Keyspace, PersistMode};
use pumasi_chain::coins::{Coin, CoinsView};
use pumasi_chain::store::{Batch, IndexRecord, Store, StoreError};

use super::files::{BlockFiles, HEADER_LENGTH, Kind, ReadError};
use super::{Mask, database};

/// Key of the block as of which the coins are.
const BEST_BLOCK: &[u8] = b"best_block";
/// Key of the layout's version.
const VERSION_KEY: &[u8] = b"version";
/// Version of the layout; another one is refused.
const VERSION: &[u8] = &[1];
/// A block file is closed at this size: 128 MiB, as in Bitcoin Core.
const MAX_FILE_SIZE: u64 = 0x800_0000;
/// The same with `-fastprune`.
const SMALL_FILE_SIZE: u64 = 0x1_0000;

/// Bytes of a coin with its key, about.
const COIN_SIZE: u64 = 60;

/// Where and how to keep a chain.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The folder of the database.
    pub database: PathBuf,
    /// The folder of the block files.
    pub blocks: PathBuf,
    /// The network's magic, which begins each record of the files.
    pub magic: [u8; 4],
    /// Bytes of memory for the database's own cache.
    pub cache_size: u64,
    /// Small block files, so that a test can prune.
    pub small_files: bool,
    /// Mask the files of a new folder (`-blocksxor`).
    pub masked: bool,
}

/// Where a block is in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    file: u32,
    block: u64,
    /// `u64::MAX` while there is no undo data.
    undo: u64,
}

const NO_UNDO: u64 = u64::MAX;

impl Position {
    fn encode(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&self.file.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.block.to_le_bytes());
        bytes[12..].copy_from_slice(&self.undo.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (file, rest) = bytes.split_first_chunk::<4>()?;
        let (block, rest) = rest.split_first_chunk::<8>()?;
        let undo = rest.try_into().ok()?;
        Some(Self {
            file: u32::from_le_bytes(*file),
            block: u64::from_le_bytes(*block),
            undo: u64::from_le_bytes(undo),
        })
    }
}

/// How far a pair of files is written, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct FileInfo {
    block_end: u64,
    undo_end: u64,
    highest: u32,
}

impl FileInfo {
    fn encode(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.block_end.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.undo_end.to_le_bytes());
        bytes[16..].copy_from_slice(&self.highest.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (block, rest) = bytes.split_first_chunk::<8>()?;
        let (undo, rest) = rest.split_first_chunk::<8>()?;
        let highest = rest.try_into().ok()?;
        Some(Self {
            block_end: u64::from_le_bytes(*block),
            undo_end: u64::from_le_bytes(*undo),
            highest: u32::from_le_bytes(highest),
        })
    }
}

/// The store of a node.
pub struct DiskStore {
    database: Database,
    index: Keyspace,
    coins: Keyspace,
    positions: Keyspace,
    file_infos: Keyspace,
    meta: Keyspace,
    files: BlockFiles,
    places: HashMap<BlockHash, Position>,
    infos: BTreeMap<u32, FileInfo>,
    /// Blocks whose position is not committed yet.
    moved: Vec<BlockHash>,
    max_file_size: u64,
}

impl std::fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskStore").field("blocks", &self.places.len()).field("files", &self.infos.len()).finish()
    }
}

fn failed(what: &'static str) -> impl Fn(fjall::Error) -> StoreError {
    move |error| match error {
        // Kept as what it is, so that a full disk can be told from the rest.
        fjall::Error::Io(error) => StoreError::failed(what, error),
        fjall::Error::Storage(fjall::LsmError::Io(error)) => StoreError::failed(what, error),
        fjall::Error::Storage(error) => StoreError::corrupt(what, error.to_string()),
        other => StoreError::failed(what, other),
    }
}

impl DiskStore {
    /// Opens or creates a store.
    ///
    /// # Errors
    /// [`StoreError`] when the folders cannot be used, the database is damaged, or a block file is shorter than what
    /// was committed. Nothing is changed then.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let names = ["index", "coins", "positions", "files", "meta"];
        let (database, [index, coins, positions, file_infos, meta]) =
            database::open(&options.database, options.cache_size, names)
                .map_err(failed("opening the chain's database"))?;
        let mut store = Self {
            index,
            coins,
            positions,
            file_infos,
            meta,
            files: BlockFiles::new(options.blocks.clone(), options.magic, Mask::open(&options.blocks, options.masked)?),
            places: HashMap::new(),
            infos: BTreeMap::new(),
            moved: Vec::new(),
            max_file_size: if options.small_files { SMALL_FILE_SIZE } else { MAX_FILE_SIZE },
            database,
        };
        store.check_version()?;
        store.load()?;
        store.check_files()?;
        Ok(store)
    }

    fn check_version(&self) -> Result<(), StoreError> {
        match self.meta.get(VERSION_KEY).map_err(failed("reading the database's version"))? {
            Some(version) if &*version == VERSION => Ok(()),
            Some(_) => Err(StoreError::corrupt("database", "it was written by another version of this program")),
            None => self.meta.insert(VERSION_KEY, VERSION).map_err(failed("writing the database's version")),
        }
    }

    fn load(&mut self) -> Result<(), StoreError> {
        let reading = failed("reading the positions of blocks");
        let bad = || StoreError::corrupt("position of a block", "not a position");
        for guard in self.positions.iter() {
            let (key, value) = guard.into_inner().map_err(&reading)?;
            let hash = BlockHash::from_slice(&key).map_err(|_| bad())?;
            self.places.insert(hash, Position::decode(&value).ok_or_else(bad)?);
        }
        for guard in self.file_infos.iter() {
            let (key, value) = guard.into_inner().map_err(&reading)?;
            let number = key[..].try_into().map(u32::from_be_bytes).map_err(|_| bad())?;
            self.infos.insert(number, FileInfo::decode(&value).ok_or_else(bad)?);
        }
        Ok(())
    }

    /// A file that is shorter than what was committed lost blocks.
    fn check_files(&self) -> Result<(), StoreError> {
        for (&number, info) in &self.infos {
            for (kind, end) in [(Kind::Block, info.block_end), (Kind::Undo, info.undo_end)] {
                let length = self
                    .files
                    .length(kind, number)
                    .map_err(|error| StoreError::failed("looking at a block file", error))?;
                if length < end {
                    return Err(StoreError::corrupt(
                        "block file",
                        format!("{} has {length} of {end} bytes", self.files.path(kind, number).display()),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The file that the next block of this size goes to.
    fn file_for(&mut self, size: u64) -> u32 {
        let (number, end) = self.infos.last_key_value().map_or((0, 0), |(number, info)| (*number, info.block_end));
        if end > 0 && end + size > self.max_file_size { number + 1 } else { number }
    }

    fn read(&self, kind: Kind, hash: &BlockHash, at: Position) -> Result<Vec<u8>, StoreError> {
        let offset = if kind == Kind::Block { at.block } else { at.undo };
        let salt: &[u8] = if kind == Kind::Block { &[] } else { hash.as_ref() };
        self.files.read(kind, at.file, offset, salt).map_err(|error| match error {
            ReadError::Io(error) => StoreError::failed("reading a block file", error),
            ReadError::Damaged(detail) => StoreError::corrupt("block file", detail),
        })
    }

    fn commit_batch(&mut self, batch: Batch<'_>) -> Result<(), fjall::Error> {
        self.files.sync()?;
        let mut write = self.database.batch().durability(Some(PersistMode::SyncData));
        for record in batch.index {
            write.insert(&self.index, record.header.block_hash().to_byte_array(), record.encode());
        }
        for (outpoint, coin) in batch.coins {
            let key = coin_key(outpoint);
            match coin {
                Some(coin) => {
                    let mut bytes = Vec::with_capacity(48);
                    coin.encode(&mut bytes);
                    write.insert(&self.coins, key, bytes);
                }
                None => write.remove(&self.coins, key),
            }
        }
        if let Some(best) = batch.best_block {
            write.insert(&self.meta, BEST_BLOCK, best.to_byte_array());
        }
        for hash in &self.moved {
            match self.places.get(hash) {
                Some(position) => write.insert(&self.positions, hash.to_byte_array(), position.encode()),
                None => write.remove(&self.positions, hash.to_byte_array()),
            }
            if let Some(number) = self.places.get(hash).map(|position| position.file)
                && let Some(info) = self.infos.get(&number)
            {
                write.insert(&self.file_infos, number.to_be_bytes(), info.encode());
            }
        }
        write.commit()?;
        self.moved.clear();
        Ok(())
    }
}

/// Transaction and output number, so that the coins of a transaction lie together.
fn coin_key(outpoint: &OutPoint) -> [u8; 36] {
    let mut key = [0; 36];
    key[..32].copy_from_slice(outpoint.txid.as_ref());
    key[32..].copy_from_slice(&outpoint.vout.to_be_bytes());
    key
}

fn outpoint_of(key: &[u8]) -> Option<OutPoint> {
    let (txid, vout) = key.split_first_chunk::<32>()?;
    Some(OutPoint::new(Txid::from_byte_array(*txid), u32::from_be_bytes(vout.try_into().ok()?)))
}

impl CoinsView for DiskStore {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        let found = self.coins.get(coin_key(outpoint)).map_err(failed("reading a coin"))?;
        found.map(|bytes| Coin::decode(&bytes)).transpose()
    }

    fn best_block(&self) -> Result<Option<BlockHash>, StoreError> {
        let found = self.meta.get(BEST_BLOCK).map_err(failed("reading the best block"))?;
        let bad = |_| StoreError::corrupt("best block", "not a hash");
        found.map(|bytes| BlockHash::from_slice(&bytes).map_err(bad)).transpose()
    }
}

impl Store for DiskStore {
    fn index(&self) -> Result<Vec<IndexRecord>, StoreError> {
        let reading = failed("reading the block index");
        self.index.iter().map(|guard| IndexRecord::decode(&guard.value().map_err(&reading)?)).collect()
    }

    fn commit(&mut self, batch: Batch<'_>) -> Result<(), StoreError> {
        self.commit_batch(batch).map_err(failed("saving the chain"))
    }

    fn write_block(&mut self, hash: &BlockHash, height: u32, bytes: &[u8]) -> Result<(), StoreError> {
        if self.places.contains_key(hash) {
            return Ok(());
        }
        let file = self.file_for(HEADER_LENGTH + bytes.len() as u64);
        let info = self.infos.entry(file).or_default();
        let block = info.block_end;
        let end = self
            .files
            .write(Kind::Block, file, block, bytes, &[])
            .map_err(|error| StoreError::failed("writing a block", error))?;
        info.block_end = end;
        info.highest = info.highest.max(height);
        self.places.insert(*hash, Position { file, block, undo: NO_UNDO });
        self.moved.push(*hash);
        Ok(())
    }

    fn read_block(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(at) = self.places.get(hash) else { return Ok(None) };
        // Whether it is the block that was asked for, the chain checks.
        self.read(Kind::Block, hash, *at).map(Some)
    }

    fn write_undo(&mut self, hash: &BlockHash, _: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let at = self.places.get_mut(hash);
        let at =
            at.ok_or_else(|| StoreError::corrupt("undo data", format!("block {hash} was not written before it")))?;
        if at.undo != NO_UNDO {
            return Ok(());
        }
        let info = self.infos.entry(at.file).or_default();
        let undo = info.undo_end;
        info.undo_end = self
            .files
            .write(Kind::Undo, at.file, undo, bytes, hash.as_ref())
            .map_err(|error| StoreError::failed("writing undo data", error))?;
        at.undo = undo;
        self.moved.push(*hash);
        Ok(())
    }

    fn read_undo(&self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError> {
        match self.places.get(hash) {
            Some(at) if at.undo != NO_UNDO => self.read(Kind::Undo, hash, *at).map(Some),
            _ => Ok(None),
        }
    }

    fn prunable(&self, height: u32) -> Result<Vec<BlockHash>, StoreError> {
        // The last file is still written to.
        let last = self.infos.last_key_value().map(|(number, _)| *number);
        let oldest = self.infos.iter().find(|(number, info)| info.highest < height && Some(**number) != last);
        let Some((&number, _)) = oldest else { return Ok(Vec::new()) };
        Ok(self.places.iter().filter(|(_, at)| at.file == number).map(|(hash, _)| *hash).collect())
    }

    fn remove_blocks(&mut self, hashes: &[BlockHash]) -> Result<(), StoreError> {
        let mut write = self.database.batch().durability(Some(PersistMode::SyncData));
        let mut numbers = Vec::new();
        for hash in hashes {
            if let Some(at) = self.places.remove(hash) {
                write.remove(&self.positions, hash.to_byte_array());
                numbers.push(at.file);
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|number| self.places.values().all(|at| at.file != *number));
        for number in &numbers {
            write.remove(&self.file_infos, number.to_be_bytes());
            self.infos.remove(number);
        }
        // First forget, then remove: a crash in between leaves a file too many, never a block too few.
        write.commit().map_err(failed("forgetting pruned blocks"))?;
        for number in numbers {
            self.files.remove(number).map_err(|error| StoreError::failed("removing a block file", error))?;
        }
        Ok(())
    }

    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let reading = failed("reading the coins");
        for guard in self.coins.iter() {
            let (key, value) = guard.into_inner().map_err(&reading)?;
            let outpoint = outpoint_of(&key).ok_or_else(|| StoreError::corrupt("coin", "not an outpoint"))?;
            visit(outpoint, Coin::decode(&value)?)?;
        }
        Ok(())
    }

    fn blocks_size(&self) -> u64 {
        self.infos.values().map(|info| info.block_end + info.undo_end).sum()
    }

    fn coins_size(&self) -> u64 {
        // What was written last is in the journal only, where it has no size of its own.
        self.coins.disk_space().max(COIN_SIZE * self.coins.approximate_len() as u64)
    }
}
