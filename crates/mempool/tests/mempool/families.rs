//! Limits of families: ancestors, descendants, version 3, ephemeral dust.

use bitcoin::ScriptBuf;
use pumasi_mempool::{Config, Limits, Mempool};

use crate::chain::{NOW, Spend, TestChain, Utxo, accept, chain_of, reason, setup, spend};
use crate::figures;

#[test]
fn a_chain_has_at_most_25_transactions() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 27, 1000);
    family[..25].iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let expected = "too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]";
    assert_eq!(reason(&mut pool, &chain, &family[25]), expected);
    figures::check(&pool, &chain);
}

#[test]
fn a_transaction_has_at_most_25_descendants_and_one_small_child_more() {
    let (mut pool, mut chain) = setup();
    let root = spend(&[chain.fund()], 30, 5000);
    accept(&mut pool, &chain, &root).unwrap();
    for vout in 0..24 {
        accept(&mut pool, &chain, &spend(&[Utxo::of(&root, vout)], 2, 1000)).unwrap();
    }
    let large = Spend::new(&[Utxo::of(&root, 24)], 1, 5000).vsize(10_001).arc();
    let txid = root.compute_txid();
    let expected = format!("too-long-mempool-chain, too many descendants for tx {txid} [limit: 25]");
    assert_eq!(reason(&mut pool, &chain, &large), expected);
    accept(&mut pool, &chain, &spend(&[Utxo::of(&root, 24)], 1, 1000)).unwrap();
    assert_eq!(pool.entry(&txid).unwrap().descendants().count, 26);
    assert_eq!(reason(&mut pool, &chain, &spend(&[Utxo::of(&root, 25)], 1, 1000)), expected);
    figures::check(&pool, &chain);
}

#[test]
fn a_full_family_still_takes_replacements() {
    let (mut pool, mut chain) = setup();
    let root = spend(&[chain.fund()], 30, 5000);
    accept(&mut pool, &chain, &root).unwrap();
    (0..25).for_each(|vout| drop(accept(&mut pool, &chain, &spend(&[Utxo::of(&root, vout)], 1, 1000)).unwrap()));
    accept(&mut pool, &chain, &spend(&[Utxo::of(&root, 7)], 1, 3000)).unwrap();
    assert_eq!(pool.len(), 26);
}

#[test]
fn a_family_is_at_most_101_000_virtual_bytes_large() {
    let (mut pool, mut chain) = setup();
    let first = Spend::new(&[chain.fund()], 1, 100_000).vsize(60_000).arc();
    let second = |vsize| Spend::new(&[Utxo::of(&first, 0)], 1, 100_000).vsize(vsize).arc();
    accept(&mut pool, &chain, &first).unwrap();
    let txid = first.compute_txid();
    let expected = format!("too-long-mempool-chain, exceeds descendant size limit for tx {txid} [limit: 101000]");
    assert_eq!(reason(&mut pool, &chain, &second(41_001)), expected);
    accept(&mut pool, &chain, &second(41_000)).unwrap();
}

#[test]
fn parents_count_before_their_families_are_looked_at() {
    let limits = Limits { ancestor_count: 3, ..Limits::default() };
    let (mut pool, mut chain) = (Mempool::new(Config { limits, ..Config::default() }), TestChain::new(150));
    let parents: Vec<_> = (0..3).map(|_| spend(&[chain.fund()], 1, 1000)).collect();
    parents.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let utxos: Vec<Utxo> = parents.iter().map(|tx| Utxo::of(tx, 0)).collect();
    let expected = "too-long-mempool-chain, too many unconfirmed parents [limit: 3]";
    assert_eq!(reason(&mut pool, &chain, &spend(&utxos, 1, 5000)), expected);
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
