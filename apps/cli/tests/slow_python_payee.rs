//! A payee on `aiortc` that knows `docs/spec/` only is found in a directory and paid by us: its profile by a gateway, its own
//! endpoint for offers, WebRTC, a result that is lost on its way, and both sides' proof.

mod common;

use common::python::{python, script};
use common::{PATIENCE, Person, Running, World, directory, transfers};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

const TEST: &str = "a_shop_in_python_is_found_and_paid_by_us_and_both_hold_the_proof";

/// The next thing that the shop says of a payment.
fn said(shop: &Running) -> Value {
    shop.find(PATIENCE, |line| line["event"] != "linked" && line["event"] != "unlinked")
        .expect("the shop says something")
}

/// What becomes of a payment: the exit code, and the last line.
fn pay(person: &Person, did: &str, amount: &str) -> (Option<i32>, Value) {
    let output = person.run(&["pay", did, amount, "--memo", "김치찌개", "--yes", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or("null");
    (output.status.code(), serde_json::from_str(last).unwrap_or_else(|_| panic!("{text}")))
}

fn krw(amount: &str) -> Value {
    json!({ "amount": amount, "unit": "KRW" })
}

#[test]
fn a_shop_in_python_is_found_and_paid_by_us_and_both_hold_the_proof() {
    let Some(python) = python(TEST) else { return };
    let (world, gateway) = World::with_gateway();
    let mina = world.person("mina");
    let (_directory, url) = directory(&world.folder().join("directory"), &[]);
    let mut shop = Command::new(python);
    shop.arg("-B").arg(script("payee.py")).args([&gateway, "--limit", "50000", "--directory", &url]);
    // The first answer is stored, and the link closed before it is sent: the transfer comes twice.
    shop.args(["--category", "식당", "--lose", "1"]);
    let mut shop = Running::start(shop);
    let listening = shop.wait_for("listening");
    let did = listening["did"].as_str().expect("a DID");

    let found = mina.json(&["search", "식당", "--directory", &url]);
    assert_eq!((&found["did"], &found["service_endpoint"]), (&listening["did"], &listening["endpoint"]), "{found}");

    let (exit, paid) = pay(&mina, did, "12,000 KRW");
    assert_eq!((exit, &paid["change"]), (Some(0), &json!({ "state": "accepted", "owed": "12000" })), "{paid}");
    let id = paid["id"].as_str().expect("an id");
    for event in ["accepted", "lost", "again"] {
        let said = said(&shop);
        assert_eq!(said["event"], event, "{said}");
        assert!(event == "lost" || said["transfer"] == id, "{said}");
    }
    let countersigned = said(&shop);
    assert_eq!((&countersigned["event"], &countersigned["balance"]), (&json!("countersigned"), &krw("12000")));

    // A transfer that the shop had booked twice would leave less.
    let (exit, over) = pay(&mina, did, "50,001 KRW");
    let refused = json!({ "state": "refused", "code": "over-limit", "limit": krw("50000"), "available": krw("38000") });
    assert_eq!((exit, &over["change"]), (Some(4), &refused), "{over}");
    assert_eq!(said(&shop)["event"], "refused");
    let (exit, rest) = pay(&mina, did, "38,000 KRW");
    assert_eq!((exit, &rest["change"]["owed"]), (Some(0), &json!("50000")), "{rest}");
    let (exit, over) = pay(&mina, did, "1 KRW");
    assert_eq!((exit, &over["change"]["available"]), (Some(4), &krw("0")), "{over}");

    // Nobody takes it in time, so the payer asks what became of it.
    shop.type_line("closed");
    shop.wait_for("closed");
    let late = mina.run(&["pay", did, "2 KRW", "--expires", "1", "--wait", "2", "--yes"]);
    assert_eq!(late.status.code(), Some(3), "{}", String::from_utf8_lossy(&late.stderr));
    shop.type_line("open");
    shop.wait_for("open");
    assert_eq!(mina.json(&["settle", "--wait", "30"])["pending"], 0);
    assert_eq!(said(&shop)["event"], "asked");

    // New keys: the payment is signed by a profile that the shop gets with the offer.
    assert_eq!(mina.json(&["key", "rotate"])["sequence"], 2);
    let (exit, over) = pay(&mina, did, "3 KRW");
    assert_eq!((exit, &over["change"]["code"]), (Some(4), &json!("over-limit")), "{over}");

    let audit = mina.json(&["ledger", "audit"]);
    assert_eq!(audit["findings"], json!([]), "{audit}");
    let signed = transfers(&mina, "outgoing");
    assert_eq!((signed.len(), signed.get(id).map(String::as_str)), (6, Some("12000")));
    let ledger = mina.json(&["ledger", "export", "--format", "json"]);
    let entries = ledger["entries"].as_array().expect("entries").iter().map(|entry| &entry["body"]);
    let outcomes = entries.filter(|body| body["kind"] == "outcome").map(|body| {
        let outcome = &body["outcome"];
        (body["id"].to_string(), outcome["code"].as_str().unwrap_or("accepted"))
    });
    let mut outcomes: Vec<_> = outcomes.collect::<BTreeMap<_, _>>().into_values().collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["accepted", "accepted", "expired", "over-limit", "over-limit", "over-limit"], "{ledger}");

    // The receipt that the payer holds, and the one that the payee put together from what it was sent.
    let (ours, theirs) = (world.folder().join("ours.json"), world.folder().join("theirs.json"));
    let (ours, theirs) = (ours.to_str().expect("UTF-8"), theirs.to_str().expect("UTF-8"));
    mina.json(&["receipt", "show", id, "--output", ours]);
    std::fs::write(theirs, countersigned["receipt"].to_string()).expect("the file is written");
    for receipt in [ours, theirs] {
        let proven = mina.json(&["receipt", "verify", receipt]);
        assert_eq!((&proven["id"], &proven["to"], &proven["money"]), (&paid["id"], &listening["did"], &krw("12000")));
        assert_eq!((&proven["outcome"]["status"], &proven["countersigned"]), (&json!("accepted"), &json!(true)));
    }
}
