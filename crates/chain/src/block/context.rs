//! Rules of blocks that need the headers before.

use bitcoin::{Block, ScriptBuf};

use super::witness::check_witness_malleation;
use crate::error::BlockError;
use crate::params::{Buried, MAX_BLOCK_WEIGHT, Params};
use crate::transaction::is_final;
use crate::tree::{BlockId, HeaderTree};

/// The rules of a block as the child of `parent`, in Core's order; [`super::check_block`] comes before.
///
/// # Errors
/// The reject reason of the first rule that is broken.
pub fn contextual_check_block(
    block: &Block,
    tree: &HeaderTree,
    parent: BlockId,
    params: &Params,
) -> Result<(), BlockError> {
    let height = tree[parent].height + 1;
    // BIP113: time is what the parents say, not what this miner says.
    let median = params.active_at(Buried::Csv, height).then(|| tree.median_time_past(parent));
    check_final(block, height, median.unwrap_or(block.header.time))?;
    if params.active_at(Buried::HeightInCoinbase, height) {
        check_coinbase_height(block, height)?;
    }
    check_witness_malleation(block, params.active_at(Buried::Segwit, height))?;
    // Only after the commitment: before, a peer could have stuffed the coinbase's witness.
    check_weight(block)
}

/// The lock times of all transactions are open.
fn check_final(block: &Block, height: u32, cutoff: u32) -> Result<(), BlockError> {
    if block.txdata.iter().all(|tx| is_final(tx, height, cutoff)) {
        Ok(())
    } else {
        Err(BlockError::consensus("bad-txns-nonfinal", "non-final transaction"))
    }
}

/// The coinbase's script starts with the height (BIP34).
fn check_coinbase_height(block: &Block, height: u32) -> Result<(), BlockError> {
    let script = &block.txdata[0].input[0].script_sig;
    if script.as_bytes().starts_with(height_script(height).as_bytes()) {
        Ok(())
    } else {
        Err(BlockError::consensus("bad-cb-height", "block height mismatch in coinbase"))
    }
}

/// The height as a script that pushes it, in its one form.
pub fn height_script(height: u32) -> ScriptBuf {
    ScriptBuf::builder().push_int(i64::from(height)).into_script()
}

/// The block weighs at most four million units.
fn check_weight(block: &Block) -> Result<(), BlockError> {
    if block.weight().to_wu() > MAX_BLOCK_WEIGHT {
        return Err(BlockError::consensus("bad-blk-weight", "ContextualCheckBlock : weight limit failed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bitcoin::{Sequence, absolute::LockTime};

    use super::*;
    use crate::tree::Status;
    use crate::{Params, mine};

    /// A tree of one block, and a child that claims height 1.
    fn child(params: &Params) -> (HeaderTree, BlockId, Block) {
        let mut tree = HeaderTree::default();
        let genesis = tree.insert(params.genesis.header, Status::HEADER).unwrap();
        let mut block = params.genesis.clone();
        block.header.prev_blockhash = params.genesis_hash();
        block.header.time += 600;
        block.txdata[0].input[0].script_sig = ScriptBuf::from_bytes(vec![0x51, 0]);
        (tree, genesis, block)
    }

    fn reason(params: &Params, change: impl FnOnce(&mut Block)) -> String {
        let (tree, genesis, mut block) = child(params);
        change(&mut block);
        contextual_check_block(&block, &tree, genesis, params)
            .map_or_else(|error| error.reason().to_owned(), |()| "ok".to_owned())
    }

    fn lock(time: u32) -> impl FnOnce(&mut Block) {
        move |block| {
            block.txdata[0].lock_time = LockTime::from_consensus(time);
            block.txdata[0].input[0].sequence = Sequence::ZERO;
        }
    }

    #[test]
    fn lock_times_are_open_by_the_median_of_the_parents_from_csv_on() {
        let mut params = Params::regtest();
        let time = params.genesis.header.time;
        assert_eq!(reason(&params, lock(time - 1)), "ok");
        assert_eq!(reason(&params, lock(time)), "bad-txns-nonfinal");
        params.csv_height = 2;
        assert_eq!(reason(&params, lock(time)), "ok");
        assert_eq!(reason(&params, lock(time + 599)), "ok");
        assert_eq!(reason(&params, lock(time + 600)), "bad-txns-nonfinal");
    }

    #[test]
    fn the_coinbase_starts_with_the_height_from_bip34_on() {
        let mut params = Params::regtest();
        let wrong = |block: &mut Block| block.txdata[0].input[0].script_sig = ScriptBuf::from_bytes(vec![1, 1, 0]);
        assert_eq!(reason(&params, |_| ()), "ok");
        assert_eq!(reason(&params, wrong), "bad-cb-height");
        params.bip34_height = 2;
        assert_eq!(reason(&params, wrong), "ok");
    }

    #[test]
    fn heights_have_one_form() {
        for (height, hex) in [(0, "00"), (1, "51"), (16, "60"), (17, "0111"), (128, "028000"), (800_000, "0300350c")] {
            assert_eq!(hex::encode(height_script(height).as_bytes()), hex);
        }
    }

    #[test]
    fn the_weight_counts_witnesses() {
        let params = Params::regtest();
        let stuffed = |size: usize| {
            move |block: &mut Block| {
                let mut second = block.txdata[0].clone();
                second.input[0].witness.push(vec![0; size]);
                block.txdata.push(second);
                mine::add_witness_commitment(block);
            }
        };
        let (_, _, mut block) = child(&params);
        stuffed(100_000)(&mut block);
        let room = (MAX_BLOCK_WEIGHT - block.weight().to_wu()) as usize + 100_000;
        assert_eq!(reason(&params, stuffed(room)), "ok");
        assert_eq!(reason(&params, stuffed(room + 1)), "bad-blk-weight");
    }
}
