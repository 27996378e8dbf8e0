//! What is fuzzed: one function for each parser that reads what a stranger wrote.
//!
//! `fuzz/` runs them under libFuzzer; a test replays every file of `fuzz/corpus/` through the same functions, so that what
//! was found once stays fixed. Each asserts more than that nothing panics: what was read and written again is the same.

mod exchange;
mod ledger;
mod script;
mod text;
mod transfer;

pub use exchange::{framing, pairing, signal};
pub use ledger::ledger;
pub use script::script;
pub use text::{envelope, money, pem, profile};
pub use transfer::{message, request_link};

/// What takes the bytes of a stranger.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `fuzz/corpus/`.
pub const TARGETS: [(&str, Target); 11] = [
    ("envelope", envelope),
    ("framing", framing),
    ("ledger", ledger),
    ("message", message),
    ("money", money),
    ("pairing", pairing),
    ("pem", pem),
    ("profile", profile),
    ("request_link", request_link),
    ("script", script),
    ("signal", signal),
];

/// The time in all targets: one minute after the profile of the vectors was made.
const NOW: pumasi_units::Timestamp = pumasi_units::Timestamp(1_795_248_060_000);

/// A JWS by a known key around whatever bytes, so that the fuzzer reaches what lies behind the signature.
fn sign(typ: &str, payload: &[u8]) -> String {
    use pumasi_crypto::b64;
    let header = serde_json::json!({"alg": "EdDSA", "kid": signer().key_id(), "typ": typ}).to_string();
    let input = format!("{}.{}", b64::encode(header), b64::encode(payload));
    let signature = signing_key().sign(input.as_bytes());
    format!("{input}.{}", b64::encode(signature))
}

fn signing_key() -> pumasi_crypto::ed25519::EphemeralSigner {
    pumasi_crypto::ed25519::EphemeralSigner::from_seed(&[1; 32])
}

/// Whose signature [`sign`] makes.
fn signer() -> pumasi_identity::Did {
    pumasi_identity::Did::from_ed25519(signing_key().public())
}

/// Whom the signed things are for.
fn reader() -> pumasi_identity::Did {
    pumasi_identity::Did::from_ed25519(pumasi_crypto::ed25519::EphemeralSigner::from_seed(&[2; 32]).public())
}
