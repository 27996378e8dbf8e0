//! The size of the mempool, the fee rate that rises with it, and expiry.

use std::sync::Arc;

use pumasi_mempool::{Config, Event, FeeRate, Mempool, RemovalReason, TxOutcome};

use crate::chain::{NOW, Spend, TestChain, Utxo, accept, spend};
use crate::figures;

const HOUR: i64 = 3600;

fn small(max_size_bytes: usize) -> (Mempool, TestChain) {
    (Mempool::new(Config { max_size_bytes, ..Config::default() }), TestChain::new(300))
}

/// Fills a mempool with transactions of 10,000 virtual bytes that pay 1,000 satoshis more each.
fn fill(pool: &mut Mempool, chain: &mut TestChain, count: u64) -> Vec<Arc<bitcoin::Transaction>> {
    let tx = |index: u64| Spend::new(&[chain.fund()], 1, 10_000 + 1000 * index).vsize(10_000).arc();
    let all: Vec<_> = (0..count).map(tx).collect();
    for tx in &all {
        accept(pool, chain, tx).unwrap();
        figures::check(pool, chain);
    }
    all
}

#[test]
fn a_full_mempool_evicts_what_pays_least_and_asks_for_more() {
    let (mut pool, mut chain) = small(200_000);
    assert_eq!(pool.min_feerate(NOW), FeeRate::ZERO);
    let all = fill(&mut pool, &mut chain, 30);
    assert!(pool.usage() <= 200_000);
    let kept: Vec<bool> = all.iter().map(|tx| pool.contains(&tx.compute_txid())).collect();
    let evicted = kept.iter().filter(|kept| !**kept).count();
    assert!((5..=20).contains(&evicted), "{evicted}");
    assert!(kept.is_sorted(), "the poorest are gone, the richest are here");
    // The rate of the last one evicted, and the incremental rate on top.
    let last = FeeRate::of(10_000 + 1000 * (evicted as i64 - 1), 10_000).sat_per_kvb();
    assert_eq!(pool.min_feerate(NOW).sat_per_kvb(), last + 100);
    let poor = spend(&[chain.fund()], 1, 100);
    let text = accept(&mut pool, &chain, &poor).unwrap_err().to_string();
    assert!(text.starts_with("mempool min fee not met, 100 < "), "{text}");
}

#[test]
fn what_does_not_fit_itself_is_refused_though_it_pays_the_least_rate() {
    let (mut pool, mut chain) = small(200_000);
    fill(&mut pool, &mut chain, 30);
    let needed = pool.min_feerate(NOW).fee_for(60_000);
    let large = Spend::new(&[chain.fund()], 1, needed as u64).vsize(60_000).arc();
    pool.drain_events();
    let rejected = accept(&mut pool, &chain, &large).unwrap_err();
    assert_eq!(rejected.reason, "mempool full");
    assert!(rejected.is_reconsiderable());
    let added = pool.drain_events().into_iter().any(|event| matches!(event, Event::Added { .. }));
    assert!(!added, "it was never announced");
}

#[test]
fn a_package_that_pays_enough_to_enter_may_still_be_the_first_to_go() {
    let (mut pool, mut chain) = small(400_000);
    fill(&mut pool, &mut chain, 45);
    let least = pool.min_feerate(NOW);
    let parent = Spend::new(&[chain.fund()], 1, least.fee_for(50_000) as u64 - 1).vsize(50_000).arc();
    let child = Spend::new(&[Utxo::of(&parent, 0)], 1, least.fee_for(50_000) as u64 + 1).vsize(50_000).arc();
    let package = [Arc::clone(&parent), Arc::clone(&child)];
    let result = pool.accept_package(&package, &chain, NOW, None);
    assert_eq!(result.rejected.unwrap().reason, "transaction failed");
    for tx in &package {
        let TxOutcome::Rejected(rejected) = &result.results[&tx.compute_wtxid()] else { panic!("still here") };
        assert_eq!(rejected.reason, "mempool full");
        assert!(!pool.contains(&tx.compute_txid()));
    }
    assert!(pool.usage() <= 400_000);
    figures::check(&pool, &chain);
}

#[test]
fn a_child_that_pays_well_keeps_its_parent() {
    let (mut pool, mut chain) = small(200_000);
    let parent = Spend::new(&[chain.fund()], 1, 1000).vsize(10_000).arc();
    let child = spend(&[Utxo::of(&parent, 0)], 1, 500_000);
    accept(&mut pool, &chain, &parent).unwrap();
    accept(&mut pool, &chain, &child).unwrap();
    fill(&mut pool, &mut chain, 30);
    assert!(pool.contains(&parent.compute_txid()) && pool.contains(&child.compute_txid()));
}

