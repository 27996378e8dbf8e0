//! The examples in `docs/spec/ledger.md` are true.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use futures::executor::block_on;
use pumasi_crypto::NativeProvider;
use pumasi_crypto::hash::hkdf_sha256;
use pumasi_crypto::password::Password;
use pumasi_ledger::export::Document;
use pumasi_ledger::{Account, Entry, Head};
use serde_json::Value;

const SPEC: &str = include_str!("../../../docs/spec/ledger.md");

/// The blocks with this mark.
fn examples(mark: &str) -> Vec<&'static str> {
    let fence = format!("```json {mark}\n");
    let found: Vec<_> = SPEC.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(!found.is_empty(), "no example of {mark}");
    found
}

#[test]
fn the_entries_are_a_chain_that_the_head_ends() {
    let mut head = Head::default();
    for json in examples("entry") {
        let entry = Entry::from_json(json.as_bytes()).unwrap();
        assert_eq!((entry.sequence, entry.previous), (head.sequence + 1, head.hash));
        assert_eq!(serde_json::to_string(&entry).unwrap(), json, "written in this order");
        head = entry.head();
    }
    let sealed: Value = serde_json::from_str(examples("head")[0]).unwrap();
    assert_eq!(serde_json::from_value::<Head>(sealed["head"].clone()).unwrap(), head);
}

#[test]
fn the_keys_follow_from_the_data_key() {
    let keys: Value = serde_json::from_str(examples("keys")[0]).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let data: Vec<u8> = (0..32).collect();
    assert_eq!(keys["data"], hex(&data));
    for purpose in ["entry", "tag"] {
        let mut key = [0; 32];
        hkdf_sha256(b"pumasi-ledger-v1", &data, purpose.as_bytes(), &mut key);
        assert_eq!(keys[purpose], hex(&key), "{purpose}");
    }
}

#[test]
fn the_account_reads_and_writes_as_shown() {
    let json = examples("account")[0];
    let account: Account = serde_json::from_str(json).unwrap();
    assert_eq!((account.balance(), account.pending_out(), account.available_to_them()), (12_000, 500, 38_000));
    assert_eq!(serde_json::to_string(&account).unwrap(), json);
}

#[test]
fn the_sealed_export_holds_the_plain_one() {
    block_on(async {
        let plain = Document::from_json(examples("export")[0].as_bytes()).unwrap();
        let password = Password::new("품앗이");
        let sealed = examples("sealed")[0].as_bytes();
        assert_eq!(Document::from_sealed(&NativeProvider, sealed, &password).await.unwrap(), plain);
    });
}
