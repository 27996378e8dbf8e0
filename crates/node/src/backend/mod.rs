//! Chain and mempool together: what the peers and the RPC work on.

mod context;
mod convert;
mod host;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::{Block, BlockHash, OutPoint, Transaction, TxOut, Txid};
use pumasi_chain::{
    BlockId, BlockResult, ChainError, ChainState, CoinsView, Event, FlushMode, Source, Store, StoreError,
};
use pumasi_mempool::{DisconnectedTransactions, Mempool};
use pumasi_p2p::ChainEvent;
use pumasi_script::ScriptVerifier;

use crate::clock::Clock;
use crate::index::Indexes;
use crate::log::DebugLog;
use crate::storage::{DiskStore, explain};

pub(crate) use context::Context;
use convert::chain_event;

/// The chain as the node keeps it.
pub(crate) type Chain = ChainState<DiskStore>;

/// Chain, mempool and indexes of a node.
pub(crate) struct Backend {
    /// The chain.
    pub(crate) chain: Chain,
    /// Transactions that wait.
    pub(crate) mempool: Mempool,
    /// What is kept beyond what validation needs.
    pub(crate) indexes: Indexes,
    pub(crate) verifier: Arc<dyn ScriptVerifier>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) log: DebugLog,
    /// Old blocks are removed.
    pub(crate) prune: bool,
    /// No block is kept: for the peers' side the best header is the tip.
    pub(crate) light: bool,
    /// Bytes that blocks may take before the oldest are removed; `None` leaves that to the user.
    prune_target: Option<u64>,
    /// Time spent on blocks.
    pub(crate) validation: Duration,
    /// Why the node must stop: the store failed.
    pub(crate) fatal: Option<String>,
    disconnected: DisconnectedTransactions,
    reorganised: bool,
    /// What has happened to the chain and was not told to the peers yet.
    events: Vec<ChainEvent>,
    /// Tips since somebody last asked, kept only where somebody asks.
    tips: Vec<BlockHash>,
    pub(crate) keep_tips: bool,
    /// Something happened by which the warnings may be others.
    warnings_changed: bool,
    /// Blocks that were refused, with the reason, since somebody last asked.
    checked: Vec<(BlockHash, Option<String>)>,
}

impl Backend {
    /// Puts the parts together.
    pub(crate) fn new(
        chain: Chain,
        mempool: Mempool,
        indexes: Indexes,
        verifier: Arc<dyn ScriptVerifier>,
        clock: Arc<Clock>,
        log: DebugLog,
        prune_mib: i64,
    ) -> Self {
        Self {
            chain,
            mempool,
            indexes,
            verifier,
            clock,
            log,
            prune: prune_mib > 0,
            light: false,
            // 1 is the manual mode.
            prune_target: u64::try_from(prune_mib).ok().filter(|mib| *mib > 1).map(|mib| mib << 20),
            validation: Duration::ZERO,
            fatal: None,
            disconnected: DisconnectedTransactions::new(),
            reorganised: false,
            events: Vec::new(),
            tips: Vec::new(),
            keep_tips: false,
            warnings_changed: false,
            checked: Vec::new(),
        }
    }

