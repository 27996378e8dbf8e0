//! Several transactions at once.

use std::sync::Arc;

use bitcoin::Transaction;
use pumasi_mempool::{FeeRate, Mempool, PackageRejectKind, PackageResult, TxOutcome, policy::MAX_PACKAGE_COUNT};

use crate::chain::{NOW, Spend, TestChain, Utxo, accept, chain_of, setup, spend};
use crate::figures;

fn package_reason(result: &PackageResult) -> String {
    result.rejected.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn outcome<'a>(result: &'a PackageResult, tx: &Transaction) -> &'a TxOutcome {
    &result.results[&tx.compute_wtxid()]
}

fn rejection(result: &PackageResult, tx: &Transaction) -> String {
    match outcome(result, tx) {
        TxOutcome::Rejected(rejected) => rejected.to_string(),
        other => panic!("{other:?}"),
    }
}

fn submit(pool: &mut Mempool, chain: &TestChain, package: &[Arc<Transaction>]) -> PackageResult {
    let result = pool.accept_package(package, chain, NOW, None);
    figures::check(pool, chain);
    result
}

#[test]
fn a_child_pays_for_a_parent_that_would_not_come_in_alone() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 1, 0);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 5000);
    let package = [Arc::clone(&parent), Arc::clone(&child)];
    let result = submit(&mut pool, &chain, &package);
    assert_eq!(package_reason(&result), "");
    let TxOutcome::Accepted(accepted) = outcome(&result, &parent) else { panic!("{result:?}") };
    let size = (parent.vsize() + child.vsize()) as i64;
    assert_eq!(accepted.effective_feerate, FeeRate::of(5000, size));
    assert_eq!(accepted.effective_includes, [parent.compute_wtxid(), child.compute_wtxid()]);
    assert_eq!((accepted.base_fee, pool.len()), (0, 2));
    // Once more: they are here already.
    let result = submit(&mut pool, &chain, &package);
    assert!(matches!(outcome(&result, &child), TxOutcome::AlreadyInMempool { base_fee: 5000, .. }));
}

#[test]
fn a_package_that_pays_too_little_together_stays_out() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 1, 0);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 15);
    let result = submit(&mut pool, &chain, &[Arc::clone(&parent), Arc::clone(&child)]);
    assert_eq!(package_reason(&result), "transaction failed");
    assert_eq!(rejection(&result, &child), "min relay fee not met, 15 < 20");
    assert_eq!(rejection(&result, &parent), "min relay fee not met, 0 < 10");
    assert!(pool.is_empty());
}

#[test]
fn a_parent_that_pays_for_itself_is_judged_by_itself() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 1, 10_000);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 0);
    let result = submit(&mut pool, &chain, &[Arc::clone(&parent), Arc::clone(&child)]);
    assert!(matches!(outcome(&result, &parent), TxOutcome::Accepted(_)), "parents do not pay for children");
    assert_eq!(rejection(&result, &child), "min relay fee not met, 0 < 10");
    assert_eq!(pool.len(), 1);
}

#[test]
fn a_package_is_well_formed() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let family = chain_of(coin, 3, 1000);
    let mut test = |package: &[Arc<Transaction>]| package_reason(&pool.test_accept(package, &chain, NOW));
    assert_eq!(test(&family), "");
    assert_eq!(test(&[Arc::clone(&family[1]), Arc::clone(&family[0])]), "package-not-sorted");
    assert_eq!(test(&[Arc::clone(&family[0]), Arc::clone(&family[0])]), "package-contains-duplicates");
    assert_eq!(test(&[Arc::clone(&family[0]), spend(&[coin], 2, 500)]), "conflict-in-package");
    assert_eq!(test(&chain_of(coin, MAX_PACKAGE_COUNT + 1, 1000)), "package-too-many-transactions");
    let large = |from: Utxo| Spend::new(&[from], 1, 50_000).vsize(51_000).arc();
    let first = large(coin);
    let second = large(Utxo::of(&first, 0));
    assert_eq!(test(&[first, second]), "package-too-large");
    assert_eq!(pool.len(), 0, "a test leaves nothing");
}

#[test]
fn only_a_child_with_its_parents_can_be_submitted() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 3, 1000);
    assert_eq!(package_reason(&submit(&mut pool, &chain, &family)), "package-not-child-with-parents");
}

#[test]
fn a_tested_package_sees_its_own_outputs_and_the_first_failure() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 1, 1000);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 0);
    let result = pool.test_accept(&[Arc::clone(&parent), Arc::clone(&child)], &chain, NOW);
    assert_eq!(result.rejected.as_ref().unwrap().kind, PackageRejectKind::Transaction);
    assert_eq!(rejection(&result, &child), "min relay fee not met, 0 < 10");
    assert!(!result.results.contains_key(&parent.compute_wtxid()), "it was not looked at to the end");
    // The outputs are forgotten afterwards.
    assert!(accept(&mut pool, &chain, &child).unwrap_err().is_missing_inputs());
}

#[test]
fn a_tested_package_replaces_nothing() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    accept(&mut pool, &chain, &spend(&[coin], 1, 1000)).unwrap();
    let parent = spend(&[coin], 1, 9000);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 9000);
    let result = pool.test_accept(&[Arc::clone(&parent), child], &chain, NOW);
    assert_eq!(rejection(&result, &parent), "bip125-replacement-disallowed");
    let alone = pool.test_accept(&[Arc::clone(&parent)], &chain, NOW);
    assert!(matches!(outcome(&alone, &parent), TxOutcome::Accepted(_)), "alone it would");
}

