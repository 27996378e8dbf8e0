//! The fifteen steps of a transaction, one test each.

use std::sync::Arc;

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, Witness};
use pumasi_chain::TxResult;
use pumasi_mempool::{ChainContext, Event};

use crate::chain::{NOW, SUBSIDY, Spend, TestChain, Utxo, accept, anyone, reason, setup, spend};
use pumasi_script::CacheUse;

#[test]
fn step_01_a_transaction_is_received_under_both_its_ids() {
    let (mut pool, mut chain) = setup();
    let tx = spend(&[chain.fund()], 1, 1000);
    let accepted = accept(&mut pool, &chain, &tx).unwrap();
    assert_eq!((accepted.txid, accepted.wtxid), (tx.compute_txid(), tx.compute_wtxid()));
    assert_ne!(accepted.txid.to_string(), accepted.wtxid.to_string());
    assert!(pool.contains(&accepted.txid) && pool.contains_wtxid(&accepted.wtxid));
}

#[test]
fn step_02_the_structure_is_that_of_a_loose_transaction() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let mut twice = Spend::new(&[coin, coin], 1, 1000).build();
    assert_eq!(reason(&mut pool, &chain, &Arc::new(twice.clone())), "bad-txns-inputs-duplicate");
    twice.input[1].previous_output = OutPoint::null();
    assert_eq!(reason(&mut pool, &chain, &Arc::new(twice)), "bad-txns-prevout-null");
    let coinbase = chain.connect(&[]).remove(0);
    assert_eq!(reason(&mut pool, &chain, &Arc::new(coinbase)), "coinbase");
}

#[test]
fn step_03_inputs_and_outputs_are_present() {
    let (mut pool, mut chain) = setup();
    let mut tx = Spend::new(&[chain.fund()], 1, 1000).build();
    let output = std::mem::take(&mut tx.output);
    assert_eq!(reason(&mut pool, &chain, &Arc::new(tx.clone())), "bad-txns-vout-empty");
    tx.input.clear();
    tx.output = output;
    assert_eq!(reason(&mut pool, &chain, &Arc::new(tx)), "bad-txns-vin-empty");
}

#[test]
fn step_04_the_size_is_bounded() {
    let (mut pool, mut chain) = setup();
    let mut tx = Spend::new(&[chain.fund()], 1, 1000).build();
    tx.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x6a; 1_000_000]);
    assert_eq!(reason(&mut pool, &chain, &Arc::new(tx)), "bad-txns-oversize");
    let standard = Spend::new(&[chain.fund()], 1, 1000).vsize(50_100).0;
    let mut large = standard.clone();
    large.output.push(standard.output[1].clone());
    assert_eq!(reason(&mut pool, &chain, &Arc::new(large)), "tx-size");
}

#[test]
fn step_05_output_values_stay_below_21_million_bitcoin() {
    let (mut pool, mut chain) = setup();
    let mut tx = Spend::new(&[chain.fund()], 2, 1000).build();
    tx.output[0].value = Amount::from_sat(21_000_000 * 100_000_000 + 1);
    assert_eq!(reason(&mut pool, &chain, &Arc::new(tx.clone())), "bad-txns-vout-toolarge");
    tx.output[0].value = Amount::from_sat(21_000_000 * 100_000_000);
    assert_eq!(reason(&mut pool, &chain, &Arc::new(tx)), "bad-txns-txouttotal-toolarge");
}

#[test]
fn step_06_a_transaction_enters_the_mempool_once() {
    let (mut pool, mut chain) = setup();
    let tx = spend(&[chain.fund()], 1, 1000);
    accept(&mut pool, &chain, &tx).unwrap();
    assert_eq!(reason(&mut pool, &chain, &tx), "txn-already-in-mempool");
    let mut other = Arc::unwrap_or_clone(tx);
    other.input[0].witness.push([0x51]);
    assert_eq!(reason(&mut pool, &chain, &Arc::new(other)), "txn-same-nonwitness-data-in-mempool");
    assert_eq!(pool.len(), 1);
}

#[test]
fn step_07_a_confirmed_transaction_does_not_wait_again() {
    let (mut pool, mut chain) = setup();
    let tx = spend(&[chain.fund()], 1, 1000);
    chain.connect(&[Arc::clone(&tx)]);
    let rejected = accept(&mut pool, &chain, &tx).unwrap_err();
    assert_eq!((rejected.kind, &*rejected.reason), (TxResult::Conflict, "txn-already-known"));
}

#[test]
fn step_08_no_output_is_spent_twice() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let first = spend(&[coin], 1, 1000);
    accept(&mut pool, &chain, &first).unwrap();
    let rejected = accept(&mut pool, &chain, &spend(&[coin], 2, 1000)).unwrap_err();
    assert_eq!((rejected.kind, &*rejected.reason), (TxResult::Reconsiderable, "insufficient fee"));
    assert_eq!(pool.spender(&coin.outpoint), Some(first.compute_txid()));
}

