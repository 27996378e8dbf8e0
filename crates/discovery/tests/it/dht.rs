//! Entries of the DHT, from outside; and the examples of `docs/spec/find.md`.

use super::common::{HOUR, NOW, Shop, restaurant};
use futures::executor::block_on;
use proptest::prelude::*;
use pumasi_crypto::{b64, stamp};
use pumasi_discovery::dht::{
    self, EntryError, LISTED_TYP, MAX_ENTRY, MAX_LIFE, MIN_WORK, Merge, Query, Rank, SignedListing, canonical, place,
    shard, sign_all,
};
use pumasi_discovery::{Action, Entry, Listing};
use pumasi_units::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;

fn entries(shop: &Shop, listing: &Listing, now: Timestamp) -> Vec<SignedListing> {
    block_on(sign_all(&shop.provider, &shop.key, shop.did, listing, now, HOUR, MIN_WORK)).unwrap()
}

fn payload(entry: &SignedListing) -> Value {
    let payload = entry.as_str().split('.').nth(1).unwrap();
    serde_json::from_slice(&b64::decode("payload", payload).unwrap()).unwrap()
}

/// A payload that anyone made, signed by the key with this seed, with a stamp that holds.
fn forge(seed: u8, kid: &str, typ: &str, payload: &Value) -> Vec<u8> {
    let key = Shop::new(seed);
    let forged = stamp::sign(&key.provider, &key.key, kid, typ, payload, MIN_WORK);
    block_on(forged).unwrap().unwrap().as_str().as_bytes().to_vec()
}

#[test]
fn a_shop_is_kept_under_each_of_its_categories_whatever_their_language() {
    let shop = Shop::new(1);
    let listing =
        Listing { categories: ["식당", "Restaurant", "카페"].map(str::to_owned).to_vec(), ..restaurant() };
    let found = entries(&shop, &listing, NOW);
    let categories: Vec<&str> = found.iter().map(|entry| entry.shop().category.as_str()).collect();
    assert_eq!(categories, ["cafe", "restaurant"]);
    for entry in &found {
        let id = place(&entry.shop().category, shard(&shop.did));
        let read = SignedListing::verify(&id, entry.as_str().as_bytes(), NOW).unwrap();
        assert_eq!((&read, read.shop().did), (entry, shop.did));
        assert_eq!(read.shop().listing, Listing { bootstrap_nodes: Vec::new(), ..listing.clone() });
        let facts = dht::validate(&id, entry.as_str().as_bytes(), NOW).unwrap();
        assert_eq!((facts.sequence, facts.expires, facts.name), (NOW.0, NOW + HOUR, entry.name()));
        assert!(facts.rank >= u64::from(MIN_WORK));
    }
    for query in ["식당에서", "restaurants", "음식점", "CAFE"] {
        let query = Query::new(query, None).unwrap();
        assert!(query.places().any(|(_, id)| found.iter().any(|entry| entry.shop().place() == id)), "{query:?}");
    }
}

#[test]
fn of_each_did_there_is_one_under_a_key_and_the_later_counts() {
    let (shop, other) = (Shop::new(1), Shop::new(2));
    let facts = |entry: &SignedListing| dht::validate(&entry.shop().place(), entry.as_str().as_bytes(), NOW).unwrap();
    let [first, later] = [NOW, NOW + 1].map(|now| facts(&entries(&shop, &restaurant(), now)[0]));
    assert_eq!(first.name, later.name);
    assert!(later.sequence > first.sequence);
    assert_ne!(first.name, facts(&entries(&other, &restaurant(), NOW)[0]).name);
}

#[test]
fn an_entry_holds_in_its_place_only_and_for_its_time() {
    let shop = Shop::new(1);
    let entry = &entries(&shop, &restaurant(), NOW)[0];
    let bytes = entry.as_str().as_bytes();
    let id = entry.shop().place();
    for other in [place(&entry.shop().category, (shard(&shop.did) + 1) % 8), place("cafe", shard(&shop.did)), [0; 32]] {
        assert_eq!(SignedListing::verify(&other, bytes, NOW), Err(EntryError::OtherPlace));
        assert!(dht::validate(&other, bytes, NOW).is_err());
    }
    assert!(SignedListing::verify(&id, bytes, NOW + HOUR - 1).is_ok());
    for now in [NOW + HOUR, NOW - HOUR] {
        assert!(SignedListing::verify(&id, bytes, now).unwrap_err().is_of_time());
    }
}

