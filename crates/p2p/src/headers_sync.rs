//! Headers presync (Core's `HeadersSyncState`): headers of a chain cost memory only when the chain has enough work.
//!
//! A peer whose chain is not known to have enough work sends its headers twice. In the first phase only one salted bit
//! in several hundred headers is kept, until the claimed work is enough. In the second phase the headers are compared
//! with those bits and leave for the block index when enough bits on top of them have matched.

use crate::config::Params;
use crate::random::Random;
use crate::{HeaderInfo, LogLine, PeerId, Time, pow};
use bitcoin::block::Header;
use bitcoin::hashes::{Hash, siphash24};
use bitcoin::{BlockHash, CompactTarget, Work};
use std::collections::VecDeque;

/// How far in the future a block's time may be, in seconds.
const MAX_FUTURE_BLOCK_TIME: i64 = 2 * 60 * 60;
/// Most blocks in a second that the rule of the median time allows.
const MAX_BLOCKS_PER_SECOND: i64 = 6;

/// Which phase a sync is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Presync,
    Redownload,
    Final,
}

/// A header without what its predecessor tells.
#[derive(Debug, Clone, Copy)]
struct Compressed {
    version: bitcoin::block::Version,
    merkle_root: bitcoin::TxMerkleNode,
    time: u32,
    bits: CompactTarget,
    nonce: u32,
}

impl Compressed {
    const fn new(header: &Header) -> Self {
        let Header { version, merkle_root, time, bits, nonce, .. } = *header;
        Self { version, merkle_root, time, bits, nonce }
    }

    const fn full(self, prev_blockhash: BlockHash) -> Header {
        let Self { version, merkle_root, time, bits, nonce } = self;
        Header { version, prev_blockhash, merkle_root, time, bits, nonce }
    }
}

/// What became of a batch of headers.
#[derive(Debug, Default)]
pub(crate) struct Processed {
    /// They fitted. Otherwise the sync is over.
    pub(crate) success: bool,
    /// Ask for more with the next locator.
    pub(crate) request_more: bool,
    /// Headers whose chain has enough work: they may be kept.
    pub(crate) ready: Vec<Header>,
}

/// Where a sync begins: a header of our index.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) header: HeaderInfo,
    pub(crate) locator: Vec<BlockHash>,
    pub(crate) median_time_past: u32,
}

/// The sync of one peer's chain.
#[derive(Debug)]
pub(crate) struct HeadersSync {
    peer: PeerId,
    salt: (u64, u64),
    commit_offset: u64,
    max_commitments: usize,
    start: HeaderInfo,
    start_locator: Vec<BlockHash>,
    minimum_work: Work,
    phase: Phase,
    commitments: VecDeque<bool>,
    // First phase.
    work: Work,
    last_hash: BlockHash,
    last_bits: CompactTarget,
    last_time: u32,
    height: u64,
    // Second phase.
    buffer: VecDeque<Compressed>,
    buffer_height: u64,
    buffer_last: BlockHash,
    buffer_first_prev: BlockHash,
    buffer_work: Work,
    process_all: bool,
    log: Vec<LogLine>,
}

impl HeadersSync {
    pub(crate) fn new(
        peer: PeerId,
        params: &Params,
        start: Start,
        minimum_work: Work,
        now: Time,
        random: &mut Random,
    ) -> Self {
        let Start { header: start, locator: start_locator, median_time_past } = start;
        let period = u64::from(params.headers_commitment_period.max(1));
        let seconds = (now.secs() - i64::from(median_time_past) + MAX_FUTURE_BLOCK_TIME).max(0);
        let max_commitments = (MAX_BLOCKS_PER_SECOND * seconds) as u64 / period;
        let height = u64::from(start.height);
        let mut sync = Self {
            peer,
            salt: (random.u64(), random.u64()),
            commit_offset: random.below(period),
            max_commitments: max_commitments as usize,
            start,
            start_locator,
            minimum_work,
            phase: Phase::Presync,
            commitments: VecDeque::new(),
            work: start.work,
            last_hash: start.hash,
            last_bits: start.bits,
            last_time: start.time,
            height,
            buffer: VecDeque::new(),
            buffer_height: height,
            buffer_last: start.hash,
            buffer_first_prev: start.hash,
            buffer_work: start.work,
            process_all: false,
            log: Vec::new(),
        };
        sync.note(format!(
            "Initial headers sync started with peer={peer}: height={height}, max_commitments={max_commitments}, min_work={minimum_work:x}"
        ));
        sync
    }

