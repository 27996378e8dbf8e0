//! Presence: what a DHT node keeps, what only a contact reads, and what nobody can pass on.

use crate::person::{NOW, Person};
use futures::executor::block_on;
use proptest::prelude::*;
use pumasi_crypto::{CryptoError, jose};
use pumasi_signaling::presence::{
    self, Addresses, Audience, MAX_ADDRESS, MAX_ADDRESSES, MAX_LIFE, MAX_PRESENCE, NodeName, PRESENCE_TYP,
    PairPresence, Presence, PresenceError, SignedPresence,
};
use pumasi_signaling::{CLOCK_SKEW, EPOCH, MAX_LIFETIME, MAX_RECORD, MailboxRecord, RecordError};
use pumasi_units::Timestamp;
use serde_json::{Value, json};

pub(crate) fn node(number: u8) -> NodeName {
    NodeName::from_ed25519([number; 32])
}

pub(crate) fn of(person: &Person, to: Audience, addresses: &[&str]) -> Presence {
    let addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
    Presence {
        did: person.did,
        node: node(9),
        addresses: Addresses::new(addresses).unwrap(),
        to,
        sequence: NOW,
        expires: NOW + MAX_LIFE,
    }
}

pub(crate) fn sign(person: &Person, presence: Presence) -> Result<SignedPresence, PresenceError> {
    block_on(presence.sign(&person.provider, &person.key))
}

fn pair(me: &Person, them: &Person) -> PairPresence {
    block_on(PairPresence::new(&me.provider, &me.agreement, me.did, them.did, them.x25519())).unwrap()
}

#[test]
fn a_dht_node_takes_what_the_did_signed_for_everyone_under_its_own_key_and_nothing_else() {
    let (a, b) = (Person::new(1), Person::new(2));
    let signed = sign(&a, of(&a, Audience::Everyone, &["/ip4/192.0.2.7/tcp/8468"])).unwrap();
    let bytes = signed.as_str().as_bytes();
    let facts = presence::validate(&presence::key(&a.did).0, bytes, NOW).unwrap();
    assert_eq!((facts.sequence, facts.expires), (NOW.0, NOW + MAX_LIFE));

    let refused = |bytes: &[u8], now| presence::validate(&presence::key(&a.did).0, bytes, now).unwrap_err();
    assert_eq!(presence::validate(&presence::key(&b.did).0, bytes, NOW), Err(PresenceError::WrongKey));
    assert_eq!(refused(bytes, NOW + MAX_LIFE), PresenceError::Expired { expires: NOW + MAX_LIFE });
    assert!(matches!(refused(bytes, NOW - (CLOCK_SKEW + 1)), PresenceError::Lifetime { .. }));
    // Shown to a contact, or on a stream: whoever has it cannot publish it.
    for audience in [Audience::Contact(b.did), Audience::Node(node(3))] {
        let told = sign(&a, of(&a, audience, &[])).unwrap();
        assert_eq!(refused(told.as_str().as_bytes(), NOW), PresenceError::OtherAudience { audience });
    }
    // Signed by somebody else who says to be A, and by A with another type.
    let kid = a.did.key_id();
    let text = |person: &Person, typ: &str, payload: &Value| {
        block_on(jose::sign_eddsa(&person.provider, &person.key, &kid, typ, payload)).unwrap().as_str().to_owned()
    };
    let payload = serde_json::to_value(of(&a, Audience::Everyone, &["/a"])).unwrap();
    assert_eq!(refused(text(&b, PRESENCE_TYP, &payload).as_bytes(), NOW), PresenceError::Signature);
    assert_eq!(refused(text(&a, "pumasi/1/signal", &payload).as_bytes(), NOW), PresenceError::Malformed);
    assert!(presence::validate(&presence::key(&a.did).0, text(&a, PRESENCE_TYP, &payload).as_bytes(), NOW).is_ok());
    // A member too many, a life too long, an end before the beginning.
    let with = |member: &str, value: Value| {
        let mut payload = payload.clone();
        payload[member] = value;
        refused(text(&a, PRESENCE_TYP, &payload).as_bytes(), NOW)
    };
    assert_eq!(with("more", json!(1)), PresenceError::Malformed);
    assert_eq!(with("node", json!(a.did)), PresenceError::Malformed);
    assert_eq!(with("addresses", json!(vec!["/a"; 2])), PresenceError::Malformed);
    assert!(matches!(with("expires", json!(NOW.0 + MAX_LIFE + 1)), PresenceError::Lifetime { .. }));
    assert!(matches!(with("sequence", json!(NOW.0 + MAX_LIFE)), PresenceError::Lifetime { .. }));
    assert_eq!(refused(&vec![b'a'; MAX_PRESENCE + 1], NOW), PresenceError::TooLong { len: MAX_PRESENCE + 1 });
    assert_eq!(refused(&[0xff; 8], NOW), PresenceError::Malformed);
}

