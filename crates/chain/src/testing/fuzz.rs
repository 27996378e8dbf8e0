//! What must hold for any bytes: the bodies of fuzz targets. They panic where it does not.

use bitcoin::consensus::encode::{deserialize_partial, serialize};
use bitcoin::{Amount, Block, OutPoint, Transaction, TxOut, Txid, hashes::Hash};
use pumasi_script::Interpreter;

use super::anyone_can_spend;
use crate::block::{
    Finished, SignetTxs, WITNESS_COMMITMENT_HEADER, check_block, check_merkle_root, contextual_check_block,
    is_block_mutated, txids,
};
use crate::coins::{Coin, CoinsCache};
use crate::connect::{Disconnected, Place, Scripts, connect_block, disconnect_block};
use crate::error::ChainError;
use crate::filter::block_filter;
use crate::mine::add_witness_commitment;
use crate::params::{MAX_MONEY, Params};
use crate::store::{IndexRecord, MemoryStore};
use crate::testing::BlockMaker;
use crate::transaction::{check_inputs, check_transaction, is_final, locks_open, sequence_locks};
use crate::undo::BlockUndo;

/// Coins that fuzzed transactions may spend.
const COINS: u32 = 16;

fn known_coin(n: u32) -> (OutPoint, Coin) {
    let output = TxOut { value: Amount::from_sat(u64::from(n) << (2 * n)), script_pubkey: anyone_can_spend(n) };
    (OutPoint::new(Txid::from_byte_array([9; 32]), n), Coin { output, height: n % 2, coinbase: n == 3 })
}

/// Leads inputs to coins that there are, or to the first output of the transaction before.
fn lead_to_coins(tx: &mut Transaction, before: Option<Txid>) {
    for input in tx.input.iter_mut().filter(|input| !input.previous_output.is_null()) {
        let vout = input.previous_output.vout;
        input.previous_output = match before {
            Some(txid) if vout % 8 == 7 => OutPoint::new(txid, 0),
            _ => known_coin(vout % COINS).0,
        };
    }
}

/// Commits to the witnesses as they are now.
fn commit_anew(block: &mut Block) {
    if let Some(coinbase) = block.txdata.first_mut().filter(|tx| tx.is_coinbase()) {
        coinbase.output.retain(|output| !output.script_pubkey.as_bytes().starts_with(&WITNESS_COMMITMENT_HEADER));
        coinbase.input[0].witness.clear();
        add_witness_commitment(block);
    }
}

/// A block: the rules that need no coins; then, with inputs led to coins that there are, connecting and taking back,
/// which leaves the coins as they were. Whether the block could be connected.
pub fn block(data: &[u8]) -> bool {
    let Ok((mut block, _)) = deserialize_partial::<Block>(data) else { return false };
    let (params, verifier) = (Params::regtest(), Interpreter::new());
    let maker = BlockMaker::new(&params);
    let merkle_fits = check_merkle_root(&block, &txids(&block)).is_ok();
    assert!(merkle_fits || is_block_mutated(&block, true));
    let checked = check_block(&block, &txids(&block), Finished::YES, &params, &verifier);
    assert!(checked.is_err() || merkle_fits);
    if let Some(challenge) = Params::signet().signet_challenge {
        SignetTxs::new(&block, &challenge);
    }

    if checked.is_ok() {
        let context = contextual_check_block(&block, maker.tree(), maker.genesis(), &params);
        assert!(context.is_err() || !is_block_mutated(&block, true));
    }

    let mut before = None;
    for tx in &mut block.txdata {
        lead_to_coins(tx, before);
        before = Some(tx.compute_txid()).filter(|_| !tx.is_coinbase());
    }
    commit_anew(&mut block);
    let txids = txids(&block);
    let unfinished = Finished { pow: false, merkle_root: false };
    let obeys = check_block(&block, &txids, unfinished, &params, &verifier).is_ok();
    if !obeys || contextual_check_block(&block, maker.tree(), maker.genesis(), &params).is_err() {
        return false;
    }
    let below = MemoryStore::default();
    let mut coins = CoinsCache::new([0, 0]);
    (0..COINS).map(known_coin).for_each(|(outpoint, coin)| coins.add(outpoint, coin, true));
    let place = Place { tree: maker.tree(), parent: maker.genesis(), hash: block.block_hash() };
    let undo = match connect_block(&block, &txids, place, &params, (&mut coins, &below), Scripts::Assume) {
        Ok(undo) => undo,
        Err(ChainError::Invalid(_)) => return false,
        Err(ChainError::Store(error)) => panic!("a store in memory does not fail: {error}"),
    };
    let bytes = undo.encode();
    let read = BlockUndo::decode(&bytes).expect("what was written can be read");
    assert_eq!(read, undo);
    block_filter(&block, &undo).expect("the undo data is that of the block");
    let done = disconnect_block(&block, &txids, undo, place, (&mut coins, &below)).expect("it was connected");
    assert_eq!(done, Disconnected::Clean);
    for (outpoint, coin) in (0..COINS).map(known_coin) {
        assert_eq!(coins.peek(&outpoint), Some(&coin));
    }
    assert_eq!(coins.changes().iter().filter(|(_, coin)| coin.is_some()).count(), COINS as usize);
    true
}

