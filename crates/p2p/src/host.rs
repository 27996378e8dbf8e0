//! What the protocol asks of the chain and of the mempool. The node implements it over its chain state.
//!
//! Everything here answers at once and from memory where Core does so; only [`Host::block`] and its kin may read a disk.

use crate::Time;
use bitcoin::block::Header;
use bitcoin::{Block, BlockHash, CompactTarget, Transaction, Txid, Work, Wtxid};
use std::sync::Arc;

/// An entry of the block index (Core's `CBlockIndex`), as the protocol sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderInfo {
    /// Hash of the header.
    pub hash: BlockHash,
    /// Hash of the parent; all zeros for the genesis block.
    pub prev: BlockHash,
    /// Height; the genesis block has 0.
    pub height: u32,
    /// Work of the whole chain up to this header.
    pub work: Work,
    /// Time in the header, seconds since the epoch.
    pub time: u32,
    /// Compact target.
    pub bits: CompactTarget,
    /// The header is not known to be invalid and neither is an ancestor (`IsValid(BLOCK_VALID_TREE)`).
    pub valid: bool,
    /// The block with all its ancestors was checked fully (`IsValid(BLOCK_VALID_SCRIPTS)`).
    pub fully_validated: bool,
    /// All ancestors' transactions were received once, so that it could be connected (`BLOCK_VALID_CHAIN`).
    pub chain_received: bool,
    /// The block's bytes are kept (`BLOCK_HAVE_DATA`).
    pub have_data: bool,
    /// The block was received once, even if it was pruned since (`nTx != 0`).
    pub received: bool,
    /// This block and all its ancestors were received once (`HaveNumChainTxs`).
    pub have_chain_transactions: bool,
}

/// Why validation refused a header or a block (Core's `BlockValidationResult`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockVerdict {
    /// Breaks a consensus rule (`BLOCK_CONSENSUS`).
    Consensus,
    /// This block was found invalid before (`BLOCK_CACHED_INVALID`).
    CachedInvalid,
    /// The header breaks a rule (`BLOCK_INVALID_HEADER`).
    InvalidHeader,
    /// The body does not belong to the header (`BLOCK_MUTATED`).
    Mutated,
    /// The parent is not known (`BLOCK_MISSING_PREV`).
    MissingPrev,
    /// An ancestor is invalid (`BLOCK_INVALID_PREV`).
    InvalidPrev,
    /// Its time is too far ahead; it may become valid (`BLOCK_TIME_FUTURE`).
    TimeFuture,
    /// Not tried, because its chain may have too little work (`BLOCK_HEADER_LOW_WORK`).
    HeaderLowWork,
}

/// A refusal of a header or of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRejection {
    /// What kind of refusal: it decides whether the peer is punished.
    pub verdict: BlockVerdict,
    /// Core's reject reason, such as `bad-txnmrklroot`.
    pub reason: String,
    /// Core's debug message; may be empty.
    pub debug: String,
}

/// Why the mempool refused a transaction (Core's `TxValidationResult`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TxVerdict {
    /// Breaks a consensus rule (`TX_CONSENSUS`).
    Consensus,
    /// Its inputs are not standard (`TX_INPUTS_NOT_STANDARD`).
    InputsNotStandard,
    /// It is not standard otherwise (`TX_NOT_STANDARD`).
    NotStandard,
    /// An output that it spends is not known (`TX_MISSING_INPUTS`).
    MissingInputs,
    /// Spends an immature coinbase or breaks a relative lock (`TX_PREMATURE_SPEND`).
    PrematureSpend,
    /// The witness may have been changed by somebody (`TX_WITNESS_MUTATED`).
    WitnessMutated,
    /// The witness was taken off (`TX_WITNESS_STRIPPED`).
    WitnessStripped,
    /// Already in the chain or in the mempool, or in conflict with it (`TX_CONFLICT`).
    Conflict,
    /// Breaks a limit of the mempool (`TX_MEMPOOL_POLICY`).
    MempoolPolicy,
    /// There is no mempool (`TX_NO_MEMPOOL`).
    NoMempool,
    /// The fee is too low alone, a child could pay (`TX_RECONSIDERABLE`).
    Reconsiderable,
    /// Not checked (`TX_UNKNOWN`).
    Unknown,
}

