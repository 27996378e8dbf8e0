//! Remembering what was verified, so that a block does not verify again what the mempool has.

use crate::Flags;
use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};
use bitcoin::{Transaction, Wtxid};
use std::sync::{Mutex, PoisonError};

/// Entries that one hash may be stored in.
const WAYS: usize = 8;
/// Parts with a lock of their own.
const SHARDS: usize = 64;
/// Bytes of an entry.
const ENTRY: usize = 32;

/// What becomes of an entry that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    /// It stays, and what is verified anew is kept: for the mempool.
    Keep,
    /// It is taken out, and nothing is added: for a block, after which nobody asks again.
    Take,
}

/// A bounded set of signatures and of whole transactions that were found valid.
///
/// Entries are hashes with a secret in front, so that nobody can aim at a place. A full place drops an entry of its own.
/// Only what is valid is kept; a miss costs time, never a verdict.
pub struct SigCache {
    ecdsa: sha256::HashEngine,
    schnorr: sha256::HashEngine,
    scripts: sha256::HashEngine,
    shards: Vec<Mutex<Vec<[u8; ENTRY]>>>,
    sets_per_shard: usize,
}

impl SigCache {
    /// A cache of at most `max_bytes` (at least 16 kB are used), salted with 32 random bytes.
    pub fn new(max_bytes: usize, nonce: [u8; 32]) -> Self {
        let engine = |purpose: u8| {
            let mut padding = [0; 32];
            padding[0] = purpose;
            let mut engine = sha256::HashEngine::default();
            engine.input(&nonce);
            // Fills a block of the hash, which then is computed once for all.
            engine.input(&padding);
            engine
        };
        let sets_per_shard = (max_bytes / (SHARDS * WAYS * ENTRY)).max(1);
        let shards = (0..SHARDS).map(|_| Mutex::new(vec![[0; ENTRY]; sets_per_shard * WAYS])).collect();
        Self { ecdsa: engine(b'E'), schnorr: engine(b'S'), scripts: engine(b'T'), shards, sets_per_shard }
    }

    /// Whether all inputs of this transaction were found valid under exactly these flags.
    pub fn contains_scripts(&self, tx: &Transaction, flags: Flags, usage: CacheUse) -> bool {
        self.look_up(&self.scripts_entry(tx.compute_wtxid(), flags), usage)
    }

    /// Keeps that all inputs of this transaction are valid under these flags, whatever else happens: the witness is part of
    /// the id, and the id fixes the outputs that are spent.
    pub fn insert_scripts(&self, tx: &Transaction, flags: Flags) {
        self.insert(&self.scripts_entry(tx.compute_wtxid(), flags));
    }

    fn scripts_entry(&self, wtxid: Wtxid, flags: Flags) -> [u8; ENTRY] {
        hash(&self.scripts, [wtxid.as_byte_array().as_slice(), &flags.bits().to_le_bytes()])
    }

    pub(crate) fn ecdsa_entry(&self, sighash: &[u8; 32], key: &[u8], signature: &[u8]) -> [u8; ENTRY] {
        hash(&self.ecdsa, [sighash.as_slice(), key, signature])
    }

    pub(crate) fn schnorr_entry(&self, sighash: &[u8; 32], key: &[u8; 32], signature: &[u8]) -> [u8; ENTRY] {
        hash(&self.schnorr, [sighash.as_slice(), key, signature])
    }

    pub(crate) fn look_up(&self, entry: &[u8; ENTRY], usage: CacheUse) -> bool {
        self.with_set(entry, |set, _| {
            let found = set.iter_mut().find(|kept| *kept == entry);
            match (found, usage) {
                (None, _) => false,
                (Some(_), CacheUse::Keep) => true,
                (Some(kept), CacheUse::Take) => {
                    *kept = [0; ENTRY];
                    true
                }
            }
        })
    }

    pub(crate) fn insert(&self, entry: &[u8; ENTRY]) {
        self.with_set(entry, |set, victim| {
            if set.contains(entry) {
                return;
            }
            let free = set.iter().position(|kept| *kept == [0; ENTRY]);
            set[free.unwrap_or(victim)] = *entry;
        });
    }

    /// The places for an entry, and which of them is dropped when all are taken.
    fn with_set<R>(&self, entry: &[u8; ENTRY], act: impl FnOnce(&mut [[u8; ENTRY]], usize) -> R) -> R {
        let word = |at: usize| entry[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)) as usize;
        let shard = &self.shards[word(0) % SHARDS];
        let first = word(8) % self.sets_per_shard * WAYS;
        // Whoever panicked while it held the lock left at worst an entry that is missing.
        let mut entries = shard.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut entries[first..first + WAYS], word(16) % WAYS)
    }
}

fn hash<const N: usize>(engine: &sha256::HashEngine, parts: [&[u8]; N]) -> [u8; ENTRY] {
    let mut engine = engine.clone();
    parts.into_iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}