    fn note(&mut self, text: String) {
        self.log.push(LogLine::net(text));
    }

    fn abort(&mut self, why: &str, height: u64, phase: &str) {
        let peer = self.peer;
        self.note(format!("Initial headers sync aborted with peer={peer}: {why} at height={height} ({phase} phase)"));
    }

    pub(crate) fn drain_log(&mut self) -> std::vec::Drain<'_, LogLine> {
        self.log.drain(..)
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Height and time that the first phase has reached.
    pub(crate) const fn reached(&self) -> (u64, u32) {
        (self.height, self.last_time)
    }

    fn commitment(&self, hash: BlockHash) -> bool {
        siphash24::Hash::hash_to_u64_with_keys(self.salt.0, self.salt.1, hash.as_byte_array()) & 1 == 1
    }

    fn is_commitment_height(&self, params: &Params, height: u64) -> bool {
        height % u64::from(params.headers_commitment_period.max(1)) == self.commit_offset
    }

    /// Takes the next headers: connected to each other, with valid proof of work. `full` says that the message had as
    /// many as fit.
    pub(crate) fn process(&mut self, headers: &[Header], full: bool, params: &Params) -> Processed {
        let mut result = Processed::default();
        if headers.is_empty() {
            return result;
        }
        match self.phase {
            Phase::Final => return result,
            Phase::Presync => {
                result.success = self.commit(headers, params);
                if result.success {
                    result.request_more = full || self.phase == Phase::Redownload;
                    if !result.request_more {
                        self.abort("incomplete headers message", self.height, "presync");
                    }
                }
            }
            Phase::Redownload => {
                result.success = headers.iter().all(|header| self.compare(header, params));
                if result.success {
                    result.ready = self.release(params);
                    if self.buffer.is_empty() && self.process_all {
                        let (peer, height) = (self.peer, self.buffer_height);
                        self.note(format!(
                            "Initial headers sync complete with peer={peer}: releasing all at height={height} (redownload phase)"
                        ));
                    } else if full {
                        result.request_more = true;
                    } else {
                        self.abort("incomplete headers message", self.buffer_height, "redownload");
                    }
                }
            }
        }
        if !(result.success && result.request_more) {
            self.phase = Phase::Final;
            self.commitments = VecDeque::new();
            self.buffer = VecDeque::new();
        }
        result
    }

    /// First phase: adds up the work and keeps commitments.
    fn commit(&mut self, headers: &[Header], params: &Params) -> bool {
        if headers[0].prev_blockhash != self.last_hash {
            self.abort("non-continuous headers", self.height, "presync");
            return false;
        }
        for header in headers {
            let height = self.height + 1;
            if !pow::permitted_difficulty_transition(params, height, self.last_bits, header.bits) {
                self.abort("invalid difficulty transition", height, "presync");
                return false;
            }
            let hash = header.block_hash();
            if self.is_commitment_height(params, height) {
                if self.commitments.len() >= self.max_commitments {
                    self.abort("exceeded max commitments", height, "presync");
                    return false;
                }
                self.commitments.push_back(self.commitment(hash));
            }
            self.work = pow::add(self.work, pow::proof(header.bits));
            (self.last_hash, self.last_bits, self.last_time, self.height) = (hash, header.bits, header.time, height);
        }
        if self.work >= self.minimum_work {
            self.phase = Phase::Redownload;
            let (peer, height, start) = (self.peer, self.height, self.start.height);
            self.note(format!(
                "Initial headers sync transition with peer={peer}: reached sufficient work at height={height}, redownloading from height={start}"
            ));
        }
        true
    }

