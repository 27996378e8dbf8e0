//! Entries of providers in the DHT.

use pumasi_content::provider::{MAX_ADDRESSES, MAX_ENTRY, MAX_LIFE, ProviderEntry, validate};
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_units::Timestamp;

const NOW: Timestamp = Timestamp(1_795_247_280_000);
const ID: [u8; 32] = [9; 32];

fn entry_of(addresses: Vec<String>, made: Timestamp, expires: Timestamp) -> Vec<u8> {
    let key = EphemeralSigner::from_seed(&[1; 32]);
    ProviderEntry::sign(&ID, &key.public(), addresses, made, expires, 0, |bytes| key.sign(bytes)).unwrap()
}

fn entry() -> Vec<u8> {
    entry_of(vec!["/ip4/192.0.2.7/tcp/8468".to_owned()], NOW, NOW + MAX_LIFE)
}

#[test]
fn an_entry_is_good_under_its_key_in_its_time() {
    let facts = validate(&ID, &entry(), NOW).unwrap();
    assert_eq!(facts.name, EphemeralSigner::from_seed(&[1; 32]).public());
    assert_eq!((facts.sequence, facts.expires), (NOW.0, NOW + MAX_LIFE));
    assert!(facts.rank >= 16);
    assert!(validate(&[8; 32], &entry(), NOW).is_err(), "copied to another key");
    assert!(validate(&ID, &entry(), NOW + MAX_LIFE).is_err(), "over");
    assert!(validate(&ID, &entry(), NOW - 120_001).is_err(), "from the future");
    assert!(validate(&ID, &entry(), NOW - 120_000).is_ok());
}

#[test]
fn one_changed_byte_and_it_is_refused() {
    let entry = entry();
    for at in 0..entry.len() {
        let mut changed = entry.clone();
        changed[at] ^= 1;
        assert!(validate(&ID, &changed, NOW).is_err(), "byte {at}");
    }
}

#[test]
fn an_entry_is_bounded() {
    let long: Vec<String> = (0..MAX_ADDRESSES).map(|n| format!("/dns/{}{n}/tcp/1", "a".repeat(150))).collect();
    assert!(entry_of(long, NOW, NOW + 1).len() <= MAX_ENTRY);
    assert!(validate(&ID, &entry_of(vec![], NOW, NOW + 1), NOW).is_ok(), "the overlay may know where the node is");
    let key = EphemeralSigner::from_seed(&[1; 32]);
    let refused = |addresses: Vec<String>, life| {
        let made = ProviderEntry::sign(&ID, &key.public(), addresses, NOW, NOW + life, 0, |bytes| key.sign(bytes));
        made.unwrap_err().to_string()
    };
    assert!(refused(vec!["/a".to_owned(); MAX_ADDRESSES + 1], 1).contains("addresses"));
    assert!(refused(vec!["a".to_owned()], 1).contains("addresses"));
    assert!(refused(vec!["/a b".to_owned()], 1).contains("addresses"));
    assert!(refused(vec![], MAX_LIFE + 1).contains("may live"));
    assert!(refused(vec![], 0).contains("may live"));
    assert!(validate(&ID, &vec![b' '; MAX_ENTRY + 1], NOW).unwrap_err().to_string().contains("limit"));
}

#[test]
fn an_entry_without_work_is_refused() {
    let text = String::from_utf8(entry()).unwrap();
    let key = EphemeralSigner::from_seed(&[1; 32]);
    // Signed well, with stamps that cost nothing: most are refused for that, and none for anything else.
    let refused = (0..64_u32).filter(|stamp| {
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["stamp"] = (*stamp).into();
        value.as_object_mut().unwrap().remove("signature");
        let unsigned = pumasi_crypto::jcs::to_vec(&value).unwrap();
        let signature = key.sign(&[b"pumasi/content/1/provider".as_slice(), &ID, &unsigned].concat());
        value["signature"] = pumasi_crypto::b64::encode(signature).into();
        let told = validate(&ID, &pumasi_crypto::jcs::to_vec(&value).unwrap(), NOW);
        told.is_err_and(|error| error.to_string().contains("zero bits"))
    });
    assert!(refused.count() > 55);
}
