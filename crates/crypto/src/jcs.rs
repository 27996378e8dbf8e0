//! RFC 8785 (JSON Canonicalization Scheme): the bytes that signatures and hashes are made over.

use crate::CryptoError;
use serde::Serialize;

/// The canonical bytes of a value.
///
/// # Errors
/// [`CryptoError::Malformed`] for what JSON cannot hold (a map with keys that are not text, a number beyond 2^53).
pub fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, CryptoError> {
    serde_json_canonicalizer::to_vec(value).map_err(|_| CryptoError::Malformed("JSON to canonicalise"))
}
