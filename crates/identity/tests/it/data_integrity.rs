use pumasi_identity::Did;
use pumasi_identity::data_integrity::{ProofError, signed_bytes, verify};
use serde_json::Value;

const SIGNED: &str = include_str!("../vectors/eddsa-jcs-2022/signedJCS.json");
const COMBINED_HASH: &str = include_str!("../vectors/eddsa-jcs-2022/combinedHashJCS.txt");
const KEY_PAIR: &str = include_str!("../vectors/eddsa-jcs-2022/keyPair.json");

fn vector() -> (Value, Did) {
    let pair: Value = serde_json::from_str(KEY_PAIR).unwrap();
    let did = format!("did:key:{}", pair["publicKeyMultibase"].as_str().unwrap()).parse().unwrap();
    (serde_json::from_str(SIGNED).unwrap(), did)
}

#[test]
fn the_w3c_vector_verifies() {
    let (signed, did) = vector();
    assert_eq!(verify(&signed, &did), Ok(()));
}

#[test]
fn the_w3c_vector_hashes_to_the_bytes_that_it_lists() {
    let (mut document, _) = vector();
    let mut options = document["proof"].take();
    document.as_object_mut().unwrap().remove("proof");
    options.as_object_mut().unwrap().remove("proofValue");
    let bytes = signed_bytes(&document, &options).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, COMBINED_HASH.trim());
}

#[test]
fn every_changed_part_of_the_w3c_vector_is_refused() {
    let (signed, did) = vector();
    let changes: [(&str, &str, ProofError); 6] = [
        ("/credentialSubject/alumniOf", "Another School", ProofError::Signature),
        ("/proof/created", "2023-02-24T23:36:39Z", ProofError::Signature),
        ("/proof/cryptosuite", "eddsa-rdfc-2022", ProofError::Suite),
        ("/proof/proofPurpose", "authentication", ProofError::Malformed("proofPurpose")),
        ("/proof/@context/0", "https://example.org/other", ProofError::Context),
        ("/proof/proofValue", "z11111", ProofError::Malformed("proofValue")),
    ];
    for (pointer, text, error) in changes {
        let mut changed = signed.clone();
        *changed.pointer_mut(pointer).unwrap() = text.into();
        assert_eq!(verify(&changed, &did), Err(error), "{pointer}");
    }
}

#[test]
fn a_proof_by_another_key_is_refused_even_when_it_verifies() {
    let (signed, _) = vector();
    let other = Did::from_ed25519([7; 32]);
    assert!(
        matches!(verify(&signed, &other), Err(ProofError::OtherKey(method)) if method.starts_with("did:key:z6Mkr"))
    );
}
