//! Compact filters of blocks (BIP158), for light nodes.

use bitcoin::bip158::{BlockFilter, Error, FilterHeader};
use bitcoin::hashes::Hash;
use bitcoin::{Block, OutPoint, Script};
use std::collections::HashMap;

use crate::hasher::HashKeyed;
use crate::undo::BlockUndo;

/// The header before the first filter.
pub fn first_previous_header() -> FilterHeader {
    FilterHeader::all_zeros()
}

/// The basic filter of a block, from the block and the coins that it spent.
///
/// # Errors
/// When the undo data is not that of the block.
pub fn block_filter(block: &Block, undo: &BlockUndo) -> Result<BlockFilter, Error> {
    let inputs = block.txdata.iter().skip(1).flat_map(|tx| &tx.input).map(|input| input.previous_output);
    let coins = undo.transactions.iter().flatten().map(|coin| coin.output.script_pubkey.as_script());
    let spent: HashMap<OutPoint, &Script, HashKeyed> = inputs.zip(coins).collect();
    BlockFilter::new_script_filter(block, |outpoint| spent.get(outpoint).copied().ok_or(Error::UtxoMissing(*outpoint)))
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::deserialize_hex;
    use bitcoin::{Amount, ScriptBuf, TxOut};

    use super::*;
    use crate::coins::Coin;

    /// Core's `blockfilters.json` (from BIP158): blocks of testnet with their spent scripts, filters and headers.
    #[test]
    fn filters_are_those_of_the_vectors() {
        let vectors: Vec<Vec<serde_json::Value>> =
            serde_json::from_str(include_str!("../tests/vectors/blockfilters.json")).unwrap();
        let mut count = 0;
        for vector in vectors.iter().filter(|vector| vector.len() > 1) {
            let text = |i: usize| vector[i].as_str().unwrap();
            let block: Block = deserialize_hex(text(2)).unwrap();
            assert_eq!(block.block_hash().to_string(), text(1));
            let mut scripts = vector[3].as_array().unwrap().iter();
            let transactions = block.txdata[1..]
                .iter()
                .map(|tx| {
                    let spent = scripts.by_ref().take(tx.input.len());
                    spent
                        .map(|hex| Coin {
                            output: TxOut {
                                value: Amount::ZERO,
                                script_pubkey: ScriptBuf::from_hex(hex.as_str().unwrap()).unwrap(),
                            },
                            height: 1,
                            coinbase: false,
                        })
                        .collect()
                })
                .collect();
            let filter = block_filter(&block, &BlockUndo { transactions }).unwrap();
            assert_eq!(hex::encode(&filter.content), text(5), "block {}", vector[0]);
            let previous: FilterHeader = text(4).parse().unwrap();
            assert_eq!(filter.filter_header(&previous).to_string(), text(6));
            count += 1;
        }
        println!("{count} block filters");
        assert_eq!(count, 10);
    }

    #[test]
    fn missing_coins_are_an_error() {
        let mut block = crate::Params::regtest().genesis;
        assert!(block_filter(&block, &BlockUndo::default()).is_ok());
        let mut spender = block.txdata[0].clone();
        spender.input[0].previous_output = OutPoint::new(block.txdata[0].compute_txid(), 0);
        block.txdata.push(spender);
        assert!(block_filter(&block, &BlockUndo::default()).is_err());
    }
}