/// A transaction: the rules by itself, its locks, and what it may spend.
pub fn transaction(data: &[u8]) {
    let Ok((mut tx, _)) = deserialize_partial::<Transaction>(data) else { return };
    let maker = BlockMaker::new(&Params::regtest());
    if check_transaction(&tx).is_err() {
        return;
    }
    let value_out: u64 = tx.output.iter().map(|output| output.value.to_sat()).sum();
    assert!(value_out <= MAX_MONEY && !tx.input.is_empty() && !tx.output.is_empty());
    is_final(&tx, 100, 1_300_000_000);
    lead_to_coins(&mut tx, None);
    let coins: Vec<Coin> = tx.input.iter().map(|input| known_coin(input.previous_output.vout % COINS).1).collect();
    let locks = sequence_locks(&tx, coins.iter().map(|coin| coin.height), maker.tree(), maker.genesis());
    locks_open(locks, maker.tree(), maker.genesis());
    if let Ok(fee) = check_inputs(&tx, &coins, 100) {
        let value_in: u64 = coins.iter().map(|coin| coin.output.value.to_sat()).sum();
        assert_eq!(value_in, value_out + fee.to_sat());
    }
}

/// What the store gives back: coins, undo data, index records. What can be read is written and read the same.
pub fn records(data: &[u8]) {
    let mut bytes = Vec::new();
    if let Ok(coin) = Coin::decode(data) {
        coin.encode(&mut bytes);
        assert_eq!(Coin::decode(&bytes).expect("what was written can be read"), coin);
    }
    if let Ok(undo) = BlockUndo::decode(data) {
        assert_eq!(BlockUndo::decode(&undo.encode()).expect("what was written can be read"), undo);
    }
    if let Ok(record) = IndexRecord::decode(data) {
        assert_eq!(IndexRecord::decode(&record.encode()).expect("what was written can be read"), record);
        assert_eq!(serialize(&record.header), data[data.len() - 80..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Status;
    use crate::testing::spend;

    /// A block that connects: it spends two of the coins, and an output of its own.
    fn example() -> Vec<u8> {
        let params = Params::regtest();
        let mut maker = BlockMaker::new(&params);
        let coins = [5, 6].map(known_coin).map(|(outpoint, coin)| (outpoint, coin.output.value));
        let first = spend(&coins, 2, Amount::ZERO, 1);
        // Led to the first output of the first.
        let second = spend(&[(known_coin(7).0, first.output[0].value)], 1, Amount::ZERO, 2);
        let (_, block) = maker.make(maker.genesis(), vec![(first, Amount::ZERO), (second, Amount::ZERO)]);
        serialize(&*block)
    }

    fn changed(mut bytes: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = *value;
        }
        bytes
    }

    fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
        proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4)
    }

    #[test]
    fn the_example_connects() {
        assert!(block(&example()));
    }

    proptest! {
        #[test]
        fn a_changed_block_breaks_nothing(changes in changes()) {
            block(&changed(example(), &changes));
        }

        #[test]
        fn a_changed_transaction_breaks_nothing(changes in changes(), inputs in 1u32..6) {
            let coins: Vec<_> = (0..inputs).map(|n| (known_coin(n).0, Amount::from_sat(1000))).collect();
            transaction(&changed(serialize(&spend(&coins, 3, Amount::ZERO, 1)), &changes));
        }

        #[test]
        fn changed_records_break_nothing(changes in changes(), n in 0..COINS, pick in 0..3) {
            let (_, coin) = known_coin(n);
            let mut bytes = Vec::new();
            match pick {
                0 => coin.encode(&mut bytes),
                1 => bytes = BlockUndo { transactions: vec![vec![coin; 3]; 2] }.encode(),
                _ => {
                    let header = Params::regtest().genesis.header;
                    bytes = IndexRecord { header, status: Status::HEADER, tx_count: n }.encode();
                }
            }
            records(&changed(bytes, &changes));
        }
    }
}
