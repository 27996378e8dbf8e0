//! Making blocks: what a miner needs on regtest.

use bitcoin::block::{Header, Version};
use bitcoin::{
    Amount, Block, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut, Witness, absolute::LockTime,
    hashes::Hash, transaction,
};

use crate::block::{
    WITNESS_COMMITMENT_HEADER, commitment_hash, height_script, merkle_root, txids, witness_commitment_index,
    witness_merkle_root,
};
use crate::params::{Buried, MAX_TIMEWARP, Params};
use crate::pow::{check_proof_of_work, next_work_required};
use crate::tree::{BlockId, HeaderTree};

/// The value that the coinbase's witness reserves, in our blocks.
const RESERVED: [u8; 32] = [0; 32];

/// Earliest timestamp that a child of `parent` may have.
pub fn min_time(tree: &HeaderTree, parent: BlockId, params: &Params) -> i64 {
    let before = &tree[parent];
    let median = i64::from(tree.median_time_past(parent)) + 1;
    if (before.height + 1).is_multiple_of(params.difficulty_adjustment_interval()) {
        // Obeyed on all networks, so that no block of ours is refused where BIP94 holds.
        return median.max(i64::from(before.header.time) - MAX_TIMEWARP);
    }
    median
}

/// What a new block is made of, besides the parent.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Version of the header: [`crate::ChainState::next_block_version`].
    pub version: i32,
    /// Where the subsidy and the fees go.
    pub script_pubkey: ScriptBuf,
    /// Transactions with their fees, each after those that it spends from.
    pub transactions: Vec<(Transaction, Amount)>,
    /// The clock, in seconds.
    pub now: i64,
}

/// A block on top of `parent` that is valid but for its proof of work.
pub fn assemble(tree: &HeaderTree, parent: BlockId, params: &Params, parts: Parts) -> Block {
    let before = &tree[parent];
    let height = before.height + 1;
    let fees: Amount = parts.transactions.iter().map(|(_, fee)| *fee).sum();
    let coinbase = coinbase(height, params.block_subsidy(height) + fees, parts.script_pubkey);
    let time = min_time(tree, parent, params).max(parts.now).clamp(0, i64::from(u32::MAX)) as u32;
    let mut block = Block {
        header: Header {
            version: Version::from_consensus(parts.version),
            prev_blockhash: before.hash,
            merkle_root: TxMerkleNode::all_zeros(),
            time,
            bits: next_work_required(tree, parent, time, params),
            nonce: 0,
        },
        txdata: std::iter::once(coinbase).chain(parts.transactions.into_iter().map(|(tx, _)| tx)).collect(),
    };
    if params.active_at(Buried::Segwit, height) {
        add_witness_commitment(&mut block);
    }
    block.header.merkle_root = merkle_root(&txids(&block)).0;
    block
}

/// A coinbase for a block at this height (BIP34). Its lock time keeps it from being the coinbase of another height, and
/// is why its sequence is not final.
pub fn coinbase(height: u32, value: Amount, script_pubkey: ScriptBuf) -> Transaction {
    let mut script_sig = height_script(height).into_bytes();
    // A coinbase's script has at least two bytes, and the push of a small height only one.
    script_sig.push(0);
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::from_consensus(height.saturating_sub(1)),
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: ScriptBuf::from_bytes(script_sig),
            sequence: Sequence::ENABLE_LOCKTIME_NO_RBF,
            witness: Witness::new(),
        }],
        output: vec![TxOut { value, script_pubkey }],
    }
}

/// Adds an output to the coinbase that commits to the witnesses (BIP141), unless it has one, and gives the coinbase the
/// witness that the commitment asks for. The merkle root is left to the caller.
pub fn add_witness_commitment(block: &mut Block) {
    if witness_commitment_index(block).is_none() {
        let hash = commitment_hash(witness_merkle_root(block), &RESERVED);
        let script = [&WITNESS_COMMITMENT_HEADER[..], &hash].concat();
        let output = TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::from_bytes(script) };
        block.txdata[0].output.push(output);
    }
    add_coinbase_witness(block);
}

/// Gives the coinbase the witness that a commitment asks for, when there is a commitment and no witness yet: miners
/// leave it out (Core's `UpdateUncommittedBlockStructures`). Only for blocks at heights where segwit holds.
pub fn add_coinbase_witness(block: &mut Block) {
    let committed = witness_commitment_index(block).is_some();
    if let Some(input) = block.txdata.first_mut().and_then(|coinbase| coinbase.input.first_mut())
        && committed
        && input.witness.is_empty()
    {
        input.witness.push(RESERVED);
    }
}

/// Seeks a nonce that meets the target, from the one that the header has on. Whether there is one within so many
/// tries; on regtest every second nonce does.
pub fn solve(block: &mut Block, params: &Params, max_tries: u32) -> bool {
    for _ in 0..max_tries {
        if check_proof_of_work(&block.header, params).is_ok() {
            return true;
        }
        let Some(nonce) = block.header.nonce.checked_add(1) else { return false };
        block.header.nonce = nonce;
    }
    check_proof_of_work(&block.header, params).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coinbase_gets_its_witness_only_for_a_commitment() {
        let mut block = Params::regtest().genesis;
        add_coinbase_witness(&mut block);
        assert!(block.txdata[0].input[0].witness.is_empty());
        add_witness_commitment(&mut block);
        block.txdata[0].input[0].witness.clear();
        add_coinbase_witness(&mut block);
        assert_eq!(block.txdata[0].input[0].witness.nth(0), Some(&RESERVED[..]));
        add_coinbase_witness(&mut block);
        assert_eq!(block.txdata[0].input[0].witness.len(), 1);
        block.txdata.clear();
        add_coinbase_witness(&mut block);
    }
    use crate::block::{Finished, check_block, contextual_check_block};
    use crate::header::contextual_check_header;
    use crate::tree::Status;

    #[test]
    fn an_assembled_and_solved_block_obeys_all_rules_that_need_no_coins() {
        let params = Params::regtest();
        let mut tree = HeaderTree::default();
        let mut tip = tree.insert(params.genesis.header, Status::HEADER).unwrap();
        for _ in 0..20 {
            let now = i64::from(tree[tip].header.time);
            let script_pubkey = ScriptBuf::from_bytes(vec![0x51]);
            let parts = Parts { version: 0x2000_0000, script_pubkey, transactions: Vec::new(), now };
            let mut block = assemble(&tree, tip, &params, parts);
            assert!(solve(&mut block, &params, 1000));
            contextual_check_header(&block.header, &tree, tip, &params, now).unwrap();
            check_block(&block, &txids(&block), Finished::YES, &params, &pumasi_script::Interpreter::new()).unwrap();
            contextual_check_block(&block, &tree, tip, &params).unwrap();
            tip = tree.insert(block.header, Status::HEADER).unwrap();
        }
    }
}
