//! Bitcoin Core's vectors, against the rules that need no coins.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Block, Transaction};
use pumasi_chain::Params;
use pumasi_chain::block::{Finished, check_block, is_block_mutated, txids};
use pumasi_chain::transaction::check_transaction;
use pumasi_script::Interpreter;
use serde_json::Value;

/// The transactions of a file of vectors, with their flags. Lines of one string are comments.
fn transactions(json: &str) -> Vec<(Transaction, String)> {
    let lines: Vec<Vec<Value>> = serde_json::from_str(json).unwrap();
    let vectors = lines.iter().filter(|line| line.len() == 3);
    vectors
        .map(|line| {
            let tx = deserialize_hex(line[1].as_str().unwrap()).unwrap();
            (tx, line[2].as_str().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn valid_transactions_pass() {
    let vectors = transactions(include_str!("../../script/tests/vectors/tx_valid.json"));
    for (tx, _) in &vectors {
        assert_eq!(check_transaction(tx), Ok(()), "{}", tx.compute_txid());
    }
    println!("{} valid transactions", vectors.len());
    assert_eq!(vectors.len(), 121);
}

#[test]
fn exactly_those_transactions_fail_that_are_bad_by_themselves() {
    let vectors = transactions(include_str!("../../script/tests/vectors/tx_invalid.json"));
    let mut bad = 0;
    for (tx, flags) in &vectors {
        assert_eq!(check_transaction(tx).is_err(), flags == "BADTX", "{} {flags}", tx.compute_txid());
        bad += usize::from(flags == "BADTX");
    }
    println!("{} invalid transactions, {bad} of them by themselves", vectors.len());
    assert_eq!(vectors.len(), 93);
    assert!(bad > 5);
}

/// The blocks of testnet in the vectors of BIP158. Their targets are below the limit of the main network too.
#[test]
fn real_blocks_pass_and_changed_ones_are_mutated() {
    let lines: Vec<Vec<Value>> = serde_json::from_str(include_str!("vectors/blockfilters.json")).unwrap();
    let mut count = 0;
    for line in lines.iter().filter(|line| line.len() > 1) {
        let mut block: Block = deserialize_hex(line[2].as_str().unwrap()).unwrap();
        let check =
            |block: &Block| check_block(block, &txids(block), Finished::YES, &Params::main(), &Interpreter::new());
        assert_eq!(check(&block), Ok(()), "block {}", line[0]);
        let segwit = line[0].as_u64().unwrap() >= 834_624;
        assert!(!is_block_mutated(&block, segwit), "block {}", line[0]);
        block.txdata[0].lock_time = bitcoin::absolute::LockTime::from_consensus(1);
        assert_eq!(check(&block).unwrap_err().reason(), "bad-txnmrklroot");
        assert!(is_block_mutated(&block, segwit));
        count += 1;
    }
    println!("{count} real blocks");
    assert_eq!(count, 10);
}