#[test]
fn addresses_are_bounded_in_number_length_and_form() {
    let new = |addresses: Vec<String>| Addresses::new(addresses);
    let many = |count: usize| (0..count).map(|number| format!("/{number}")).collect::<Vec<_>>();
    assert!(new(many(MAX_ADDRESSES)).is_ok() && new(vec![format!("/{}", "a".repeat(MAX_ADDRESS - 1))]).is_ok());
    let bad = [
        many(MAX_ADDRESSES + 1),
        vec![format!("/{}", "a".repeat(MAX_ADDRESS))],
        vec!["ip4/1.2.3.4".into()],
        vec!["/ip4/1.2.3.4 ".into()],
        vec!["/ip4/\u{1b}[0m".into()],
        vec!["/가".into()],
        vec!["/a".into(), "/a".into()],
        vec![String::new()],
    ];
    for bad in bad {
        assert!(matches!(new(bad.clone()), Err(PresenceError::Addresses { .. })), "{bad:?}");
    }
    // More than fits is told when it is signed.
    let long = (0..MAX_ADDRESSES).map(|number| format!("/{number}{}", "a".repeat(MAX_ADDRESS - 2))).collect();
    let a = Person::new(1);
    let presence = Presence { addresses: new(long).unwrap(), ..of(&a, Audience::Everyone, &[]) };
    assert!(matches!(sign(&a, presence), Err(PresenceError::TooLong { .. })));
    let presence = Presence { expires: NOW + MAX_LIFE + 1, ..of(&a, Audience::Everyone, &[]) };
    assert!(matches!(sign(&a, presence), Err(PresenceError::Lifetime { .. })));
    assert_eq!(sign(&Person::new(2), of(&a, Audience::Everyone, &[])), Err(PresenceError::Signature));
}

#[test]
fn a_contact_reads_what_was_sealed_for_it_and_nobody_else_does() {
    let [a, b, c] = [1, 2, 3].map(Person::new);
    let mut mine = pair(&a, &b);
    let signed = sign(&a, of(&a, Audience::Contact(b.did), &["/ip4/192.0.2.7/tcp/8468"])).unwrap();
    let (key, record) = mine.seal(&signed, NOW, [5; 64]).unwrap();
    // Among the mailbox records, and one of them.
    let valid = MailboxRecord::validate(&key, &record, NOW).unwrap();
    assert_eq!((valid.sequence, valid.expires), (NOW.0, NOW + MAX_LIFETIME));
    assert!(record.len() <= MAX_RECORD);

    let theirs = pair(&b, &a);
    let slots = theirs.to_read(NOW);
    let slot = slots.iter().find(|slot| slot.record_key() == key).expect("they look there");
    let open = |person: &Person, pair: &PairPresence, now| {
        block_on(pair.open(&person.provider, &person.agreement, slot, &record, now))
    };
    assert_eq!(open(&b, &theirs, NOW), Ok(signed.clone()));
    assert!(matches!(open(&b, &theirs, NOW + MAX_LIFETIME), Err(PresenceError::Record(RecordError::Expired { .. }))));
    // The sender cannot open it again, nor can a third person, who does not know the slot either.
    assert_eq!(open(&a, &mine, NOW), Err(PresenceError::Crypto(CryptoError::Unverified("sealed box"))));
    assert!(pair(&c, &a).to_read(NOW).iter().all(|slot| slot.record_key() != key));
    // Neither is it where signals lie.
    assert!(b.mailbox_with(&a).to_read(NOW).iter().all(|slot| slot.record_key() != key));
    // What is for somebody else, or of somebody else, is not sealed.
    let for_c = sign(&a, of(&a, Audience::Contact(c.did), &[])).unwrap();
    assert!(matches!(mine.seal(&for_c, NOW, [5; 64]), Err(PresenceError::OtherAudience { .. })));
    let of_c = sign(&c, of(&c, Audience::Contact(b.did), &[])).unwrap();
    assert!(matches!(mine.seal(&of_c, NOW, [5; 64]), Err(PresenceError::OtherDid { .. })));
    // A second one at the same time is newer, and both look alike from outside.
    let gone = sign(&a, Presence { sequence: NOW + 1, ..of(&a, Audience::Contact(b.did), &[]) }).unwrap();
    let (_, later) = mine.seal(&gone, NOW, [6; 64]).unwrap();
    assert!(MailboxRecord::validate(&key, &later, NOW).unwrap().sequence > NOW.0);
    assert_eq!(later.len(), record.len());
}

#[test]
fn the_slots_of_two_hours_cannot_be_linked_and_near_the_full_hour_both_are_read() {
    let (a, b) = (Person::new(1), Person::new(2));
    let hour = Timestamp(NOW.0 / EPOCH * EPOCH);
    let signed = |now: Timestamp| {
        let presence =
            Presence { sequence: now, expires: now + MAX_LIFETIME, ..of(&a, Audience::Contact(b.did), &["/a"]) };
        sign(&a, presence).unwrap()
    };
    let keys: Vec<_> = (0..4)
        .map(|hours| {
            let now = hour + hours * EPOCH;
            pair(&a, &b).seal(&signed(now), now, [5; 64]).unwrap().0
        })
        .collect();
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(key));
    }
    let read = |now| pair(&b, &a).to_read(now).iter().map(pumasi_signaling::Slot::record_key).collect::<Vec<_>>();
    assert_eq!(read(hour + EPOCH / 2), [keys[0]]);
    assert_eq!(read(hour + EPOCH + 60_000), [keys[1], keys[0]]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_changed_byte_is_never_taken(at: prop::sample::Index, bit in 0_u8..8) {
        let a = Person::new(1);
        let signed = sign(&a, of(&a, Audience::Everyone, &["/ip4/192.0.2.7/tcp/8468"])).unwrap();
        let mut bytes = signed.as_str().as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(presence::validate(&presence::key(&a.did).0, &bytes, NOW).is_err());
    }
}
