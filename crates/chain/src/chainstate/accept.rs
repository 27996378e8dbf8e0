//! Taking in headers and blocks.

use std::collections::VecDeque;
use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::consensus::encode::serialize;
use bitcoin::{Block, BlockHash};

use super::candidates::rank;
use super::{Body, ChainState, Event};
use crate::block::{Finished, check_block, contextual_check_block, txids};
use crate::error::{BlockError, BlockResult, ChainError};
use crate::header::contextual_check_header;
use crate::params::MIN_BLOCKS_TO_KEEP;
use crate::pow::check_proof_of_work;
use crate::store::Store;
use crate::tree::{BlockId, Status, Validity};

/// What is known of how a block came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// It was asked for, or comes from the user: it is processed even when it does not lead to a better chain.
    pub requested: bool,
    /// Its chain is known to have enough work for its header to be kept.
    pub min_pow_checked: bool,
}

impl Source {
    /// From the user, or from a peer that was asked for it.
    pub const REQUESTED: Self = Self { requested: true, min_pow_checked: true };
}

/// A block that was taken in, or was here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The block.
    pub id: BlockId,
    /// Whether its body is new and was kept. It is not when it was here before, or was not asked for and is of no use.
    pub new: bool,
}

impl<S: Store> ChainState<S> {
    /// Takes in headers, each the parent of the next or known before. Gives the last one. `now` is the node's time in
    /// seconds; `min_pow_checked` says that their chain has enough work to be kept.
    ///
    /// # Errors
    /// The rule that a header breaks. Those before it are kept.
    pub fn accept_headers(
        &mut self,
        headers: &[Header],
        min_pow_checked: bool,
        now: i64,
    ) -> Result<Option<BlockId>, BlockError> {
        let before = self.best_header;
        let mut last = Ok(None);
        for header in headers {
            last = self.accept_header(header, min_pow_checked, now).map(Some);
            if last.is_err() {
                break;
            }
        }
        self.notify_header_tip(before);
        last
    }

    fn notify_header_tip(&mut self, before: BlockId) {
        if self.best_header != before {
            self.events.push(Event::HeaderTip { id: self.best_header });
        }
    }

    fn accept_header(&mut self, header: &Header, min_pow_checked: bool, now: i64) -> Result<BlockId, BlockError> {
        let result = self.try_accept_header(header, min_pow_checked, now);
        if let Err(error) = &result {
            self.events.push(Event::HeaderRefused { header: *header, error: error.clone() });
        }
        result
    }

    fn try_accept_header(&mut self, header: &Header, min_pow_checked: bool, now: i64) -> Result<BlockId, BlockError> {
        let hash = header.block_hash();
        if let Some(known) = self.tree.id(&hash) {
            return if self.tree[known].status.failed { Err(known_invalid(&hash)) } else { Ok(known) };
        }
        check_proof_of_work(header, &self.params)?;
        let parent = self
            .tree
            .id(&header.prev_blockhash)
            .ok_or_else(|| BlockError::new(BlockResult::MissingPrev, "prev-blk-not-found", ""))?;
        if self.tree[parent].status.failed {
            return Err(BlockError::new(BlockResult::InvalidPrev, "bad-prevblk", ""));
        }
        contextual_check_header(header, &self.tree, parent, &self.params, now)?;
        if !min_pow_checked {
            return Err(BlockError::new(BlockResult::HeaderLowWork, "too-little-chainwork", ""));
        }
        let id = self.tree.insert(*header, Status::HEADER).expect("the parent is in the tree");
        self.dirty.insert(id);
        if self.tree[id].work > self.tree[self.best_header].work {
            self.best_header = id;
        }
        Ok(id)
    }

    /// Takes in a block and keeps its body, without connecting it: follow with [`ChainState::activate_best_chain`].
    ///
    /// A body that does not fit its header, or breaks a rule that the body alone shows, is refused without a mark on
    /// the header: another body may fit it.
    ///
    /// # Errors
    /// The rule that the block breaks, also as [`Event::BlockChecked`]; or the failure to store it.
    pub fn accept_block(&mut self, block: &Arc<Block>, source: Source, now: i64) -> Result<Accepted, ChainError> {
        let before = self.best_header;
        let result = self.try_accept_block(block, source, now);
        if let Err(ChainError::Invalid(error)) = &result {
            self.events.push(Event::BlockChecked { hash: block.block_hash(), result: Err(error.clone()) });
        }
        self.notify_header_tip(before);
        result
    }

