//! Replacing what waits by what pays more.

use std::sync::Arc;

use pumasi_chain::TxResult;
use pumasi_mempool::{AcceptOptions, Config, Event, Mempool, RemovalReason};

use crate::chain::{NOW, Spend, TestChain, Utxo, accept, chain_of, reason, setup, spend};
use crate::figures;

#[test]
fn a_replacement_removes_the_conflict_and_its_descendants() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let family = chain_of(coin, 3, 1000);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    pool.drain_events();
    let replacement = spend(&[coin], 2, 5000);
    let accepted = accept(&mut pool, &chain, &replacement).unwrap();
    assert_eq!(accepted.replaced.len(), 3);
    assert_eq!(pool.hashes_by_mining_order(), [replacement.compute_txid()]);
    let events = pool.drain_events();
    let replaced = |event: &Event| matches!(event, Event::Removed { reason: RemovalReason::Replaced, .. });
    assert_eq!(events.iter().filter(|event| replaced(event)).count(), 3);
    assert!(matches!(events.last(), Some(Event::Added { tx, .. }) if *tx == replacement));
    figures::check(&pool, &chain);
}

#[test]
fn every_transaction_may_be_replaced_whatever_it_signals() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let first = Spend::new(&[coin], 1, 1000).sequence(u32::MAX).arc();
    accept(&mut pool, &chain, &first).unwrap();
    assert_eq!(pool.is_rbf_opt_in(&first.compute_txid()), Some(false));
    accept(&mut pool, &chain, &spend(&[coin], 2, 2000)).unwrap();
    assert_eq!(pool.len(), 1);
}

#[test]
fn a_replacement_leaves_the_diagram_of_fees_nowhere_lower() {
    let (mut pool, mut chain) = setup();
    let (coin, other) = (chain.fund(), chain.fund());
    let first = spend(&[coin], 1, 1000);
    accept(&mut pool, &chain, &first).unwrap();
    // More fee in all, but a lower rate.
    let wide = spend(&[coin, other], 1, 1100);
    let text = reason(&mut pool, &chain, &wide);
    assert_eq!((first.vsize(), wide.vsize()), (96, 137));
    assert_eq!(text, "replacement-failed, insufficient feerate: does not improve feerate diagram");
}

#[test]
fn a_replacement_pays_for_all_that_it_removes_and_for_its_relay() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let family = chain_of(coin, 2, 1000);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let poor = spend(&[coin], 2, 1999);
    let text = reason(&mut pool, &chain, &poor);
    assert!(text.ends_with("less fees than conflicting txs; 0.00001999 < 0.00002"), "{text}");
    let nearly = spend(&[coin], 1, 2009);
    let text = reason(&mut pool, &chain, &nearly);
    assert!(text.ends_with("not enough additional fees to relay; 0.00000009 < 0.0000001"), "{text}");
    accept(&mut pool, &chain, &spend(&[coin], 1, 2010)).unwrap();
}

#[test]
fn a_replacement_may_add_unconfirmed_inputs_when_that_pays() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let unrelated = Spend::new(&[chain.fund()], 1, 2000).vsize(20_000).arc();
    accept(&mut pool, &chain, &unrelated).unwrap();
    accept(&mut pool, &chain, &spend(&[coin], 1, 1000)).unwrap();
    // It is mined only with a parent that weighs it down below what it replaces.
    let replacement = spend(&[coin, Utxo::of(&unrelated, 0)], 1, 9000);
    let expected = "replacement-failed, insufficient feerate: does not improve feerate diagram";
    assert_eq!(reason(&mut pool, &chain, &replacement), expected);
    accept(&mut pool, &chain, &spend(&[coin, Utxo::of(&unrelated, 0)], 1, 900_000)).unwrap();
    figures::check(&pool, &chain);
}

#[test]
fn a_replacement_does_not_spend_what_it_replaces() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let first = spend(&[coin], 1, 1000);
    accept(&mut pool, &chain, &first).unwrap();
    let second = spend(&[coin, Utxo::of(&first, 0)], 1, 50_000);
    let rejected = accept(&mut pool, &chain, &second).unwrap_err();
    assert_eq!((rejected.kind, &*rejected.reason), (TxResult::Consensus, "bad-txns-spends-conflicting-tx"));
    let (second, first) = (second.compute_txid(), first.compute_txid());
    assert_eq!(rejected.debug, format!("{second} spends conflicting transaction {first}"));
}

#[test]
fn a_replacement_touches_at_most_a_hundred_clusters() {
    let (mut pool, mut chain) = (Mempool::new(Config::default()), TestChain::new(300));
    let coins: Vec<Utxo> = (0..101).map(|_| chain.fund()).collect();
    for coin in &coins {
        let root = spend(&[*coin], 2, 1000);
        accept(&mut pool, &chain, &root).unwrap();
        accept(&mut pool, &chain, &spend(&[Utxo::of(&root, 0)], 1, 1000)).unwrap();
    }
    let text = reason(&mut pool, &chain, &spend(&coins, 1, 5_000_000));
    assert!(text.starts_with("too many potential replacements, rejecting replacement"), "{text}");
    assert!(text.ends_with("too many conflicting clusters (101 > 100)"), "{text}");
    let accepted = accept(&mut pool, &chain, &spend(&coins[..100], 1, 5_000_000)).unwrap();
    assert_eq!(accepted.replaced.len(), 200);
}

#[test]
fn a_test_replaces_nothing() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let first = spend(&[coin], 1, 1000);
    accept(&mut pool, &chain, &first).unwrap();
    let options = AcceptOptions { test_only: true, ..AcceptOptions::default() };
    pool.accept_with(spend(&[coin], 1, 9000), &chain, NOW, options).unwrap();
    assert!(pool.contains(&first.compute_txid()));
    assert_eq!((pool.len(), pool.drain_events().len()), (1, 1));
}

#[test]
fn a_version_3_child_pushes_out_its_only_sibling_when_it_pays_for_it() {
    let (mut pool, mut chain) = setup();
    let parent = Spend::new(&[chain.fund()], 2, 1000).version(3).arc();
    let child = |vout, fee| Spend::new(&[Utxo::of(&parent, vout)], 1, fee).version(3).arc();
    accept(&mut pool, &chain, &parent).unwrap();
    accept(&mut pool, &chain, &child(0, 1000)).unwrap();
    let text = reason(&mut pool, &chain, &child(1, 1000));
    assert!(text.starts_with("insufficient fee (including sibling eviction), rejecting replacement"), "{text}");
    let accepted = accept(&mut pool, &chain, &child(1, 2000)).unwrap();
    assert_eq!(accepted.replaced, [child(0, 1000)]);
    assert_eq!(pool.len(), 2);
    assert!(pool.contains(&Arc::clone(&parent).compute_txid()));
    figures::check(&pool, &chain);
}
