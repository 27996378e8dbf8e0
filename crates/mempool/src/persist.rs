//! The mempool as bytes, in the format of Bitcoin Core's `mempool.dat`.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Transaction, Txid, VarInt,
    consensus::{Decodable, Encodable, encode},
    io::{self, Read},
};

use crate::{ChainContext, Mempool};

/// The format without a key.
const VERSION_PLAIN: u64 = 1;
/// The format that is scrambled with a key, so that no virus scanner finds in it what somebody put into a transaction.
const VERSION_OBFUSCATED: u64 = 2;
const KEY_SIZE: usize = 8;
/// Where scrambling starts: after version, length of the key, and key.
const OBFUSCATED_FROM: usize = 8 + 1 + KEY_SIZE;

/// What to do with what is read (RPC `importmempool`).
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Take the transactions as if they came now, not when they first came.
    pub use_current_time: bool,
    /// Add the fee deltas to those that are here.
    pub apply_fee_deltas: bool,
    /// Mark the transactions that were not broadcast yet.
    pub apply_unbroadcast: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { use_current_time: false, apply_fee_deltas: true, apply_unbroadcast: true }
    }
}

/// What came of loading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Transactions that are in now.
    pub accepted: usize,
    /// Transactions that are refused.
    pub failed: usize,
    /// Transactions that waited too long.
    pub expired: usize,
    /// Transactions that were in already.
    pub already_there: usize,
    /// Transactions marked as not broadcast yet.
    pub unbroadcast: usize,
}

/// Bytes that are not a mempool. What was read before the fault is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Another format.
    #[error("mempool file has version {0}, known are 1 and 2")]
    Version(u64),
    /// Cut short or damaged.
    #[error("mempool file is damaged: {0}")]
    Damaged(#[from] encode::Error),
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self::Damaged(encode::Error::Io(error))
    }
}

impl Mempool {
    /// The mempool as bytes, scrambled with a random `key`, or plain without one (`-persistmempoolv1`).
    pub fn dump(&self, key: Option<[u8; KEY_SIZE]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes, key).expect("writing to memory does not fail");
        if let Some(key) = key {
            obfuscate(&mut bytes, key);
        }
        bytes
    }

    fn write(&self, out: &mut Vec<u8>, key: Option<[u8; KEY_SIZE]>) -> Result<(), io::Error> {
        match key {
            None => VERSION_PLAIN.consensus_encode(out)?,
            Some(key) => {
                VERSION_OBFUSCATED.consensus_encode(out)?;
                VarInt::from(KEY_SIZE).consensus_encode(out)? + key.consensus_encode(out)?
            }
        };
        let mut deltas: BTreeMap<Txid, i64> = self.prioritised().map(|item| (item.txid, item.fee_delta)).collect();
        (self.len() as u64).consensus_encode(out)?;
        for txid in self.hashes_by_mining_order() {
            let entry = self.entry(&txid).expect("listed just now");
            entry.tx().consensus_encode(out)?;
            entry.time().consensus_encode(out)?;
            deltas.remove(&txid).unwrap_or(0).consensus_encode(out)?;
        }
        VarInt::from(deltas.len()).consensus_encode(out)?;
        for (txid, delta) in deltas {
            txid.consensus_encode(out)?;
            delta.consensus_encode(out)?;
        }
        VarInt::from(self.unbroadcast().len()).consensus_encode(out)?;
        for txid in self.unbroadcast() {
            txid.consensus_encode(out)?;
        }
        Ok(())
    }

    /// Takes the transactions of a file that [`Mempool::dump`] or Bitcoin Core has written, each checked as if it had just
    /// come.
    ///
    /// # Errors
    ///
    /// When the bytes are not such a file. Nothing of what was read before the fault is undone.
    pub fn load(
        &mut self,
        bytes: &[u8],
        chain: &dyn ChainContext,
        now: i64,
        options: LoadOptions,
    ) -> Result<LoadReport, LoadError> {
        let plain = plain(bytes)?;
        let reader = &mut plain.as_slice();
        let mut report = LoadReport::default();
        for _ in 0..u64::consensus_decode(reader)? {
            let tx = Arc::new(Transaction::consensus_decode(reader)?);
            let time = i64::consensus_decode(reader)?;
            let delta = i64::consensus_decode(reader)?;
            let time = if options.use_current_time { now } else { time };
            self.load_one(tx, time, delta, chain, now, options, &mut report);
        }
        for _ in 0..VarInt::consensus_decode(reader)?.0 {
            let (txid, delta) = (Txid::consensus_decode(reader)?, i64::consensus_decode(reader)?);
            if options.apply_fee_deltas {
                self.prioritise(txid, delta);
            }
        }
        for _ in 0..VarInt::consensus_decode(reader)?.0 {
            let txid = Txid::consensus_decode(reader)?;
            if options.apply_unbroadcast {
                report.unbroadcast += 1;
                self.add_unbroadcast(txid);
            }
        }
        Ok(report)
    }

    #[expect(clippy::too_many_arguments, reason = "one record of the file and where it goes")]
    fn load_one(
        &mut self,
        tx: Arc<Transaction>,
        time: i64,
        delta: i64,
        chain: &dyn ChainContext,
        now: i64,
        options: LoadOptions,
        report: &mut LoadReport,
    ) {
        let txid = tx.compute_txid();
        if delta != 0 && options.apply_fee_deltas {
            self.prioritise(txid, delta);
        }
        if time <= now.saturating_sub(self.config.expiry_seconds) {
            report.expired += 1;
        } else if self.accept(tx, chain, time).is_ok() {
            report.accepted += 1;
        } else if self.contains(&txid) {
            report.already_there += 1;
        } else {
            report.failed += 1;
        }
    }
}

/// The content after the version and the key, unscrambled.
fn plain(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut reader = bytes;
    match u64::consensus_decode(&mut reader)? {
        VERSION_PLAIN => Ok(reader.to_vec()),
        VERSION_OBFUSCATED => {
            let length = VarInt::consensus_decode(&mut reader)?.0;
            if length != KEY_SIZE as u64 {
                return Err(encode::Error::ParseFailed("the key has eight bytes").into());
            }
            let mut key = [0; KEY_SIZE];
            reader.read_exact(&mut key)?;
            let mut bytes = bytes.to_vec();
            obfuscate(&mut bytes, key);
            Ok(bytes.split_off(OBFUSCATED_FROM))
        }
        version => Err(LoadError::Version(version)),
    }
}

/// Scrambles or unscrambles what comes after the key. The key repeats from the start of the file.
fn obfuscate(bytes: &mut [u8], key: [u8; KEY_SIZE]) {
    for (position, byte) in bytes.iter_mut().enumerate().skip(OBFUSCATED_FROM) {
        *byte ^= key[position % KEY_SIZE];
    }
}