#[test]
fn a_package_keeps_its_cluster_within_the_limits() {
    let (mut pool, mut chain) = setup();
    let family = chain_of(chain.fund(), 65, 1000);
    family[..63].iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let result = pool.test_accept(&family[63..], &chain, NOW);
    assert_eq!(package_reason(&result), "too-large-cluster");
    assert!(result.results.is_empty());
    assert!(pool.test_accept(&family[63..64], &chain, NOW).rejected.is_none());
}

#[test]
fn a_package_replaces_a_package_when_it_pays_for_it() {
    let (mut pool, mut chain) = setup();
    let (coin, other) = (chain.fund(), chain.fund());
    let parent = |fee| Spend::new(&[coin], 1, fee).version(2).arc();
    let child = |parent: &Transaction, fee| spend(&[Utxo::of(parent, 0)], 1, fee);
    let old = parent(500);
    accept(&mut pool, &chain, &old).unwrap();
    accept(&mut pool, &chain, &child(&old, 1000)).unwrap();

    let new = parent(0);
    let poor = [Arc::clone(&new), child(&new, 1505)];
    let text = package_reason(&submit(&mut pool, &chain, &poor));
    assert!(text.starts_with("package RBF failed: insufficient anti-DoS fees, rejecting replacement"), "{text}");

    let unrelated = spend(&[other], 1, 1000);
    accept(&mut pool, &chain, &unrelated).unwrap();
    let attached = spend(&[Utxo::of(&new, 0), Utxo::of(&unrelated, 0)], 1, 9000);
    let text = package_reason(&submit(&mut pool, &chain, &[Arc::clone(&new), attached]));
    assert_eq!(text, "package RBF failed: new transaction cannot have mempool ancestors");

    let rich = [Arc::clone(&new), child(&new, 5000)];
    let result = submit(&mut pool, &chain, &rich);
    assert_eq!(package_reason(&result), "");
    let TxOutcome::Accepted(accepted) = outcome(&result, &new) else { panic!("{result:?}") };
    assert_eq!(accepted.replaced.len(), 2);
    assert!(pool.contains(&rich[1].compute_txid()) && !pool.contains(&old.compute_txid()));
}

#[test]
fn a_package_replaces_whole_families() {
    let (mut pool, mut chain) = setup();
    let coin = chain.fund();
    let family = chain_of(coin, 3, 500);
    family.iter().for_each(|tx| drop(accept(&mut pool, &chain, tx).unwrap()));
    let parent = spend(&[coin], 2, 0);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 50_000);
    let result = submit(&mut pool, &chain, &[parent, child]);
    assert!(result.rejected.is_none(), "{result:?}");
    assert_eq!(pool.len(), 2);
}

#[test]
fn another_witness_does_not_replace_the_first() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 1, 1000);
    accept(&mut pool, &chain, &parent).unwrap();
    let mut twin = Transaction::clone(&parent);
    twin.input[0].witness.push([0x51]);
    let child = spend(&[Utxo::of(&parent, 0)], 1, 1000);
    let result = submit(&mut pool, &chain, &[Arc::new(twin.clone()), child]);
    assert!(matches!(outcome(&result, &twin), TxOutcome::DifferentWitness(wtxid) if *wtxid == parent.compute_wtxid()));
    assert_eq!(pool.len(), 2);
}

#[test]
fn a_fee_beyond_the_senders_maximum_is_a_slip() {
    let (mut pool, mut chain) = setup();
    let parent = spend(&[chain.fund()], 1, 1_000_000);
    let max = Some(FeeRate::from_sat_per_kvb(10_000));
    let result = pool.accept_package(std::slice::from_ref(&parent), &chain, NOW, max);
    assert_eq!(rejection(&result, &parent), "max feerate exceeded");
    assert!(pool.is_empty());
}

#[test]
fn version_3_holds_inside_a_package() {
    let (mut pool, mut chain) = setup();
    let parent = Spend::new(&[chain.fund()], 2, 1000).version(3).arc();
    let other = Spend::new(&[Utxo::of(&parent, 0)], 1, 1000).version(2).arc();
    let result = pool.test_accept(&[Arc::clone(&parent), other], &chain, NOW);
    assert!(package_reason(&result).starts_with("TRUC-violation, non-version=3 tx "));
    let child = Spend::new(&[Utxo::of(&parent, 0)], 1, 1000).version(3).arc();
    let sibling = Spend::new(&[Utxo::of(&parent, 1)], 1, 1000).version(3).arc();
    let result = pool.test_accept(&[Arc::clone(&parent), Arc::clone(&child), sibling], &chain, NOW);
    assert!(package_reason(&result).ends_with("would exceed descendant count limit"));
    let grandchild = Spend::new(&[Utxo::of(&child, 0)], 1, 1000).version(3).arc();
    let result = pool.test_accept(&[Arc::clone(&parent), Arc::clone(&child), grandchild], &chain, NOW);
    assert!(package_reason(&result).ends_with("would have too many ancestors"));
    assert_eq!(package_reason(&submit(&mut pool, &chain, &[parent, child])), "");
}
