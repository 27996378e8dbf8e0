//! W3C Data Integrity proofs with the cryptosuite `eddsa-jcs-2022` (Data Integrity EdDSA Cryptosuites v1.0, §3.3).
//!
//! The signature covers SHA-256(JCS(proof without `proofValue`)) ‖ SHA-256(JCS(document without `proof`)).

use crate::Did;
use pumasi_crypto::{CryptoError, hash::sha256, jcs};
use serde_json::Value;

pub(crate) const TYPE: &str = "DataIntegrityProof";
pub(crate) const CRYPTOSUITE: &str = "eddsa-jcs-2022";

/// Why a document is not proven by the key that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// A member is missing or not of its form.
    #[error("proof: {0} is missing or malformed")]
    Malformed(&'static str),
    /// Another proof type or cryptosuite than `DataIntegrityProof` with `eddsa-jcs-2022`.
    #[error("proof: only DataIntegrityProof with eddsa-jcs-2022 is accepted")]
    Suite,
    /// The proof names a key that is not the one expected.
    #[error("proof: made with {0:?}, not with the key of the DID")]
    OtherKey(String),
    /// The proof's `@context` is not how the document's begins.
    #[error("proof: its @context is not the document's")]
    Context,
    /// The signature does not verify: a byte was changed, or another key signed.
    #[error("proof: the signature does not verify")]
    Signature,
}

/// The 64 bytes that are signed: hash of the proof's options, then hash of the document.
///
/// # Errors
/// [`ProofError::Malformed`] when either has no canonical form.
pub fn signed_bytes(document: &Value, options: &Value) -> Result<[u8; 64], ProofError> {
    let hash = |value, name| jcs::to_vec(value).map(|bytes| sha256(&[&bytes])).map_err(|_| ProofError::Malformed(name));
    let mut out = [0; 64];
    out[..32].copy_from_slice(&hash(options, "options")?.0);
    out[32..].copy_from_slice(&hash(document, "document")?.0);
    Ok(out)
}

/// The text of a signature in `proofValue`: multibase base58btc.
#[must_use]
pub fn encode_proof_value(signature: &[u8; 64]) -> String {
    format!("z{}", bs58::encode(signature).into_string())
}

/// Checks the one proof of a secured document: suite, purpose, key and signature. What the document says, and when it
/// was valid, is for the caller to judge.
///
/// # Errors
/// See [`ProofError`].
pub fn verify(secured: &Value, key: &Did) -> Result<(), ProofError> {
    let mut document = secured.as_object().ok_or(ProofError::Malformed("document"))?.clone();
    let Some(Value::Object(mut options)) = document.remove("proof") else {
        return Err(ProofError::Malformed("proof"));
    };
    let text = |name: &'static str| options.get(name).and_then(Value::as_str).ok_or(ProofError::Malformed(name));
    if text("type")? != TYPE || text("cryptosuite")? != CRYPTOSUITE {
        return Err(ProofError::Suite);
    }
    if text("proofPurpose")? != "assertionMethod" {
        return Err(ProofError::Malformed("proofPurpose"));
    }
    let method = text("verificationMethod")?;
    if method != key.key_id() {
        return Err(ProofError::OtherKey(method.chars().take(128).collect()));
    }
    let signature = decode_proof_value(text("proofValue")?)?;
    options.remove("proofValue");
    if let Some(context) = options.get("@context") {
        if !begins_with(document.get("@context"), context) {
            return Err(ProofError::Context);
        }
        document.insert("@context".into(), context.clone());
    }
    let message = signed_bytes(&Value::Object(document), &Value::Object(options))?;
    key.verify(&message, &signature).map_err(|_: CryptoError| ProofError::Signature)
}

fn decode_proof_value(text: &str) -> Result<[u8; 64], ProofError> {
    const MALFORMED: ProofError = ProofError::Malformed("proofValue");
    // 64 bytes are at most 88 characters in base58; decoding is quadratic, so look at the length first.
    if text.len() > 1 + 88 {
        return Err(MALFORMED);
    }
    let digits = text.strip_prefix('z').ok_or(MALFORMED)?;
    let bytes = bs58::decode(digits).into_vec().map_err(|_| MALFORMED)?;
    bytes.try_into().map_err(|_| MALFORMED)
}

fn begins_with(document: Option<&Value>, proof: &Value) -> bool {
    match (document, proof) {
        (Some(Value::Array(all)), Value::Array(first)) => all.starts_with(first),
        (Some(Value::Array(all)), one) => all.first() == Some(one),
        (whole, proof) => whole == Some(proof),
    }
}
