//! Compact blocks (BIP152): putting a block together from what the mempool has.

use crate::host::Host;
use crate::log::{Category, LogLine};
use crate::wire::{DecodeError, Reader, Writer};
use bitcoin::bip152::{HeaderAndShortIds, PrefilledTransaction, ShortId};
use bitcoin::block::Header;
use bitcoin::consensus::encode::serialize;
use bitcoin::{Block, BlockHash, Transaction, Wtxid};
use std::collections::HashMap;
use std::sync::Arc;

/// The version with witnesses, the only one that we speak.
pub(crate) const VERSION: u64 = 2;
/// Most peers from which one block is fetched at a time.
pub(crate) const MAX_IN_FLIGHT_PER_BLOCK: usize = 3;
/// Transactions that fit into a block of 4,000,000 weight units at the least size.
const MAX_TRANSACTIONS: usize = 100_000;

/// Why a block could not be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The peer has sent nonsense.
    Invalid,
    /// Bad luck, such as short ids that collide: fetch the whole block.
    Failed,
}

/// A block of which some transactions may be missing.
#[derive(Debug)]
pub(crate) struct PartialBlock {
    /// Taken when the block was put together once.
    header: Option<Header>,
    available: Vec<Option<Arc<Transaction>>>,
    prefilled: usize,
    from_mempool: usize,
    from_extra: usize,
}

/// The compact form of a block: the coinbase whole, of all others six bytes.
pub(crate) fn compact(block: &Block, nonce: u64) -> HeaderAndShortIds {
    let keys = ShortId::calculate_siphash_keys(&block.header, nonce);
    let short_ids =
        block.txdata.iter().skip(1).map(|tx| ShortId::with_siphash_keys(&tx.compute_wtxid().to_raw_hash(), keys));
    let coinbase = block.txdata.first().map(|tx| PrefilledTransaction { idx: 0, tx: tx.clone() });
    HeaderAndShortIds {
        header: block.header,
        nonce,
        short_ids: short_ids.collect(),
        prefilled_txs: coinbase.into_iter().collect(),
    }
}

impl PartialBlock {
    /// Looks for the transactions in the mempool and among others that were seen lately.
    pub(crate) fn new(
        compact: &HeaderAndShortIds,
        extra: &[(Wtxid, Arc<Transaction>)],
        host: &dyn Host,
        log: &mut Vec<LogLine>,
    ) -> Result<Self, Failure> {
        let mut note = |what: &str| {
            let (hash, size) = (compact.header.block_hash(), serialize(compact).len());
            let text = format!("{what} PartiallyDownloadedBlock for block {hash} using a cmpctblock of {size} bytes");
            log.push(LogLine::debug(Category::CmpctBlock, text));
        };
        note("Initializing");
        let count = compact.short_ids.len() + compact.prefilled_txs.len();
        if count == 0 || count > MAX_TRANSACTIONS {
            return Err(Failure::Invalid);
        }
        let mut block = Self {
            header: Some(compact.header),
            available: vec![None; count],
            prefilled: compact.prefilled_txs.len(),
            from_mempool: 0,
            from_extra: 0,
        };
        block.place_prefilled(compact)?;
        let positions = block.positions(compact)?;
        block.search(compact, &positions, extra, host);
        note("Initialized");
        Ok(block)
    }

    fn place_prefilled(&mut self, compact: &HeaderAndShortIds) -> Result<(), Failure> {
        let mut next = 0_usize;
        for (index, prefilled) in compact.prefilled_txs.iter().enumerate() {
            if prefilled.tx.input.is_empty() && prefilled.tx.output.is_empty() {
                return Err(Failure::Invalid);
            }
            let place = next + usize::from(prefilled.idx);
            // Beyond that there would be places for which there is neither a transaction nor a short id.
            if place > usize::from(u16::MAX) || place > compact.short_ids.len() + index {
                return Err(Failure::Invalid);
            }
            self.available[place] = Some(Arc::new(prefilled.tx.clone()));
            next = place + 1;
        }
        Ok(())
    }

