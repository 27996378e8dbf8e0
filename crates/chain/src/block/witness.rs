//! The commitment to the witnesses (BIP141).

use bitcoin::hashes::{Hash, HashEngine, sha256d};
use bitcoin::{Block, WitnessMerkleNode};

use super::merkle::witness_merkle_root;
use crate::error::BlockError;

/// How the script of the coinbase output begins that holds the commitment: OP_RETURN, 36 bytes, a tag.
pub const WITNESS_COMMITMENT_HEADER: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
/// Fewest bytes of a script that holds a commitment.
const COMMITMENT_SIZE: usize = 38;

/// Which output of the coinbase holds the commitment: the last that has its form.
pub fn witness_commitment_index(block: &Block) -> Option<usize> {
    block.txdata.first()?.output.iter().rposition(|output| {
        let script = output.script_pubkey.as_bytes();
        script.len() >= COMMITMENT_SIZE && script.starts_with(&WITNESS_COMMITMENT_HEADER)
    })
}

/// What the coinbase commits to: the witness root together with the value that the coinbase's witness reserves.
pub fn commitment_hash(root: WitnessMerkleNode, reserved: &[u8]) -> [u8; 32] {
    let mut engine = sha256d::Hash::engine();
    engine.input(root.as_byte_array());
    engine.input(reserved);
    sha256d::Hash::from_engine(engine).to_byte_array()
}

/// The witnesses are those that the coinbase commits to; without a commitment (or before segwit) there are none.
pub(super) fn check_witness_malleation(block: &Block, expect_commitment: bool) -> Result<(), BlockError> {
    match witness_commitment_index(block).filter(|_| expect_commitment) {
        Some(index) => check_commitment(block, index),
        None => check_no_witness(block),
    }
}

fn check_commitment(block: &Block, index: usize) -> Result<(), BlockError> {
    let coinbase = &block.txdata[0];
    let witness = coinbase.input.first().map(|input| &input.witness);
    let reserved = witness.filter(|witness| witness.len() == 1).and_then(|witness| witness.nth(0));
    let Some(reserved) = reserved.filter(|reserved| reserved.len() == 32) else {
        let debug = "CheckWitnessMalleation : invalid witness reserved value size";
        return Err(BlockError::mutated("bad-witness-nonce-size", debug));
    };
    let committed = &coinbase.output[index].script_pubkey.as_bytes()[6..COMMITMENT_SIZE];
    if commitment_hash(witness_merkle_root(block), reserved) != committed {
        let debug = "CheckWitnessMalleation : witness merkle commitment mismatch";
        return Err(BlockError::mutated("bad-witness-merkle-match", debug));
    }
    Ok(())
}

fn check_no_witness(block: &Block) -> Result<(), BlockError> {
    let has_witness = block.txdata.iter().flat_map(|tx| &tx.input).any(|input| !input.witness.is_empty());
    if has_witness {
        let debug = "CheckWitnessMalleation : unexpected witness data found";
        return Err(BlockError::mutated("unexpected-witness", debug));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bitcoin::{Amount, ScriptBuf, TxOut, Witness};

    use super::*;
    use crate::{Params, mine};

    fn reason(block: &Block, expect: bool) -> String {
        check_witness_malleation(block, expect).map_or_else(|error| error.reason().to_owned(), |()| "ok".to_owned())
    }

    fn committed() -> Block {
        let mut block = Params::regtest().genesis;
        let mut second = block.txdata[0].clone();
        second.input[0].witness.push([7]);
        block.txdata.push(second);
        mine::add_witness_commitment(&mut block);
        block
    }

    #[test]
    fn a_commitment_fits_the_witnesses() {
        let mut block = committed();
        assert_eq!(reason(&block, true), "ok");
        block.txdata[1].input[0].witness.push([8]);
        assert_eq!(reason(&block, true), "bad-witness-merkle-match");
    }

    #[test]
    fn the_reserved_value_is_one_item_of_32_bytes() {
        for witness in [vec![], vec![vec![0; 31]], vec![vec![0; 33]], vec![vec![0; 32], vec![0; 32]]] {
            let mut block = committed();
            block.txdata[0].input[0].witness = Witness::from_slice(&witness);
            assert_eq!(reason(&block, true), "bad-witness-nonce-size");
        }
    }

    #[test]
    fn without_commitment_there_are_no_witnesses() {
        let block = committed();
        assert_eq!(reason(&block, false), "unexpected-witness");
        let mut bare = Params::regtest().genesis;
        assert_eq!(reason(&bare, true), "ok");
        bare.txdata[0].input[0].witness.push([1]);
        assert_eq!(reason(&bare, true), "unexpected-witness");
    }

    #[test]
    fn the_last_commitment_counts() {
        let mut block = committed();
        let first = witness_commitment_index(&block).unwrap();
        let script = ScriptBuf::from_bytes([&WITNESS_COMMITMENT_HEADER[..], &[1; 32]].concat());
        block.txdata[0].output.push(TxOut { value: Amount::ZERO, script_pubkey: script });
        assert_eq!(witness_commitment_index(&block), Some(first + 1));
        block.txdata[0].output.last_mut().unwrap().script_pubkey =
            ScriptBuf::from_bytes(WITNESS_COMMITMENT_HEADER.to_vec());
        assert_eq!(witness_commitment_index(&block), Some(first), "too short to be one");
    }
}