    /// The node's time in seconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.seconds()
    }

    /// Checks and keeps a block and activates the best chain.
    pub(crate) fn submit_block(&mut self, block: &Arc<Block>, source: Source) -> Result<bool, ChainError> {
        let (now, begin) = (self.now(), Instant::now());
        let result = self.chain.process_block(block, source, now).map(|accepted| accepted.new);
        self.validation += begin.elapsed();
        if let Err(ChainError::Invalid(error)) = &result {
            let hash = block.block_hash();
            if error.result() == BlockResult::HeaderLowWork {
                self.log.debug("validation", &format!(
                    "AcceptBlockHeader: not adding new block header {hash}, missing anti-dos proof-of-work validation"
                ));
            }
            self.log.debug("validation", &format!("AcceptBlock: {hash}, {error}"));
            self.log.debug("validation", &format!("ProcessNewBlock: AcceptBlock FAILED ({error})"));
        }
        self.after_change(&result);
        result
    }

    /// Runs something that may change the chain, and lets mempool and indexes follow.
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Chain, i64) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        let (now, begin) = (self.now(), Instant::now());
        let result = change(&mut self.chain, now);
        self.validation += begin.elapsed();
        self.after_change(&result);
        result
    }

    /// What has happened since the last call, for the peers.
    pub(crate) fn take_events(&mut self) -> Vec<ChainEvent> {
        std::mem::take(&mut self.events)
    }

    /// Whether validation has looked at this block since the last call, and why it refused it.
    pub(crate) fn take_verdict(&mut self, hash: &BlockHash) -> Option<Option<String>> {
        let found = self.checked.iter().rposition(|(of, _)| of == hash).map(|at| self.checked[at].1.clone());
        self.checked.clear();
        found
    }

    /// An output that can be spent: of the chain, or of the mempool.
    pub(crate) fn output(&self, outpoint: &OutPoint) -> Option<TxOut> {
        if let Some(output) = self.mempool.output(outpoint) {
            return Some(output.clone());
        }
        self.chain.coin(outpoint).ok().flatten().map(|coin| coin.output)
    }

    /// Writes what is only in memory to the disk.
    pub(crate) fn flush(&mut self) {
        let result = self.chain.flush(FlushMode::Full);
        self.note_store(result);
        self.indexes.flush();
    }

    /// Writes to the disk which blocks there are.
    pub(crate) fn flush_index(&mut self) {
        let result = self.chain.flush(FlushMode::Index);
        self.note_store(result);
    }

    /// Removes the oldest blocks while they take more than they may.
    fn prune_to_target(&mut self) {
        let Some(target) = self.prune_target else { return };
        while self.fatal.is_none() && self.chain.store().blocks_size() > target {
            let height = self.chain.active().height();
            if height < self.chain.params().prune_after_height {
                return;
            }
            let result = self.chain.prune(height);
            match self.note_store(result) {
                Some(removed) if removed > 0 => {}
                _ => return,
            }
        }
    }

    /// Keeps a failure of the store, which ends the node.
    pub(crate) fn note_store<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let text = explain(&error);
                self.log.error(&text);
                self.fatal.get_or_insert(text);
                None
            }
        }
    }

    fn after_change<T>(&mut self, result: &Result<T, ChainError>) {
        if let Err(ChainError::Store(error)) = result {
            let text = explain(error);
            self.log.error(&text);
            self.fatal.get_or_insert(text);
        }
        for event in self.chain.drain_events() {
            self.follow(event);
        }
        self.settle();
        if self.chain.should_flush() {
            self.flush();
        }
        self.prune_to_target();
    }

    /// Lets mempool, indexes and log follow one change of the chain.
    fn follow(&mut self, event: Event) {
        if let Some(text) = event.log_message() {
            match &event {
                Event::HeaderRefused { .. } => self.log.debug("validation", &text),
                _ => self.log.info(&text),
            }
        }
        match &event {
            Event::Connected { id, block, undo, .. } => {
                let (hash, height) = (self.chain.tree()[*id].hash, self.chain.tree()[*id].height);
                let now = self.now();
                self.mempool.remove_for_block(&block.txdata, now);
                self.disconnected.remove_for_block(&block.txdata);
                self.indexes.connect(&hash, height, block, undo);
            }
            Event::Disconnected { id, block } => {
                let hash = self.chain.tree()[*id].hash;
                self.reorganised = true;
                for dropped in self.disconnected.add_block(block) {
                    self.mempool.remove_reorged(&dropped);
                }
                self.indexes.disconnect(&hash, block);
            }
            Event::BlockChecked { hash, result } => {
                let reason = result.as_ref().err().map(|error| error.reason().to_owned());
                if let Err(error) = result {
                    self.warnings_changed = true;
                    self.log.info(&format!("Block validation error: {error}"));
                }
                self.checked.push((*hash, reason));
            }
            Event::TipChanged { id, .. } => {
                self.settle();
                self.log_tip(*id);
                self.warnings_changed = true;
                if self.keep_tips && !self.chain.is_initial_block_download() {
                    self.tips.push(self.chain.tree()[*id].hash);
                }
            }
            _ => {}
        }
        self.events.extend(chain_event(&self.chain, event));
    }

    /// The tips that there were since the last call, with [`Backend::keep_tips`].
    pub(crate) fn take_tips(&mut self) -> Vec<BlockHash> {
        std::mem::take(&mut self.tips)
    }

    /// Whether [`Backend::warnings`] may have changed since the last call.
    pub(crate) fn take_warnings_changed(&mut self) -> bool {
        std::mem::take(&mut self.warnings_changed)
    }

    /// What the owner should know about the chain, for `warnings` in the RPC.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.chain.unknown_activations().iter().any(|(_, active)| *active) {
            let bits: Vec<String> = self
                .chain
                .unknown_activations()
                .iter()
                .filter(|(_, active)| *active)
                .map(|(bit, _)| format!("Unknown new rules activated (versionbit {bit})"))
                .collect();
            all.extend(bits);
        }
        if self.chain.large_work_invalid_chain() {
            all.push(
                "Warning: Found invalid chain more than 6 blocks longer than our best chain. This could be due to \
                 database corruption or consensus incompatibility with peers."
                    .to_owned(),
            );
        }
        all
    }

    /// [`Backend::warnings`] as JSON.
    pub(crate) fn warnings_view(&self) -> crate::json::Json {
        crate::json::Json::from(self.warnings())
    }

    /// Tells the log what has left the mempool.
    pub(crate) fn follow_mempool(&mut self) {
        for event in self.mempool.drain_events() {
            match event {
                pumasi_mempool::Event::Removed { tx, unbroadcast, .. } if unbroadcast => {
                    let txid = tx.compute_txid();
                    self.log.debug(
                        "mempool",
                        &format!(
                            "Removed {txid} from set of unbroadcast txns before confirmation that txn was sent out"
                        ),
                    );
                }
                pumasi_mempool::Event::FeeRaised { evicted, feerate } => {
                    self.log
                        .debug("mempool", &format!("Removed {evicted} txn, rolling minimum fee bumped to {feerate}"));
                }
                _ => {}
            }
        }
    }

    /// Puts the transactions of disconnected blocks back, once the chain has come to rest.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.reorganised) {
            return;
        }
        let disconnected = std::mem::take(&mut self.disconnected);
        let context = Context { chain: &self.chain, verifier: &*self.verifier };
        let now = self.clock.seconds();
        self.mempool.update_for_reorg(disconnected, &context, now, true);
    }

    fn log_tip(&self, id: BlockId) {
        let entry = &self.chain.tree()[id];
        self.log.info(&format!(
            "UpdateTip: new best={} height={} version=0x{:08x} tx={} date='{}' progress={:.6}",
            entry.hash,
            entry.height,
            entry.header.version.to_consensus(),
            entry.chain_tx_count,
            crate::log::utc(i64::from(entry.header.time), None),
            self.chain.verification_progress(self.clock.seconds()),
        ));
    }

    /// A transaction of the mempool, of the index, or of the block that is named, with its block.
    pub(crate) fn transaction(
        &self,
        txid: &Txid,
        block: Option<BlockId>,
    ) -> Option<(Arc<Transaction>, Option<BlockId>)> {
        if block.is_none()
            && let Some(tx) = self.mempool.get(txid)
        {
            return Some((tx, None));
        }
        let id = match block {
            Some(id) => id,
            None => self.chain.tree().id(&self.indexes.transaction_block(txid)?)?,
        };
        let found = self.chain.read_block(id).ok().flatten()?;
        let tx = found.txdata.into_iter().find(|tx| tx.compute_txid() == *txid)?;
        Some((Arc::new(tx), Some(id)))
    }
}
