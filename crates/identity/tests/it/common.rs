//! Identities for tests, without a key generation each time.

use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_crypto::jcs;
use pumasi_identity::{Did, KeyFiles, SignedProfile, data_integrity};
use pumasi_units::Timestamp;
use serde_json::Value;
use std::sync::LazyLock;

/// 2026-11-21T08:00:00Z, when Alice's profile was made.
pub(crate) const CREATED: Timestamp = Timestamp(1_795_248_000_000);
/// A minute later.
pub(crate) const NOW: Timestamp = Timestamp(CREATED.0 + 60_000);
pub(crate) const PASSWORD: &str = "품앗이 test";
pub(crate) const ALICE_SEED: [u8; 32] = [0xa1; 32];
const ALICE_PROFILE: &str = include_str!("../vectors/alice/profile.json");

pub(crate) fn alice_json() -> &'static str {
    ALICE_PROFILE.trim_end()
}

pub(crate) fn alice() -> SignedProfile {
    static ALICE: LazyLock<SignedProfile> =
        LazyLock::new(|| SignedProfile::verify(alice_json().as_bytes(), NOW).expect("the vector is valid"));
    ALICE.clone()
}

pub(crate) fn bob() -> SignedProfile {
    static BOB: LazyLock<SignedProfile> = LazyLock::new(|| somebody(0xb0, "Bob"));
    BOB.clone()
}

pub(crate) fn alice_files() -> KeyFiles {
    let texts = [
        ("did.pem", include_str!("../vectors/alice/did.pem")),
        ("agreement.pem", include_str!("../vectors/alice/agreement.pem")),
        ("signing-1.pem", include_str!("../vectors/alice/signing-1.pem")),
        ("unwrap-1.pem", include_str!("../vectors/alice/unwrap-1.pem")),
    ];
    KeyFiles::from_texts(texts.map(|(name, text)| (name.to_owned(), text.to_owned()))).expect("the vector is complete")
}

/// Somebody else: Alice's profile under the DID of this seed, with this name.
pub(crate) fn somebody(seed: u8, name: &str) -> SignedProfile {
    let signer = EphemeralSigner::from_seed(&[seed; 32]);
    let did = Did::from_ed25519(signer.public());
    let text = alice_json().replace(&alice().did().multibase(), &did.multibase());
    let mut document: Value = serde_json::from_str(&text).expect("still JSON");
    document["name"] = name.into();
    SignedProfile::verify(&resign(document, &[seed; 32]), NOW).expect("a valid profile under another DID")
}

/// Signs a changed profile document as it stands, with the key of this seed; the proof keeps what it says.
pub(crate) fn resign(mut document: Value, seed: &[u8; 32]) -> Vec<u8> {
    let mut proof = document["proof"].take();
    document.as_object_mut().expect("an object").remove("proof");
    proof.as_object_mut().expect("an object").remove("proofValue");
    let message = data_integrity::signed_bytes(&document, &proof).expect("canonical");
    let signature = EphemeralSigner::from_seed(seed).sign(&message);
    proof["proofValue"] = data_integrity::encode_proof_value(&signature).into();
    document["proof"] = proof;
    jcs::to_vec(&document).expect("canonical")
}
