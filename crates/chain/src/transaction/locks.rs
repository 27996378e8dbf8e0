//! Locks in height and time.

use bitcoin::{Sequence, Transaction};

use crate::tree::{BlockId, HeaderTree};

/// Lock times below this are heights.
const LOCKTIME_THRESHOLD: u32 = 500_000_000;
/// Seconds, as a power of two, of one step of a relative lock in time.
const SEQUENCE_GRANULARITY: u32 = 9;
const SEQUENCE_DISABLE: u32 = 1 << 31;
const SEQUENCE_TYPE_TIME: u32 = 1 << 22;
const SEQUENCE_MASK: u32 = 0xffff;

/// Whether nLockTime allows the transaction in a block at this height, with this time as the cutoff: the median time
/// of the parent (BIP113), or the block's own before BIP113.
pub fn is_final(tx: &Transaction, height: u32, cutoff: u32) -> bool {
    let lock = tx.lock_time.to_consensus_u32();
    let bound = if lock < LOCKTIME_THRESHOLD { height } else { cutoff };
    lock == 0 || lock < bound || tx.input.iter().all(|input| input.sequence == Sequence::MAX)
}

/// The relative locks of a transaction as the last height and time at which it is *not* valid; -1 for no lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceLocks {
    /// Last height at which it is not valid.
    pub height: i64,
    /// Last median time of the parent at which it is not valid.
    pub time: i64,
}

impl SequenceLocks {
    /// No locks.
    pub const OPEN: Self = Self { height: -1, time: -1 };
}

/// The relative locks (BIP68) of a transaction in a child of `parent`, when the coins that it spends are at
/// `coin_heights`, in the order of its inputs.
pub fn sequence_locks(
    tx: &Transaction,
    coin_heights: impl IntoIterator<Item = u32>,
    tree: &HeaderTree,
    parent: BlockId,
) -> SequenceLocks {
    let mut locks = SequenceLocks::OPEN;
    // The version counts as unsigned.
    if (tx.version.0 as u32) < 2 {
        return locks;
    }
    for (input, coin_height) in tx.input.iter().zip(coin_heights) {
        let sequence = input.sequence.to_consensus_u32();
        let steps = i64::from(sequence & SEQUENCE_MASK);
        if sequence & SEQUENCE_DISABLE != 0 {
            continue;
        }
        if sequence & SEQUENCE_TYPE_TIME != 0 {
            // Time runs from the earliest that the coin's block could have claimed: the median before it.
            let before = coin_height.saturating_sub(1).min(tree[parent].height);
            let before = tree.ancestor(parent, before).expect("the height is not above the parent");
            let start = i64::from(tree.median_time_past(before));
            locks.time = locks.time.max(start + (steps << SEQUENCE_GRANULARITY) - 1);
        } else {
            locks.height = locks.height.max(i64::from(coin_height) + steps - 1);
        }
    }
    locks
}

/// Whether the relative locks are open in a child of `parent`.
pub fn locks_open(locks: SequenceLocks, tree: &HeaderTree, parent: BlockId) -> bool {
    let height = i64::from(tree[parent].height) + 1;
    locks.height < height && locks.time < i64::from(tree.median_time_past(parent))
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use bitcoin::{BlockHash, CompactTarget, TxIn, TxMerkleNode, absolute::LockTime, block, transaction::Version};

    use super::*;
    use crate::tree::Status;

    fn tx(version: i32, lock: u32, sequences: &[u32]) -> Transaction {
        Transaction {
            version: Version(version),
            lock_time: LockTime::from_consensus(lock),
            input: sequences.iter().map(|&s| TxIn { sequence: Sequence(s), ..TxIn::default() }).collect(),
            output: Vec::new(),
        }
    }

    /// Blocks whose median time at height h is 600 * h, from height 10 on.
    fn tree(length: u32) -> (HeaderTree, BlockId) {
        let mut tree = HeaderTree::default();
        let mut tip = BlockHash::all_zeros();
        for height in 0..length {
            let header = block::Header {
                version: block::Version::TWO,
                prev_blockhash: tip,
                merkle_root: TxMerkleNode::all_zeros(),
                time: 600 * (height + 5),
                bits: CompactTarget::from_consensus(0x207f_ffff),
                nonce: 0,
            };
            let id = tree.insert(header, Status::HEADER).unwrap();
            tip = tree[id].hash;
        }
        let id = tree.id(&tip).unwrap();
        (tree, id)
    }

    #[test]
    fn lock_times_are_heights_or_times_and_final_sequences_open_them() {
        assert!(is_final(&tx(1, 0, &[0]), 0, 0));
        assert!(!is_final(&tx(1, 100, &[0]), 100, 0));
        assert!(is_final(&tx(1, 100, &[0]), 101, 0));
        assert!(!is_final(&tx(1, 500_000_000, &[0]), 1000, 500_000_000));
        assert!(is_final(&tx(1, 500_000_000, &[0]), 1000, 500_000_001));
        assert!(is_final(&tx(1, 100, &[u32::MAX, u32::MAX]), 5, 5));
        assert!(!is_final(&tx(1, 100, &[u32::MAX, u32::MAX - 1]), 5, 5));
    }

    #[test]
    fn relative_heights_count_from_the_coin() {
        let (tree, tip) = tree(50);
        let locks = |n, coin| sequence_locks(&tx(2, 0, &[n]), [coin], &tree, tip);
        assert_eq!(locks(10, 40), SequenceLocks { height: 49, time: -1 });
        assert!(locks_open(locks(10, 40), &tree, tip));
        assert!(!locks_open(locks(11, 40), &tree, tip));
    }

    #[test]
    fn relative_times_count_in_512_seconds_from_the_median_before_the_coin() {
        let (tree, tip) = tree(50);
        assert_eq!(tree.median_time_past(tip), 49 * 600);
        let locks = |steps| sequence_locks(&tx(2, 0, &[SEQUENCE_TYPE_TIME | steps]), [41], &tree, tip);
        assert_eq!(locks(10), SequenceLocks { height: -1, time: 40 * 600 + 10 * 512 - 1 });
        // 9 blocks of 600 seconds are 5400: ten steps are open, eleven not.
        assert!(locks_open(locks(10), &tree, tip));
        assert!(!locks_open(locks(11), &tree, tip));
    }

    #[test]
    fn relative_locks_need_version_2_and_the_flag_clear() {
        let (tree, tip) = tree(50);
        assert_eq!(sequence_locks(&tx(1, 0, &[10]), [49], &tree, tip), SequenceLocks::OPEN);
        assert_eq!(sequence_locks(&tx(2, 0, &[SEQUENCE_DISABLE | 10]), [49], &tree, tip), SequenceLocks::OPEN);
        assert_ne!(sequence_locks(&tx(-1, 0, &[10]), [49], &tree, tip), SequenceLocks::OPEN);
    }
}
