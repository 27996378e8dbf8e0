//! A chain and a mempool in memory for tests: real headers with real work on regtest, blocks with their merkle roots,
//! transactions that must have known inputs. Whatever carries the mark [`BAD`] is invalid.

#![allow(clippy::unwrap_used, reason = "these are tests")]
#![cfg_attr(not(test), allow(dead_code, reason = "the tests of this crate use all of it"))]

use crate::config::Params;
use crate::host::{
    BlockOutcome, BlockRejection, BlockVerdict, ChainEvent, FilterHashes, HeaderInfo, HeadersOutcome, Host,
    MempoolInfo, PackageResult, TxId, TxRejection, TxResult, TxVerdict,
};
use crate::{Time, pow};
use bitcoin::block::{Header, Version};
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, Network as Chain, OutPoint, ScriptBuf, Sequence, Target, Transaction,
    TxIn, TxMerkleNode, TxOut, Txid, Witness, Work, Wtxid,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Lock time of what is invalid.
pub(crate) const BAD: u32 = 666;

fn params_of(chain: Chain, magic: [u8; 4], interval: u32) -> Params {
    let pow_limit =
        if chain == Chain::Regtest { Target::MAX_ATTAINABLE_REGTEST } else { Target::MAX_ATTAINABLE_MAINNET };
    Params {
        magic,
        default_port: 18_444,
        target_spacing: Duration::from_secs(600),
        adjustment_interval: interval,
        adjustment_timespan: Duration::from_secs(u64::from(interval) * 600),
        pow_limit,
        allow_min_difficulty: chain == Chain::Regtest,
        headers_commitment_period: 275,
        headers_redownload_buffer: 7_017,
        dns_seeds: Vec::new(),
        fixed_seeds: Vec::new(),
    }
}

pub(crate) fn regtest_params() -> Params {
    params_of(Chain::Regtest, [0xfa, 0xbf, 0xb5, 0xda], 144)
}

pub(crate) fn main_params() -> Params {
    params_of(Chain::Bitcoin, [0xf9, 0xbe, 0xb4, 0xd9], 2_016)
}

fn info_of(header: &Header, parent: Option<&HeaderInfo>) -> HeaderInfo {
    let proof = pow::proof(header.bits);
    HeaderInfo {
        hash: header.block_hash(),
        prev: header.prev_blockhash,
        height: parent.map_or(0, |parent| parent.height + 1),
        work: parent.map_or(proof, |parent| pow::add(parent.work, proof)),
        time: header.time,
        bits: header.bits,
        valid: parent.is_none_or(|parent| parent.valid),
        fully_validated: false,
        chain_received: false,
        have_data: false,
        received: false,
        have_chain_transactions: false,
    }
}

pub(crate) fn regtest_genesis() -> HeaderInfo {
    info_of(&genesis_block(Chain::Regtest).header, None)
}

/// Finds a nonce. One in two will do on regtest.
fn solve(mut header: Header) -> Header {
    while !header.target().is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    header
}

/// A chain of headers without blocks; another salt gives another chain.
pub(crate) fn mine_headers(mut prev: BlockHash, count: u32, salt: u32) -> Vec<Header> {
    let start = regtest_genesis().time;
    let mut headers = Vec::new();
    for index in 0..count {
        let header = solve(Header {
            version: Version::from_consensus(0x2000_0000 + salt as i32),
            prev_blockhash: prev,
            merkle_root: TxMerkleNode::all_zeros(),
            time: start + 1 + index,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: 0,
        });
        prev = header.block_hash();
        headers.push(header);
    }
    headers
}

/// A transaction that spends the given outputs.
pub(crate) fn spend(inputs: &[OutPoint], outputs: usize, lock_time: u32) -> Transaction {
    let input = |previous_output: &OutPoint| TxIn {
        previous_output: *previous_output,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::from_slice(&[[7_u8; 3]]),
    };
    let output = TxOut { value: Amount::from_sat(1_000), script_pubkey: ScriptBuf::from_bytes(vec![0x51; 20]) };
    Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::from_consensus(lock_time),
        input: inputs.iter().map(input).collect(),
        output: vec![output; outputs],
    }
}

/// A coin that exists from the beginning, by a number.
pub(crate) fn coin(number: u32) -> OutPoint {
    OutPoint { txid: Txid::from_byte_array([0xc0; 32]), vout: number }
}

