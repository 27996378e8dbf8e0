//! Limits of clusters and families: count, size, version 3, ephemeral dust.

use bitcoin::ScriptBuf;
use pumasi_mempool::{Config, Limits, Mempool};

use crate::chain::{NOW, Spend, TestChain, Utxo, accept, chain_of, reason, setup, spend};
use crate::figures;

#[test]
fn a_cluster_has_at_most_64_transactions() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 66, 1000);
    family[..64].iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    assert_eq!(reason(&mut pool, &chain, &family[64]), "too-large-cluster");
    figures::check(&pool, &chain);
}

#[test]
fn one_transaction_can_join_two_clusters_only_if_both_fit_together() {
    let limits = Limits { cluster_count: 5, ..Limits::default() };
    let (mut pool, mut chain) = (Mempool::new(Config { limits, ..Config::default() }), TestChain::new(150));
    let parents: Vec<_> = (0..5).map(|_| spend(&[chain.fund()], 1, 1000)).collect();
    parents.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let utxos: Vec<Utxo> = parents.iter().map(|tx| Utxo::of(tx, 0)).collect();
    assert_eq!(reason(&mut pool, &chain, &spend(&utxos, 1, 5000)), "too-large-cluster");
    accept(&mut pool, &chain, &spend(&utxos[1..], 1, 5000)).unwrap();
    figures::check(&pool, &chain);
}

#[test]
fn a_full_cluster_still_takes_replacements() {
    let (mut pool, mut chain) = setup();
    let root = spend(&[chain.fund()], 70, 7000);
    accept(&mut pool, &chain, &root).unwrap();
    (0..63).for_each(|vout| drop(accept(&mut pool, &chain, &spend(&[Utxo::of(&root, vout)], 1, 1000)).unwrap()));
    assert_eq!(reason(&mut pool, &chain, &spend(&[Utxo::of(&root, 64)], 1, 1000)), "too-large-cluster");
    accept(&mut pool, &chain, &spend(&[Utxo::of(&root, 7)], 1, 3000)).unwrap();
    assert_eq!(pool.len(), 64);
    figures::check(&pool, &chain);
}

#[test]
fn a_cluster_is_at_most_101_000_virtual_bytes_large() {
    let (mut pool, mut chain) = setup();
    let first = Spend::new(&[chain.fund()], 1, 100_000).vsize(60_000).arc();
    let second = |vsize| Spend::new(&[Utxo::of(&first, 0)], 1, 100_000).vsize(vsize).arc();
    accept(&mut pool, &chain, &first).unwrap();
    assert_eq!(reason(&mut pool, &chain, &second(41_010)), "too-large-cluster");
    accept(&mut pool, &chain, &second(41_000)).unwrap();
}

#[test]
fn version_3_is_inherited_both_ways() {
    let (mut pool, mut chain) = setup();
    for (above, below, words) in [(3, 2, "non-version=3"), (2, 3, "version=3")] {
        let parent = Spend::new(&[chain.fund()], 1, 1000).version(above).arc();
        let child = Spend::new(&[Utxo::of(&parent, 0)], 1, 1000).version(below).arc();
        accept(&mut pool, &chain, &parent).unwrap();
        let text = reason(&mut pool, &chain, &child);
        assert!(text.starts_with(&format!("TRUC-violation, {words} tx ")), "{text}");
        assert!(text.contains("cannot spend from"), "{text}");
    }
}

#[test]
fn version_3_families_are_one_parent_and_one_small_child() {
    let (mut pool, mut chain) = setup();
    let large = Spend::new(&[chain.fund()], 1, 10_000).version(3).vsize(10_001).arc();
    let text = reason(&mut pool, &chain, &large);
    assert!(text.ends_with("is too big: 10001 > 10000 virtual bytes"), "{text}");

    let parent = Spend::new(&[chain.fund()], 2, 1000).version(3).arc();
    accept(&mut pool, &chain, &parent).unwrap();
    let long = Spend::new(&[Utxo::of(&parent, 0)], 1, 1000).version(3).vsize(1001).arc();
    let text = reason(&mut pool, &chain, &long);
    assert!(text.contains("version=3 child tx") && text.ends_with("1001 > 1000 virtual bytes"), "{text}");

    let child = Spend::new(&[Utxo::of(&parent, 0)], 1, 1000).version(3).arc();
    accept(&mut pool, &chain, &child).unwrap();
    let grandchild = Spend::new(&[Utxo::of(&child, 0)], 1, 1000).version(3).arc();
    let text = reason(&mut pool, &chain, &grandchild);
    assert!(text.starts_with("TRUC-violation, tx ") && text.ends_with("would have too many ancestors"), "{text}");

    let other = Spend::new(&[chain.fund()], 1, 1000).version(3).arc();
    accept(&mut pool, &chain, &other).unwrap();
    let both = Spend::new(&[Utxo::of(&other, 0), Utxo::of(&parent, 1)], 1, 1000).version(3).arc();
    assert!(reason(&mut pool, &chain, &both).ends_with("would have too many ancestors"));
}

#[test]
fn dust_pays_nothing_and_its_child_spends_all_of_it() {
    let anchor = ScriptBuf::from_bytes(vec![0x51, 0x02, 0x4e, 0x73]);
    let (mut pool, mut chain) = setup();
    let paying = Spend::new(&[chain.fund()], 1, 1000).pay(anchor.clone(), 0).arc();
    assert_eq!(reason(&mut pool, &chain, &paying), "dust, tx with dust output must be 0-fee");

    let two = Spend::new(&[chain.fund()], 1, 0).pay(anchor.clone(), 0).pay(anchor.clone(), 0).arc();
    assert_eq!(reason(&mut pool, &chain, &two), "dust");

    let parent = Spend::new(&[chain.fund()], 1, 0).version(3).pay(anchor, 0).arc();
    let anchor = Utxo { value: 0, ..Utxo::of(&parent, 1) };
    let forgetful = Spend::new(&[Utxo::of(&parent, 0)], 1, 2000).version(3).arc();
    let result = pool.accept_package(&[parent.clone(), forgetful], &chain, NOW, None);
    assert_eq!(result.rejected.unwrap().reason, "unspent-dust");

    let mut child = Spend::new(&[Utxo::of(&parent, 0), anchor], 1, 2000).version(3).build();
    child.input[1].witness.clear();
    let result = pool.accept_package(&[parent, child.into()], &chain, NOW, None);
    assert_eq!((result.rejected, pool.len()), (None, 2));
}
