//! The ends of all chains that are known.

use std::collections::HashSet;

use super::ChainState;
use crate::store::Store;
use crate::tree::{BlockId, Validity};

/// How far the chain that ends with a block was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TipStatus {
    /// It is connected.
    Active,
    /// It has an invalid block.
    Invalid,
    /// Bodies are missing.
    HeadersOnly,
    /// All was checked, but it is not the best.
    ValidFork,
    /// Bodies are there, but were never connected.
    ValidHeaders,
}

impl TipStatus {
    /// Name in `getchaintips`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invalid => "invalid",
            Self::HeadersOnly => "headers-only",
            Self::ValidFork => "valid-fork",
            Self::ValidHeaders => "valid-headers",
        }
    }
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The last block.
    pub id: BlockId,
    /// Blocks since it left the connected chain.
    pub branch_length: u32,
    /// How far it was checked.
    pub status: TipStatus,
}

impl<S: Store> ChainState<S> {
    /// The ends of all chains, the highest first.
    pub fn tips(&self) -> Vec<Tip> {
        let beside = || self.tree.ids().filter(|&id| !self.active.contains(&self.tree, id));
        let parents: HashSet<BlockId> = beside().filter_map(|id| self.tree[id].parent).collect();
        let ends = beside().filter(|id| !parents.contains(id)).chain([self.active.tip()]);
        let mut tips: Vec<Tip> = ends.map(|id| self.describe_tip(id)).collect();
        tips.sort_by_key(|tip| (std::cmp::Reverse(self.tree[tip.id].height), tip.id));
        tips
    }

    fn describe_tip(&self, id: BlockId) -> Tip {
        let entry = &self.tree[id];
        let fork = self.active.fork_with(&self.tree, id);
        let status = if fork == id {
            TipStatus::Active
        } else if entry.status.failed {
            TipStatus::Invalid
        } else if entry.chain_tx_count == 0 {
            TipStatus::HeadersOnly
        } else if entry.status.is_valid(Validity::Scripts) {
            TipStatus::ValidFork
        } else {
            TipStatus::ValidHeaders
        };
        Tip { id, branch_length: entry.height - self.tree[fork].height, status }
    }
}
