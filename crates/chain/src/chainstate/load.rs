//! Starting: from the store, or from nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Mutex;

use bitcoin::consensus::encode::serialize;
use bitcoin::{BlockHash, Work};

use super::candidates::{Candidates, rank};
use super::{ActiveChain, ChainState, FlushMode, Options};
use crate::coins::CoinsCache;
use crate::params::Params;
use crate::store::{IndexRecord, Store, StoreError};
use crate::tree::{BlockId, HeaderTree, Status, Validity};
use crate::versionbits::VersionBitsCache;

impl<S: Store> ChainState<S> {
    /// Opens the chain that the store holds, or begins one with the genesis block. The coins are those of the last
    /// commit: call [`ChainState::activate_best_chain`] next, which replays what came after it.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or does not hold a chain of this network.
    pub fn open(params: Params, store: S, options: Options, now: i64) -> Result<Self, StoreError> {
        let mut tree = HeaderTree::default();
        let genesis = tree.insert(params.genesis.header, Status::HEADER).expect("the first header needs no parent");
        let records = store.index()?;
        let fresh = records.is_empty();
        restore(&mut tree, genesis, records)?;
        let tip = match store.best_block()? {
            Some(hash) => tree.id(&hash).ok_or_else(|| unknown_tip(&hash))?,
            None => genesis,
        };
        let mut chain = Self {
            active: ActiveChain::ending_with(&tree, tip),
            coins: CoinsCache::new(options.hash_key),
            params,
            options,
            store,
            tree,
            candidates: Candidates::default(),
            dirty: BTreeSet::new(),
            recent: VecDeque::new(),
            best_header: tip,
            best_invalid: None,
            goal: None,
            replaying: true,
            initial_download: true,
            last_script_checks: None,
            // Those from the disk come first.
            next_sequence: HeaderTree::SEQUENCE_FROM_DISK + 1,
            precious_sequence: -1,
            precious_work: Work::from_be_bytes([0; 32]),
            version_bits: Mutex::new(VersionBitsCache::default()),
            events: Vec::new(),
        };
        if fresh {
            chain.begin(genesis)?;
        }
        chain.rank_all(tip);
        chain.update_initial_download(now);
        Ok(chain)
    }

    /// Stores the genesis block. It makes no coins: its coinbase cannot be spent.
    fn begin(&mut self, genesis: BlockId) -> Result<(), StoreError> {
        let hash = self.tree[genesis].hash;
        self.store.write_block(&hash, 0, &serialize(&self.params.genesis))?;
        let entry = self.tree.entry_mut(genesis);
        entry.status = Status { validity: Validity::Scripts, failed: false, have_data: true, have_undo: false };
        (entry.tx_count, entry.chain_tx_count) = (1, 1);
        self.dirty.insert(genesis);
        self.coins.set_best_block(hash);
        self.flush(FlushMode::Full)
    }

    /// Finds the best headers and the candidates among the blocks that were restored.
    fn rank_all(&mut self, tip: BlockId) {
        // The chain that was the best before the restart stays so among equals.
        for id in self.tree.ancestors(tip).collect::<Vec<_>>() {
            self.tree.entry_mut(id).sequence = HeaderTree::SEQUENCE_BEST_FROM_DISK;
        }
        // A crash can come between the mark on a block and the coins without it: then activation takes it back first.
        let valid = self.tree.ancestors(tip).find(|&id| !self.tree[id].status.failed);
        let valid = valid.expect("the genesis block is valid");
        self.best_header = valid;
        for id in self.tree.ids() {
            let entry = &self.tree[id];
            if entry.status.failed {
                let best = self.best_invalid.is_none_or(|best| entry.work > self.tree[best].work);
                self.best_invalid = if best { Some(id) } else { self.best_invalid };
                continue;
            }
            if rank(&self.tree, id) > rank(&self.tree, self.best_header) {
                self.best_header = id;
            }
            if entry.status.validity < Validity::Transactions {
                continue;
            }
            if entry.chain_tx_count > 0 {
                if rank(&self.tree, id) >= rank(&self.tree, valid) {
                    self.candidates.insert(&self.tree, id);
                }
            } else if let Some(parent) = entry.parent {
                self.candidates.add_unlinked(parent, id);
            }
        }
    }
}

/// Adds all records to the tree, parents before children.
fn restore(tree: &mut HeaderTree, genesis: BlockId, records: Vec<IndexRecord>) -> Result<(), StoreError> {
    let count = records.len();
    let mut children: HashMap<BlockHash, Vec<IndexRecord>> = HashMap::new();
    let mut restored = 0;
    for record in records {
        if record.header == tree[genesis].header {
            restore_entry(tree, genesis, &record);
            restored += 1;
        } else {
            children.entry(record.header.prev_blockhash).or_default().push(record);
        }
    }
    if count > 0 && restored == 0 {
        return Err(StoreError::corrupt(
            "block index",
            "no genesis block of this network; is the folder another network's?",
        ));
    }
    let mut queue = VecDeque::from([tree[genesis].hash]);
    while let Some(hash) = queue.pop_front() {
        let mut siblings = children.remove(&hash).unwrap_or_default();
        // In a fixed order, whatever the order of the store.
        siblings.sort_unstable_by_key(|record| record.header.block_hash());
        for record in siblings {
            let id = tree.insert(record.header, record.status).expect("the parent is in the tree");
            restore_entry(tree, id, &record);
            queue.push_back(tree[id].hash);
            restored += 1;
        }
    }
    if restored < count {
        return Err(StoreError::corrupt("block index", format!("{} blocks without their parents", count - restored)));
    }
    Ok(())
}

fn restore_entry(tree: &mut HeaderTree, id: BlockId, record: &IndexRecord) {
    let parent = tree[id].parent.map(|parent| &tree[parent]);
    let parent_failed = parent.is_some_and(|parent| parent.status.failed);
    let before = parent.map_or(Some(0), |parent| Some(parent.chain_tx_count).filter(|&count| count > 0));
    let entry = tree.entry_mut(id);
    entry.status = record.status;
    entry.status.failed |= parent_failed;
    entry.tx_count = record.tx_count;
    let known = before.filter(|_| record.tx_count > 0);
    entry.chain_tx_count = known.map_or(0, |before| before + u64::from(record.tx_count));
}

fn unknown_tip(hash: &BlockHash) -> StoreError {
    StoreError::corrupt("coins", format!("they are as of block {hash}, which is not in the index"))
}
