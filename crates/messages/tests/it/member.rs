use crate::person::{NOW, Person, chat};
use pumasi_messages::member::{MAX_LIFE, MemberError, Membership, RENEWAL, SignedMembership, validate};
use pumasi_messages::topic::TopicId;
use pumasi_units::Timestamp;

const NODE: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

fn entry(person: &Person, now: Timestamp) -> Membership {
    let addresses = vec!["/ip4/192.0.2.7/tcp/8468".to_owned(), "nonsense".to_owned(), format!("/{}", "x".repeat(300))];
    Membership::new(person.did, chat().id(), NODE.into(), addresses, now)
}

#[test]
fn an_entry_is_kept_for_its_did_and_a_later_one_takes_its_place() {
    let (alice, id) = (Person::new(1), chat().id().0);
    let first = entry(&alice, NOW);
    assert_eq!(first.addresses, ["/ip4/192.0.2.7/tcp/8468"]);
    let facts = validate(&id, alice.sign(&first).as_str().as_bytes(), NOW).unwrap();
    assert_eq!((facts.name, facts.sequence, facts.expires), (*alice.did.public(), NOW.0, NOW + MAX_LIFE));

    assert!(!first.is_due(NOW + MAX_LIFE - RENEWAL) && first.is_due(NOW + MAX_LIFE - RENEWAL + 1));
    let left = first.leave(NOW);
    let later = validate(&id, alice.sign(&left).as_str().as_bytes(), NOW).unwrap();
    assert!(later.name == facts.name && later.sequence > facts.sequence && later.expires >= facts.expires);
    assert!(SignedMembership::verify(&chat().id(), alice.sign(&left).as_str().as_bytes(), NOW).unwrap().value().left);
    let other = validate(&id, Person::new(2).sign(&entry(&Person::new(2), NOW)).as_str().as_bytes(), NOW).unwrap();
    assert_ne!(other.name, facts.name);
}

#[test]
fn what_a_stranger_may_not_put_into_the_set_is_refused_with_its_reason() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let verify = |topic: &TopicId, text: &str, now| SignedMembership::verify(topic, text.as_bytes(), now);
    let check = |value: &Membership, now| verify(&chat().id(), alice.sign(value).as_str(), now);
    let good = entry(&alice, NOW);
    assert!(matches!(
        verify(&TopicId([7; 32]), alice.sign(&good).as_str(), NOW),
        Err(MemberError::OtherTopic(topic)) if topic == chat().id()
    ));
    let told = validate(&[7; 32], alice.sign(&good).as_str().as_bytes(), NOW).unwrap_err();
    assert!(told.starts_with("membership: of the topic"), "{told}");
    assert!(matches!(check(&good, NOW + MAX_LIFE), Err(MemberError::Expired(_))));
    assert!(matches!(check(&good, NOW - 120_001), Err(MemberError::Lifetime { .. })));
    let long = Membership { expires: NOW + MAX_LIFE + 1, ..good.clone() };
    assert!(matches!(check(&long, NOW), Err(MemberError::Lifetime { .. })));
    let backwards = Membership { sequence: good.expires.0, ..good.clone() };
    assert!(matches!(check(&backwards, good.expires - 1), Err(MemberError::Lifetime { .. })));
    for bad in [
        Membership { node: "a/b".into(), ..good.clone() },
        Membership { node: String::new(), ..good.clone() },
        Membership { addresses: vec!["/ip4/1.2.3.4/tcp/1 ".into()], ..good.clone() },
        Membership { addresses: vec!["/ip4/1.2.3.4/tcp/1".into(); 7], ..good.clone() },
    ] {
        assert!(matches!(check(&bad, NOW), Err(MemberError::Field(_))), "{bad:?}");
    }
    // Mallory signs that Alice is a member.
    let forged = mallory.sign(&Membership { from: mallory.did, ..good.clone() });
    let swapped = forged.as_str().replace('.', "..");
    assert!(verify(&chat().id(), &swapped, NOW).is_err());
    let [header, _, signature] = forged.as_str().split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let payload = alice.sign(&good).as_str().split('.').nth(1).unwrap().to_owned();
    let error = verify(&chat().id(), &format!("{header}.{payload}.{signature}"), NOW);
    assert!(matches!(error, Err(MemberError::Signed(_))));
}

#[test]
fn the_sample_that_stays_is_another_one_each_day_and_topic() {
    let people: Vec<Person> = (1..9).map(Person::new).collect();
    let order = |topic: TopicId, now: Timestamp| {
        let mut ranked: Vec<_> = people
            .iter()
            .map(|it| {
                let entry = Membership { topic, ..entry(it, now) };
                (validate(&topic.0, it.sign(&entry).as_str().as_bytes(), now).unwrap().rank, it.did)
            })
            .collect();
        ranked.sort();
        ranked.into_iter().map(|(_, did)| did).collect::<Vec<_>>()
    };
    let day = 24 * 3_600_000;
    assert_eq!(order(chat().id(), NOW), order(chat().id(), NOW + 60_000));
    assert_ne!(order(chat().id(), NOW), order(chat().id(), NOW + day));
    assert_ne!(order(chat().id(), NOW), order("other".parse::<pumasi_messages::topic::TopicName>().unwrap().id(), NOW));
}

#[test]
fn in_the_set_of_a_person_that_person_comes_first() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let topic = TopicId::of_person(&alice.did);
    let rank = |it: &Person| {
        let entry = Membership { topic, ..entry(it, NOW) };
        validate(&topic.0, it.sign(&entry).as_str().as_bytes(), NOW).unwrap().rank
    };
    assert_eq!(rank(&alice), u64::MAX);
    assert!(rank(&mallory) < u64::MAX);
}
