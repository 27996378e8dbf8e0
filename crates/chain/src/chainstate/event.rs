//! What happened to the chain, for the mempool, the peers and the indexes.

use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::{Block, BlockHash, Txid};

use crate::error::{BlockError, BlockResult};
use crate::tree::BlockId;
use crate::undo::BlockUndo;

/// Something that happened, in the order in which it did. Not kept: after a crash the driver starts from the chain as
/// it then is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The header with the most work is another one.
    HeaderTip {
        /// The header.
        id: BlockId,
    },
    /// A header was refused, alone or with its block.
    HeaderRefused {
        /// The header.
        header: Header,
        /// Why.
        error: BlockError,
    },
    /// From this block on scripts are checked, or not checked, and it was otherwise before.
    ScriptChecks {
        /// The block, which is being connected.
        hash: BlockHash,
        /// Its height.
        height: u32,
        /// Why they are checked, in Core's words; none when they are assumed valid.
        reason: Option<&'static str>,
    },
    /// A block was found valid or invalid: the answer to whoever sent it. Comes once for a block that is refused when
    /// it arrives, and at each attempt to connect it.
    BlockChecked {
        /// The block.
        hash: BlockHash,
        /// The verdict.
        result: Result<(), BlockError>,
    },
    /// A new block on the tip has proof of work and a valid body; its inputs are not checked yet. For relay at once.
    NewPowValidBlock {
        /// The block.
        id: BlockId,
        /// Its body.
        block: Arc<Block>,
    },
    /// A block is the new tip.
    Connected {
        /// The block.
        id: BlockId,
        /// Its body.
        block: Arc<Block>,
        /// Hashes of its transactions.
        txids: Arc<[Txid]>,
        /// The coins that it spent.
        undo: Arc<BlockUndo>,
    },
    /// A block is not in the chain any more; its parent is the tip.
    Disconnected {
        /// The block.
        id: BlockId,
        /// Its body.
        block: Arc<Block>,
    },
    /// A step is done, and the chain has another tip. Mempool and coins fit together again when the driver has worked
    /// off all events up to here.
    TipChanged {
        /// The new tip.
        id: BlockId,
        /// The last block that the old and the new chain share.
        fork: BlockId,
        /// Whether the node still catches up.
        initial_download: bool,
    },
}

impl Event {
    /// Core's line in the log; `None` for events that Core does not write of, or writes of with more than is known here.
    pub fn log_message(&self) -> Option<String> {
        match self {
            Self::HeaderRefused { header, error } => Some(refusal_message(header, error)),
            Self::ScriptChecks { hash, height, reason: Some(reason) } => {
                Some(format!("Enabling script verification at block #{height} ({hash}): {reason}."))
            }
            Self::ScriptChecks { hash, height, reason: None } => {
                Some(format!("Disabling script verification at block #{height} ({hash})."))
            }
            _ => None,
        }
    }
}

fn refusal_message(header: &Header, error: &BlockError) -> String {
    let (hash, parent) = (header.block_hash(), header.prev_blockhash);
    match error.result() {
        BlockResult::CachedInvalid => format!("AcceptBlockHeader: block {hash} is marked invalid"),
        BlockResult::MissingPrev => format!("header {hash} has prev block not found: {parent}"),
        BlockResult::InvalidPrev => format!("header {hash} has prev block invalid: {parent}"),
        BlockResult::HeaderLowWork => {
            format!("AcceptBlockHeader: not adding new block header {hash}, missing anti-dos proof-of-work validation")
        }
        _ => {
            let check = if error.reason() == "high-hash" { "CheckBlockHeader" } else { "ContextualCheckBlockHeader" };
            format!("AcceptBlockHeader: Consensus::{check}: {hash}, {error}")
        }
    }
}