/// A refusal of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxRejection {
    /// What kind of refusal: it decides what is remembered.
    pub verdict: TxVerdict,
    /// Core's reject reason, such as `bad-txns-inputs-missingorspent`.
    pub reason: String,
    /// Core's debug message; may be empty.
    pub debug: String,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxResult {
    /// It is in the mempool now.
    Accepted {
        /// What it pushed out.
        replaced: Vec<Arc<Transaction>>,
    },
    /// It is not.
    Rejected(TxRejection),
}

/// What became of a package of one parent and one child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageResult {
    /// Whether the package as a whole was accepted.
    pub accepted: bool,
    /// The results that validation reached, by wtxid.
    pub transactions: Vec<(Wtxid, TxResult)>,
}

/// A transaction's identity on the wire (Core's `GenTxid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TxId {
    /// Without the witness.
    Txid(Txid),
    /// With the witness.
    Wtxid(Wtxid),
}

/// A transaction of the mempool (Core's `TxMempoolInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MempoolInfo {
    /// The transaction.
    pub tx: Arc<Transaction>,
    /// Its fee in satoshi, without prioritisation.
    pub fee: u64,
    /// Its virtual size in bytes (with sigop adjustment).
    pub vsize: u64,
}

/// What validation did: the driver or [`Host::accept_block`] hands these over in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
    /// A new block on top of the tip has a valid header, valid proof of work and a well-formed body; scripts are not
    /// checked yet. High-bandwidth compact peers are told now (Core's `NewPoWValidBlock`).
    NewPowValidBlock(Arc<Block>),
    /// A block was checked to the end; `Ok` when it was found valid (Core's `BlockChecked`).
    BlockChecked {
        /// The block.
        hash: BlockHash,
        /// The refusal, if it was one.
        result: Result<(), BlockRejection>,
    },
    /// The block joined the active chain.
    BlockConnected(Arc<Block>),
    /// The block left the active chain.
    BlockDisconnected(Arc<Block>),
    /// Activation has come to rest at a new tip (Core's `UpdatedBlockTip`).
    TipUpdated {
        /// The new tip.
        tip: BlockHash,
        /// The last block that the old and the new chain share.
        fork: BlockHash,
        /// Whether the node is in initial block download.
        initial_download: bool,
    },
}

/// The result of [`Host::accept_block`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockOutcome {
    /// The block was not kept before and is now (Core's `new_block`).
    pub new: bool,
    /// What validation did, in order.
    pub events: Vec<ChainEvent>,
}

/// What [`Host::accept_headers`] made of a run of headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadersOutcome {
    /// All were accepted or known. The last of them is returned.
    Accepted(HeaderInfo),
    /// One was refused; those before it were kept.
    Rejected(BlockRejection),
}

/// The chain and the mempool, as the protocol needs them.
///
/// "Active chain" is the chain of the tip; "best header" is the valid header with the most work.
pub trait Host {
    /// The entry of the block index with this hash.
    fn header(&self, hash: &BlockHash) -> Option<HeaderInfo>;
    /// The 80 bytes themselves.
    fn raw_header(&self, hash: &BlockHash) -> Option<Header>;
    /// The ancestor of `hash` at `height` (`hash` itself at its own height); `None` when `hash` is not known or lower.
    fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<HeaderInfo>;
    /// The block of the active chain at this height.
    fn active_block(&self, height: u32) -> Option<HeaderInfo>;
    /// The tip of the active chain.
    fn tip(&self) -> HeaderInfo;
    /// The best header.
    fn best_header(&self) -> HeaderInfo;
    /// A block locator that starts at `hash` (Core's `LocatorEntries`).
    fn locator(&self, hash: &BlockHash) -> Vec<BlockHash>;
    /// The median time past of a block of the index, in seconds since the epoch.
    fn median_time_past(&self, hash: &BlockHash) -> u32;
    /// Work that the best chain must have before its blocks are fetched (`-minimumchainwork`).
    fn minimum_chain_work(&self) -> Work;
    /// Whether the node is in initial block download.
    fn is_initial_block_download(&self) -> bool;
    /// Whether blocks are being imported or reindexed.
    fn is_loading_blocks(&self) -> bool;
    /// Whether old blocks are deleted.
    fn is_prune_mode(&self) -> bool;
    /// Whether segwit's rules hold for a child of this block.
    fn segwit_active_after(&self, parent: &BlockHash) -> bool;
    /// A block from disk; `None` when it is not kept or cannot be read.
    fn block(&self, hash: &BlockHash) -> Option<Arc<Block>>;
    /// A block from disk in network encoding, with witnesses, without parsing it.
    fn block_bytes(&self, hash: &BlockHash) -> Option<Vec<u8>>;

