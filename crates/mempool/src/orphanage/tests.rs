use bitcoin::{Amount, ScriptBuf, TxIn, TxOut, Txid, absolute::LockTime, hashes::Hash, transaction::Version};
use proptest::prelude::*;

use super::*;

fn outpoint(id: u8, vout: u32) -> OutPoint {
    OutPoint { txid: Txid::from_byte_array([id; 32]), vout }
}

/// An orphan that spends so many outputs of the transaction `id`.
fn orphan(id: u8, inputs: u32) -> Arc<Transaction> {
    spending((0..inputs).map(|vout| outpoint(id, vout)))
}

fn spending(outpoints: impl IntoIterator<Item = OutPoint>) -> Arc<Transaction> {
    let input = |previous_output| TxIn { previous_output, ..TxIn::default() };
    Arc::new(Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: outpoints.into_iter().map(input).collect(),
        output: vec![TxOut { value: Amount::from_sat(1000), script_pubkey: ScriptBuf::from_bytes(vec![0x51; 20]) }],
    })
}

/// Everything counted anew.
fn check(orphanage: &Orphanage) {
    let orphans = &orphanage.orphans;
    assert_eq!(orphanage.weight, orphans.values().map(|orphan| orphan.weight).sum::<u64>());
    assert_eq!(orphanage.input_score, orphans.values().map(Orphan::input_score).sum::<u64>());
    assert_eq!(orphanage.announcements, orphans.values().map(|orphan| orphan.announcers.len()).sum::<usize>());
    for (peer, used) in &orphanage.peers {
        let own = orphans.iter().filter(|(_, orphan)| orphan.announcers.contains_key(peer));
        let own: Vec<_> = own.collect();
        assert_eq!(used.weight, own.iter().map(|(_, orphan)| orphan.weight).sum::<u64>());
        assert_eq!(used.latency_score, own.iter().map(|(_, orphan)| orphan.latency_score()).sum::<u64>());
        let listed: BTreeMap<Announcement, Wtxid> =
            own.iter().map(|&(&wtxid, orphan)| (orphan.announcers[peer], wtxid)).collect();
        assert_eq!(used.announcements, listed);
        assert!(!listed.is_empty());
    }
    let inputs: usize = orphans.values().map(|orphan| orphan.tx.input.len()).sum();
    assert_eq!(orphanage.by_input.values().map(BTreeSet::len).sum::<usize>(), inputs);
    assert!(orphans.values().all(|orphan| !orphan.announcers.is_empty()));
    assert!(!orphanage.is_over_limit());
}

#[test]
fn an_orphan_stays_while_one_peer_has_announced_it() {
    let mut orphanage = Orphanage::new(OrphanLimits::default());
    let tx = orphan(1, 1);
    let wtxid = tx.compute_wtxid();
    assert!(orphanage.add(Arc::clone(&tx), 7));
    assert!(!orphanage.add(Arc::clone(&tx), 7));
    assert!(!orphanage.add(Arc::clone(&tx), 8), "known, but from another peer");
    assert!(orphanage.contains_from(&wtxid, 8) && !orphanage.contains_from(&wtxid, 9));
    assert!(orphanage.add_announcer(&wtxid, 9) && !orphanage.add_announcer(&wtxid, 9));
    assert_eq!((orphanage.len(), orphanage.announcements()), (1, 3));
    orphanage.erase_for_peer(7);
    orphanage.erase_for_peer(9);
    assert!(orphanage.contains(&wtxid));
    check(&orphanage);
    orphanage.erase_for_peer(8);
    assert!(orphanage.is_empty() && orphanage.by_input.is_empty());
}

#[test]
fn what_is_larger_than_a_standard_transaction_is_not_kept() {
    let mut orphanage = Orphanage::new(OrphanLimits::default());
    // An input weighs 164.
    assert!(!orphanage.add(orphan(1, 2440), 1));
    assert!(orphanage.add(orphan(1, 2400), 1));
}

#[test]
fn a_parent_gives_its_children_to_one_of_their_peers() {
    let mut orphanage = Orphanage::new(OrphanLimits::default());
    let parent = orphan(1, 1);
    let child = spending([OutPoint { txid: parent.compute_txid(), vout: 0 }]);
    orphanage.add(Arc::clone(&child), 3);
    orphanage.add(Arc::clone(&child), 5);
    assert_eq!(orphanage.add_children_to_work(&parent, |count| count - 1), [(child.compute_wtxid(), 5)]);
    assert_eq!(orphanage.add_children_to_work(&parent, |_| 0), [], "it is to be looked at already");
    assert!(orphanage.has_work(5) && !orphanage.has_work(3));
    check(&orphanage);
    assert_eq!(orphanage.take_work(5), Some(Arc::clone(&child)));
    assert_eq!(orphanage.take_work(5), None);
    assert!(orphanage.contains(&child.compute_wtxid()), "it stays until it is erased");
    assert_eq!(orphanage.children_from_peer(&parent, 3), [child]);
}

