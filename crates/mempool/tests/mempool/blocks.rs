//! What blocks and reorganisations do.

use std::sync::Arc;

use bitcoin::Transaction;
use pumasi_mempool::{DisconnectedTransactions, Event, Mempool, RemovalReason};

use crate::chain::{NOW, Spend, TestChain, Utxo, accept, chain_of, reason, setup, spend};
use crate::figures;

fn connect(pool: &mut Mempool, chain: &mut TestChain, block: &[Arc<Transaction>]) {
    let transactions = chain.connect(block);
    pool.remove_for_block(&transactions, NOW);
}

/// Takes so many blocks off and puts their transactions back.
fn disconnect(pool: &mut Mempool, chain: &mut TestChain, count: usize) {
    let mut disconnected = DisconnectedTransactions::new();
    for _ in 0..count {
        assert!(disconnected.add_block(&chain.disconnect()).is_empty());
    }
    pool.update_for_reorg(disconnected, chain, NOW, true);
}

fn removed(pool: &mut Mempool) -> Vec<(Transaction, RemovalReason)> {
    let reasons = pool.drain_events().into_iter().filter_map(|event| match event {
        Event::Removed { tx, reason, .. } => Some((Transaction::clone(&tx), reason)),
        Event::Added { .. } | Event::FeeRaised { .. } => None,
    });
    reasons.collect()
}

#[test]
fn a_block_takes_what_it_confirms_and_leaves_the_children() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 3, 1000);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    connect(&mut pool, &mut chain, &family[..1]);
    assert_eq!(pool.len(), 2);
    let child = pool.entry(&family[1].compute_txid()).unwrap();
    assert_eq!((child.ancestors().count, child.descendants().count), (1, 2));
    figures::check(&pool, &chain);
}

#[test]
fn a_block_removes_what_conflicts_with_it_and_all_that_depends_on_that() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let family = chain_of(coin, 3, 1000);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    pool.prioritise(family[0].compute_txid(), 500);
    pool.drain_events();
    connect(&mut pool, &mut chain, &[spend(&[coin], 2, 2000)]);
    assert!(pool.is_empty());
    let reasons: Vec<_> = removed(&mut pool).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, [RemovalReason::Conflict; 3]);
    assert_eq!(pool.prioritised().count(), 0);
    assert_eq!(pool.usage(), 0);
}

#[test]
fn a_reorganisation_puts_the_transactions_of_the_old_chain_back_before_their_children() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 4, 1000);
    connect(&mut pool, &mut chain, &family[..1]);
    connect(&mut pool, &mut chain, &family[1..2]);
    family[2..].iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    assert_eq!(pool.entry(&family[3].compute_txid()).unwrap().ancestors().count, 2);

    disconnect(&mut pool, &mut chain, 2);

    assert_eq!(pool.len(), 4);
    assert_eq!(pool.entry(&family[3].compute_txid()).unwrap().ancestors().count, 4);
    assert_eq!(pool.entry(&family[0].compute_txid()).unwrap().descendants().count, 4);
    assert_eq!(pool.entry(&family[0].compute_txid()).unwrap().sequence(), 0);
    figures::check(&pool, &chain);
}

#[test]
fn what_spends_a_coinbase_of_the_old_chain_is_gone_with_it() {
    let (mut pool, mut chain) = setup();
    let young = chain.coinbase(chain.height() - 99);
    let family = chain_of(young, 2, 1000);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    disconnect(&mut pool, &mut chain, 1);
    assert!(pool.is_empty(), "one block less, and the coinbase is immature");
    assert_eq!(reason(&mut pool, &chain, &family[0]).split(',').next(), Some("bad-txns-premature-spend-of-coinbase"));
}

