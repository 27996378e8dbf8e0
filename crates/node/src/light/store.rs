//! The light node's database. Each call writes one batch; they become durable in order, so that a crash leaves a state that
//! was true once.

use std::path::Path;

use bitcoin::bip158::FilterHeader;
use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, ScriptBuf};
use fjall::{Database, Keyspace, PersistMode};
use pumasi_chain::store::StoreError;

use super::{Found, Place, Watch, hash_of};
use crate::storage::database;

/// Bytes of memory for the database's own cache.
const CACHE_SIZE: u64 = 8 << 20;
/// Key of the block of the last filter header.
const TIP: &[u8] = b"tip";
/// Key of the height up to which blocks were looked at.
const SCANNED: &[u8] = b"scanned";
/// Key of the layout's version.
const VERSION_KEY: &[u8] = b"version";
const VERSION: &[u8] = &[1];

/// All that is kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) headers: Vec<FilterHeader>,
    pub(super) tip: Option<BlockHash>,
    pub(super) scanned: u32,
    pub(super) watches: Vec<(String, Watch)>,
    pub(super) found: Vec<(Place, Found)>,
}

/// The database.
pub(super) struct LightStore {
    database: Database,
    headers: Keyspace,
    watches: Keyspace,
    found: Keyspace,
    meta: Keyspace,
}

fn failed(error: fjall::Error) -> StoreError {
    const WHAT: &str = "the light node's database";
    match error {
        // Kept as what it is, so that a full disk can be told from the rest.
        fjall::Error::Io(error) => StoreError::failed(WHAT, error),
        fjall::Error::Storage(fjall::LsmError::Io(error)) => StoreError::failed(WHAT, error),
        fjall::Error::Storage(error) => StoreError::corrupt(WHAT, error.to_string()),
        other => StoreError::failed(WHAT, other),
    }
}

fn corrupt(what: &'static str) -> impl Fn() -> StoreError {
    move || StoreError::corrupt(what, "in the light node's database")
}

impl LightStore {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let names = ["headers", "watches", "found", "meta"];
        let (database, [headers, watches, found, meta]) = database::open(path, CACHE_SIZE, names).map_err(failed)?;
        match meta.get(VERSION_KEY).map_err(failed)? {
            Some(version) if &*version == VERSION => {}
            Some(_) => {
                return Err(StoreError::corrupt(
                    "the light node's database",
                    "it was written by another version of this program",
                ));
            }
            None => meta.insert(VERSION_KEY, VERSION).map_err(failed)?,
        }
        Ok(Self { database, headers, watches, found, meta })
    }

    pub(super) fn load(&self) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        for guard in self.headers.iter() {
            let (key, value) = guard.into_inner().map_err(failed)?;
            let bad = corrupt("filter header");
            let height = key[..].try_into().map(u32::from_be_bytes).map_err(|_| bad())?;
            if height as usize != kept.headers.len() {
                return Err(bad());
            }
            kept.headers.push(FilterHeader::from_slice(&value).map_err(|_| bad())?);
        }
        kept.tip = self.meta.get(TIP).map_err(failed)?.and_then(|bytes| hash_of(&bytes));
        if let Some(bytes) = self.meta.get(SCANNED).map_err(failed)? {
            kept.scanned = bytes[..].try_into().map(u32::from_be_bytes).map_err(|_| corrupt("height")())?;
        }
        for guard in self.watches.iter() {
            let (key, value) = guard.into_inner().map_err(failed)?;
            let bad = corrupt("watched script");
            let what = String::from_utf8(key.to_vec()).map_err(|_| bad())?;
            let (since, scripts) = value.split_first_chunk::<4>().ok_or_else(&bad)?;
            let scripts: Vec<Vec<u8>> = deserialize(scripts).map_err(|_| bad())?;
            let scripts = scripts.into_iter().map(ScriptBuf::from_bytes).collect();
            kept.watches.push((what, Watch { scripts, since: u32::from_be_bytes(*since) }));
        }
        for guard in self.found.iter() {
            let (key, value) = guard.into_inner().map_err(failed)?;
            let place = Place::read(&key).zip(Found::decode(&value));
            kept.found.push(place.ok_or_else(corrupt("found transaction"))?);
        }
        Ok(kept)
    }

    pub(super) fn put_headers(&self, start: u32, headers: &[FilterHeader], tip: &BlockHash) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        for (height, header) in (start..).zip(headers) {
            batch.insert(&self.headers, height.to_be_bytes(), header.to_byte_array());
        }
        batch.insert(&self.meta, TIP, tip.to_byte_array());
        batch.commit().map_err(failed)
    }

    pub(super) fn put_scanned(&self, height: u32) -> Result<(), StoreError> {
        self.meta.insert(SCANNED, height.to_be_bytes()).map_err(failed)
    }

    /// Forgets filter headers above a height, and that blocks above it were looked at.
    pub(super) fn cut(&self, height: u32, tip: &BlockHash) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        for guard in self.headers.range((height + 1).to_be_bytes()..) {
            batch.remove(&self.headers, guard.key().map_err(failed)?);
        }
        batch.insert(&self.meta, TIP, tip.to_byte_array());
        let scanned = self.meta.get(SCANNED).map_err(failed)?;
        let scanned = scanned.and_then(|bytes| bytes[..].try_into().ok()).map_or(0, u32::from_be_bytes);
        batch.insert(&self.meta, SCANNED, scanned.min(height).to_be_bytes());
        batch.commit().map_err(failed)
    }

    pub(super) fn put_watch(&self, what: &str, watch: &Watch) -> Result<(), StoreError> {
        let mut value = watch.since.to_be_bytes().to_vec();
        let scripts: Vec<Vec<u8>> = watch.scripts.iter().map(|script| script.to_bytes()).collect();
        value.extend(serialize(&scripts));
        self.watches.insert(what, value).map_err(failed)
    }

    pub(super) fn remove_watch(&self, what: &str) -> Result<(), StoreError> {
        self.watches.remove(what).map_err(failed)
    }

    pub(super) fn put_found(&self, place: Place, found: &Found) -> Result<(), StoreError> {
        self.found.insert(place.key(), found.encode()).map_err(failed)
    }

    pub(super) fn remove_found(&self, place: Place) -> Result<(), StoreError> {
        self.found.remove(place.key()).map_err(failed)
    }

    pub(super) fn persist(&self) -> Result<(), StoreError> {
        self.database.persist(PersistMode::SyncData).map_err(failed)
    }
}
