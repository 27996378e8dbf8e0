use super::*;
use proptest::prelude::*;

fn peer(number: u8) -> Giver {
    Giver::Peer(crate::NodeId::from_seed(&[number; 32]).0)
}

fn entry(name: u8, sequence: u64, expires: u64, rank: u64, giver: Giver) -> Entry {
    let facts = EntryFacts { name: [name; 32], sequence, expires: Timestamp(expires), rank };
    Entry { value: vec![name, sequence as u8], facts, giver }
}

fn table(entries: usize, entries_per_peer: usize) -> SetTable {
    let limits = Limits { entries, entries_per_peer, ..Limits::default() };
    SetTable::new(crate::NodeId::from_seed(&[0; 32]).0, limits)
}

const KEY: SetKey = SetKey::inbox([1; 32]);

#[test]
fn many_entries_lie_under_one_key_and_the_later_of_one_name_stays() {
    let mut table = table(100, 100);
    for name in 1..=3 {
        table.admit(KEY, entry(name, 5, 100, 0, peer(1)), Timestamp(0)).unwrap();
    }
    assert_eq!(table.entries(&KEY, Timestamp(0)).count(), 3);
    assert_eq!(table.admit(KEY, entry(1, 5, 100, 0, peer(2)), Timestamp(0)), Ok(Admitted::Same));
    assert_eq!(
        table.admit(KEY, entry(1, 4, 100, 0, peer(1)), Timestamp(0)),
        Err(Refusal::Rollback { sequence: 4, held: 5 })
    );
    let other = Entry { value: vec![9], ..entry(1, 5, 100, 0, peer(1)) };
    assert_eq!(table.admit(KEY, other, Timestamp(0)), Err(Refusal::Conflict { sequence: 5 }));
    table.admit(KEY, entry(1, 6, 100, 0, peer(2)), Timestamp(0)).unwrap();
    assert_eq!(table.get(&KEY, &[1; 32]).unwrap().facts.sequence, 6);
    assert_eq!(table.entries(&KEY, Timestamp(0)).count(), 3);
    assert_eq!(table.entries(&KEY, Timestamp(100)).count(), 0, "their time is over");
}

#[test]
fn under_a_full_key_only_a_higher_rank_gets_in() {
    let mut table = table(1_000, 1_000);
    let limit = KEY.rule().per_key;
    for name in 0..limit {
        let name = u8::try_from(name).unwrap();
        table.admit(KEY, entry(name, 1, 100, u64::from(name) + 1, peer(1)), Timestamp(0)).unwrap();
    }
    assert_eq!(table.admit(KEY, entry(200, 1, 100, 1, peer(1)), Timestamp(0)), Err(Refusal::KeyFull { limit }));
    let admitted = table.admit(KEY, entry(200, 1, 100, 2, peer(1)), Timestamp(0));
    assert_eq!(admitted, Ok(Admitted::Stored { gone: vec![(KEY, [0; 32])] }), "the lowest goes");
    assert!(table.admit(KEY, entry(201, 1, 100, 0, Giver::Own), Timestamp(0)).is_ok(), "own ones always");
}

#[test]
fn a_peer_has_a_share() {
    let mut table = table(100, 2);
    table.admit(KEY, entry(1, 1, 100, 0, peer(1)), Timestamp(0)).unwrap();
    table.admit(KEY, entry(2, 1, 100, 0, peer(1)), Timestamp(0)).unwrap();
    assert_eq!(table.admit(KEY, entry(3, 1, 100, 0, peer(1)), Timestamp(0)), Err(Refusal::PeerFull { limit: 2 }));
    assert!(table.admit(KEY, entry(2, 2, 100, 0, peer(1)), Timestamp(0)).is_ok(), "it may renew");
    assert!(table.admit(KEY, entry(3, 1, 100, 0, peer(2)), Timestamp(0)).is_ok());
}

#[test]
fn what_is_given_again_and_again_is_not_passed_on() {
    let mut table = table(100, 100);
    table.admit(KEY, entry(1, 1, 10_000, 0, peer(1)), Timestamp(0)).unwrap();
    assert!(table.due(100, 10, Timestamp(99)).is_empty());
    table.admit(KEY, entry(1, 1, 10_000, 0, peer(2)), Timestamp(90)).unwrap();
    assert!(table.due(100, 10, Timestamp(150)).is_empty());
    assert_eq!(table.due(100, 10, Timestamp(190)), [KEY]);
    assert!(table.due(100, 10, Timestamp(191)).is_empty(), "once");
    let member = SetKey::member([2; 32]);
    table.admit(member, entry(1, 1, 10_000, 0, peer(1)), Timestamp(0)).unwrap();
    assert!(table.due(100, 10, Timestamp(250)).is_empty(), "members renew their own");
}

proptest! {
    /// Whatever comes in: the bounds hold, the shares add up, and what has expired goes.
    #[test]
    fn the_bounds_hold(steps in proptest::collection::vec((0_u8..6, 0_u8..40, 0_u64..4, 1_u64..200, 0_u64..5, 0_u8..4, 0_u64..150), 1..300)) {
        let mut table = table(24, 10);
        let mut now = 0;
        for (key, name, sequence, life, rank, from, later) in steps {
            now += later / 50;
            let giver = if from == 0 { Giver::Own } else { peer(from) };
            let key = SetKey::inbox([key; 32]);
            let _ = table.admit(key, entry(name, sequence, now + life, rank, giver), Timestamp(now));
            let shelf = table.shelves.values().next();
            let foreign = shelf.map_or(0, |shelf| {
                shelf.bags.values().flat_map(|bag| bag.entries.values()).filter(|held| held.giver != Giver::Own).count()
            });
            prop_assert_eq!(foreign, table.per_peer.values().sum::<usize>());
            prop_assert!(foreign <= 24);
            prop_assert!(table.per_peer.values().all(|held| *held <= 10 && *held > 0));
            if let Some(shelf) = shelf {
                prop_assert_eq!(shelf.bags.values().map(|bag| bag.entries.len()).sum::<usize>(), shelf.by_expiry.len());
            }
        }
        table.expire(Timestamp(now + 1_000));
        prop_assert_eq!(table.len(), 0);
        prop_assert!(table.per_peer.is_empty() && table.shelves.values().all(|shelf| shelf.bags.is_empty()));
    }
}
