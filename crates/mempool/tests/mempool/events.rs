//! What the mempool tells, and in which order.

use pumasi_mempool::{Event, RemovalReason};

use crate::chain::{NOW, accept, chain_of, setup, spend};

#[test]
fn events_are_numbered_except_for_confirmations() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 2, 1000);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let block = chain.connect(&family[..1]);
    pool.remove_for_block(&block, NOW);
    pool.trim(0);
    let numbers: Vec<Option<u64>> = pool
        .drain_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Added { sequence, .. } => Some(Some(sequence)),
            Event::Removed { sequence, .. } => Some(sequence),
            Event::FeeRaised { .. } => None,
        })
        .collect();
    assert_eq!(numbers, [Some(1), Some(2), None, Some(3)]);
    assert_eq!(pool.sequence(), 4);
}

#[test]
fn children_leave_before_their_parents() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 5, 1000);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    pool.drain_events();
    pool.trim(0);
    let left: Vec<_> = pool
        .drain_events()
        .into_iter()
        .filter(|event| !matches!(event, Event::FeeRaised { .. }))
        .map(|event| match event {
            Event::Removed { tx, reason: RemovalReason::SizeLimit, .. } => tx,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(left.iter().eq(family.iter().rev()));
}

#[test]
fn listings_go_by_what_is_mined_first() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 2, 9000);
    let (poor, rich) = (spend(&[chain.fund()], 1, 500), spend(&[chain.fund()], 1, 50_000));
    for tx in [&family[0], &family[1], &poor, &rich] {
        accept(&mut pool, &chain, tx).unwrap();
    }
    let expected = [&rich, &family[0], &family[1], &poor].map(|tx| tx.compute_txid());
    assert_eq!(pool.hashes_by_mining_order(), expected);
    assert!(pool.compare_mining_order(&expected[0], &expected[3]).is_lt());
    let unknown = chain.coinbase(1).outpoint.txid;
    assert!(pool.compare_mining_order(&expected[3], &unknown).is_lt());
    assert!(pool.compare_mining_order(&unknown, &unknown).is_eq());
}

#[test]
fn signals_of_replaceability_are_inherited() {
    let (mut pool, mut chain) = setup();
    let signalling = spend(&[chain.fund()], 1, 1000);
    assert!(!signalling.is_explicitly_rbf());
    let family = [crate::chain::Spend::new(&[chain.fund()], 1, 1000).sequence(0xffff_fffd).arc(), signalling.clone()];
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let child = spend(&[crate::chain::Utxo::of(&family[0], 0)], 1, 1000);
    accept(&mut pool, &chain, &child).unwrap();
    assert_eq!(pool.is_rbf_opt_in(&child.compute_txid()), Some(true));
    assert_eq!(pool.is_rbf_opt_in(&signalling.compute_txid()), Some(false));
    assert_eq!(pool.is_rbf_opt_in(&chain.coinbase(1).outpoint.txid), None);
}

#[test]
fn our_own_transactions_are_marked_until_somebody_asks_for_them() {
    let (mut pool, mut chain) = setup();
    let (one, two) = (spend(&[chain.fund()], 1, 1000), spend(&[chain.fund()], 1, 1000));
    accept(&mut pool, &chain, &one).unwrap();
    accept(&mut pool, &chain, &two).unwrap();
    pool.add_unbroadcast(one.compute_txid());
    pool.add_unbroadcast(two.compute_txid());
    pool.add_unbroadcast(chain.coinbase(1).outpoint.txid);
    assert_eq!(pool.info(NOW).unbroadcast_count, 2);
    assert!(pool.remove_unbroadcast(&one.compute_txid()) && !pool.remove_unbroadcast(&one.compute_txid()));
    let block = chain.connect(&[two]);
    pool.remove_for_block(&block, NOW);
    assert!(pool.unbroadcast().is_empty());
}