    /// Where in the block the transaction of each short id belongs.
    fn positions(&self, compact: &HeaderAndShortIds) -> Result<HashMap<ShortId, usize>, Failure> {
        let free = self.available.iter().enumerate().filter(|(_, tx)| tx.is_none()).map(|(place, _)| place);
        let positions: HashMap<_, _> = compact.short_ids.iter().copied().zip(free).collect();
        if positions.len() == compact.short_ids.len() { Ok(positions) } else { Err(Failure::Failed) }
    }

    fn search(
        &mut self,
        compact: &HeaderAndShortIds,
        positions: &HashMap<ShortId, usize>,
        extra: &[(Wtxid, Arc<Transaction>)],
        host: &dyn Host,
    ) {
        let keys = ShortId::calculate_siphash_keys(&compact.header, compact.nonce);
        let place_of = |wtxid: &Wtxid| positions.get(&ShortId::with_siphash_keys(&wtxid.to_raw_hash(), keys)).copied();
        let mut matched = vec![false; self.available.len()];
        host.visit_mempool(&mut |wtxid, tx| {
            if let Some(place) = place_of(wtxid) {
                if !std::mem::replace(&mut matched[place], true) {
                    self.available[place] = Some(Arc::clone(tx));
                    self.from_mempool += 1;
                } else if self.available[place].take().is_some() {
                    // Two match: ask for it.
                    self.from_mempool -= 1;
                }
            }
            self.from_mempool < positions.len()
        });
        for (wtxid, tx) in extra {
            if self.from_mempool >= positions.len() {
                break;
            }
            let Some(place) = place_of(wtxid) else { continue };
            if !std::mem::replace(&mut matched[place], true) {
                self.available[place] = Some(Arc::clone(tx));
                self.from_mempool += 1;
                self.from_extra += 1;
            } else if self.available[place].as_ref().is_some_and(|other| other.compute_wtxid() != *wtxid) {
                self.available[place] = None;
                self.from_mempool -= 1;
                self.from_extra = self.from_extra.saturating_sub(1);
            }
        }
    }

    /// The header, unless the block was put together before.
    pub(crate) const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Places of the transactions that are missing.
    pub(crate) fn missing(&self) -> Vec<u16> {
        let missing = self.available.iter().enumerate().filter(|(_, tx)| tx.is_none());
        missing.filter_map(|(place, _)| u16::try_from(place).ok()).collect()
    }

    /// Puts the block together with what was missing. That can be done once.
    pub(crate) fn fill(
        &mut self,
        missing: Vec<Transaction>,
        segwit_active: bool,
        host: &dyn Host,
        log: &mut Vec<LogLine>,
    ) -> Result<Block, Failure> {
        let header = self.header.take().ok_or(Failure::Invalid)?;
        let requested: Vec<_> = missing.iter().map(|tx| (tx.compute_txid(), tx.total_size())).collect();
        let mut missing = missing.into_iter();
        let mut txdata = Vec::with_capacity(self.available.len());
        for tx in std::mem::take(&mut self.available) {
            match tx {
                Some(tx) => txdata.push(Arc::unwrap_or_clone(tx)),
                None => txdata.push(missing.next().ok_or(Failure::Invalid)?),
            }
        }
        if missing.next().is_some() {
            return Err(Failure::Invalid);
        }
        let block = Block { header, txdata };
        if host.block_mutation(&block, segwit_active).is_some() {
            return Err(Failure::Failed);
        }
        let (hash, size) = (block.block_hash(), requested.iter().map(|(_, size)| size).sum::<usize>());
        log.push(LogLine::debug(
            Category::CmpctBlock,
            format!(
                "Successfully reconstructed block {hash} with {} txn prefilled, {} txn from mempool (incl at least {} from extra pool) and {} txn ({size} bytes) requested",
                self.prefilled, self.from_mempool, self.from_extra, requested.len()
            ),
        ));
        if requested.len() < 5 {
            log.extend(requested.iter().map(|(txid, _)| {
                LogLine::debug(Category::CmpctBlock, format!("Reconstructed block {hash} required tx {txid}"))
            }));
        }
        Ok(block)
    }
}

