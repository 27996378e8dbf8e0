//! Blocks that could be the next tip.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use bitcoin::Work;

use crate::tree::{BlockId, Entry, HeaderTree};

/// How good a block is as a tip: most work, then first seen, then first in the tree.
pub(super) type Rank = (Work, Reverse<i32>, Reverse<BlockId>);

pub(super) fn rank(tree: &HeaderTree, id: BlockId) -> Rank {
    let Entry { work, sequence, .. } = &tree[id];
    (*work, Reverse(*sequence), Reverse(id))
}

/// Blocks whose bodies, and those of all before them, are there, and that are at least as good as the tip.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    ranked: BTreeSet<Rank>,
    /// Blocks whose bodies are there but that of some block before is not, by parent.
    unlinked: HashMap<BlockId, Vec<BlockId>>,
}

impl Candidates {
    pub(super) fn insert(&mut self, tree: &HeaderTree, id: BlockId) {
        self.ranked.insert(rank(tree, id));
    }

    /// To be called before the rank changes.
    pub(super) fn remove(&mut self, tree: &HeaderTree, id: BlockId) {
        self.ranked.remove(&rank(tree, id));
    }

    pub(super) fn best(&self) -> Option<BlockId> {
        self.ranked.last().map(|(.., Reverse(id))| *id)
    }

    /// Forgets all that are worse than the tip.
    pub(super) fn prune(&mut self, tree: &HeaderTree, tip: BlockId) {
        self.ranked = self.ranked.split_off(&rank(tree, tip));
    }

    pub(super) fn add_unlinked(&mut self, parent: BlockId, id: BlockId) {
        let waiting = self.unlinked.entry(parent).or_default();
        if !waiting.contains(&id) {
            waiting.push(id);
        }
    }

    /// The blocks that waited for this one.
    pub(super) fn take_unlinked(&mut self, parent: BlockId) -> Vec<BlockId> {
        self.unlinked.remove(&parent).unwrap_or_default()
    }
}
