//! Rules of blocks that need no coins.
//!
//! - [`check_block`]: what needs no context. What a peer could have changed without changing the hash comes first.
//! - [`contextual_check_block`]: what needs the headers before.
//! - [`is_block_mutated`]: whether a body fits its header, cheaply, before anything else is done with it.

mod context;
mod merkle;
mod signet;
mod witness;

use bitcoin::{Block, Txid, VarInt};
use pumasi_script::{ScriptVerifier, transaction_legacy_sigops};

use crate::error::BlockError;
use crate::params::{MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT, Params, WITNESS_SCALE_FACTOR};
use crate::pow::check_proof_of_work;
use crate::transaction::check_transaction;

pub use context::{contextual_check_block, height_script};
pub use merkle::{check_merkle_root, merkle_root, witness_merkle_root};
pub use signet::{SignetTxs, check_signet_solution};
pub use witness::{WITNESS_COMMITMENT_HEADER, commitment_hash, witness_commitment_index};

/// Bytes of a header.
const HEADER_SIZE: u64 = 80;
/// Size of a transaction that could be an inner node of a merkle tree.
const NODE_SIZE: usize = 64;

/// Which of the checks that a miner's unfinished block cannot pass are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Proof of work, and the signature on signet.
    pub pow: bool,
    /// Merkle root.
    pub merkle_root: bool,
}

impl Finished {
    /// A block as it comes from the network.
    pub const YES: Self = Self { pow: true, merkle_root: true };
}

/// The hashes of a block's transactions.
pub fn txids(block: &Block) -> Vec<Txid> {
    block.txdata.iter().map(bitcoin::Transaction::compute_txid).collect()
}

/// The rules that a block obeys by itself, in Core's order. `txids` are those of its transactions.
///
/// # Errors
/// The reject reason of the first rule that is broken.
pub fn check_block(
    block: &Block,
    txids: &[Txid],
    finished: Finished,
    params: &Params,
    verifier: &dyn ScriptVerifier,
) -> Result<(), BlockError> {
    if finished.pow {
        check_proof_of_work(&block.header, params)?;
        check_signet_solution(block, params, verifier)?;
    }
    if finished.merkle_root {
        check_merkle_root(block, txids)?;
    }
    // Only now is it sure that this is the body that the header's miner meant: what fails from here on is the block.
    check_length(block)?;
    check_coinbase_position(block)?;
    for (tx, txid) in block.txdata.iter().zip(txids) {
        check_transaction(tx).map_err(|error| error.in_checked_block(txid))?;
    }
    check_legacy_sigops(block)
}

/// The block has transactions, and without witnesses is at most a million bytes.
fn check_length(block: &Block) -> Result<(), BlockError> {
    let count = block.txdata.len() as u64;
    let too_long = |size: u64| size * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT;
    if count == 0 || too_long(count) || too_long(base_size(block)) {
        return Err(BlockError::consensus("bad-blk-length", "size limits failed"));
    }
    Ok(())
}

/// Bytes of a block without witnesses.
fn base_size(block: &Block) -> u64 {
    let count = VarInt::from(block.txdata.len()).size() as u64;
    HEADER_SIZE + count + block.txdata.iter().map(|tx| tx.base_size() as u64).sum::<u64>()
}

/// The first transaction is a coinbase, and no other.
fn check_coinbase_position(block: &Block) -> Result<(), BlockError> {
    let [first, others @ ..] = &block.txdata[..] else {
        return Err(BlockError::consensus("bad-cb-missing", "first tx is not coinbase"));
    };
    if !first.is_coinbase() {
        return Err(BlockError::consensus("bad-cb-missing", "first tx is not coinbase"));
    }
    if others.iter().any(bitcoin::Transaction::is_coinbase) {
        return Err(BlockError::consensus("bad-cb-multiple", "more than one coinbase"));
    }
    Ok(())
}

/// Signature operations that need no coins to be counted stay within the limit.
fn check_legacy_sigops(block: &Block) -> Result<(), BlockError> {
    let sigops: u64 = block.txdata.iter().map(transaction_legacy_sigops).sum();
    if sigops * WITNESS_SCALE_FACTOR > MAX_BLOCK_SIGOPS_COST {
        return Err(BlockError::consensus("bad-blk-sigops", "out-of-bounds SigOpCount"));
    }
    Ok(())
}

/// Whether the body is not what the header commits to, so that another body may be. Says nothing about the header.
/// With `check_witness_root` the witnesses are compared with their commitment as well, as segwit asks.
pub fn is_block_mutated(block: &Block, check_witness_root: bool) -> bool {
    check_not_mutated(block, check_witness_root).is_err()
}

/// [`is_block_mutated`], with the reason.
///
/// # Errors
/// Why the body is not what the header commits to.
pub fn check_not_mutated(block: &Block, check_witness_root: bool) -> Result<(), BlockError> {
    check_merkle_root(block, &txids(block))?;
    if !block.txdata.first().is_some_and(bitcoin::Transaction::is_coinbase) {
        // Invalid anyway; but a transaction of 64 bytes may stand for a node of the tree, so that the true body has
        // other transactions.
        if block.txdata.iter().any(|tx| tx.base_size() == NODE_SIZE) {
            return Err(BlockError::mutated("bad-txns-duplicate", "a transaction may be a node of the merkle tree"));
        }
        return Ok(());
    }
    witness::check_witness_malleation(block, check_witness_root)
}

