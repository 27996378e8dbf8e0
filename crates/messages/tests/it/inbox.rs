use crate::person::{NOW, Person};
use pumasi_messages::inbox::{
    ACK_PLACE, InboxError, InboxSlots, MAX_CONTENT, MAX_ENTRY, MAX_LIFE, PLACES, day, days_alive, days_open, open,
    seal, validate,
};
use std::collections::HashSet;

const DAY: u64 = 24 * 3_600_000;

fn pair() -> (InboxSlots, InboxSlots) {
    let (alice, bob) = (Person::new(1), Person::new(2));
    (alice.slots_with(&bob), bob.slots_with(&alice))
}

#[test]
fn what_one_writes_the_other_finds_and_no_two_slots_share_a_key() {
    let (a, b) = pair();
    let mut keys = HashSet::new();
    for day in 0..40 {
        assert_eq!(a.outgoing(day).record_key(), b.incoming(day).record_key());
        assert_eq!(a.incoming(day).record_key(), b.outgoing(day).record_key());
        assert!(keys.insert(a.outgoing(day).record_key()) && keys.insert(a.incoming(day).record_key()));
    }
    let carol = Person::new(3).slots_with(&Person::new(2));
    assert!((0..40).all(|day| !keys.contains(&carol.outgoing(day).record_key())));
}

#[test]
fn the_longest_content_fits_and_opens_only_for_the_pair_in_its_place() {
    let (a, b) = pair();
    let today = day(NOW);
    let content = vec![7; MAX_CONTENT];
    let entry = seal(&a.outgoing(today), 30, NOW, NOW + MAX_LIFE, &[9; 32], &content).unwrap();
    assert!(entry.len() <= MAX_ENTRY && entry.len() > MAX_ENTRY - 16, "{}", entry.len());
    let id = b.incoming(today).record_key();
    let facts = validate(&id, &entry, NOW).unwrap();
    assert_eq!((facts.name[0], facts.sequence, facts.expires), (30, NOW.0, NOW + MAX_LIFE));
    let (place, opened) = open(&b.incoming(today), &entry, NOW).unwrap();
    assert_eq!((place, opened.as_slice()), (30, content.as_slice()));
    assert_eq!(open(&b.incoming(today + 1), &entry, NOW), Err(InboxError::WrongKey));
    let too_long = vec![7; MAX_CONTENT + 1];
    let error = seal(&a.outgoing(today), 0, NOW, NOW + 1, &[9; 32], &too_long);
    assert_eq!(error, Err(InboxError::ContentTooLong { len: MAX_CONTENT + 1 }));
}

#[test]
fn a_slot_has_as_many_entries_as_places_and_nobody_else_can_write_one() {
    let (a, _) = pair();
    let slot = a.outgoing(day(NOW));
    let names: HashSet<[u8; 32]> = (0..=ACK_PLACE)
        .map(|place| seal(&slot, place, NOW, NOW + 1_000, &[9; 32], b"x").unwrap())
        .map(|entry| validate(&slot.record_key(), &entry, NOW).unwrap().name)
        .collect();
    assert_eq!(names.len(), usize::from(PLACES) + 1);
    assert!(matches!(seal(&slot, 32, NOW, NOW + 1, &[9; 32], b"x"), Err(InboxError::Place { place: 32 })));

    let entry = seal(&slot, 3, NOW, NOW + 1_000, &[9; 32], b"hello").unwrap();
    for at in 0..entry.len() {
        let mut changed = entry.clone();
        changed[at] ^= 1;
        assert!(validate(&slot.record_key(), &changed, NOW).is_err(), "byte {at}");
    }
    let other = Person::new(3).slots_with(&Person::new(2)).outgoing(day(NOW));
    let foreign = seal(&other, 3, NOW, NOW + 1_000, &[9; 32], b"hello").unwrap();
    assert_eq!(open(&slot, &foreign, NOW), Err(InboxError::WrongKey));
    assert_eq!(validate(&slot.record_key(), &foreign, NOW), Err(InboxError::WrongKey.to_string()));
}

#[test]
fn an_entry_ends_and_none_is_for_ever_or_from_the_future() {
    let (a, _) = pair();
    let slot = a.outgoing(day(NOW));
    let entry = seal(&slot, 0, NOW, NOW + 1_000, &[9; 32], b"x").unwrap();
    assert_eq!(open(&slot, &entry, NOW + 1_000), Err(InboxError::Expired(NOW + 1_000)));
    assert!(matches!(open(&slot, &entry, NOW - 120_001), Err(InboxError::Lifetime { .. })));
    let error = seal(&slot, 0, NOW, NOW + MAX_LIFE + 1, &[9; 32], b"x");
    assert!(matches!(error, Err(InboxError::Lifetime { .. })));
}

#[test]
fn all_days_with_something_alive_are_looked_at_and_then_only_those_that_are_open() {
    let noon = day(NOW) * DAY + DAY / 2;
    let days = |at: u64| days_open(pumasi_units::Timestamp(at)).collect::<Vec<_>>();
    assert_eq!(days(noon), [day(NOW)]);
    assert_eq!(days(day(NOW) * DAY + 60_000), [day(NOW) - 1, day(NOW)]);
    assert_eq!(days((day(NOW) + 1) * DAY - 60_000), [day(NOW), day(NOW) + 1]);
    assert_eq!(days_alive(pumasi_units::Timestamp(noon)).collect::<Vec<_>>().len(), 8);
}
