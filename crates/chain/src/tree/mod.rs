//! All headers that are known and not refused, as a tree: Core's block index.
//!
//! Entries are never removed, so a [`BlockId`] stays good as long as its tree.

mod status;

use std::collections::HashMap;
use std::ops::Index;

use bitcoin::block::Header;
use bitcoin::{BlockHash, Work};

use crate::hasher::HashKeyed;

pub use status::{Status, Validity};

/// Blocks over which the median time is taken.
const MEDIAN_TIME_SPAN: usize = 11;
/// Hashes that a locator names one by one, before its steps double.
const LOCATOR_DENSE: usize = 10;

/// A block in a [`HeaderTree`]; means nothing for another tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(u32);

/// One block of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Hash of the header.
    pub hash: BlockHash,
    /// The header.
    pub header: Header,
    /// The block before; none for the genesis block.
    pub parent: Option<BlockId>,
    /// Distance from the genesis block.
    pub height: u32,
    /// Work of the chain up to and including this block.
    pub work: Work,
    /// Latest timestamp of the chain up to and including this block.
    pub max_time: u32,
    /// What is known about the block.
    pub status: Status,
    /// Transactions in the block; 0 until its body was received.
    pub tx_count: u32,
    /// Transactions in the chain up to and including this block; 0 while a body is missing.
    pub chain_tx_count: u64,
    /// Order of arrival, which decides between chains of equal work: less is preferred.
    pub sequence: i32,
    /// An ancestor far back, for quick steps.
    skip: Option<BlockId>,
}

/// The tree of headers.
#[derive(Debug, Default, Clone)]
pub struct HeaderTree {
    entries: Vec<Entry>,
    ids: HashMap<BlockHash, BlockId, HashKeyed>,
}

impl Index<BlockId> for HeaderTree {
    type Output = Entry;

    fn index(&self, id: BlockId) -> &Entry {
        &self.entries[id.0 as usize]
    }
}

impl HeaderTree {
    /// Sequence of the blocks that a restart finds in its best chain.
    pub const SEQUENCE_BEST_FROM_DISK: i32 = 0;
    /// Sequence of the other blocks that a restart finds.
    pub const SEQUENCE_FROM_DISK: i32 = 1;

    /// How many blocks are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether not even the genesis block is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The block of this hash.
    pub fn id(&self, hash: &BlockHash) -> Option<BlockId> {
        self.ids.get(hash).copied()
    }

    /// The entry of this hash.
    pub fn get(&self, hash: &BlockHash) -> Option<&Entry> {
        self.id(hash).map(|id| &self[id])
    }

    /// All blocks, in the order in which they were added: parents before children.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = BlockId> + use<> {
        (0..self.entries.len() as u32).map(BlockId)
    }

    /// Adds a header whose parent is in the tree, or a first one without parent. A known header is left as it is.
    ///
    /// # Errors
    /// Gives the header back when its parent is not known.
    pub fn insert(&mut self, header: Header, status: Status) -> Result<BlockId, Header> {
        let hash = header.block_hash();
        if let Some(known) = self.id(&hash) {
            return Ok(known);
        }
        let parent = self.id(&header.prev_blockhash);
        if parent.is_none() && !self.is_empty() {
            return Err(header);
        }
        let id = BlockId(u32::try_from(self.entries.len()).expect("fewer than 2^32 headers fit into memory"));
        let mut entry = Entry {
            hash,
            header,
            parent,
            height: 0,
            work: header.work(),
            max_time: header.time,
            status,
            tx_count: 0,
            chain_tx_count: 0,
            sequence: Self::SEQUENCE_FROM_DISK,
            skip: None,
        };
        if let Some(parent) = parent {
            let before = &self[parent];
            entry.height = before.height + 1;
            entry.work = before.work + entry.work;
            entry.max_time = before.max_time.max(header.time);
            entry.skip = self.ancestor(parent, skip_height(entry.height));
        }
        self.entries.push(entry);
        self.ids.insert(hash, id);
        Ok(id)
    }

    pub(crate) fn entry_mut(&mut self, id: BlockId) -> &mut Entry {
        &mut self.entries[id.0 as usize]
    }

    /// The ancestor at this height; the block itself at its own, none above it. Takes a logarithmic number of steps.
    pub fn ancestor(&self, id: BlockId, height: u32) -> Option<BlockId> {
        let (mut id, mut entry) = (id, &self[id]);
        if height > entry.height {
            return None;
        }
        while entry.height > height {
            let skip = skip_height(entry.height);
            let skip_before = skip_height(entry.height - 1);
            // Take the long step unless the parent's own long step gets nearer to the height.
            let long = skip == height || (skip > height && !(skip_before + 2 < skip && skip_before >= height));
            id = entry.skip.filter(|_| long).or(entry.parent)?;
            entry = &self[id];
        }
        Some(id)
    }

    /// Whether `ancestor` is `block` or one of its ancestors.
    pub fn is_ancestor(&self, ancestor: BlockId, block: BlockId) -> bool {
        self.ancestor(block, self[ancestor].height) == Some(ancestor)
    }

    /// The last block that both chains share.
    pub fn fork_point(&self, a: BlockId, b: BlockId) -> BlockId {
        let height = self[a].height.min(self[b].height);
        let cut = |id| self.ancestor(id, height).expect("the height is not above the block");
        let (mut a, mut b) = (cut(a), cut(b));
        while a != b {
            let (up_a, up_b) = (&self[a], &self[b]);
            match (up_a.skip, up_b.skip) {
                // Equal heights have their long steps at equal heights.
                (Some(skip_a), Some(skip_b)) if skip_a != skip_b => (a, b) = (skip_a, skip_b),
                _ => {
                    a = up_a.parent.expect("all blocks descend from the genesis block");
                    b = up_b.parent.expect("all blocks descend from the genesis block");
                }
            }
        }
        a
    }

    /// Median of the timestamps of the block and the ten before it (BIP113).
    pub fn median_time_past(&self, id: BlockId) -> u32 {
        let mut times = [0; MEDIAN_TIME_SPAN];
        let mut count = 0;
        for id in self.ancestors(id).take(MEDIAN_TIME_SPAN) {
            times[count] = self[id].header.time;
            count += 1;
        }
        times[..count].sort_unstable();
        times[count / 2]
    }

    /// The block and all before it, down to the genesis block.
    pub fn ancestors(&self, id: BlockId) -> impl Iterator<Item = BlockId> + '_ {
        std::iter::successors(Some(id), |&id| self[id].parent)
    }

    /// Hashes by which a peer finds the last block that it shares with this chain: the last ten, then ever fewer.
    pub fn locator(&self, id: BlockId) -> Vec<BlockHash> {
        let (mut id, mut step) = (id, 1u32);
        let mut hashes = Vec::with_capacity(32);
        loop {
            let entry = &self[id];
            hashes.push(entry.hash);
            if entry.height == 0 {
                return hashes;
            }
            id = self.ancestor(id, entry.height.saturating_sub(step)).expect("the height is below the block");
            if hashes.len() > LOCATOR_DENSE {
                step = step.saturating_mul(2);
            }
        }
    }
}

