//! A shop that takes offers by HTTPS, and a customer whom it does not know.

mod common;

use common::World;
use serde_json::Value;

#[test]
fn a_customer_pays_a_shop_that_it_never_met_and_both_say_that_nobody_has_verified_the_other() {
    let world = World::new();
    let (shop, mina) = (world.person("shop"), world.person("mina"));
    let did = shop.json(&["id", "show"])["did"].as_str().expect("a DID").to_owned();
    let args = ["listen", "--endpoint", "127.0.0.1:0", "--shop", "--stranger-limit", "50,000 KRW", "--presence", "off"];
    let listening = shop.start(&args);
    let up = listening.wait_for("listening");
    assert!(up["endpoint"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{up}");

    let mut paying = mina.start(&["pay", &did, "12,000 KRW", "--memo", "점심", "--yes"]);
    let stranger = paying.wait_for("stranger");
    assert_eq!((stranger["did"].as_str(), stranger["name"].as_str()), (Some(did.as_str()), Some("shop")));
    assert_eq!(stranger["safety_number"].as_str().map(|number| number.split(' ').count()), Some(12));
    assert_eq!(paying.wait_for("connected")["road"], "endpoint");
    assert_eq!(paying.exit_code(), Some(0));
    assert_eq!(listening.wait_for("met")["name"], "mina");

    let over = mina.run(&["pay", &did, "40,000 KRW", "--yes", "--json"]);
    let text = String::from_utf8_lossy(&over.stdout).into_owned();
    assert!(!over.status.success() && text.contains("over-limit"), "{text}");

    let known = mina.json(&["contact", "show", "shop"]);
    assert_eq!(known["trust"]["how"], "first-use");
    assert_eq!(known["safety_number"], stranger["safety_number"], "the same on both sides");
    drop(listening);
    let customer = shop.json(&["contact", "show", "mina"]);
    assert_eq!(customer["trust"]["how"], "first-use");
    assert_eq!(customer["safety_number"], stranger["safety_number"]);
    for person in [&shop, &mina] {
        assert_eq!(person.json(&["ledger", "audit"])["findings"], Value::Array(vec![]));
    }
}

#[test]
fn what_an_endpoint_lacks_is_said_before_anything_is_served() {
    let world = World::new();
    let shop = world.person("shop");
    for (args, wanted) in [
        (vec!["listen", "--endpoint", "127.0.0.1:0", "--shop"], "--stranger-limit"),
        (vec!["listen", "--endpoint", "0.0.0.0:0"], "0.0.0.0"),
        (vec!["listen", "--endpoint", "0.0.0.0:0", "--behind-proxy"], "--public-url"),
        (vec!["listen", "--shop"], "--stranger-limit"),
    ] {
        let output = shop.run(&args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(wanted), "{args:?}: {text}");
    }
}

#[test]
fn a_shop_without_an_endpoint_is_reached_over_a_stream_and_looked_up_by_anyone_but_a_person_by_contacts_only() {
    let world = World::new();
    let (shop, mina, bob) = (world.person("shop"), world.person("mina"), world.person("bob"));
    let did_of = |person: &common::Person| person.json(&["id", "show"])["did"].as_str().expect("a DID").to_owned();
    let (shop_did, bob_did) = (did_of(&shop), did_of(&bob));
    common::pair(&shop, &bob, "10,000 KRW");
    let selling = shop.start(&["listen", "--shop", "--stranger-limit", "50,000 KRW"]);
    assert_eq!(selling.wait_for("listening")["presence"], "public");
    let waiting = bob.start(&["listen"]);
    assert_eq!(waiting.wait_for("listening")["presence"], "contacts");

    let mut paying = mina.start(&["pay", &shop_did, "12,000 KRW", "--yes"]);
    let connected = paying.wait_for("connected");
    assert_eq!(connected["road"], "stream", "{connected}");
    assert_eq!(paying.exit_code(), Some(0));

    let found = mina.json(&["lookup", &format!("https://shop.example/?pay={shop_did}"), "--reach"]);
    assert_eq!((&found["did"], &found["profile"]["name"]), (&shop_did.into(), &"shop".into()), "{found}");
    assert_eq!((&found["contact"]["name"], &found["contact"]["trust"]["how"]), (&"shop".into(), &"first-use".into()));
    assert_eq!(
        (&found["presence"]["told"], &found["presence"]["gone"]),
        (&"everyone".into(), &false.into()),
        "{found}"
    );
    assert!(
        found["presence"]["nodes"]["agreed"].as_u64() >= Some(1) && found["reached"]["took_ms"].is_u64(),
        "{found}"
    );
    assert!(found["profile"]["keys"].as_array().is_some_and(|keys| keys.len() == 4));

    let stranger = mina.json(&["lookup", &bob_did]);
    assert_eq!((&stranger["presence"], &stranger["contact"]), (&Value::Null, &Value::Null), "{stranger}");
    drop(selling);
    let contact = shop.json(&["lookup", "bob"]);
    assert_eq!(contact["presence"]["told"], "contacts", "{contact}");
    let nobody = mina.run(&["lookup", "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX", "--json"]);
    assert_eq!(nobody.status.code(), Some(10));
}
