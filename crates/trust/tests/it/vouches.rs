use super::common::{HOUR, NOW, Person};
use futures::executor::block_on;
use pumasi_crypto::{b64, stamp};
use pumasi_trust::vouch::{self, About, MAX_LIFE, MAX_VOUCH, VOUCH_TYP, place, read, validate};
use pumasi_trust::{Claim, SignedVouch, Vouch, VouchError};
use serde_json::{Value, json};

/// A payload that anyone made, signed by the key with this seed, with a stamp that holds.
fn forge(seed: u8, kid: &str, typ: &str, payload: &Value) -> String {
    let key = Person::new(seed);
    let forged = stamp::sign(&key.provider, &key.key, kid, typ, payload, vouch::MIN_WORK);
    block_on(forged).unwrap().unwrap().as_str().to_owned()
}

fn payload(signed: &SignedVouch) -> Value {
    let payload = signed.as_str().split('.').nth(1).unwrap();
    serde_json::from_slice(&b64::decode("payload", payload).unwrap()).unwrap()
}

#[test]
fn what_was_signed_is_what_is_read_and_kept_under_the_one_it_is_about() {
    let (one, two) = (Person::new(1), Person::new(2));
    let said =
        Vouch { note: Some("십 년 된 이웃이에요".into()), ..one.says(&two.did, &[Claim::Person, Claim::Shop]) };
    let signed = one.sign(said.clone());
    assert_eq!(signed.vouch(), &said);
    let bytes = signed.as_str().as_bytes();
    assert_eq!(read(&place(&two.did), bytes), Ok(About::Vouch(Box::new(signed.clone()))));
    let facts = validate(&place(&two.did), bytes, NOW).unwrap();
    assert_eq!((facts.sequence, facts.expires), (1, NOW + MAX_LIFE));
    assert!(facts.rank >= 16);
    assert_eq!(read(&place(&one.did), bytes), Err(VouchError::OtherPlace));
}

#[test]
fn of_each_voucher_there_is_one_and_a_later_one_takes_its_place() {
    let (one, two, three) = (Person::new(1), Person::new(2), Person::new(3));
    let facts = |signed: &SignedVouch| validate(&place(&three.did), signed.as_str().as_bytes(), NOW).unwrap();
    let first = facts(&one.vouch(&three.did, &[Claim::Person]));
    let revocation = facts(&one.sign(Vouch { sequence: 2, ..one.says(&three.did, &[]) }));
    assert_eq!(first.name, revocation.name);
    assert!(revocation.sequence > first.sequence);
    assert_ne!(first.name, facts(&two.vouch(&three.did, &[Claim::Person])).name);
}

#[test]
fn nobody_vouches_in_anothers_name() {
    let (one, two) = (Person::new(1), Person::new(2));
    let genuine = payload(&one.vouch(&two.did, &[Claim::Person]));
    assert!(SignedVouch::verify(&forge(1, &one.did.key_id(), VOUCH_TYP, &genuine), NOW).is_ok());
    for (seed, kid) in [(2, one.did.key_id()), (2, two.did.key_id()), (1, two.did.key_id())] {
        assert_eq!(SignedVouch::verify(&forge(seed, &kid, VOUCH_TYP, &genuine), NOW), Err(VouchError::Signature));
    }
    let other = SignedVouch::verify(&forge(1, &one.did.key_id(), "pumasi/1/listed", &genuine), NOW);
    assert!(matches!(other, Err(VouchError::Malformed(_))), "{other:?}");
    assert!(block_on(one.says(&two.did, &[]).sign(&two.provider, &two.key, 16)).is_err());
}

#[test]
fn a_field_out_of_bounds_is_refused_by_name() {
    let (one, two) = (Person::new(1), Person::new(2));
    let genuine = payload(&one.vouch(&two.did, &[Claim::Person]));
    for (field, value) in [
        ("about", json!(one.did)),
        ("claims", json!(["shop", "person"])),
        ("claims", json!(["person", "person"])),
        ("note", json!("가".repeat(141))),
        ("note", json!(" ")),
        ("note", json!("a\u{202e}b")),
        ("sequence", json!(0)),
        ("expires", json!(NOW.0 + 1)),
        ("expires", json!(NOW.0 + MAX_LIFE + 1)),
    ] {
        let mut payload = genuine.clone();
        payload[field] = value.clone();
        let refused = SignedVouch::verify(&forge(1, &one.did.key_id(), VOUCH_TYP, &payload), NOW);
        assert!(
            matches!(&refused, Err(VouchError::Field { field: named, .. }) if *named == field),
            "{value}: {refused:?}"
        );
    }
    for (field, value) in [("extra", json!(1)), ("claims", json!(["friend"])), ("created", json!(-1))] {
        let mut payload = genuine.clone();
        payload[field] = value;
        let refused = SignedVouch::verify(&forge(1, &one.did.key_id(), VOUCH_TYP, &payload), NOW);
        assert!(matches!(refused, Err(VouchError::Malformed(_))), "{field}: {refused:?}");
    }
    let long = "A".repeat(MAX_VOUCH + 1);
    assert_eq!(SignedVouch::verify(&long, NOW), Err(VouchError::TooLong { len: MAX_VOUCH + 1, limit: MAX_VOUCH }));
}

#[test]
fn it_counts_for_its_time_and_costs_work() {
    let (one, two) = (Person::new(1), Person::new(2));
    let signed = one.vouch(&two.did, &[Claim::Person]);
    let verify = |now| SignedVouch::verify(signed.as_str(), now);
    assert!(verify(NOW).is_ok() && verify(NOW + MAX_LIFE - 1).is_ok());
    for error in [verify(NOW + MAX_LIFE).unwrap_err(), verify(NOW - HOUR).unwrap_err()] {
        assert!(error.is_of_time(), "{error}");
    }
    let mut lazy = payload(&signed);
    lazy["stamp"] = json!("0");
    let (_, rest) = signed.as_str().split_once('.').unwrap();
    let lazy = signed.as_str().replace(rest.split_once('.').unwrap().0, &b64::encode(lazy.to_string()));
    assert!(matches!(SignedVouch::verify(&lazy, NOW), Err(VouchError::Stamp { found }) if found < 16));
}
