//! One block more, or one less.

use std::sync::Arc;

use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash};
use pumasi_script::CacheUse;

use super::{Body, ChainState, Event, FlushMode};
use crate::block::{Finished, check_block, contextual_check_block, txids};
use crate::coins::{CoinsCache, Layered};
use crate::connect::{Disconnected, Place, Scripts, connect_block, disconnect_block};
use crate::error::{BlockError, BlockResult, ChainError};
use crate::header::contextual_check_header;
use crate::pow::proof_equivalent_time;
use crate::store::{Store, StoreError};
use crate::tree::{BlockId, Entry, Validity};

/// Seconds of work by which a block must be buried for its scripts to be assumed valid.
const ASSUME_VALID_DEPTH: i64 = 2 * 7 * 24 * 60 * 60;

impl<S: Store> ChainState<S> {
    /// Connects a child of the tip.
    pub(super) fn connect_tip(&mut self, id: BlockId, now: i64) -> Result<(), ChainError> {
        let Body { block, txids } = self.take_body(id)?;
        let Entry { hash, height, .. } = self.tree[id];
        let assume = self.assumes_scripts(id);
        let place = Place { tree: &self.tree, parent: self.active.tip(), hash };
        let mut view = CoinsCache::new(self.options.hash_key);
        let below = Layered { cache: &self.coins, below: &self.store };
        let scripts = if assume { Scripts::Assume } else { Scripts::Check(&self.options.scripts, CacheUse::Take) };
        let connected = connect_block(&block, &txids, place, &self.params, (&mut view, &below), scripts);
        match &connected {
            Ok(_) => self.events.push(Event::BlockChecked { hash, result: Ok(()) }),
            Err(ChainError::Invalid(error)) => {
                self.events.push(Event::BlockChecked { hash, result: Err(error.clone()) });
                self.block_failed(id, error);
            }
            Err(ChainError::Store(_)) => {}
        }
        let undo = connected?;
        if !self.tree[id].status.have_undo {
            self.store.write_undo(&hash, height, &undo.encode())?;
        }
        let status = &mut self.tree.entry_mut(id).status;
        (status.have_undo, status.validity) = (true, Validity::Scripts);
        self.dirty.insert(id);
        view.flush_into(&mut self.coins);
        self.active.push(id);
        self.flush_if_needed()?;
        self.update_initial_download(now);
        self.events.push(Event::Connected { id, block, txids, undo: Arc::new(undo) });
        Ok(())
    }

    /// Takes the tip back. The genesis block stays.
    pub(super) fn disconnect_tip(&mut self, now: i64) -> Result<(), ChainError> {
        let id = self.active.tip();
        let Body { block, txids } = self.take_body(id)?;
        let undo = self.read_undo(id)?.ok_or_else(|| missing_undo(&self.tree[id].hash))?;
        let parent = self.tree[id].parent.expect("the genesis block is never taken back");
        let place = Place { tree: &self.tree, parent, hash: self.tree[id].hash };
        let mut view = CoinsCache::new(self.options.hash_key);
        let below = Layered { cache: &self.coins, below: &self.store };
        let done = disconnect_block(&block, &txids, undo, place, (&mut view, &below))?;
        if done == Disconnected::Unclean {
            let detail = format!("not as block {} had left them", self.tree[id].hash);
            return Err(StoreError::corrupt("coins", detail).into());
        }
        view.flush_into(&mut self.coins);
        self.active.pop();
        self.flush_if_needed()?;
        self.update_initial_download(now);
        self.events.push(Event::Disconnected { id, block });
        Ok(())
    }

    fn flush_if_needed(&mut self) -> Result<(), StoreError> {
        if self.should_flush() { self.flush(FlushMode::Full) } else { Ok(()) }
    }

    /// Whether the scripts of a block need not be checked: it was connected before the restart, or is deep below the
    /// block that the software takes to be valid, on the chain with the most work.
    fn assumes_scripts(&mut self, id: BlockId) -> bool {
        if self.replaying && self.tree[id].status.is_valid(Validity::Scripts) {
            return true;
        }
        let reason = self.script_check_reason(id);
        if self.last_script_checks != Some(reason) {
            self.last_script_checks = Some(reason);
            let Entry { hash, height, .. } = self.tree[id];
            self.events.push(Event::ScriptChecks { hash, height, reason });
        }
        reason.is_none()
    }

    /// Why the scripts of a block are checked, in Core's words; none when they are assumed valid.
    fn script_check_reason(&self, id: BlockId) -> Option<&'static str> {
        if self.params.assume_valid == BlockHash::all_zeros() {
            return Some("assumevalid=0 (always verify)");
        }
        let Some(assumed) = self.tree.id(&self.params.assume_valid) else {
            return Some("assumevalid hash not in headers");
        };
        let (tree, best) = (&self.tree, self.best_header);
        if tree[id].height > tree[assumed].height {
            Some("block height above assumevalid height")
        } else if !tree.is_ancestor(id, assumed) {
            Some("block not in assumevalid chain")
        } else if !tree.is_ancestor(id, best) {
            Some("block not in best header chain")
        } else if tree[best].work < self.params.minimum_chain_work {
            Some("best header chainwork below minimumchainwork")
        } else if proof_equivalent_time(tree, best, id, best, &self.params) <= ASSUME_VALID_DEPTH {
            // Else power over headers could be used to talk people into an invalid block.
            Some("block too recent relative to best header")
        } else {
            None
        }
    }

    /// Whether a block could be connected to the tip, without doing so (Core's `TestBlockValidity`).
    ///
    /// # Errors
    /// The rule that it breaks; `inconclusive-not-best-prevblk` when it is no child of the tip.
    pub fn test_block(&self, block: &Block, finished: Finished, now: i64) -> Result<(), ChainError> {
        let parent = self.active.tip();
        if block.header.prev_blockhash != self.tree[parent].hash {
            let error = BlockError::new(BlockResult::Inconclusive, "inconclusive-not-best-prevblk", "");
            return Err(error.into());
        }
        let txids = txids(block);
        check_block(block, &txids, finished, &self.params, &*self.options.scripts.verifier)?;
        contextual_check_header(&block.header, &self.tree, parent, &self.params, now)?;
        contextual_check_block(block, &self.tree, parent, &self.params)?;
        let place = Place { tree: &self.tree, parent, hash: block.block_hash() };
        let mut view = CoinsCache::new(self.options.hash_key);
        let below = Layered { cache: &self.coins, below: &self.store };
        let scripts = Scripts::Check(&self.options.scripts, CacheUse::Keep);
        connect_block(block, &txids, place, &self.params, (&mut view, &below), scripts)?;
        Ok(())
    }
}

fn missing_undo(hash: &BlockHash) -> StoreError {
    StoreError::corrupt("undo data", format!("none for block {hash}, which is connected"))
}
