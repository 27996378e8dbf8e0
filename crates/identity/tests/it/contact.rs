use crate::common::{ALICE_SEED, NOW, alice, alice_json, bob, resign, somebody};
use pumasi_identity::{Contact, KeyChange, ProfileChange, RollbackError, SignedProfile, Trust};
use serde_json::Value;

/// Alice's profile with another sequence and name, and perhaps her RSA keys in each other's place.
fn later(sequence: u64, name: &str, new_keys: bool) -> SignedProfile {
    let mut text = alice_json().to_owned();
    if new_keys {
        let (signing, unwrap) = (alice().rsa_signing().to_jwk_parts().0, alice().rsa_unwrap().to_jwk_parts().0);
        text = text.replace(&signing, "first").replace(&unwrap, &signing).replace("first", &unwrap);
        let (signing, unwrap) = (thumbprint(&signing), thumbprint(&unwrap));
        text = text.replace(&signing, "first").replace(&unwrap, &signing).replace("first", &unwrap);
    }
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["sequence"] = sequence.into();
    document["name"] = name.into();
    SignedProfile::verify(&resign(document, &ALICE_SEED), NOW).unwrap()
}

fn thumbprint(n: &str) -> String {
    let jwk = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{n}"}}"#);
    pumasi_crypto::b64::encode(pumasi_crypto::hash::sha256(&[jwk.as_bytes()]).0)
}

#[test]
fn an_older_profile_never_replaces_a_newer_one() {
    let mut contact = Contact::first_use(later(7, "Alice", false), NOW);
    let before = contact.clone();
    let error = contact.update_profile(later(6, "Alice", false), NOW).unwrap_err();
    assert_eq!(error, RollbackError::Older { did: contact.did, known: 7, offered: 6 });
    let error = contact.update_profile(later(7, "Alicia", false), NOW).unwrap_err();
    assert_eq!(error, RollbackError::Forked { did: contact.did, sequence: 7 });
    let error = contact.update_profile(somebody(0x66, "Alice"), NOW).unwrap_err();
    assert!(matches!(error, RollbackError::OtherDid { .. }));
    assert_eq!(contact, before);
}

#[test]
fn a_renewal_is_taken_quietly_and_new_keys_are_reported() {
    let mut contact = Contact::paired(alice(), NOW);
    assert_eq!(contact.update_profile(alice(), NOW), Ok(ProfileChange::Same));
    assert_eq!(contact.update_profile(later(2, "Alice", false), NOW), Ok(ProfileChange::Renewed));
    assert_eq!(contact.changed, None);

    let change = KeyChange { at: NOW, sequence: 3, signing: true, unwrap: true, agreement: false };
    assert_eq!(contact.update_profile(later(3, "Alice", true), NOW), Ok(ProfileChange::Keys(change)));
    assert_eq!(contact.changed, Some(change));
    assert_eq!(contact.trust, Trust::Paired { at: NOW }, "the DID signed the new keys");
    contact.change_seen();
    assert_eq!(contact.changed, None);
}

#[test]
fn a_contact_keeps_the_name_that_we_gave() {
    let mut contact = Contact::first_use(bob(), NOW);
    assert_eq!(contact.name, "Bob");
    contact.name = "밥".to_owned();
    let read: Contact = serde_json::from_str(&serde_json::to_string(&contact).unwrap()).unwrap();
    assert_eq!(read, contact);
    assert!(!read.trust.is_checked());
}

#[test]
fn a_contact_whose_profile_was_changed_in_storage_is_not_read() {
    let text = serde_json::to_string(&Contact::first_use(alice(), NOW)).unwrap();
    let changed = text.replace(r#"\"sequence\":1"#, r#"\"sequence\":9"#);
    assert_ne!(changed, text);
    assert!(serde_json::from_str::<Contact>(&changed).is_err());
}
