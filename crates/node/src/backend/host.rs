//! What the peer-to-peer protocol asks of chain and mempool.

use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::consensus::encode::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash, Transaction, Txid, Work, Wtxid};
use pumasi_chain::block::check_not_mutated;
use pumasi_chain::params::Buried;
use pumasi_chain::{BlockId, ChainError, Source};
use pumasi_mempool::TxOutcome;
use pumasi_p2p::{
    BlockOutcome, BlockRejection, ChainEvent, FilterHashes, HeaderInfo, HeadersOutcome, Host, MempoolInfo,
    PackageResult, Time, TxId, TxResult,
};

use super::convert::{block_rejection, chain_rejection, header_info, mempool_info, tx_result};
use super::{Backend, Context};

impl Backend {
    fn entry_of(&self, id: &TxId) -> Option<&pumasi_mempool::Entry> {
        match id {
            TxId::Txid(txid) => self.mempool.entry(txid),
            TxId::Wtxid(wtxid) => {
                self.mempool.get_by_wtxid(wtxid).and_then(|tx| self.mempool.entry(&tx.compute_txid()))
            }
        }
    }

    /// Tells how far the headers are, while the node still catches up.
    fn log_header_sync(&self, before: BlockId, last: BlockId) {
        if self.chain.best_header() == before || !self.chain.is_initial_block_download() {
            return;
        }
        let entry = &self.chain.tree()[last];
        let behind = (self.now() - i64::from(entry.header.time)).max(0) / self.chain.params().pow_target_spacing;
        let height = f64::from(entry.height);
        let left = f64::from(i32::try_from(behind).unwrap_or(i32::MAX));
        let share = 100.0 * height / (height + left);
        self.log.info(&format!("Synchronizing blockheaders, height: {} (~{share:.2}%)", entry.height));
    }

    fn txid_of(&self, wtxid: &Wtxid) -> Option<Txid> {
        self.mempool.get_by_wtxid(wtxid).map(|tx| tx.compute_txid())
    }
}

impl Host for Backend {
    fn header(&self, hash: &BlockHash) -> Option<HeaderInfo> {
        self.chain.tree().id(hash).map(|id| header_info(&self.chain, id))
    }

    fn raw_header(&self, hash: &BlockHash) -> Option<Header> {
        self.chain.tree().get(hash).map(|entry| entry.header)
    }

    fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<HeaderInfo> {
        let tree = self.chain.tree();
        tree.ancestor(tree.id(hash)?, height).map(|id| header_info(&self.chain, id))
    }

    fn active_block(&self, height: u32) -> Option<HeaderInfo> {
        if self.light {
            let tree = self.chain.tree();
            return tree.ancestor(self.chain.best_header(), height).map(|id| header_info(&self.chain, id));
        }
        self.chain.active().at(height).map(|id| header_info(&self.chain, id))
    }

    fn tip(&self) -> HeaderInfo {
        if self.light {
            return self.best_header();
        }
        header_info(&self.chain, self.chain.active().tip())
    }

    fn best_header(&self) -> HeaderInfo {
        header_info(&self.chain, self.chain.best_header())
    }

    fn locator(&self, hash: &BlockHash) -> Vec<BlockHash> {
        let tree = self.chain.tree();
        tree.id(hash).map(|id| tree.locator(id)).unwrap_or_default()
    }

    fn median_time_past(&self, hash: &BlockHash) -> u32 {
        let tree = self.chain.tree();
        tree.id(hash).map_or(0, |id| tree.median_time_past(id))
    }

    fn minimum_chain_work(&self) -> Work {
        self.chain.params().minimum_chain_work
    }

    fn is_initial_block_download(&self) -> bool {
        if self.light {
            let best = &self.chain.tree()[self.chain.best_header()];
            return i64::from(best.header.time) < self.now().saturating_sub(self.chain.options().max_tip_age)
                || best.work < self.chain.params().minimum_chain_work;
        }
        self.chain.is_initial_block_download()
    }

    fn is_loading_blocks(&self) -> bool {
        false
    }

    fn is_prune_mode(&self) -> bool {
        self.prune
    }

    fn segwit_active_after(&self, parent: &BlockHash) -> bool {
        let entry = self.chain.tree().get(parent);
        entry.is_some_and(|entry| self.chain.params().active_at(Buried::Segwit, entry.height + 1))
    }

    fn block(&self, hash: &BlockHash) -> Option<Arc<Block>> {
        self.chain.read_block(self.chain.tree().id(hash)?).ok().flatten().map(Arc::new)
    }

    fn block_bytes(&self, hash: &BlockHash) -> Option<Vec<u8>> {
        let bytes = self.chain.read_block_bytes(self.chain.tree().id(hash)?).ok().flatten()?;
        let header: Header = deserialize(bytes.get(..80)?).ok()?;
        // What a disk has damaged is nothing to hand on.
        (header.block_hash() == *hash).then_some(bytes)
    }

    fn block_mutation(&self, block: &Block, check_witness_root: bool) -> Option<BlockRejection> {
        check_not_mutated(block, check_witness_root).err().map(|error| block_rejection(&error))
    }

