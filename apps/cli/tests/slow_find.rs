//! A shop that is found in the DHT by either language, and a friend who vouches for it: no directory, no acquaintance.

mod common;

use common::{Person, World, pair};
use serde_json::{Value, json};

/// The lines of a command with `--json`, and its exit code.
fn lines(person: &Person, args: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = person.run(&[args, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    (text.lines().map(parse).collect(), output.status.code())
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn slow_a_shop_is_found_by_either_language_and_a_friends_word_goes_with_it_until_it_is_taken_back() {
    let world = World::new();
    let (shop, friend, mina) = (world.person("shop"), world.person("friend"), world.person("mina"));
    let did = shop.json(&["id", "show"])["did"].as_str().expect("a DID").to_owned();
    let words = ["--register", "식당", "--register", "Korean food", "--describe", "강남구 역삼동, 김치찌개"];
    let listening = shop.start(&[&["listen", "--publish-listing"], &words[..]].concat());
    assert_eq!(listening.wait_for("published")["stored"], 1);
    listening.wait_for("listening");
    pair(&friend, &mina, "10,000 KRW");

    for query in [
        &["find", "restaurant"][..],
        &["find", "식당에서"],
        &["find", "강남구", "한식"],
        &["find", "식당", "--near", "역삼동"],
    ] {
        let (found, exit) = lines(&mina, query);
        let shops = of(&found, "found");
        assert_eq!((shops.len(), exit), (1, Some(0)), "{query:?}: {found:?}");
        assert_eq!((&shops[0]["did"], &shops[0]["name"]), (&json!(did), &json!("shop")));
        assert_eq!(shops[0]["reasons"], json!([{ "reason": "unknown" }]));
        let source = of(&found, "source")[0];
        assert_eq!((&source["kind"], &source["shards"], &source["invalid"]), (&json!("dht"), &json!(8), &json!(0)));
    }
    let (found, _) = lines(&mina, &["find", "식당", "--near", "해운대구"]);
    assert_eq!((of(&found, "found").len(), &of(&found, "nothing")[0]["elsewhere"]), (0, &json!(1)));

    let vouched = friend.json(&["vouch", &did, "--as", "shop", "--note", "사장님이 친구예요"]);
    assert_eq!((&vouched["event"], &vouched["claims"]), (&json!("vouched"), &json!(["shop"])));
    let by = friend.json(&["id", "show"])["did"].clone();
    let (found, _) = lines(&mina, &["find", "음식점"]);
    let reason = &of(&found, "found")[0]["reasons"][0];
    assert_eq!(
        (&reason["reason"], &reason["by"], &reason["note"]),
        (&json!("vouched"), &by, &json!("사장님이 친구예요"))
    );
    assert_eq!(mina.json(&["trust", &did])["reasons"][0]["reason"], "vouched");
    assert_eq!(mina.json(&["trust", &did, "--offline"])["reasons"], json!([{ "reason": "unknown" }]));
    assert_eq!(mina.json(&["trust", "friend"])["reasons"][0]["reason"], "verified");

    assert_eq!(friend.json(&["vouch", &did, "--revoke"])["event"], "revoked");
    let reasons = mina.json(&["trust", &did])["reasons"].clone();
    assert_eq!((&reasons[0]["reason"], &reasons[1]["reason"]), (&json!("withdrawn"), &json!("unknown")), "{reasons}");
    assert_eq!(friend.run(&["vouch", &did, "--revoke", "--json"]).status.code(), Some(i32::from(NOT_FOUND)));
    assert!(!friend.run(&["vouch", by.as_str().expect("a DID")]).status.success(), "nobody vouches for themselves");
}

/// `Exit::NotFound`.
const NOT_FOUND: u8 = pumasi_words::Exit::NotFound as u8;