#[cfg(test)]
mod tests {
    use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, hashes::Hash};
    use pumasi_script::Interpreter;

    use super::*;
    use crate::mine;

    /// A block with a coinbase and `n` other transactions, solved.
    fn block(params: &Params, n: u32) -> Block {
        let spend = |i| Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: vec![TxIn { previous_output: OutPoint::new(Txid::from_byte_array([9; 32]), i), ..TxIn::default() }],
            output: vec![TxOut { value: Amount::from_sat(1), script_pubkey: ScriptBuf::from_bytes(vec![0x51; 20]) }],
        };
        let mut block = params.genesis.clone();
        block.txdata.extend((0..n).map(spend));
        finish(&mut block, params);
        block
    }

    fn finish(block: &mut Block, params: &Params) {
        block.header.merkle_root = merkle_root(&txids(block)).0;
        assert!(mine::solve(block, params, u32::MAX));
    }

    fn check(block: &Block, params: &Params) -> String {
        check_block(block, &txids(block), Finished::YES, params, &Interpreter::new())
            .map_or_else(|error| error.reason().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn proof_of_work_is_checked_first_unless_the_block_is_unfinished() {
        let params = Params::regtest();
        let mut block = block(&params, 1);
        assert_eq!(check(&block, &params), "ok");
        while check_proof_of_work(&block.header, &params).is_ok() {
            block.header.nonce += 1;
        }
        block.txdata[1].output.clear();
        assert_eq!(check(&block, &params), "high-hash");
        let unfinished = Finished { pow: false, merkle_root: false };
        let error = check_block(&block, &txids(&block), unfinished, &params, &Interpreter::new()).unwrap_err();
        assert_eq!(error.reason(), "bad-txns-vout-empty");
    }

    #[test]
    fn another_body_is_mutated_before_it_is_invalid() {
        let params = Params::regtest();
        let mut block = block(&params, 2);
        block.txdata.push(block.txdata[2].clone());
        block.txdata[1].output.clear();
        assert_eq!(check(&block, &params), "bad-txnmrklroot");
    }

    #[test]
    fn length_counts_without_witnesses() {
        let params = Params::regtest();
        let mut block = block(&params, 1);
        let spare = 1_000_000 - base_size(&block) as usize + 20 - 4;
        block.txdata[1].output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; spare]);
        block.txdata[1].input[0].witness.push([0; 100]);
        assert_eq!(base_size(&block), 1_000_000);
        finish(&mut block, &params);
        assert_eq!(check(&block, &params), "ok");
        block.txdata[1].output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; spare + 1]);
        finish(&mut block, &params);
        assert_eq!(check(&block, &params), "bad-blk-length");
        block.txdata.clear();
        assert!(check_length(&block).is_err());
    }

    #[test]
    fn the_coinbase_is_first_and_alone() {
        let params = Params::regtest();
        let mut block = block(&params, 2);
        block.txdata.remove(0);
        finish(&mut block, &params);
        assert_eq!(check(&block, &params), "bad-cb-missing");
        block.txdata = vec![params.genesis.txdata[0].clone(), block.txdata[0].clone()];
        let mut second = params.genesis.txdata[0].clone();
        second.output[0].value = Amount::from_sat(1);
        block.txdata.push(second);
        finish(&mut block, &params);
        assert_eq!(check(&block, &params), "bad-cb-multiple");
    }

    #[test]
    fn a_bad_transaction_is_named() {
        let params = Params::regtest();
        let mut block = block(&params, 2);
        let input = block.txdata[2].input[0].clone();
        block.txdata[2].input.push(input);
        finish(&mut block, &params);
        let error = check_block(&block, &txids(&block), Finished::YES, &params, &Interpreter::new()).unwrap_err();
        let txid = block.txdata[2].compute_txid();
        assert_eq!(error.to_string(), format!("bad-txns-inputs-duplicate, Transaction check failed (tx hash {txid}) "));
    }

    #[test]
    fn legacy_sigops_are_at_most_twenty_thousand() {
        let params = Params::regtest();
        let mut block = block(&params, 1);
        // The genesis coinbase has one itself.
        for (count, expected) in [(19_999, "ok"), (20_000, "bad-blk-sigops")] {
            block.txdata[1].output[0].script_pubkey = ScriptBuf::from_bytes(vec![0xac; count]);
            finish(&mut block, &params);
            assert_eq!(check(&block, &params), expected);
        }
    }

    #[test]
    fn a_block_without_coinbase_is_mutated_when_a_transaction_could_be_a_node() {
        let params = Params::regtest();
        let mut block = block(&params, 2);
        block.txdata.remove(0);
        finish(&mut block, &params);
        assert!(!is_block_mutated(&block, true));
        let spare = 20 + NODE_SIZE - block.txdata[0].base_size();
        block.txdata[0].output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x51; spare]);
        finish(&mut block, &params);
        assert_eq!(block.txdata[0].base_size(), 64);
        assert!(is_block_mutated(&block, true));
    }
}