#[test]
fn nobody_lists_a_did_that_is_not_theirs_nor_without_work() {
    let (shop, other) = (Shop::new(1), Shop::new(2));
    let entry = &entries(&shop, &restaurant(), NOW)[0];
    let (id, genuine) = (entry.shop().place(), payload(entry));
    let verify = |bytes: &[u8]| SignedListing::verify(&id, bytes, NOW);
    assert!(verify(&forge(1, &shop.did.key_id(), LISTED_TYP, &genuine)).is_ok());
    for (seed, kid) in [(2, shop.did.key_id()), (2, other.did.key_id()), (1, other.did.key_id())] {
        assert_eq!(verify(&forge(seed, &kid, LISTED_TYP, &genuine)), Err(EntryError::Signature), "{seed} {kid}");
    }
    let operation = verify(&forge(1, &shop.did.key_id(), "pumasi/1/listing", &genuine));
    assert!(matches!(operation, Err(EntryError::Malformed(_))), "{operation:?}");
    let mut lazy = genuine.clone();
    lazy["stamp"] = json!("0");
    let mut parts: Vec<&str> = entry.as_str().split('.').collect();
    let lazy = b64::encode(lazy.to_string());
    parts[1] = &lazy;
    assert!(matches!(verify(parts.join(".").as_bytes()), Err(EntryError::Stamp { found }) if found < MIN_WORK));
}

#[test]
fn a_field_out_of_bounds_is_refused_by_name() {
    let shop = Shop::new(1);
    let entry = &entries(&shop, &restaurant(), NOW)[0];
    let genuine = payload(entry);
    let verify = |field: &str, value: Value| {
        let mut payload = genuine.clone();
        payload[field] = value;
        SignedListing::verify(&entry.shop().place(), &forge(1, &shop.did.key_id(), LISTED_TYP, &payload), NOW)
    };
    for (field, value) in [
        ("description", json!("")),
        ("category", json!("cafe")),
        ("categories", json!(["식당", "식당"])),
        ("service_endpoint", json!("http://shop.example")),
        ("sequence", json!(0)),
    ] {
        let refused = verify(field, value);
        assert!(matches!(&refused, Err(EntryError::Field(error)) if error.field == field), "{field}: {refused:?}");
    }
    for expires in [NOW.0 + 1, NOW.0 + MAX_LIFE + 1, 0] {
        assert!(matches!(verify("expires", json!(expires)), Err(EntryError::Lifetime { .. })));
    }
    for (field, value) in [("extra", json!(1)), ("bootstrap_nodes", json!([])), ("did", json!("did:key:z"))] {
        assert!(matches!(verify(field, value), Err(EntryError::Malformed(_))), "{field}");
    }
    let long = Listing { description: "가".repeat(500), ..restaurant() };
    let refused = block_on(sign_all(&shop.provider, &shop.key, shop.did, &long, NOW, HOUR, MIN_WORK));
    assert!(matches!(refused, Err(EntryError::TooLong { len }) if len > MAX_ENTRY), "{refused:?}");
}

/// What a source says: which shop, and with which sequence; and how it is told of.
type Answer = (u8, u8, bool);

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    prop::collection::vec((1_u8..4, 1_u8..4, any::<bool>()), 0..12)
}

/// Each of the nine shops and sequences is signed once: a stamp takes a while.
fn signed(number: u8, sequence: u8) -> (SignedListing, Entry) {
    type Signed = HashMap<(u8, u8), (SignedListing, Entry)>;
    static SIGNED: Mutex<Option<Signed>> = Mutex::new(None);
    let mut signed = SIGNED.lock().unwrap();
    let make = || {
        let (shop, made) = (Shop::new(number), NOW + u64::from(sequence));
        // The third is elsewhere.
        let place = if number == 3 { "부산 해운대구".into() } else { format!("강남구 {sequence}") };
        let listing = Listing { description: place, categories: vec!["식당".into()], ..restaurant() };
        let listed = entries(&shop, &listing, made).remove(0);
        (listed, Entry::new(&shop.act(made.0, Action::Register(listing)), None).unwrap())
    };
    signed.get_or_insert_default().entry((number, sequence)).or_insert_with(make).clone()
}