/// A `getblocktxn` message: places in a block, as differences.
pub(crate) fn read_request(reader: &mut Reader<'_>) -> Result<(BlockHash, Vec<u16>), DecodeError> {
    let hash = reader.consensus()?;
    let mut next = 0_u64;
    let places = reader.list(|reader| {
        let place = next + reader.compact_size()?;
        next = place + 1;
        u16::try_from(place).map_err(|_| DecodeError::DifferentialOverflow)
    })?;
    Ok((hash, places))
}

pub(crate) fn write_request(hash: BlockHash, places: &[u16]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.consensus(&hash);
    let mut next = 0;
    writer.list(places, |writer, place| {
        writer.compact_size(u64::from(*place) - next);
        next = u64::from(*place) + 1;
    });
    writer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::testing::{TestHost, block_with};

    #[test]
    fn a_block_is_put_together_from_the_mempool_and_what_is_asked_for() {
        let mut host = TestHost::new();
        let block = block_with(&host, 4);
        let compact = compact(&block, 9);
        host.mempool_insert(&block.txdata[1]);
        let extra = [(block.txdata[2].compute_wtxid(), Arc::new(block.txdata[2].clone()))];
        let mut log = Vec::new();

        let mut partial = PartialBlock::new(&compact, &extra, &host, &mut log).unwrap();
        assert_eq!(partial.missing(), [3, 4]);
        let rest = block.txdata[3..].to_vec();
        assert_eq!(partial.fill(rest, true, &host, &mut log).unwrap(), block);
        assert_eq!(partial.fill(Vec::new(), true, &host, &mut log), Err(Failure::Invalid), "once only");
        assert!(log.iter().any(|line| line.text.contains("2 txn from mempool (incl at least 1 from extra pool)")));
    }

    #[test]
    fn nonsense_is_told_from_bad_luck() {
        let host = TestHost::new();
        let good = compact(&block_with(&host, 3), 9);
        let new = |compact: &HeaderAndShortIds| PartialBlock::new(compact, &[], &host, &mut Vec::new()).map(|_| ());
        assert_eq!(new(&good), Ok(()));

        let mut far = good.clone();
        far.prefilled_txs[0].idx = 5;
        assert_eq!(new(&far), Err(Failure::Invalid));
        let mut empty = good.clone();
        (empty.short_ids, empty.prefilled_txs) = (Vec::new(), Vec::new());
        assert_eq!(new(&empty), Err(Failure::Invalid));
        let mut twins = good.clone();
        twins.short_ids[1] = twins.short_ids[0];
        assert_eq!(new(&twins), Err(Failure::Failed));

        let mut partial = PartialBlock::new(&good, &[], &host, &mut Vec::new()).unwrap();
        assert_eq!(partial.fill(Vec::new(), true, &host, &mut Vec::new()), Err(Failure::Invalid));
    }

    #[test]
    fn requests_survive_and_overflows_do_not() {
        let hash = BlockHash::from_raw_hash(bitcoin::hashes::Hash::all_zeros());
        let bytes = write_request(hash, &[0, 1, 7, 65_535]);
        assert_eq!(read_request(&mut Reader::new(&bytes)), Ok((hash, vec![0, 1, 7, 65_535])));
        let mut bad = vec![0; 32];
        bad.extend([2, 253, 0xff, 0xff, 0]);
        assert_eq!(read_request(&mut Reader::new(&bad)), Err(DecodeError::DifferentialOverflow));
    }
}