    fn accept_headers(&mut self, headers: &[Header], now: Time) -> HeadersOutcome {
        let before = self.chain.best_header();
        let result = self.change(|chain, _| Ok(chain.accept_headers(headers, true, now.secs())?));
        match result {
            Ok(Some(last)) => {
                self.log_header_sync(before, last);
                HeadersOutcome::Accepted(header_info(&self.chain, last))
            }
            Ok(None) => HeadersOutcome::Accepted(self.tip()),
            Err(error) => {
                if let ChainError::Invalid(invalid) = &error {
                    // Those before the refused one were kept.
                    let refused = headers.iter().find(|header| self.chain.tree().id(&header.block_hash()).is_none());
                    let hash = refused.map_or(BlockHash::all_zeros(), Header::block_hash);
                    self.log.debug("validation", &format!("AcceptBlockHeader: {hash}, {invalid}"));
                }
                HeadersOutcome::Rejected(chain_rejection(&error))
            }
        }
    }

    fn accept_block(&mut self, block: Arc<Block>, force: bool, work_checked: bool, _: Time) -> BlockOutcome {
        let source = Source { requested: force, min_pow_checked: work_checked };
        let result = self.submit_block(&block, source);
        BlockOutcome { new: result.unwrap_or(false), events: self.take_events() }
    }

    fn activate_best_chain(&mut self, _: Time) -> Vec<ChainEvent> {
        // A refusal of a block is among the events, a failure of the store in `fatal`.
        let _ = self.change(super::Chain::activate_best_chain);
        self.take_events()
    }

    fn accept_transaction(&mut self, tx: &Arc<Transaction>, now: Time) -> TxResult {
        let context = Context { chain: &self.chain, verifier: &*self.verifier };
        tx_result(self.mempool.accept(Arc::clone(tx), &context, now.secs()))
    }

    fn accept_package(&mut self, parent: &Arc<Transaction>, child: &Arc<Transaction>, now: Time) -> PackageResult {
        let context = Context { chain: &self.chain, verifier: &*self.verifier };
        let package = [Arc::clone(parent), Arc::clone(child)];
        let result = self.mempool.accept_package(&package, &context, now.secs(), None);
        let transactions = result
            .results
            .into_iter()
            .filter_map(|(wtxid, outcome)| {
                Some((
                    wtxid,
                    match outcome {
                        TxOutcome::Accepted(accepted) => tx_result(Ok(accepted)),
                        TxOutcome::Rejected(rejected) => tx_result(Err(rejected)),
                        _ => return None,
                    },
                ))
            })
            .collect();
        PackageResult { accepted: result.rejected.is_none(), transactions }
    }

    fn mempool_contains(&self, id: &TxId) -> bool {
        match id {
            TxId::Txid(txid) => self.mempool.contains(txid),
            TxId::Wtxid(wtxid) => self.mempool.contains_wtxid(wtxid),
        }
    }

    fn mempool_info(&self, id: &TxId) -> Option<MempoolInfo> {
        self.entry_of(id).map(mempool_info)
    }

    fn mempool_info_before(&self, id: &TxId, sequence: u64) -> Option<MempoolInfo> {
        self.entry_of(id).filter(|entry| entry.sequence() < sequence).map(mempool_info)
    }

    fn mempool_sequence(&self) -> u64 {
        self.mempool.sequence()
    }

    fn mempool_order(&self) -> Vec<Wtxid> {
        let ordered = self.mempool.hashes_by_mining_order();
        ordered.iter().filter_map(|txid| self.mempool.entry(txid).map(pumasi_mempool::Entry::wtxid)).collect()
    }

    fn sort_for_relay(&self, wtxids: &mut Vec<Wtxid>) {
        let mut keyed: Vec<(Option<Txid>, Wtxid)> =
            wtxids.drain(..).map(|wtxid| (self.txid_of(&wtxid), wtxid)).collect();
        keyed.sort_by(|(a, _), (b, _)| match (a, b) {
            (Some(a), Some(b)) => self.mempool.compare_mining_order(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        wtxids.extend(keyed.into_iter().map(|(_, wtxid)| wtxid));
    }

    fn visit_mempool(&self, visitor: &mut dyn FnMut(&Wtxid, &Arc<Transaction>) -> bool) {
        for entry in self.mempool.iter() {
            if !visitor(&entry.wtxid(), entry.tx()) {
                return;
            }
        }
    }

    fn mempool_size(&self) -> (usize, usize) {
        (self.mempool.len(), self.mempool.usage())
    }

    fn mempool_min_fee(&self) -> u64 {
        u64::try_from(self.mempool.min_feerate(self.now()).sat_per_kvb()).unwrap_or(0)
    }

    fn min_relay_fee(&self) -> u64 {
        u64::try_from(self.mempool.config().min_relay_feerate.sat_per_kvb()).unwrap_or(0)
    }

    fn remove_unbroadcast(&mut self, txid: &Txid) {
        self.mempool.remove_unbroadcast(txid);
    }

    fn unbroadcast(&self) -> Vec<(Txid, Wtxid)> {
        let pending = self.mempool.unbroadcast().iter();
        pending.filter_map(|txid| Some((*txid, self.mempool.entry(txid)?.wtxid()))).collect()
    }

    fn filter(&self, hash: &BlockHash) -> Option<Vec<u8>> {
        self.indexes.filter(hash)
    }

    fn filter_hashes(&self, hash: &BlockHash) -> Option<FilterHashes> {
        self.indexes.filter_hashes(hash)
    }

    fn has_filter_index(&self) -> bool {
        self.indexes.has_filters()
    }
}