fn merge(answers: &[Answer]) -> dht::Near {
    let query = Query::new("식당", Some("강남구")).unwrap();
    let mut merge = Merge::new(&query, "식당");
    for (number, sequence, in_dht) in answers {
        let (listed, entry) = signed(*number, *sequence);
        if *in_dht {
            merge.dht(&listed);
        } else {
            merge.directory("https://directory.example", &entry.verify(NOW).unwrap(), NOW);
        }
    }
    merge.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One of each DID, the newest that any source has, whatever the order and however often it comes.
    #[test]
    fn merging_keeps_the_newest_of_each_whatever_the_order(answers in answers(), turn in any::<prop::sample::Index>()) {
        let near = merge(&answers);
        let mut turned = answers.clone();
        if !turned.is_empty() {
            let at = turn.index(turned.len());
            turned.rotate_left(at);
            turned.push(turned[0]);
        }
        prop_assert_eq!(&merge(&turned), &near);
        for number in 1..4 {
            let newest = answers.iter().filter(|(shop, ..)| *shop == number).map(|(_, sequence, _)| *sequence).max();
            let did = Shop::new(number).did;
            let found = near.shops.iter().find(|shop| shop.did == did);
            let expected = newest.filter(|_| number != 3).map(|sequence| NOW.0 + u64::from(sequence));
            prop_assert_eq!(found.map(|shop| shop.sequence), expected);
        }
        prop_assert_eq!(near.elsewhere, usize::from(answers.iter().any(|(number, ..)| *number == 3)));
    }
}

#[test]
fn what_the_reader_knows_comes_before_what_the_shop_chose() {
    let near = merge(&[(1, 1, true), (2, 1, true)]);
    let [one, two] = &near.shops[..] else { panic!("two are found") };
    let (verified, unknown) = (0, 4);
    let mut hard = two.clone();
    hard.work = 24;
    assert!(Rank::of(one, verified, None) < Rank::of(&hard, unknown, Some(Timestamp(0))));
    assert!(Rank::of(one, unknown, Some(NOW)) < Rank::of(&hard, unknown, None));
    assert!(Rank::of(&hard, unknown, None) < Rank::of(one, unknown, None));
    assert_eq!(canonical("음식점"), "restaurant");
}

const SPEC: &str = include_str!("../../../../docs/spec/find.md");

/// The content of the fenced block with this name.
fn block(name: &str) -> Value {
    let (_, block) = SPEC.split_once(&format!("```json {name}\n")).unwrap_or_else(|| panic!("no block {name}"));
    let (block, _) = block.split_once("```").unwrap();
    if block.is_empty() { Value::Null } else { serde_json::from_str(block).unwrap() }
}

/// The examples are made anew; one that differs is shown as it should be.
#[test]
fn the_examples_of_the_specification_hold() {
    let shop = Shop::new(1);
    let listing = Listing { service_endpoint: Some("https://shop.example:8443".into()), ..restaurant() };
    let made = entries(&shop, &listing, Timestamp(1_795_248_060_000));
    let entry = made.iter().find(|entry| entry.shop().category == "restaurant").unwrap();
    let id = entry.shop().place();
    let facts = dht::validate(&id, entry.as_str().as_bytes(), Timestamp(1_795_248_060_000)).unwrap();
    let places = json!({
        "did": shop.did, "category": "restaurant", "shard": shard(&shop.did), "place": hex::encode(id),
    });
    let example = json!({
        "place": hex::encode(id), "name": hex::encode(facts.name), "rank": facts.rank, "entry": entry.as_str(),
    });
    let synonyms = json!(dht::synonyms());
    for (name, made) in [("places", places), ("entry", example), ("synonyms", synonyms)] {
        assert_eq!(block(name), made, "```json {name}\n{made:#}\n```");
    }
    for case in block("queries").as_array().unwrap() {
        let query = Query::new(case["query"].as_str().unwrap(), None).unwrap();
        assert_eq!(json!(query.categories), case["categories"], "{case}");
    }
}