/// A block on top of another with a coinbase and these transactions.
pub(crate) fn mine_block(parent: &HeaderInfo, transactions: Vec<Transaction>, time: u32, mark: u32) -> Block {
    let script = ScriptBuf::from_bytes([&parent.height.to_le_bytes()[..], &mark.to_le_bytes()[..]].concat());
    let coinbase = Transaction {
        input: vec![TxIn { script_sig: script, witness: Witness::new(), ..TxIn::default() }],
        ..spend(&[], 1, if mark == BAD { BAD } else { 0 })
    };
    let mut block = Block {
        header: Header {
            version: Version::from_consensus(0x2000_0000),
            prev_blockhash: parent.hash,
            merkle_root: TxMerkleNode::all_zeros(),
            time,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: 0,
        },
        txdata: std::iter::once(coinbase).chain(transactions).collect(),
    };
    block.header.merkle_root = block.compute_merkle_root().expect("it has a coinbase");
    block.header = solve(block.header);
    block
}

/// A block on the tip with so many transactions besides the coinbase.
pub(crate) fn block_with(host: &TestHost, count: u32) -> Block {
    let transactions = (0..count).map(|number| spend(&[coin(number)], 1, 0)).collect();
    mine_block(&host.tip(), transactions, host.tip().time + 600, 0)
}

#[derive(Debug)]
struct Entry {
    header: Header,
    info: HeaderInfo,
    block: Option<Arc<Block>>,
    sequence: u64,
}

type Rank = (Work, Reverse<u64>, BlockHash);

impl Entry {
    fn rank(&self) -> Rank {
        (self.info.work, Reverse(self.sequence), self.info.hash)
    }
}

/// The chain and the mempool of a test node.
#[derive(Debug)]
pub(crate) struct TestHost {
    entries: HashMap<BlockHash, Entry>,
    children: HashMap<BlockHash, Vec<BlockHash>>,
    /// Valid headers, the best last; among equals the first seen.
    headers: BTreeSet<Rank>,
    /// Of these, blocks that are there with all their ancestors.
    candidates: BTreeSet<Rank>,
    active: Vec<BlockHash>,
    /// The first chain of headers that came, to find ancestors fast.
    line: Vec<BlockHash>,
    mempool: BTreeMap<Wtxid, (Arc<Transaction>, u64)>,
    known_txids: HashSet<Txid>,
    sequence: u64,
    pub(crate) minimum_work: Work,
    pub(crate) initial_download: bool,
    pub(crate) filters: bool,
    /// The height whose filter it says is empty.
    pub(crate) lies_about: Option<u32>,
    /// Transactions with this lock time pay too little alone.
    pub(crate) poor: u32,
}

impl TestHost {
    pub(crate) fn new() -> Self {
        let genesis = genesis_block(Chain::Regtest);
        let mut info = regtest_genesis();
        mark_received(&mut info, true);
        let hash = info.hash;
        let entry = Entry { header: genesis.header, info, block: Some(Arc::new(genesis)), sequence: 0 };
        Self {
            children: HashMap::new(),
            headers: BTreeSet::from([entry.rank()]),
            candidates: BTreeSet::from([entry.rank()]),
            entries: HashMap::from([(hash, entry)]),
            active: vec![hash],
            line: vec![hash],
            mempool: BTreeMap::new(),
            known_txids: HashSet::from([coin(0).txid]),
            sequence: 1,
            minimum_work: Work::from_be_bytes([0; 32]),
            initial_download: false,
            filters: true,
            lies_about: None,
            poor: 555,
        }
    }

