use super::*;
use proptest::prelude::*;

fn peer_id(number: u8) -> PeerId {
    crate::NodeId::from_seed(&[number; 32]).0
}

fn peer(number: u8) -> Giver {
    Giver::Peer(peer_id(number))
}

fn held(slot: u8, sequence: u64, expires: u64, giver: Giver) -> Held {
    Held {
        key: RecordKey::mailbox([slot; 32]),
        value: vec![slot, sequence as u8],
        valid: Valid { sequence, expires: Timestamp(expires) },
        giver,
        given: false,
    }
}

fn table(mailboxes: usize, records_per_peer: usize) -> Table {
    let limits = Limits { mailboxes, records_per_peer, ..Limits::default() };
    Table::new(crate::NodeId::from_seed(&[0; 32]).0, limits)
}

#[test]
fn the_higher_sequence_stays_whatever_the_order() {
    let mut table = table(10, 10);
    assert!(table.admit(held(1, 5, 100, peer(1)), Timestamp(0)).is_ok());
    assert_eq!(table.admit(held(1, 5, 100, peer(2)), Timestamp(0)), Ok(Admitted::Same));
    assert_eq!(table.admit(held(1, 4, 100, peer(1)), Timestamp(0)), Err(Refusal::Rollback { sequence: 4, held: 5 }));
    let other = Held { value: vec![9], ..held(1, 5, 100, peer(1)) };
    assert_eq!(table.admit(other, Timestamp(0)), Err(Refusal::Conflict { sequence: 5 }));
    assert!(table.admit(held(1, 6, 100, peer(2)), Timestamp(0)).is_ok());
    assert_eq!(table.get(&RecordKey::mailbox([1; 32]), Timestamp(0)).unwrap().valid.sequence, 6);
}

#[test]
fn when_full_the_expired_go_first_and_then_the_farthest() {
    let mut table = table(3, 10);
    for slot in 1..=3 {
        table.admit(held(slot, 1, 100 + u64::from(slot), peer(1)), Timestamp(0)).unwrap();
    }
    let Admitted::Stored { gone } = table.admit(held(4, 1, 500, peer(1)), Timestamp(101)).unwrap() else { panic!() };
    assert_eq!(gone, [RecordKey::mailbox([1; 32])], "slot 1 had expired");

    let near = |table: &Table, slot: u8| table.distance(&RecordKey::mailbox([slot; 32]));
    for slot in 5..=60 {
        let farthest = table.iter().map(|held| table.distance(&held.key)).max().unwrap();
        let nearer = near(&table, slot) < farthest;
        let admitted = table.admit(held(slot, 1, 500, peer(1)), Timestamp(101));
        assert_eq!(admitted.is_ok(), nearer, "slot {slot}");
        assert_eq!(table.iter().any(|held| table.distance(&held.key) == farthest), !nearer);
        assert_eq!(table.len(Namespace::Mailbox), 3);
    }
}

#[test]
fn who_gives_the_same_again_is_noted() {
    let mut table = table(10, 1);
    let now = Timestamp(0);
    let again = |table: &mut Table, slot: u8, giver| {
        let Held { key, value, .. } = held(slot, 1, 100, giver);
        table.again(&key, &value, giver, now)
    };
    let how =
        |table: &Table, slot: u8| table.get(&RecordKey::mailbox([slot; 32]), now).map(|held| (held.giver, held.given));
    assert!(!again(&mut table, 1, Giver::Own), "nothing is there");
    table.admit(held(1, 1, 100, Giver::Own), now).unwrap();
    assert!(again(&mut table, 1, Giver::Own));
    assert_eq!(how(&table, 1), Some((Giver::Own, false)));
    assert!(again(&mut table, 1, peer(1)));
    assert_eq!((how(&table, 1), table.held_from(&peer_id(1))), (Some((Giver::Own, true)), 0));

    // What a peer gave first is the owner's from then on, and counts for that peer no more.
    table.admit(held(2, 1, 100, peer(1)), now).unwrap();
    assert!(again(&mut table, 2, Giver::Own));
    assert_eq!((how(&table, 2), table.held_from(&peer_id(1))), (Some((Giver::Own, true)), 0));
    assert!(table.admit(held(3, 1, 100, peer(1)), now).is_ok(), "there is room for one of it");
    assert!(!again(&mut table, 4, peer(1)) && !table.again(&held(1, 2, 100, peer(1)).key, b"other", peer(1), now));
}

#[test]
fn own_records_are_not_pushed_out() {
    let mut table = table(2, 10);
    for slot in 1..=2 {
        table.admit(held(slot, 1, 100, Giver::Own), Timestamp(0)).unwrap();
    }
    for slot in 3..=40 {
        assert_eq!(table.admit(held(slot, 1, 100, peer(1)), Timestamp(0)), Err(Refusal::Full { limit: 2 }));
    }
}

proptest! {
    /// Whatever comes in which order: the bounds hold, the counts are true, and no sequence goes back.
    #[test]
    fn bounds_hold_and_no_sequence_goes_back(
        puts in prop::collection::vec((0_u8..24, 0_u64..6, 0_u64..60, 0_usize..4, 0_u64..4), 1..200)
    ) {
        let givers = [peer(1), peer(2), peer(3), peer(4)];
        let mut table = table(12, 5);
        let mut now = Timestamp(0);
        for (slot, sequence, life, giver, passes) in puts {
            now = now + passes;
            let record = held(slot, sequence, now.0 + life + 1, givers[giver]);
            let before = table.get(&record.key, now).map(|held| held.valid.sequence);
            let key = record.key;
            let result = table.admit(record, now);
            let after = table.get(&key, now).map(|held| held.valid.sequence);
            prop_assert!(after >= before);
            if result.is_ok() {
                prop_assert_eq!(after, Some(sequence));
            }
            prop_assert!(table.len(Namespace::Mailbox) <= 12);
            prop_assert!(table.iter().all(|held| held.valid.expires > now));
            for giver in givers {
                let Giver::Peer(id) = giver else { unreachable!() };
                let counted = table.iter().filter(|held| held.giver == giver).count();
                prop_assert_eq!(counted, table.held_from(&id));
                prop_assert!(counted <= 5, "{:?} has {}", giver, counted);
            }
        }
    }
}