/// Height of the ancestor that a block at this height links to (any fixed choice would do; this one gives short ways
/// to every height: at most 110 steps for a chain of 2^18 blocks).
fn skip_height(height: u32) -> u32 {
    let clear_lowest = |n: u32| n & n.wrapping_sub(1);
    match height {
        0 | 1 => 0,
        odd if odd & 1 == 1 => clear_lowest(clear_lowest(odd - 1)) + 1,
        even => clear_lowest(even),
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use bitcoin::{CompactTarget, TxMerkleNode, block::Version};

    use super::*;

    fn child(tree: &mut HeaderTree, parent: Option<BlockId>, time: u32) -> BlockId {
        let header = Header {
            version: Version::TWO,
            prev_blockhash: parent.map_or(BlockHash::all_zeros(), |id| tree[id].hash),
            merkle_root: TxMerkleNode::all_zeros(),
            time,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: tree.len() as u32,
        };
        tree.insert(header, Status::HEADER).unwrap()
    }

    fn chain(tree: &mut HeaderTree, mut tip: Option<BlockId>, length: u32) -> Vec<BlockId> {
        (0..length)
            .map(|i| {
                tip = Some(child(tree, tip, 1_000_000 + i));
                tip.unwrap()
            })
            .collect()
    }

    #[test]
    fn ancestors_are_found_at_every_height() {
        let mut tree = HeaderTree::default();
        let ids = chain(&mut tree, None, 1000);
        for from in [0, 1, 2, 17, 500, 999] {
            for to in 0..=from {
                assert_eq!(tree.ancestor(ids[from], to as u32), Some(ids[to]));
            }
            assert_eq!(tree.ancestor(ids[from], from as u32 + 1), None);
        }
    }

    #[test]
    fn fork_point_is_the_last_shared_block() {
        let mut tree = HeaderTree::default();
        let trunk = chain(&mut tree, None, 300);
        let branch = chain(&mut tree, Some(trunk[123]), 400);
        assert_eq!(tree.fork_point(trunk[299], branch[399]), trunk[123]);
        assert_eq!(tree.fork_point(branch[0], trunk[299]), trunk[123]);
        assert_eq!(tree.fork_point(trunk[50], branch[399]), trunk[50]);
        assert!(tree.is_ancestor(trunk[123], branch[7]) && !tree.is_ancestor(trunk[124], branch[7]));
    }

    #[test]
    fn median_time_is_over_eleven_blocks_or_all_there_are() {
        let mut tree = HeaderTree::default();
        let mut tip = None;
        let mut medians = Vec::new();
        for time in [5, 9, 1, 8, 2, 7, 3, 6, 4, 10, 11, 100, 100] {
            let id = child(&mut tree, tip, time);
            medians.push(tree.median_time_past(id));
            tip = Some(id);
        }
        assert_eq!(medians, [5, 9, 5, 8, 5, 7, 5, 6, 5, 6, 6, 7, 7]);
    }

    #[test]
    fn locator_is_dense_at_the_tip_and_ends_with_genesis() {
        let mut tree = HeaderTree::default();
        let ids = chain(&mut tree, None, 200);
        let heights: Vec<u32> = tree.locator(ids[199]).iter().map(|hash| tree.get(hash).unwrap().height).collect();
        assert_eq!(
            heights,
            [199, 198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 186, 182, 174, 158, 126, 62, 0]
        );
        assert_eq!(tree.locator(ids[0]), [tree[ids[0]].hash]);
    }

    #[test]
    fn orphans_are_given_back() {
        let mut tree = HeaderTree::default();
        let ids = chain(&mut tree, None, 2);
        let mut stray = tree[ids[1]].header;
        stray.prev_blockhash = BlockHash::from_byte_array([7; 32]);
        assert_eq!(tree.insert(stray, Status::HEADER), Err(stray));
        assert_eq!(tree.insert(tree[ids[1]].header, Status::HEADER), Ok(ids[1]));
    }
}