    /// Second phase: compares a header with the commitments and buffers it.
    fn compare(&mut self, header: &Header, params: &Params) -> bool {
        let height = self.buffer_height + 1;
        if header.prev_blockhash != self.buffer_last {
            self.abort("non-continuous headers", height, "redownload");
            return false;
        }
        let previous = self.buffer.back().map_or(self.start.bits, |header| header.bits);
        if !pow::permitted_difficulty_transition(params, height, previous, header.bits) {
            self.abort("invalid difficulty transition", height, "redownload");
            return false;
        }
        self.buffer_work = pow::add(self.buffer_work, pow::proof(header.bits));
        if self.buffer_work >= self.minimum_work {
            self.process_all = true;
        }
        let hash = header.block_hash();
        if !self.process_all && self.is_commitment_height(params, height) {
            let Some(expected) = self.commitments.pop_front() else {
                self.abort("commitment overrun", height, "redownload");
                return false;
            };
            if self.commitment(hash) != expected {
                self.abort("commitment mismatch", height, "redownload");
                return false;
            }
        }
        self.buffer.push_back(Compressed::new(header));
        self.buffer_height = height;
        self.buffer_last = hash;
        true
    }

    fn release(&mut self, params: &Params) -> Vec<Header> {
        let mut ready = Vec::new();
        while self.buffer.len() > params.headers_redownload_buffer || (self.process_all && !self.buffer.is_empty()) {
            let Some(compressed) = self.buffer.pop_front() else { break };
            let header = compressed.full(self.buffer_first_prev);
            self.buffer_first_prev = header.block_hash();
            ready.push(header);
        }
        ready
    }

    /// The locator of the next request.
    pub(crate) fn locator(&self) -> Vec<BlockHash> {
        let first = if self.phase == Phase::Presync { self.last_hash } else { self.buffer_last };
        std::iter::once(first).chain(self.start_locator.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::testing::{mine_headers, regtest_genesis, regtest_params};

    const BATCH: usize = 500;

    fn params() -> Params {
        Params { headers_commitment_period: 10, headers_redownload_buffer: 120, ..regtest_params() }
    }

    fn start(minimum_blocks: u32) -> HeadersSync {
        let genesis = regtest_genesis();
        let minimum = pow::add(genesis.work, pow::times(pow::proof(genesis.bits), minimum_blocks));
        let now = Time::from_secs(i64::from(genesis.time) + 1_000_000);
        let mut random = Random::new([5; 32]);
        let start = Start { header: genesis, locator: vec![genesis.hash], median_time_past: genesis.time };
        HeadersSync::new(PeerId(1), &params(), start, minimum, now, &mut random)
    }

    /// Feeds a chain through both phases; returns what was released.
    fn run(sync: &mut HeadersSync, first: &[Header], second: &[Header]) -> Vec<Header> {
        let mut released = Vec::new();
        for chain in [first, second] {
            for batch in chain.chunks(BATCH) {
                let result = sync.process(batch, batch.len() == BATCH, &params());
                released.extend(result.ready);
                if sync.phase() == Phase::Redownload && released.is_empty() && chain == first {
                    break;
                }
            }
        }
        released
    }

    #[test]
    fn a_chain_with_enough_work_is_released_whole() {
        let chain = mine_headers(regtest_genesis().hash, 1_400, 0);
        let mut sync = start(1_200);
        let released = run(&mut sync, &chain, &chain);
        assert_eq!(released.len(), chain.len());
        assert_eq!(released, chain);
        assert_eq!(sync.phase(), Phase::Final);
    }

    #[test]
    fn a_chain_with_too_little_work_leaves_nothing() {
        let chain = mine_headers(regtest_genesis().hash, 900, 0);
        let mut sync = start(1_200);
        assert!(run(&mut sync, &chain, &[]).is_empty());
        assert_eq!(sync.phase(), Phase::Final);
        assert!(sync.drain_log().any(|line| line.text.contains("incomplete headers message at height=900")));
    }

    #[test]
    fn another_chain_in_the_second_phase_is_found_out() {
        let (chain, lie) =
            (mine_headers(regtest_genesis().hash, 1_400, 0), mine_headers(regtest_genesis().hash, 1_400, 1));
        let mut sync = start(1_200);
        let released = run(&mut sync, &chain, &lie);
        assert!(released.is_empty(), "{} headers of a lie were released", released.len());
        assert!(sync.drain_log().any(|line| line.text.contains("commitment mismatch")));
    }

    #[test]
    fn a_gap_ends_the_sync() {
        let chain = mine_headers(regtest_genesis().hash, 600, 0);
        let mut sync = start(1_200);
        assert!(!sync.process(&chain[1..], true, &params()).success);
        assert!(!sync.process(&chain, true, &params()).success, "it does not start again");
    }
}