    pub(crate) fn header_count(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn mempool_insert(&mut self, tx: &Transaction) {
        self.sequence += 1;
        self.known_txids.insert(tx.compute_txid());
        self.mempool.insert(tx.compute_wtxid(), (Arc::new(tx.clone()), self.sequence));
    }

    pub(crate) fn mempool_len(&self) -> usize {
        self.mempool.len()
    }

    /// Mines on the tip, as `generate` does. Returns the events.
    pub(crate) fn generate(&mut self, count: u32, mark: u32, now: Time) -> Vec<ChainEvent> {
        let mut events = Vec::new();
        for _ in 0..count {
            let tip = self.tip();
            let transactions = self.mempool.values().map(|(tx, _)| (**tx).clone()).collect();
            let time = (tip.time + 1).max(now.secs() as u32);
            let block = mine_block(&tip, transactions, time, mark);
            events.extend(self.accept_block(Arc::new(block), true, true, now).events);
        }
        events
    }

    fn insert_header(&mut self, header: &Header) -> Result<HeaderInfo, BlockRejection> {
        let hash = header.block_hash();
        let reject = |verdict, reason: &str| BlockRejection { verdict, reason: reason.into(), debug: String::new() };
        if let Some(entry) = self.entries.get(&hash) {
            return if entry.info.valid {
                Ok(entry.info)
            } else {
                Err(reject(BlockVerdict::CachedInvalid, "duplicate"))
            };
        }
        let Some(parent) = self.entries.get(&header.prev_blockhash) else {
            return Err(reject(BlockVerdict::MissingPrev, "prev-blk-not-found"));
        };
        if !parent.info.valid {
            return Err(reject(BlockVerdict::InvalidPrev, "bad-prevblk"));
        }
        let info = info_of(header, Some(&parent.info));
        self.sequence += 1;
        let entry = Entry { header: *header, info, block: None, sequence: self.sequence };
        self.headers.insert(entry.rank());
        if self.line.last() == Some(&header.prev_blockhash) {
            self.line.push(hash);
        }
        self.children.entry(header.prev_blockhash).or_default().push(hash);
        self.entries.insert(hash, entry);
        Ok(info)
    }

    fn chain_complete(&self, hash: &BlockHash) -> bool {
        self.entries[hash].info.have_chain_transactions
    }

    /// Marks a block and its descendants whose ancestors are all there.
    fn propagate(&mut self, hash: BlockHash) {
        let mut ready = vec![hash];
        while let Some(hash) = ready.pop() {
            let entry = self.entries.get_mut(&hash).unwrap();
            if entry.block.is_none() {
                continue;
            }
            entry.info.have_chain_transactions = true;
            entry.info.chain_received = true;
            self.candidates.insert(entry.rank());
            ready.extend(self.children.get(&hash).into_iter().flatten());
        }
    }

    fn best_candidate(&self) -> BlockHash {
        self.candidates.last().unwrap().2
    }

    fn invalidate(&mut self, hash: BlockHash) {
        let mut bad = vec![hash];
        while let Some(hash) = bad.pop() {
            let entry = self.entries.get_mut(&hash).unwrap();
            entry.info.valid = false;
            self.headers.remove(&entry.rank());
            self.candidates.remove(&entry.rank());
            bad.extend(self.children.get(&hash).into_iter().flatten());
        }
    }

    fn disconnect_tip(&mut self, events: &mut Vec<ChainEvent>) {
        let hash = self.active.pop().unwrap();
        events.push(ChainEvent::BlockDisconnected(self.entries[&hash].block.clone().unwrap()));
    }

    fn connect(&mut self, hash: BlockHash, events: &mut Vec<ChainEvent>) -> bool {
        let block = self.entries[&hash].block.clone().unwrap();
        if block.txdata.iter().any(|tx| tx.lock_time.to_consensus_u32() == BAD) {
            self.invalidate(hash);
            let rejection =
                BlockRejection { verdict: BlockVerdict::Consensus, reason: "bad-test".into(), debug: String::new() };
            events.push(ChainEvent::BlockChecked { hash, result: Err(rejection) });
            return false;
        }
        self.entries.get_mut(&hash).unwrap().info.fully_validated = true;
        self.active.push(hash);
        for tx in &block.txdata {
            self.known_txids.insert(tx.compute_txid());
            self.mempool.remove(&tx.compute_wtxid());
        }
        events.push(ChainEvent::BlockChecked { hash, result: Ok(()) });
        events.push(ChainEvent::BlockConnected(block));
        true
    }

    fn activate(&mut self) -> Vec<ChainEvent> {
        let mut events = Vec::new();
        let old_tip = self.tip();
        loop {
            let best = self.best_candidate();
            if best == self.tip().hash || self.entries[&best].info.work <= self.tip().work && self.tip().valid {
                break;
            }
            let mut path = Vec::new();
            let mut walk = best;
            while !self.active.contains(&walk) {
                path.push(walk);
                walk = self.entries[&walk].info.prev;
            }
            while self.tip().hash != walk {
                self.disconnect_tip(&mut events);
            }
            if path.into_iter().rev().all(|hash| self.connect(hash, &mut events)) {
                break;
            }
        }
        let tip = self.tip();
        if tip.hash != old_tip.hash {
            let fork = (0..=old_tip.height.min(tip.height)).rev().find_map(|height| {
                let one = self.ancestor(&old_tip.hash, height)?.hash;
                (self.ancestor(&tip.hash, height)?.hash == one).then_some(one)
            });
            let initial_download = self.initial_download;
            events.push(ChainEvent::TipUpdated { tip: tip.hash, fork: fork.unwrap(), initial_download });
        }
        events
    }
}

fn mark_received(info: &mut HeaderInfo, connected: bool) {
    info.have_data = true;
    info.received = true;
    info.have_chain_transactions = connected;
    info.chain_received = connected;
    info.fully_validated = connected;
}

impl Host for TestHost {
    fn header(&self, hash: &BlockHash) -> Option<HeaderInfo> {
        self.entries.get(hash).map(|entry| entry.info)
    }

