//! What is fuzzed: one function for each parser that reads what a stranger wrote.
//!
//! `fuzz/` runs them under libFuzzer; a test replays every file of `fuzz/corpus/` through the same functions, so that what
//! was found once stays fixed. Each asserts more than that nothing panics: what was read and written again is the same.

mod bitcoin_node;
mod content;
mod directory;
mod exchange;
mod https;
mod ledger;
mod overlay;
mod presence;
mod relay;
mod script;
mod talk;
mod text;
mod transfer;
mod trust;

pub use bitcoin_node::{
    address_book, block, block_filters, chain_records, compact_block, headers_presync, network, transaction, wire,
};
pub use content::{content, provider};
pub use directory::listing;
pub use exchange::{framing, pairing, signal};
pub use https::https;
pub use ledger::ledger;
pub use overlay::{node_info, set, stream};
pub use presence::{presence, stream_signal};
pub use relay::turn;
pub use script::script;
pub use talk::{direct, topic};
pub use text::{envelope, money, pem, profile};
pub use transfer::{message, request_link};
pub use trust::{lie, shop, vouch};

/// What takes the bytes of a stranger.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `fuzz/corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("address_book", address_book),
    ("block", block),
    ("block_filters", block_filters),
    ("chain_records", chain_records),
    ("compact_block", compact_block),
    ("content", content),
    ("direct", direct),
    ("envelope", envelope),
    ("framing", framing),
    ("headers_presync", headers_presync),
    ("https", https),
    ("ledger", ledger),
    ("lie", lie),
    ("listing", listing),
    ("message", message),
    ("money", money),
    ("network", network),
    ("node_info", node_info),
    ("pairing", pairing),
    ("pem", pem),
    ("presence", presence),
    ("profile", profile),
    ("provider", provider),
    ("request_link", request_link),
    ("script", script),
    ("set", set),
    ("shop", shop),
    ("signal", signal),
    ("stream", stream),
    ("stream_signal", stream_signal),
    ("topic", topic),
    ("transaction", transaction),
    ("turn", turn),
    ("vouch", vouch),
    ("wire", wire),
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