#[test]
fn the_risen_rate_halves_in_twelve_hours_once_a_block_has_come() {
    let (mut pool, mut chain) = small(200_000);
    fill(&mut pool, &mut chain, 30);
    let risen = pool.min_feerate(NOW).sat_per_kvb();
    assert_eq!(pool.min_feerate(NOW + 100 * HOUR).sat_per_kvb(), risen, "no block yet");
    let block = chain.connect(&[]);
    pool.remove_for_block(&block, NOW);
    assert_eq!(pool.min_feerate(NOW + 10).sat_per_kvb(), risen);
    let halved = pool.min_feerate(NOW + 12 * HOUR).sat_per_kvb();
    assert!((halved - risen / 2).abs() <= 1, "{halved} of {risen}");
    // Less than a quarter full: four times as fast.
    pool.trim(40_000);
    let risen = pool.min_feerate(NOW).sat_per_kvb();
    let block = chain.connect(&[]);
    pool.remove_for_block(&block, NOW);
    let halved = pool.min_feerate(NOW + 3 * HOUR).sat_per_kvb();
    assert!((halved - risen / 2).abs() <= 1, "{halved} of {risen}");
    assert_eq!(pool.min_feerate(NOW + 60 * HOUR), FeeRate::ZERO, "below half the incremental rate it is nothing");
}

#[test]
fn trimming_tells_which_coins_nothing_spends_any_more() {
    let (mut pool, mut chain) = small(200_000);
    let coin = chain.fund();
    let parent = spend(&[coin], 1, 1000);
    accept(&mut pool, &chain, &parent).unwrap();
    accept(&mut pool, &chain, &spend(&[Utxo::of(&parent, 0)], 1, 1000)).unwrap();
    let freed = pool.trim(0);
    assert_eq!(freed.iter().filter(|outpoint| **outpoint == coin.outpoint).count(), 1);
    assert!(pool.is_empty());
}

#[test]
fn what_waits_336_hours_expires_with_its_descendants() {
    let (mut pool, mut chain) = small(300_000_000);
    let old = spend(&[chain.fund()], 1, 1000);
    accept(&mut pool, &chain, &old).unwrap();
    let child = spend(&[Utxo::of(&old, 0)], 1, 1000);
    pool.accept(Arc::clone(&child), &chain, NOW + 300 * HOUR).unwrap();
    let other = spend(&[chain.fund()], 1, 1000);
    pool.accept(Arc::clone(&other), &chain, NOW + 300 * HOUR).unwrap();
    pool.drain_events();
    assert_eq!(pool.limit(NOW + 336 * HOUR).expired, 0);
    assert_eq!(pool.limit(NOW + 336 * HOUR + 1).expired, 2);
    assert_eq!(pool.hashes_by_mining_order(), [other.compute_txid()]);
    for event in pool.drain_events() {
        assert!(matches!(event, Event::Removed { reason: RemovalReason::Expiry, .. }));
    }
}

#[test]
fn prioritisation_moves_a_transaction_and_its_family() {
    let (mut pool, mut chain) = small(300_000_000);
    let coin = chain.fund();
    let parent = spend(&[coin], 1, 1000);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 1000);
    pool.prioritise(parent.compute_txid(), 500);
    accept(&mut pool, &chain, &parent).unwrap();
    accept(&mut pool, &chain, &child).unwrap();
    assert_eq!(pool.entry(&child.compute_txid()).unwrap().ancestors().fees, 2500);
    pool.prioritise(child.compute_txid(), -300);
    assert_eq!(pool.entry(&parent.compute_txid()).unwrap().descendants().fees, 2200);
    pool.prioritise(child.compute_txid(), 300);
    let listed: Vec<_> = pool.prioritised().collect();
    assert_eq!(listed.len(), 1, "a delta of nothing is none");
    assert_eq!((listed[0].fee_delta, listed[0].modified_fee), (500, Some(1500)));
    figures::check(&pool, &chain);
    // A free transaction with a word for it comes in.
    let free = spend(&[chain.fund()], 1, 0);
    pool.prioritise(free.compute_txid(), 2000);
    accept(&mut pool, &chain, &free).unwrap();
}
