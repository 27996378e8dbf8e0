//! Between the words of the chain and the mempool and those of the peers.

use std::sync::Arc;

use bitcoin::Transaction;
use pumasi_chain::{BlockError, BlockId, BlockResult, ChainError, Event, TxResult as ChainTxResult, Validity};
use pumasi_mempool::{Accepted, Entry, Rejected};
use pumasi_p2p::{BlockRejection, BlockVerdict, ChainEvent, HeaderInfo, MempoolInfo, TxRejection, TxResult, TxVerdict};

use super::Chain;

/// The entry of the block index, as the protocol sees it.
pub(super) fn header_info(chain: &Chain, id: BlockId) -> HeaderInfo {
    let entry = &chain.tree()[id];
    let status = entry.status;
    HeaderInfo {
        hash: entry.hash,
        prev: entry.header.prev_blockhash,
        height: entry.height,
        work: entry.work,
        time: entry.header.time,
        bits: entry.header.bits,
        valid: !status.failed,
        fully_validated: !status.failed && status.validity >= Validity::Scripts,
        chain_received: !status.failed && status.validity >= Validity::Transactions && entry.chain_tx_count != 0,
        have_data: status.have_data,
        received: entry.tx_count != 0,
        have_chain_transactions: entry.chain_tx_count != 0,
    }
}

/// The class of a refused block.
fn block_verdict(result: BlockResult) -> BlockVerdict {
    match result {
        BlockResult::CachedInvalid => BlockVerdict::CachedInvalid,
        BlockResult::InvalidHeader => BlockVerdict::InvalidHeader,
        BlockResult::Mutated => BlockVerdict::Mutated,
        BlockResult::MissingPrev => BlockVerdict::MissingPrev,
        BlockResult::InvalidPrev => BlockVerdict::InvalidPrev,
        BlockResult::TimeFuture => BlockVerdict::TimeFuture,
        BlockResult::HeaderLowWork => BlockVerdict::HeaderLowWork,
        _ => BlockVerdict::Consensus,
    }
}

pub(super) fn block_rejection(error: &BlockError) -> BlockRejection {
    BlockRejection {
        verdict: block_verdict(error.result()),
        reason: error.reason().to_owned(),
        debug: error.debug().to_owned(),
    }
}

/// The refusal that an error tells to peers; a failed store blames nobody.
pub(super) fn chain_rejection(error: &ChainError) -> BlockRejection {
    match error {
        ChainError::Invalid(error) => block_rejection(error),
        _ => BlockRejection {
            verdict: BlockVerdict::TimeFuture,
            reason: "system-error".to_owned(),
            debug: error.to_string(),
        },
    }
}

/// What the peers are told of a change of the chain.
pub(super) fn chain_event(chain: &Chain, event: Event) -> Option<ChainEvent> {
    Some(match event {
        Event::NewPowValidBlock { block, .. } => ChainEvent::NewPowValidBlock(block),
        Event::BlockChecked { hash, result } => {
            ChainEvent::BlockChecked { hash, result: result.map_err(|error| block_rejection(&error)) }
        }
        Event::Connected { block, .. } => ChainEvent::BlockConnected(block),
        Event::Disconnected { block, .. } => ChainEvent::BlockDisconnected(block),
        Event::TipChanged { id, fork, initial_download } => {
            ChainEvent::TipUpdated { tip: chain.tree()[id].hash, fork: chain.tree()[fork].hash, initial_download }
        }
        _ => return None,
    })
}

fn tx_verdict(kind: ChainTxResult) -> TxVerdict {
    match kind {
        ChainTxResult::Consensus => TxVerdict::Consensus,
        ChainTxResult::InputsNotStandard => TxVerdict::InputsNotStandard,
        ChainTxResult::NotStandard => TxVerdict::NotStandard,
        ChainTxResult::MissingInputs => TxVerdict::MissingInputs,
        ChainTxResult::PrematureSpend => TxVerdict::PrematureSpend,
        ChainTxResult::WitnessMutated => TxVerdict::WitnessMutated,
        ChainTxResult::WitnessStripped => TxVerdict::WitnessStripped,
        ChainTxResult::Conflict => TxVerdict::Conflict,
        ChainTxResult::MempoolPolicy => TxVerdict::MempoolPolicy,
        ChainTxResult::NoMempool => TxVerdict::NoMempool,
        ChainTxResult::Reconsiderable => TxVerdict::Reconsiderable,
        _ => TxVerdict::Unknown,
    }
}

pub(super) fn tx_result(result: Result<Accepted, Rejected>) -> TxResult {
    match result {
        Ok(accepted) => TxResult::Accepted { replaced: accepted.replaced },
        Err(rejected) => TxResult::Rejected(TxRejection {
            verdict: tx_verdict(rejected.kind),
            reason: rejected.reason.into_owned(),
            debug: rejected.debug,
        }),
    }
}

pub(super) fn mempool_info(entry: &Entry) -> MempoolInfo {
    let tx: &Arc<Transaction> = entry.tx();
    MempoolInfo {
        tx: Arc::clone(tx),
        fee: u64::try_from(entry.fee()).unwrap_or(0),
        vsize: u64::try_from(entry.vsize()).unwrap_or(0),
    }
}
