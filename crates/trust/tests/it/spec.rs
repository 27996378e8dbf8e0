//! The examples in `docs/spec/trust.md`, made anew; one that differs is shown as it should be.

use super::common::Person;
use pumasi_trust::vouch::{MAX_LIFE, place, validate};
use pumasi_trust::{Claim, Lie, Vouch};
use pumasi_units::Timestamp;
use serde_json::{Value, json};

const SPEC: &str = include_str!("../../../../docs/spec/trust.md");

fn hex(bytes: &[u8; 32]) -> String {
    pumasi_crypto::hash::Digest(*bytes).to_string()
}

fn block(name: &str) -> Value {
    let (_, block) = SPEC.split_once(&format!("```json {name}\n")).unwrap_or_else(|| panic!("no block {name}"));
    serde_json::from_str(block.split_once("```").unwrap().0).unwrap()
}

#[test]
fn the_examples_of_the_specification_hold() {
    let (one, two) = (Person::new(1), Person::new(2));
    let now = Timestamp(1_795_248_060_000);
    let said = Vouch {
        note: Some("십 년 된 이웃이에요".into()),
        sequence: now.0,
        created: now,
        expires: now + MAX_LIFE,
        ..one.says(&two.did, &[Claim::Person, Claim::Shop])
    };
    let signed = one.sign(said.clone());
    let facts = validate(&place(&two.did), signed.as_str().as_bytes(), now).unwrap();
    let vouch = json!({ "place": hex(&place(&two.did)), "name": hex(&facts.name), "vouch": signed.as_str() });

    let other = one.sign(Vouch { claims: Vec::new(), note: None, ..said });
    let lie = Lie::of_statements(one.did, signed.as_str(), other.as_str()).unwrap();
    let kept = lie.lie().encode(now + MAX_LIFE).unwrap();
    let facts = validate(&place(&one.did), &kept, now).unwrap();
    let mut proof = serde_json::to_value(lie.lie()).unwrap();
    proof["until"] = json!(now + MAX_LIFE);
    let lie = json!({ "place": hex(&place(&one.did)), "name": hex(&facts.name), "proof": proof });
    let read: Lie = serde_json::from_value(json!({ "by": proof["by"], "proof": proof["proof"] })).unwrap();
    assert_eq!(Lie::decode(&kept).unwrap().0, read);

    for (name, made) in [("vouch", vouch), ("lie", lie)] {
        assert_eq!(block(name), made, "```json {name}\n{made:#}\n```");
    }
}
