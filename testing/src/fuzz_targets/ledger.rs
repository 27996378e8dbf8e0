//! A ledger that is imported.

use super::{NOW, signer};
use pumasi_ledger::export::{Document, Names};
use pumasi_ledger::{Body, Entry, Head};
use serde_json::json;

/// A document as it comes; and a list of bodies, chained here, so that the fuzzer need not guess hashes.
pub fn ledger(data: &[u8]) {
    check(data);
    let Ok(bodies) = serde_json::from_slice::<Vec<Body>>(data) else { return };
    let mut head = Head::default();
    let mut entries = Vec::new();
    for body in bodies {
        let Ok(entry) = Entry::after(&head, NOW, body) else { return };
        head = entry.head();
        entries.push(entry);
    }
    let document = json!({
        "format": "pumasi-ledger",
        "version": 1,
        "owner": signer(),
        "generation": 0,
        "head": head,
        "entries": entries,
    });
    check(document.to_string().as_bytes());
}

fn check(json: &[u8]) {
    let Ok(document) = Document::from_json(json) else { return };
    let again = document.to_json().expect("what was read can be written");
    assert_eq!(Document::from_json(&again).expect("our own JSON"), document);
    let names = Names::default();
    assert!(document.to_csv(&names).starts_with("entry,"));
    assert!(document.to_beancount(&names).starts_with("option"));
}