    fn raw_header(&self, hash: &BlockHash) -> Option<Header> {
        self.entries.get(hash).map(|entry| entry.header)
    }

    fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<HeaderInfo> {
        let mut walk = self.header(hash)?;
        while walk.height > height {
            if self.active.get(walk.height as usize) == Some(&walk.hash) {
                return self.active_block(height);
            }
            if self.line.get(walk.height as usize) == Some(&walk.hash) {
                return self.header(&self.line[height as usize]);
            }
            walk = self.header(&walk.prev)?;
        }
        (walk.height == height).then_some(walk)
    }

    fn active_block(&self, height: u32) -> Option<HeaderInfo> {
        self.active.get(height as usize).and_then(|hash| self.header(hash))
    }

    fn tip(&self) -> HeaderInfo {
        self.header(self.active.last().unwrap()).unwrap()
    }

    fn best_header(&self) -> HeaderInfo {
        self.header(&self.headers.last().unwrap().2).unwrap()
    }

    fn locator(&self, hash: &BlockHash) -> Vec<BlockHash> {
        let Some(mut header) = self.header(hash) else { return Vec::new() };
        let (mut locator, mut step) = (vec![header.hash], 1);
        while header.height > 0 {
            header = self.ancestor(&header.hash, header.height.saturating_sub(step)).unwrap();
            locator.push(header.hash);
            if locator.len() > 10 {
                step *= 2;
            }
        }
        locator
    }

    fn median_time_past(&self, hash: &BlockHash) -> u32 {
        self.header(hash).map_or(0, |header| header.time)
    }

    fn minimum_chain_work(&self) -> Work {
        self.minimum_work
    }

    fn is_initial_block_download(&self) -> bool {
        self.initial_download
    }

    fn is_loading_blocks(&self) -> bool {
        false
    }

    fn is_prune_mode(&self) -> bool {
        false
    }

    fn segwit_active_after(&self, _parent: &BlockHash) -> bool {
        true
    }

    fn block(&self, hash: &BlockHash) -> Option<Arc<Block>> {
        self.entries.get(hash)?.block.clone()
    }

    fn block_bytes(&self, hash: &BlockHash) -> Option<Vec<u8>> {
        self.block(hash).map(|block| bitcoin::consensus::encode::serialize(&*block))
    }

    fn block_mutation(&self, block: &Block, _check_witness_root: bool) -> Option<BlockRejection> {
        (!block.check_merkle_root()).then(|| BlockRejection {
            verdict: BlockVerdict::Mutated,
            reason: "bad-txnmrklroot".into(),
            debug: "hashMerkleRoot mismatch".into(),
        })
    }

    fn accept_headers(&mut self, headers: &[Header], _now: Time) -> HeadersOutcome {
        let mut last = None;
        for header in headers {
            match self.insert_header(header) {
                Ok(info) => last = Some(info),
                Err(rejection) => return HeadersOutcome::Rejected(rejection),
            }
        }
        HeadersOutcome::Accepted(last.expect("never called without headers"))
    }

    fn accept_block(&mut self, block: Arc<Block>, force: bool, work_checked: bool, _now: Time) -> BlockOutcome {
        let hash = block.block_hash();
        let checked = |result| vec![ChainEvent::BlockChecked { hash, result }];
        if !work_checked && !self.entries.contains_key(&hash) {
            let rejection = BlockRejection {
                verdict: BlockVerdict::HeaderLowWork,
                reason: "too-little-chainwork".into(),
                debug: String::new(),
            };
            return BlockOutcome { new: false, events: checked(Err(rejection)) };
        }
        let info = match self.insert_header(&block.header) {
            Ok(info) => info,
            Err(rejection) => return BlockOutcome { new: false, events: checked(Err(rejection)) },
        };
        if info.have_data || (!force && info.work < self.tip().work) {
            return BlockOutcome::default();
        }
        let on_tip = info.prev == self.tip().hash;
        let parent_complete = self.chain_complete(&info.prev);
        let entry = self.entries.get_mut(&hash).unwrap();
        entry.block = Some(Arc::clone(&block));
        mark_received(&mut entry.info, parent_complete);
        entry.info.fully_validated = false;
        if parent_complete {
            self.propagate(hash);
        }
        let mut events = Vec::new();
        if on_tip && !self.initial_download {
            events.push(ChainEvent::NewPowValidBlock(block));
        }
        events.extend(self.activate());
        BlockOutcome { new: true, events }
    }