#[test]
fn step_09_an_unconfirmed_output_can_be_spent_once_its_transaction_waits() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 2, 1000);
    let child = spend(&[Utxo::of(&parent, 1)], 1, 1000);
    assert!(accept(&mut pool, &chain, &child).unwrap_err().is_missing_inputs());
    accept(&mut pool, &chain, &parent).unwrap();
    accept(&mut pool, &chain, &child).unwrap();
    assert_eq!(pool.parents(&child.compute_txid()), [parent.compute_txid()]);
    let beyond = Utxo { outpoint: OutPoint::new(parent.compute_txid(), 2), value: 5000 };
    assert_eq!(reason(&mut pool, &chain, &spend(&[beyond], 1, 1000)), "bad-txns-inputs-missingorspent");
}

#[test]
fn step_10_a_coinbase_is_spent_after_a_hundred_blocks() {
    let (mut pool, mut chain) = setup();
    let height = chain.height() - 98;
    let young = spend(&[chain.coinbase(height)], 1, 1000);
    let expected = "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99";
    assert_eq!(reason(&mut pool, &chain, &young), expected);
    chain.connect(&[]);
    accept(&mut pool, &chain, &young).unwrap();
}

#[test]
fn step_11_a_spent_or_unknown_output_cannot_be_spent() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let spent = spend(&[coin], 1, 1000);
    chain.connect(&[spent]);
    let rejected = accept(&mut pool, &chain, &spend(&[coin], 2, 2000)).unwrap_err();
    assert_eq!((rejected.kind, &*rejected.reason), (TxResult::MissingInputs, "bad-txns-inputs-missingorspent"));
}

#[test]
fn step_12_the_inputs_are_worth_the_outputs_and_a_fee() {
    let (mut pool, mut chain) = setup();
    let mut tx = Spend::new(&[chain.fund()], 1, 0).build();
    assert_eq!(reason(&mut pool, &chain, &Arc::new(tx.clone())), "min relay fee not met, 0 < 10");
    tx.output[0].value += Amount::from_sat(1);
    let expected = "bad-txns-in-belowout, value in (50.00) < value out (50.00000001)";
    assert_eq!(reason(&mut pool, &chain, &Arc::new(tx.clone())), expected);
    tx.output[0].value = Amount::from_sat(SUBSIDY - 10);
    assert_eq!(accept(&mut pool, &chain, &Arc::new(tx)).unwrap().base_fee, 10);
}

#[test]
fn step_13_every_script_holds() {
    let (mut pool, mut chain) = setup();
    let mut tx = Spend::new(&[chain.fund()], 1, 1000).build();
    tx.input[0].witness = Witness::from_slice(&[[0x00]]);
    let rejected = accept(&mut pool, &chain, &Arc::new(tx.clone())).unwrap_err();
    assert_eq!(rejected.kind, TxResult::NotStandard);
    assert_eq!(rejected.reason, "mempool-script-verify-flag-failed (Witness program hash mismatch)");
    let input = tx.input[0].previous_output;
    let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
    assert_eq!(rejected.debug, format!("input 0 of {txid} (wtxid {wtxid}), spending {input}"));

    tx.input[0].witness = Witness::new();
    assert_eq!(accept(&mut pool, &chain, &Arc::new(tx.clone())).unwrap_err().kind, TxResult::WitnessStripped);
    assert!(pool.is_empty());

    tx.input[0].witness = Witness::from_slice(&[[0x51]]);
    let known = |chain: &TestChain, tx: &Transaction| {
        chain.script_cache().unwrap().contains_scripts(tx, chain.next_block_flags(), CacheUse::Keep)
    };
    assert!(!known(&chain, &tx));
    accept(&mut pool, &chain, &Arc::new(tx.clone())).unwrap();
    assert!(known(&chain, &tx), "a block with it need not run its scripts again");
}

#[test]
fn step_14_what_passes_waits_with_its_figures() {
    let (mut pool, mut chain) = setup();
    let tx = spend(&[chain.fund()], 1, 1000);
    accept(&mut pool, &chain, &tx).unwrap();
    let entry = pool.entry(&tx.compute_txid()).unwrap();
    assert_eq!((entry.fee(), entry.modified_fee(), entry.vsize()), (1000, 1000, tx.vsize() as i64));
    assert_eq!((entry.time(), entry.height(), entry.weight()), (NOW, 150, tx.weight().to_wu()));
    assert_eq!(pool.info(NOW).bytes, tx.vsize() as i64);
    assert_eq!(pool.output(&OutPoint::new(tx.compute_txid(), 0)).unwrap().script_pubkey, anyone());
}

#[test]
fn step_15_what_has_entered_is_announced() {
    let (mut pool, mut chain) = setup();
    let tx = spend(&[chain.fund()], 1, 1000);
    accept(&mut pool, &chain, &tx).unwrap();
    let events = pool.drain_events();
    let [Event::Added { tx: added, fee: 1000, sequence: 1, .. }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(added, &tx);
    accept(&mut pool, &chain, &tx).unwrap_err();
    assert!(pool.drain_events().is_empty(), "a refused transaction is announced to nobody");
    assert_eq!(pool.sequence(), 2);
    assert_eq!(chain.tip_height(), 150);
}
