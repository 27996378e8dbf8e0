//! The chain that is connected.

use crate::tree::{BlockId, HeaderTree};

/// The blocks that are connected, by height. There is always one: the genesis block.
#[derive(Debug, Clone)]
pub struct ActiveChain(Vec<BlockId>);

impl ActiveChain {
    /// The chain that ends with this block.
    pub(super) fn ending_with(tree: &HeaderTree, tip: BlockId) -> Self {
        let mut blocks: Vec<BlockId> = tree.ancestors(tip).collect();
        blocks.reverse();
        Self(blocks)
    }

    /// The last block.
    pub fn tip(&self) -> BlockId {
        *self.0.last().expect("the genesis block is always connected")
    }

    /// Height of the last block.
    pub fn height(&self) -> u32 {
        self.0.len() as u32 - 1
    }

    /// The block at this height.
    pub fn at(&self, height: u32) -> Option<BlockId> {
        self.0.get(height as usize).copied()
    }

    /// Whether this block is connected.
    pub fn contains(&self, tree: &HeaderTree, id: BlockId) -> bool {
        self.at(tree[id].height) == Some(id)
    }

    /// The block after this one, when both are connected.
    pub fn next(&self, tree: &HeaderTree, id: BlockId) -> Option<BlockId> {
        if self.contains(tree, id) { self.at(tree[id].height + 1) } else { None }
    }

    /// The last connected block on the chain that ends with this one.
    pub fn fork_with(&self, tree: &HeaderTree, id: BlockId) -> BlockId {
        tree.fork_point(self.tip(), id)
    }

    pub(super) fn push(&mut self, id: BlockId) {
        self.0.push(id);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}
