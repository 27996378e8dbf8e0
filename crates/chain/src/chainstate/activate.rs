//! Making the best chain of the blocks that there are.

use super::{ChainState, Event};
use crate::error::ChainError;
use crate::store::Store;
use crate::tree::BlockId;

use super::candidates::rank;

/// Blocks of a long way up that are collected at once.
const CONNECT_AHEAD: u32 = 32;

/// Whether activation has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The tip is better than before, and there may be a still better one.
    More,
    /// There is no better chain.
    Done,
}

impl<S: Store> ChainState<S> {
    /// Connects the chain with the most work, taking back the one there is as far as needed.
    ///
    /// # Errors
    /// Only [`ChainError::Store`]: a block that breaks a rule is marked, and the next best chain is tried.
    pub fn activate_best_chain(&mut self, now: i64) -> Result<(), ChainError> {
        while self.activate_step(now)? == Progress::More {}
        Ok(())
    }

    /// As [`ChainState::activate_best_chain`], but stops as soon as the tip is better than it was: after one block when
    /// catching up, after the whole of a reorganisation.
    ///
    /// # Errors
    /// Only [`ChainError::Store`]. The chain is then at a block in between, and consistent.
    pub fn activate_step(&mut self, now: i64) -> Result<Progress, ChainError> {
        let start = self.active.tip();
        loop {
            let goal = self.goal.take().or_else(|| self.find_most_work());
            let Some(goal) = goal.filter(|&goal| goal != self.active.tip()) else {
                self.replaying = false;
                self.report_tip(start);
                return Ok(Progress::Done);
            };
            let reached = self.step_towards(goal, now)?;
            if reached == Step::On && self.active.tip() != goal {
                self.goal = Some(goal);
            }
            if rank(&self.tree, self.active.tip()) >= rank(&self.tree, start) {
                self.report_tip(start);
                return Ok(Progress::More);
            }
        }
    }

    fn report_tip(&mut self, start: BlockId) {
        let id = self.active.tip();
        let fork = self.active.fork_with(&self.tree, start);
        if id != fork || id != start {
            let initial_download = self.initial_download;
            self.events.push(Event::TipChanged { id, fork, initial_download });
        }
    }

    /// The best block whose chain is whole and not known to be invalid.
    fn find_most_work(&mut self) -> Option<BlockId> {
        loop {
            let best = self.candidates.best()?;
            let fork = self.active.fork_with(&self.tree, best);
            let path: Vec<BlockId> = self.tree.ancestors(best).take_while(|&id| id != fork).collect();
            let unusable = path.iter().position(|&id| {
                let status = self.tree[id].status;
                status.failed || !status.have_data
            });
            let Some(at) = unusable else { return Some(best) };
            self.drop_candidates(&path[..=at], best);
        }
    }

    /// Drops a chain (its best block first) whose last block is invalid, or not in the store.
    fn drop_candidates(&mut self, path: &[BlockId], best: BlockId) {
        let (&unusable, above) = path.split_last().expect("the path has an unusable block");
        let failed = self.tree[unusable].status.failed;
        if failed && self.best_invalid.is_none_or(|known| self.tree[best].work > self.tree[known].work) {
            self.best_invalid = Some(best);
        }
        for &id in above {
            if !failed && let Some(parent) = self.tree[id].parent {
                // A body is missing that was pruned: try again when it comes.
                self.candidates.add_unlinked(parent, id);
            }
            self.candidates.remove(&self.tree, id);
        }
        self.candidates.remove(&self.tree, unusable);
    }

    /// Takes back what is not on the way to the goal, and connects what is, until the tip is better than it was.
    fn step_towards(&mut self, goal: BlockId, now: i64) -> Result<Step, ChainError> {
        let old = self.tree[self.active.tip()].work;
        let fork = self.active.fork_with(&self.tree, goal);
        while self.active.tip() != fork {
            self.disconnect_tip(now)?;
        }
        while self.active.tip() != goal {
            let target = (self.active.height() + CONNECT_AHEAD).min(self.tree[goal].height);
            let top = self.tree.ancestor(goal, target).expect("the goal is higher");
            let tip = self.active.tip();
            let mut path: Vec<BlockId> = self.tree.ancestors(top).take_while(|&id| id != tip).collect();
            path.reverse();
            for id in path {
                match self.connect_tip(id, now) {
                    Ok(()) => {}
                    // The block is marked, and all that build on it.
                    Err(ChainError::Invalid(_)) => return Ok(Step::Invalid),
                    Err(error) => return Err(error),
                }
                self.candidates.prune(&self.tree, id);
                if self.tree[id].work > old {
                    return Ok(Step::On);
                }
            }
        }
        Ok(Step::On)
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// On the way, or there.
    On,
    /// A block on the way is invalid: another goal must be found.
    Invalid,
}