    fn activate_best_chain(&mut self, _now: Time) -> Vec<ChainEvent> {
        self.activate()
    }

    fn accept_transaction(&mut self, tx: &Arc<Transaction>, _now: Time) -> TxResult {
        let reject = |verdict, reason: &str| {
            TxResult::Rejected(TxRejection { verdict, reason: reason.into(), debug: String::new() })
        };
        let lock_time = tx.lock_time.to_consensus_u32();
        if lock_time == BAD {
            return reject(TxVerdict::Consensus, "bad-test");
        }
        if tx.input.iter().any(|input| !self.known_txids.contains(&input.previous_output.txid)) {
            return reject(TxVerdict::MissingInputs, "bad-txns-inputs-missingorspent");
        }
        if lock_time == self.poor {
            return reject(TxVerdict::Reconsiderable, "min relay fee not met");
        }
        self.mempool_insert(tx);
        TxResult::Accepted { replaced: Vec::new() }
    }

    fn accept_package(&mut self, parent: &Arc<Transaction>, child: &Arc<Transaction>, _now: Time) -> PackageResult {
        let transactions = [parent, child].map(|tx| {
            self.mempool_insert(tx);
            (tx.compute_wtxid(), TxResult::Accepted { replaced: Vec::new() })
        });
        PackageResult { accepted: true, transactions: transactions.to_vec() }
    }

    fn mempool_contains(&self, id: &TxId) -> bool {
        self.mempool_info(id).is_some()
    }

    fn mempool_info(&self, id: &TxId) -> Option<MempoolInfo> {
        self.mempool_info_before(id, u64::MAX)
    }

    fn mempool_info_before(&self, id: &TxId, sequence: u64) -> Option<MempoolInfo> {
        let found = match id {
            TxId::Wtxid(wtxid) => self.mempool.get(wtxid),
            TxId::Txid(txid) => self.mempool.values().find(|(tx, _)| tx.compute_txid() == *txid),
        };
        let (tx, _) = found.filter(|(_, entered)| *entered < sequence)?;
        Some(MempoolInfo { tx: Arc::clone(tx), fee: 1_000, vsize: tx.vsize() as u64 })
    }

    fn mempool_sequence(&self) -> u64 {
        self.sequence + 1
    }

    fn mempool_order(&self) -> Vec<Wtxid> {
        self.mempool.keys().copied().collect()
    }

    fn sort_for_relay(&self, wtxids: &mut Vec<Wtxid>) {
        wtxids.sort_by_key(|wtxid| self.mempool.get(wtxid).map(|(_, sequence)| *sequence));
    }

    fn visit_mempool(&self, visitor: &mut dyn FnMut(&Wtxid, &Arc<Transaction>) -> bool) {
        self.mempool.iter().all(|(wtxid, (tx, _))| visitor(wtxid, tx));
    }

    fn mempool_size(&self) -> (usize, usize) {
        (self.mempool.len(), self.mempool.len() * 1_000)
    }

    fn mempool_min_fee(&self) -> u64 {
        100
    }

    fn min_relay_fee(&self) -> u64 {
        100
    }

    fn remove_unbroadcast(&mut self, _txid: &Txid) {}

    fn unbroadcast(&self) -> Vec<(Txid, Wtxid)> {
        Vec::new()
    }

    fn filter(&self, hash: &BlockHash) -> Option<Vec<u8>> {
        if self.lies_about.is_some() && self.header(hash).map(|header| header.height) == self.lies_about {
            return Some(vec![0]);
        }
        let script = ScriptBuf::from_bytes(vec![0x51; 20]);
        let block = self.block(hash)?;
        Some(bitcoin::bip158::BlockFilter::new_script_filter(&block, |_| Ok(script.clone())).ok()?.content)
    }

    fn filter_hashes(&self, hash: &BlockHash) -> Option<FilterHashes> {
        use bitcoin::bip158::{FilterHash, FilterHeader};
        let header = self.header(hash)?;
        let filter = FilterHash::hash(&self.filter(hash)?);
        let previous = self.filter_hashes(&header.prev).map_or(FilterHeader::all_zeros(), |hashes| hashes.header);
        Some(FilterHashes { hash: filter, header: filter.filter_header(&previous) })
    }

    fn has_filter_index(&self) -> bool {
        self.filters
    }
}