#[test]
fn what_is_no_longer_final_is_gone() {
    let (mut pool, mut chain) = setup();
    let (coin, other) = (chain.fund(), chain.fund());
    let by_height = Spend::new(&[coin], 1, 1000).lock_time(chain.height()).sequence(0).arc();
    let relative = Spend::new(&[other], 1, 1000).sequence(chain.height() - 1).arc();
    accept(&mut pool, &chain, &by_height).unwrap();
    accept(&mut pool, &chain, &relative).unwrap();
    disconnect(&mut pool, &mut chain, 1);
    assert!(pool.is_empty());
    assert_eq!(reason(&mut pool, &chain, &by_height), "non-final");
    assert_eq!(reason(&mut pool, &chain, &relative), "non-BIP68-final");
}

#[test]
fn a_relative_lock_on_an_unconfirmed_output_waits_for_its_block() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 1, 1000);
    accept(&mut pool, &chain, &parent).unwrap();
    let child = |blocks| Spend::new(&[Utxo::of(&parent, 0)], 1, 1000).sequence(blocks).arc();
    assert_eq!(reason(&mut pool, &chain, &child(1)), "non-BIP68-final");
    accept(&mut pool, &chain, &child(0)).unwrap();
}

#[test]
fn without_putting_back_the_children_are_gone_as_well() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 2, 1000);
    connect(&mut pool, &mut chain, &family[..1]);
    accept(&mut pool, &chain, &family[1]).unwrap();
    pool.drain_events();
    let mut disconnected = DisconnectedTransactions::new();
    assert!(disconnected.add_block(&chain.disconnect()).is_empty());
    pool.update_for_reorg(disconnected, &chain, NOW, false);
    assert_eq!(removed(&mut pool), [(Transaction::clone(&family[1]), RemovalReason::Reorg)]);
}

#[test]
fn a_reorganisation_leaves_no_cluster_larger_than_the_limit() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 100, 1000);
    connect(&mut pool, &mut chain, &family[..50]);
    family[50..].iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    disconnect(&mut pool, &mut chain, 1);
    assert_eq!(pool.len(), 64);
    assert!(family[..64].iter().all(|tx| pool.contains(&tx.compute_txid())), "the oldest stay");
    figures::check(&pool, &chain);
}

#[test]
fn what_the_new_chain_confirms_again_does_not_wait() {
    let (mut pool, mut chain) = setup();
    let (one, two) = (spend(&[chain.fund()], 1, 1000), spend(&[chain.fund()], 1, 1000));
    connect(&mut pool, &mut chain, &[Arc::clone(&one), Arc::clone(&two)]);
    let mut disconnected = DisconnectedTransactions::new();
    assert!(disconnected.add_block(&chain.disconnect()).is_empty());
    assert_eq!(disconnected.len(), 3);
    let transactions = chain.connect(&[Arc::clone(&one)]);
    pool.remove_for_block(&transactions, NOW);
    disconnected.remove_for_block(&transactions);
    assert_eq!(disconnected.len(), 2, "the old coinbase, and the transaction that is not confirmed again");
    pool.update_for_reorg(disconnected, &chain, NOW, true);
    assert_eq!(pool.hashes_by_mining_order(), [two.compute_txid()]);
}

#[test]
fn disconnected_transactions_are_bounded_and_the_latest_go_first() {
    let (_, mut chain) = setup();
    let coins: Vec<Utxo> = (0..45).map(|_| chain.fund()).collect();
    let large = |coin: &Utxo| {
        let mut tx = Spend::new(&[*coin], 1, 1000).build();
        tx.input[0].witness.push(vec![0; 1_000_000]);
        Arc::new(tx)
    };
    let mut disconnected = DisconnectedTransactions::new();
    let mut evicted = Vec::new();
    let blocks: Vec<Arc<Transaction>> = coins.iter().map(large).collect();
    for tx in &blocks {
        chain.connect(std::slice::from_ref(tx));
    }
    for _ in &blocks {
        evicted.extend(disconnected.add_block(&chain.disconnect()));
    }
    assert!((15..=20).contains(&blocks.iter().filter(|tx| !evicted.contains(tx)).count()));
    assert!(evicted.contains(blocks.last().unwrap()));
    assert!(!evicted.contains(&blocks[0]));
}
