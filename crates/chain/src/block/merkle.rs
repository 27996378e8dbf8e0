//! Merkle trees, and the way in which they can lie.

use bitcoin::hashes::{Hash, sha256d};
use bitcoin::{Block, TxMerkleNode, Txid, WitnessMerkleNode};

use crate::error::BlockError;

/// The root of the tree over these transactions, and whether some level has two equal neighbours: then another list of
/// transactions, with some of them repeated, has the same root (CVE-2012-2459).
pub fn merkle_root(txids: &[Txid]) -> (TxMerkleNode, bool) {
    let (root, mutated) = root(txids.iter().map(|txid| txid.to_byte_array()).collect());
    (TxMerkleNode::from_byte_array(root), mutated)
}

/// The root of the tree over the transactions with their witnesses; the coinbase, whose witness holds no signature,
/// counts as zero (BIP141).
pub fn witness_merkle_root(block: &Block) -> WitnessMerkleNode {
    let others = block.txdata.iter().skip(1).map(|tx| tx.compute_wtxid().to_byte_array());
    let leaves = std::iter::once([0; 32]).take(block.txdata.len()).chain(others).collect();
    WitnessMerkleNode::from_byte_array(root(leaves).0)
}

fn root(mut level: Vec<[u8; 32]>) -> ([u8; 32], bool) {
    let mut mutated = false;
    while level.len() > 1 {
        mutated |= level.chunks_exact(2).any(|pair| pair[0] == pair[1]);
        if level.len() % 2 == 1 {
            level.extend_from_within(level.len() - 1..);
        }
        for i in 0..level.len() / 2 {
            level[i] = sha256d::Hash::hash(level[2 * i..2 * i + 2].as_flattened()).to_byte_array();
        }
        level.truncate(level.len() / 2);
    }
    (level.first().copied().unwrap_or_default(), mutated)
}

/// The header commits to exactly these transactions.
///
/// # Errors
/// `bad-txnmrklroot`, or `bad-txns-duplicate` when the root fits but also another body does.
pub fn check_merkle_root(block: &Block, txids: &[Txid]) -> Result<(), BlockError> {
    let (root, mutated) = merkle_root(txids);
    if root != block.header.merkle_root {
        return Err(BlockError::mutated("bad-txnmrklroot", "hashMerkleRoot mismatch"));
    }
    if mutated {
        return Err(BlockError::mutated("bad-txns-duplicate", "duplicate transaction"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::error::BlockResult;

    fn leaves(names: &[u8]) -> Vec<Txid> {
        names.iter().map(|&name| Txid::from_byte_array([name; 32])).collect()
    }

    #[test]
    fn root_is_that_of_the_upstream_library() {
        for count in 1..40 {
            let names: Vec<u8> = (0..count).collect();
            let upstream = bitcoin::merkle_tree::calculate_root(leaves(&names).into_iter()).unwrap();
            assert_eq!(merkle_root(&leaves(&names)), (upstream.into(), false));
        }
        assert_eq!(merkle_root(&[]).0, TxMerkleNode::all_zeros());
    }

    #[test]
    fn repeated_transactions_are_seen_at_every_level() {
        let (root, mutated) = merkle_root(&leaves(&[1, 2, 3]));
        assert!(!mutated);
        assert_eq!(merkle_root(&leaves(&[1, 2, 3, 3])), (root, true));
        let (root, mutated) = merkle_root(&leaves(&[1, 2, 3, 4, 5, 6]));
        assert!(!mutated);
        assert_eq!(merkle_root(&leaves(&[1, 2, 3, 4, 5, 6, 5, 6])), (root, true));
    }

    #[test]
    fn a_wrong_root_and_a_repeated_transaction_blame_the_body() {
        let mut block = Params::regtest().genesis;
        let txids = |block: &Block| super::super::txids(block);
        assert!(check_merkle_root(&block, &txids(&block)).is_ok());
        block.header.merkle_root = TxMerkleNode::all_zeros();
        let error = check_merkle_root(&block, &txids(&block)).unwrap_err();
        assert_eq!((error.reason(), error.result()), ("bad-txnmrklroot", BlockResult::Mutated));
        block.txdata.push(block.txdata[0].clone());
        block.header.merkle_root = merkle_root(&txids(&block)).0;
        let error = check_merkle_root(&block, &txids(&block)).unwrap_err();
        assert_eq!((error.reason(), error.result()), ("bad-txns-duplicate", BlockResult::Mutated));
    }
}