#[test]
fn children_come_newest_first_and_those_to_be_looked_at_before() {
    let mut orphanage = Orphanage::new(OrphanLimits::default());
    let parent = orphan(1, 1);
    let txid = parent.compute_txid();
    let children: Vec<_> = (0..3).map(|other| spending([OutPoint { txid, vout: 0 }, outpoint(9, other)])).collect();
    children.iter().for_each(|child| drop(orphanage.add(Arc::clone(child), 1)));
    orphanage.set_reconsider(&children[0].compute_wtxid(), 1, true);
    let expected = [0, 2, 1].map(|index| Arc::clone(&children[index]));
    assert_eq!(orphanage.children_from_peer(&parent, 1), expected);
}

#[test]
fn a_block_takes_what_it_contains_or_makes_impossible() {
    let mut orphanage = Orphanage::new(OrphanLimits::default());
    let (contained, conflicting, other) = (orphan(1, 1), orphan(2, 2), orphan(3, 1));
    for tx in [&contained, &conflicting, &other] {
        orphanage.add(Arc::clone(tx), 1);
    }
    let spend = spending([outpoint(2, 1), outpoint(8, 0)]);
    orphanage.erase_for_block(&[Transaction::clone(&contained), Transaction::clone(&spend)]);
    assert_eq!(orphanage.len(), 1);
    assert!(orphanage.contains(&other.compute_wtxid()));
    check(&orphanage);
}

#[test]
fn a_greedy_peer_loses_its_own_oldest_and_nobody_elses() {
    let mut orphanage = Orphanage::new(OrphanLimits { max_latency_score: 20, ..OrphanLimits::default() });
    let modest: Vec<_> = (0..5).map(|index| spending([outpoint(1, index)])).collect();
    modest.iter().for_each(|tx| drop(orphanage.add(Arc::clone(tx), 1)));
    let greedy: Vec<_> = (0..100).map(|index| spending([outpoint(2, index)])).collect();
    for tx in &greedy {
        orphanage.add(Arc::clone(tx), 2);
        check(&orphanage);
    }
    assert!(modest.iter().all(|tx| orphanage.contains(&tx.compute_wtxid())));
    let kept: Vec<bool> = greedy.iter().map(|tx| orphanage.contains(&tx.compute_wtxid())).collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 15);
    assert!(kept.is_sorted(), "the newest are here");
}

#[test]
fn the_weight_of_all_orphans_grows_with_the_peers() {
    let limits = OrphanLimits { reserved_weight_per_peer: 4000, ..OrphanLimits::default() };
    let mut orphanage = Orphanage::new(limits);
    let heavy = |peer: u8, index: u32| spending((0..10).map(|vout| outpoint(peer, 10 * index + vout)));
    (0..10).for_each(|index| drop(orphanage.add(heavy(1, index), 1)));
    assert_eq!(orphanage.len(), 2, "each weighs about 1,800");
    (0..10).for_each(|index| drop(orphanage.add(heavy(2, index), 2)));
    assert!(orphanage.weight_of_peer(1) <= 4000 && orphanage.weight() <= 8000);
    check(&orphanage);
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_counts_exact_and_the_limits(
        operations in prop::collection::vec((0..6u8, 0..12u8, 0..4u64, 1..25u32), 1..120),
    ) {
        let limits = OrphanLimits { reserved_weight_per_peer: 8000, max_latency_score: 12 };
        let mut orphanage = Orphanage::new(limits);
        for (operation, id, peer, inputs) in operations {
            let tx = orphan(id, inputs);
            match operation {
                0 | 1 => drop(orphanage.add(tx, peer)),
                2 => drop(orphanage.add_announcer(&tx.compute_wtxid(), peer)),
                3 => orphanage.erase_for_peer(peer),
                4 => orphanage.erase_for_block(std::slice::from_ref(&tx)),
                _ => {
                    orphanage.erase(&tx.compute_wtxid());
                    let any = orphanage.orphans.keys().next().copied();
                    any.into_iter().for_each(|wtxid| orphanage.set_reconsider(&wtxid, peer, true));
                }
            }
            check(&orphanage);
        }
    }
}
