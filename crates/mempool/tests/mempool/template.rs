//! What is chosen for the next block.

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::{ScriptBuf, Txid};
use proptest::prelude::*;
use pumasi_mempool::{FeeRate, Mempool, Template, TemplateLimits};

use crate::chain::{Spend, TestChain, Utxo, accept, setup, spend};

fn txids(template: &Template) -> Vec<Txid> {
    template.transactions.iter().map(|item| item.tx.compute_txid()).collect()
}

fn select(pool: &Mempool, chain: &TestChain, weight: u64) -> Template {
    let limits = TemplateLimits { max_weight: weight, ..TemplateLimits::default() };
    pool.select(&limits, chain)
}

#[test]
fn what_pays_best_comes_first_and_a_child_brings_its_parent() {
    let (mut pool, mut chain) = setup();
    let middle = spend(&[chain.fund()], 1, 5000);
    let poor = spend(&[chain.fund()], 1, 100);
    let rich_child = spend(&[Utxo::of(&poor, 0)], 1, 20_000);
    let rich = spend(&[chain.fund()], 1, 30_000);
    for tx in [&middle, &poor, &rich_child, &rich] {
        accept(&mut pool, &chain, tx).unwrap();
    }
    let template = select(&pool, &chain, 4_000_000);
    assert_eq!(txids(&template), [&rich, &poor, &rich_child, &middle].map(|tx| tx.compute_txid()));
    assert_eq!(template.total_fee, 55_100);
    let weights: u64 = template.transactions.iter().map(|item| item.tx.weight().to_wu()).sum();
    assert_eq!(template.weight, weights);
}

#[test]
fn a_child_is_worth_what_it_pays_together_with_its_parents() {
    let (mut pool, mut chain) = setup();
    let heavy = Spend::new(&[chain.fund()], 1, 1000).vsize(10_000).arc();
    let child = spend(&[Utxo::of(&heavy, 0)], 1, 5000);
    let plain = spend(&[chain.fund()], 1, 1000);
    for tx in [&heavy, &child, &plain] {
        accept(&mut pool, &chain, tx).unwrap();
    }
    let template = select(&pool, &chain, 4_000_000);
    assert_eq!(txids(&template), [&plain, &heavy, &child].map(|tx| tx.compute_txid()));
    // And where the parent does not fit, neither does the child.
    assert_eq!(txids(&select(&pool, &chain, 30_000)), [plain.compute_txid()]);
}

#[test]
fn prioritisation_changes_the_order_but_not_the_fees() {
    let (mut pool, mut chain) = setup();
    let (one, two) = (spend(&[chain.fund()], 1, 1000), spend(&[chain.fund()], 1, 2000));
    accept(&mut pool, &chain, &one).unwrap();
    accept(&mut pool, &chain, &two).unwrap();
    pool.prioritise(one.compute_txid(), 5000);
    let template = select(&pool, &chain, 4_000_000);
    assert_eq!(txids(&template), [one.compute_txid(), two.compute_txid()]);
    assert_eq!(template.total_fee, 3000);
}

#[test]
fn what_pays_less_than_the_miner_asks_stays_out() {
    let (mut pool, mut chain) = setup();
    let (one, two) = (spend(&[chain.fund()], 1, 100), spend(&[chain.fund()], 1, 2000));
    accept(&mut pool, &chain, &one).unwrap();
    accept(&mut pool, &chain, &two).unwrap();
    let limits = TemplateLimits { min_feerate: FeeRate::from_sat_per_kvb(10_000), ..TemplateLimits::default() };
    assert_eq!(txids(&pool.select(&limits, &chain)), [two.compute_txid()]);
}

#[test]
fn signature_operations_are_limited_as_well_as_weight() {
    let (mut pool, mut chain) = setup();
    // 400 bare signature checks cost 1,600: the 50th such transaction would be over the limit of 80,000.
    let key = ScriptBuf::from_bytes([&[33, 2][..], &[7; 32], &[0xac]].concat());
    for _ in 0..51 {
        let mut tx = Spend::new(&[chain.fund()], 1, 200_000);
        for _ in 0..400 {
            tx = tx.pay(key.clone(), 600);
        }
        accept(&mut pool, &chain, &tx.arc()).unwrap();
    }
    let template = select(&pool, &chain, 4_000_000);
    assert_eq!(template.transactions.len(), (80_000 - 400 - 1) / 1600);
    assert_eq!(template.sigop_cost, 49 * 1600);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_template_is_sorted_complete_and_within_its_weight(
        spends in prop::collection::vec((prop::collection::vec(any::<usize>(), 1..3), 1..4usize, 10..5000u64), 1..60),
        weight in 9000..30_000u64,
    ) {
        let (mut pool, mut chain) = setup();
        let mut outputs: Vec<Utxo> = (0..6).map(|_| chain.fund()).collect();
        for (inputs, count, fee) in spends {
            let chosen: BTreeSet<usize> = inputs.into_iter().map(|input| input % outputs.len()).collect();
            let utxos: Vec<Utxo> = chosen.into_iter().map(|index| outputs[index]).collect();
            let tx = spend(&utxos, count, fee);
            if accept(&mut pool, &chain, &tx).is_ok() {
                outputs.extend((0..count as u32).map(|vout| Utxo::of(&tx, vout)));
            }
        }
        let template = select(&pool, &chain, weight);
        prop_assert!(template.weight + 8000 <= weight);
        let mut seen = BTreeSet::new();
        for item in &template.transactions {
            let txid = item.tx.compute_txid();
            prop_assert!(pool.parents(&txid).iter().all(|parent| seen.contains(parent)));
            prop_assert!(seen.insert(txid));
        }
        // Of no cluster the next chunk was left out that would have fitted.
        for entry in pool.iter() {
            let next = pool.cluster(&entry.txid()).unwrap().into_iter().find(|chunk| !seen.contains(&chunk.txids[0]));
            prop_assert!(next.is_none_or(|chunk| 8000 + template.weight + chunk.weight as u64 >= weight));
        }
        // And the block confirms as it stands.
        let block: Vec<_> = template.transactions.iter().map(|item| Arc::clone(&item.tx)).collect();
        chain.connect(&block);
    }
}
