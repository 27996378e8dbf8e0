//! Whether the mempool's own figures agree with what can be counted from outside.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Txid};
use pumasi_mempool::{ChainContext as _, Entry, Family, FeeRate, Mempool};

use crate::chain::{NOW, TestChain};

/// Counts everything anew, from the transactions alone.
pub(crate) fn check(pool: &Mempool, chain: &TestChain) {
    let entries: BTreeMap<Txid, &Entry> = pool.iter().map(|entry| (entry.txid(), entry)).collect();
    let parents: BTreeMap<Txid, BTreeSet<Txid>> = entries
        .iter()
        .map(|(&txid, entry)| {
            let spent = entry.tx().input.iter().map(|input| input.previous_output.txid);
            (txid, spent.filter(|parent| entries.contains_key(parent)).collect())
        })
        .collect();
    let mut children: BTreeMap<Txid, BTreeSet<Txid>> = BTreeMap::new();
    for (&child, of) in &parents {
        for &parent in of {
            children.entry(parent).or_default().insert(child);
        }
    }
    for (&txid, entry) in &entries {
        assert_eq!(entry.ancestors(), sum(&entries, &reach(txid, &parents)), "ancestors of {txid}");
        assert_eq!(entry.descendants(), sum(&entries, &reach(txid, &children)), "descendants of {txid}");
        let listed: BTreeSet<Txid> = pool.parents(&txid).into_iter().collect();
        assert_eq!(listed, parents[&txid]);
        let listed: BTreeSet<Txid> = pool.children(&txid).into_iter().collect();
        assert_eq!(listed, children.get(&txid).cloned().unwrap_or_default());
        assert!(pool.contains_wtxid(&entry.wtxid()));
    }
    check_spends(pool, &entries, chain);
    let info = pool.info(NOW);
    assert_eq!(info.size, entries.len());
    assert_eq!(info.bytes, entries.values().map(|entry| entry.vsize()).sum::<i64>());
    assert_eq!(info.total_fee, entries.values().map(|entry| entry.fee()).sum::<i64>());
    assert!(!entries.is_empty() || info.usage == 0 || pool.prioritised().next().is_some());
    check_order(pool, &parents);
    check_clusters(pool, &entries, &parents, &children);
}

/// A cluster is what hangs together; its chunks pay less and less, and every figure adds up.
fn check_clusters(
    pool: &Mempool,
    entries: &BTreeMap<Txid, &Entry>,
    parents: &BTreeMap<Txid, BTreeSet<Txid>>,
    children: &BTreeMap<Txid, BTreeSet<Txid>>,
) {
    let mut both = parents.clone();
    children.iter().for_each(|(txid, of)| both.entry(*txid).or_default().extend(of));
    let mut left: BTreeSet<Txid> = entries.keys().copied().collect();
    let mut chunks = Vec::new();
    while let Some(&txid) = left.first() {
        let cluster = pool.cluster(&txid).unwrap();
        let members: Vec<Txid> = cluster.iter().flat_map(|chunk| chunk.txids.clone()).collect();
        assert_eq!(members.iter().copied().collect::<BTreeSet<_>>(), reach(txid, &both));
        let mut seen = BTreeSet::new();
        for chunk in &cluster {
            for member in &chunk.txids {
                assert!(parents[member].is_subset(&seen), "parents first");
                assert_eq!(entries[member].chunk(), (chunk.fee, chunk.weight));
                seen.insert(*member);
            }
            assert_eq!(chunk.fee, chunk.txids.iter().map(|txid| entries[txid].modified_fee()).sum::<i64>());
        }
        assert!(cluster.is_sorted_by(|a, b| FeeRate::of(a.fee, a.weight) >= FeeRate::of(b.fee, b.weight)));
        chunks.extend(cluster);
        left.retain(|txid| !members.contains(txid));
    }
    let diagram = pool.feerate_diagram();
    assert_eq!(diagram.len(), chunks.len() + 1);
    assert_eq!(diagram[diagram.len() - 1].0, chunks.iter().map(|chunk| chunk.fee).sum::<i64>());
}

/// Every output is spent once, and exists.
fn check_spends(pool: &Mempool, entries: &BTreeMap<Txid, &Entry>, chain: &TestChain) {
    let mut spent: BTreeSet<OutPoint> = BTreeSet::new();
    for (&txid, entry) in entries {
        for input in &entry.tx().input {
            let outpoint = input.previous_output;
            assert!(spent.insert(outpoint), "{outpoint} is spent twice");
            assert_eq!(pool.spender(&outpoint), Some(txid));
            assert!(pool.output(&outpoint).is_some() || chain.coin(&outpoint).is_some(), "{outpoint} does not exist");
        }
    }
}

/// Parents come before children.
fn check_order(pool: &Mempool, parents: &BTreeMap<Txid, BTreeSet<Txid>>) {
    let mut seen = BTreeSet::new();
    for txid in pool.hashes_by_mining_order() {
        assert!(parents[&txid].is_subset(&seen));
        seen.insert(txid);
    }
    assert_eq!(seen.len(), parents.len());
}

fn reach(from: Txid, next: &BTreeMap<Txid, BTreeSet<Txid>>) -> BTreeSet<Txid> {
    let (mut found, mut staged) = (BTreeSet::new(), vec![from]);
    while let Some(txid) = staged.pop() {
        if found.insert(txid) {
            staged.extend(next.get(&txid).into_iter().flatten());
        }
    }
    found
}

fn sum(entries: &BTreeMap<Txid, &Entry>, txids: &BTreeSet<Txid>) -> Family {
    let of = |figure: fn(&Entry) -> i64| txids.iter().map(|txid| figure(entries[txid])).sum();
    Family {
        count: txids.len() as u64,
        vsize: of(Entry::vsize),
        fees: of(Entry::modified_fee),
        sigop_cost: of(Entry::sigop_cost),
    }
}
