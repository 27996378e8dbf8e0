//! Marking blocks as invalid, and taking that back.

use super::candidates::rank;
use super::{ChainState, Event};
use crate::error::{BlockError, BlockResult, ChainError};
use crate::store::Store;
use crate::tree::{BlockId, Validity};

impl<S: Store> ChainState<S> {
    /// A block breaks a rule: it is marked, unless it is only the body that does not fit.
    pub(super) fn block_failed(&mut self, id: BlockId, error: &BlockError) {
        if error.result() != BlockResult::Mutated {
            self.mark_failed(id);
            self.candidates.remove(&self.tree, id);
            self.chain_failed(id);
        }
    }

    /// A chain is invalid: so is all that builds on it.
    pub(super) fn chain_failed(&mut self, id: BlockId) {
        if self.best_invalid.is_none_or(|best| self.tree[id].work > self.tree[best].work) {
            self.best_invalid = Some(id);
        }
        // Children come after their parents.
        for child in self.tree.ids().filter(|&child| child > id).collect::<Vec<_>>() {
            if self.tree.is_ancestor(id, child) {
                self.mark_failed(child);
            }
        }
        if self.tree.is_ancestor(id, self.best_header) {
            self.recalculate_best_header();
        }
    }

    fn mark_failed(&mut self, id: BlockId) {
        self.tree.entry_mut(id).status.failed = true;
        self.dirty.insert(id);
    }

    fn recalculate_best_header(&mut self) {
        let valid = self.tree.ids().filter(|&id| !self.tree[id].status.failed);
        let best = valid.max_by_key(|&id| rank(&self.tree, id));
        self.best_header = best.expect("the genesis block is valid");
    }

    /// Marks a block as invalid because the user says so, and takes back the chain down to its parent. Follow with
    /// [`ChainState::activate_best_chain`]. The genesis block cannot be marked.
    ///
    /// # Errors
    /// Only [`ChainError::Store`].
    pub fn invalidate(&mut self, id: BlockId, now: i64) -> Result<(), ChainError> {
        let Some(parent) = self.tree[id].parent else { return Ok(()) };
        self.goal = None;
        let start = self.active.tip();
        // Blocks beside the chain that may be better than what it is taken back to.
        let floor = rank(&self.tree, parent);
        let mut others: Vec<BlockId> = self
            .tree
            .ids()
            .filter(|&other| {
                rank(&self.tree, other) >= floor
                    && !self.tree[other].status.failed
                    && !self.active.contains(&self.tree, other)
            })
            .collect();
        let mut last = id;
        while self.active.contains(&self.tree, id) {
            last = self.active.tip();
            self.disconnect_tip(now)?;
            // Marked at once: a pruned node could not go back up if it stopped here.
            self.candidates.remove(&self.tree, last);
            self.mark_failed(last);
            let tip = self.active.tip();
            self.candidates.insert(&self.tree, tip);
            let best_gone = self.tree.is_ancestor(last, self.best_header);
            if best_gone {
                self.best_header = tip;
            }
            others.retain(|&other| !self.tree.is_ancestor(last, other) || self.drop_descendant(other));
            for &other in &others {
                if rank(&self.tree, other) < rank(&self.tree, tip) {
                    continue;
                }
                if self.tree[other].status.is_valid(Validity::Transactions) && self.tree[other].chain_tx_count > 0 {
                    self.candidates.insert(&self.tree, other);
                }
                if best_gone && self.tree[other].work > self.tree[self.best_header].work {
                    self.best_header = other;
                }
            }
        }
        if last == id && !self.tree[id].status.failed {
            self.candidates.remove(&self.tree, id);
            self.mark_failed(id);
        }
        self.chain_failed(last);
        if self.active.tip() != start {
            let tip = self.active.tip();
            let initial_download = self.initial_download;
            self.events.push(Event::TipChanged { id: tip, fork: tip, initial_download });
        }
        Ok(())
    }

    /// A block beside the chain that builds on one that is marked. Never stays in the list.
    fn drop_descendant(&mut self, id: BlockId) -> bool {
        self.candidates.remove(&self.tree, id);
        self.mark_failed(id);
        false
    }

    /// Takes back the mark of a block, of all before it and of all that build on it. Follow with
    /// [`ChainState::activate_best_chain`], which checks them again.
    pub fn reconsider(&mut self, id: BlockId) {
        self.goal = None;
        for other in self.tree.ids() {
            let related = self.tree.is_ancestor(id, other) || self.tree.is_ancestor(other, id);
            if !self.tree[other].status.failed || !related {
                continue;
            }
            self.tree.entry_mut(other).status.failed = false;
            self.dirty.insert(other);
            let entry = &self.tree[other];
            if entry.status.is_valid(Validity::Transactions) && entry.chain_tx_count > 0 {
                self.try_candidate(other);
            }
            if self.best_invalid == Some(other) {
                self.best_invalid = None;
            }
        }
        self.recalculate_best_header();
    }

    /// Prefers a block over others of equal work, as if it had come first. Follow with
    /// [`ChainState::activate_best_chain`].
    pub fn precious(&mut self, id: BlockId) {
        let tip = self.active.tip();
        if self.tree[id].work < self.tree[tip].work {
            return;
        }
        self.goal = None;
        if self.tree[tip].work > self.precious_work {
            // The chain has grown since the last call: the earlier favours do not count any more.
            self.precious_sequence = -1;
        }
        self.precious_work = self.tree[tip].work;
        self.candidates.remove(&self.tree, id);
        self.tree.entry_mut(id).sequence = self.precious_sequence;
        self.precious_sequence = self.precious_sequence.saturating_sub(1);
        let entry = &self.tree[id];
        if entry.status.is_valid(Validity::Transactions) && entry.chain_tx_count > 0 {
            self.candidates.insert(&self.tree, id);
            self.candidates.prune(&self.tree, self.active.tip());
        }
    }
}