    /// Why the body does not belong to the header, if so (Core's `IsBlockMutated`): nothing else is checked.
    fn block_mutation(&self, block: &Block, check_witness_root: bool) -> Option<BlockRejection>;

    /// Checks and keeps headers that connect to a known one. The caller has checked the work of the chain.
    fn accept_headers(&mut self, headers: &[Header], now: Time) -> HeadersOutcome;
    /// Checks and keeps a block and activates the best chain (Core's `ProcessNewBlock`).
    ///
    /// `force` keeps it even when it is not better than the tip; `work_checked` says that its chain has enough work.
    fn accept_block(&mut self, block: Arc<Block>, force: bool, work_checked: bool, now: Time) -> BlockOutcome;
    /// Activates the best chain, in case a block waits for it (Core's `ActivateBestChain`).
    fn activate_best_chain(&mut self, now: Time) -> Vec<ChainEvent>;

    /// Checks a transaction and puts it in the mempool.
    fn accept_transaction(&mut self, tx: &Arc<Transaction>, now: Time) -> TxResult;
    /// Checks one parent with one child that may pay for it.
    fn accept_package(&mut self, parent: &Arc<Transaction>, child: &Arc<Transaction>, now: Time) -> PackageResult;
    /// Whether the mempool has the transaction.
    fn mempool_contains(&self, id: &TxId) -> bool;
    /// A transaction of the mempool.
    fn mempool_info(&self, id: &TxId) -> Option<MempoolInfo>;
    /// A transaction that entered the mempool before `sequence` (Core's `info_for_relay`).
    fn mempool_info_before(&self, id: &TxId, sequence: u64) -> Option<MempoolInfo>;
    /// The mempool's sequence number: it grows with every addition and removal.
    fn mempool_sequence(&self) -> u64;
    /// All wtxids of the mempool, parents before children and higher feerates first.
    fn mempool_order(&self) -> Vec<Wtxid>;
    /// Sorts as [`Host::mempool_order`] does; what is not in the mempool may come anywhere.
    fn sort_for_relay(&self, wtxids: &mut Vec<Wtxid>);
    /// Shows every transaction of the mempool, in any order, until the visitor returns `false`.
    fn visit_mempool(&self, visitor: &mut dyn FnMut(&Wtxid, &Arc<Transaction>) -> bool);
    /// The mempool's transactions and its memory in bytes.
    fn mempool_size(&self) -> (usize, usize);
    /// The feerate that the mempool asks for now, in satoshi per 1000 virtual bytes (Core's `GetMinFee`).
    fn mempool_min_fee(&self) -> u64;
    /// The minimum relay feerate, in satoshi per 1000 virtual bytes.
    fn min_relay_fee(&self) -> u64;
    /// Somebody has asked for the transaction: it needs no rebroadcast.
    fn remove_unbroadcast(&mut self, txid: &Txid);
    /// Own transactions that nobody has asked for yet.
    fn unbroadcast(&self) -> Vec<(Txid, Wtxid)>;

    /// The basic filter of a block of the index (BIP158), if the filter index has it.
    fn filter(&self, hash: &BlockHash) -> Option<Vec<u8>>;
    /// Hash and header of the basic filter of a block (BIP157).
    fn filter_hashes(&self, hash: &BlockHash) -> Option<FilterHashes>;
    /// Whether a basic filter index is kept at all.
    fn has_filter_index(&self) -> bool;
}

/// Hash and header of a block filter (BIP157).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterHashes {
    /// Hash of the filter.
    pub hash: bitcoin::bip158::FilterHash,
    /// Header: hash of the filter's hash and of the header before it.
    pub header: bitcoin::bip158::FilterHeader,
}