    fn try_accept_block(&mut self, block: &Arc<Block>, source: Source, now: i64) -> Result<Accepted, ChainError> {
        let txids = txids(block);
        check_block(block, &txids, Finished::YES, &self.params, &*self.options.scripts.verifier)?;
        let id = self.accept_header(&block.header, source.min_pow_checked, now)?;
        if !self.wants_body(id, source) {
            return Ok(Accepted { id, new: false });
        }
        if let Some(parent) = self.tree[id].parent {
            if let Err(error) = contextual_check_block(block, &self.tree, parent, &self.params) {
                self.block_failed(id, &error);
                return Err(error.into());
            }
            if !self.initial_download && self.active.tip() == parent {
                self.events.push(Event::NewPowValidBlock { id, block: Arc::clone(block) });
            }
        }
        let (hash, height) = (self.tree[id].hash, self.tree[id].height);
        self.store.write_block(&hash, height, &serialize(&**block))?;
        self.received_body(id, block.txdata.len() as u32);
        self.remember(id, Body { block: Arc::clone(block), txids: txids.into() });
        Ok(Accepted { id, new: true })
    }

    /// Takes in a block and makes the best chain of what there is now (Core's `ProcessNewBlock`).
    ///
    /// # Errors
    /// As [`ChainState::accept_block`]. A block that is refused when it is connected is no error here, but an
    /// [`Event::BlockChecked`].
    pub fn process_block(&mut self, block: &Arc<Block>, source: Source, now: i64) -> Result<Accepted, ChainError> {
        let accepted = self.accept_block(block, source, now)?;
        self.activate_best_chain(now)?;
        Ok(accepted)
    }

    /// Whether a body is missing, and was asked for or could soon be of use.
    fn wants_body(&self, id: BlockId, source: Source) -> bool {
        let (entry, tip) = (&self.tree[id], self.tip());
        if entry.status.have_data || source.requested {
            return !entry.status.have_data;
        }
        let pruned = entry.tx_count > 0;
        let too_far_ahead = entry.height > tip.height + MIN_BLOCKS_TO_KEEP;
        !pruned && entry.work >= tip.work && !too_far_ahead && entry.work >= self.params.minimum_chain_work
    }

    /// The body of a block is in the store: it, and those that waited for it, may be the next tip.
    fn received_body(&mut self, id: BlockId, tx_count: u32) {
        let entry = self.tree.entry_mut(id);
        entry.tx_count = tx_count;
        entry.status.have_data = true;
        entry.status.validity = entry.status.validity.max(Validity::Transactions);
        self.dirty.insert(id);
        let Some(parent) = self.tree[id].parent else { return };
        if self.tree[parent].chain_tx_count == 0 {
            self.candidates.add_unlinked(parent, id);
            return;
        }
        let mut queue = VecDeque::from([id]);
        while let Some(id) = queue.pop_front() {
            let before = self.tree[id].parent.map_or(0, |parent| self.tree[parent].chain_tx_count);
            let sequence = self.next_sequence;
            self.next_sequence = self.next_sequence.saturating_add(1);
            // The rank changes with the sequence.
            self.candidates.remove(&self.tree, id);
            let entry = self.tree.entry_mut(id);
            entry.chain_tx_count = before + u64::from(entry.tx_count);
            entry.sequence = sequence;
            self.try_candidate(id);
            queue.extend(self.candidates.take_unlinked(id));
        }
    }

    /// Makes a block a candidate when it is not worse than the tip.
    pub(super) fn try_candidate(&mut self, id: BlockId) {
        if rank(&self.tree, id) >= rank(&self.tree, self.active.tip()) {
            self.candidates.insert(&self.tree, id);
        }
    }
}

fn known_invalid(hash: &BlockHash) -> BlockError {
    let debug = format!("block {hash} was previously marked invalid");
    BlockError::new(BlockResult::CachedInvalid, "duplicate-invalid", debug)
}
