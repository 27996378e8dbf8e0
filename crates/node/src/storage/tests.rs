//! The store on disk keeps the contract of stores, and says what is wrong when it cannot.

use std::fs;
use std::path::Path;

use bitcoin::BlockHash;
use bitcoin::consensus::encode::serialize;
use pumasi_chain::params::Params;
use pumasi_chain::store::contract::{Harness, suite};
use pumasi_chain::store::{Batch, Store, StoreError};
use tempfile::TempDir;

use super::{DiskStore, StoreOptions, explain};

fn options(folder: &Path) -> StoreOptions {
    let blocks = folder.join("blocks");
    fs::create_dir_all(&blocks).unwrap();
    StoreOptions {
        database: folder.join("chainstate"),
        blocks,
        magic: Params::regtest().magic.to_bytes(),
        cache_size: 1 << 20,
        small_files: true,
        masked: true,
    }
}

struct Folder(TempDir);

impl Harness for Folder {
    type Store = DiskStore;

    fn open(&mut self) -> DiskStore {
        DiskStore::open(&options(self.0.path())).unwrap()
    }

    fn close(&mut self, store: DiskStore) {
        drop(store);
    }
}

#[test]
fn the_store_on_disk_keeps_the_contract_of_stores() {
    suite(|| Folder(tempfile::tempdir().unwrap()));
}

/// A store with the genesis block and its undo data, committed and closed.
fn with_genesis(folder: &Path) -> BlockHash {
    let genesis = Params::regtest().genesis;
    let hash = genesis.block_hash();
    let mut store = DiskStore::open(&options(folder)).unwrap();
    store.write_block(&hash, 0, &serialize(&genesis)).unwrap();
    store.write_undo(&hash, 0, &[0]).unwrap();
    store.commit(Batch { best_block: Some(hash), ..Batch::default() }).unwrap();
    hash
}

#[test]
fn a_shortened_block_file_is_named_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    with_genesis(folder.path());
    let file = folder.path().join("blocks/blk00000.dat");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let text = explain(&DiskStore::open(&options(folder.path())).unwrap_err());
    assert!(text.contains("blk00000.dat") && text.contains("Nothing was changed"), "{text}");
    fs::write(&file, &bytes).unwrap();
    DiskStore::open(&options(folder.path())).unwrap();
}

#[test]
fn a_changed_byte_in_a_file_is_seen_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let hash = with_genesis(folder.path());
    for (name, at) in [("blk00000.dat", 0), ("rev00000.dat", 8)] {
        let file = folder.path().join("blocks").join(name);
        let mut bytes = fs::read(&file).unwrap();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let store = DiskStore::open(&options(folder.path())).unwrap();
    assert!(matches!(store.read_block(&hash), Err(StoreError::Corrupt { .. })));
    assert!(matches!(store.read_undo(&hash), Err(StoreError::Corrupt { .. })));
}

#[test]
fn what_a_crash_left_behind_a_commit_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let hash = with_genesis(folder.path());
    let file = folder.path().join("blocks/blk00000.dat");
    let committed = fs::read(&file).unwrap().len();
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend_from_slice(b"half of a record that was never committed");
    fs::write(&file, bytes).unwrap();
    let mut store = DiskStore::open(&options(folder.path())).unwrap();
    let mut block = Params::regtest().genesis;
    block.header.nonce += 1;
    let other = block.block_hash();
    store.write_block(&other, 1, &serialize(&block)).unwrap();
    store.commit(Batch::default()).unwrap();
    drop(store);
    let store = DiskStore::open(&options(folder.path())).unwrap();
    assert_eq!(store.read_block(&other).unwrap().unwrap(), serialize(&block));
    assert_eq!(store.read_block(&hash).unwrap().unwrap().len() + 8, committed);
}

#[test]
fn a_full_disk_and_a_damaged_one_are_told_apart() {
    let full = StoreError::failed("writing a block", std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert!(explain(&full).contains("Free some space"));
    let denied = StoreError::failed("writing a block", std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    assert!(explain(&denied).contains("Check the permissions"));
    assert!(explain(&StoreError::corrupt("coin", "x")).contains("damaged"));
}
