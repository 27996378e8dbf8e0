//! The work stamp: a hashcash over a JWS's signing input, so that filling a directory, or the DHT, costs its filler more
//! than its keeper.
//!
//! SHA-256 of the JWS signing input (which is the JWS's id) must begin with so many zero bits. `stamp` is the last
//! member of the canonical payload, so a maker hashes all before it once and then one or two blocks a try.

use crate::hash::Digest;
use crate::jose::{self, Jws};
use crate::{CryptoError, Provider, b64, jcs};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Characters of a stamp that we make: hexadecimal digits of a counter.
const LENGTH: usize = 12;
/// Tries before giving up: 2^32 is a thousand times what 22 bits take.
const MAX_TRIES: u64 = 1 << 32;

/// The longest stamp that is read, in bytes.
pub const MAX_LENGTH: usize = 16;

/// Whether a text can be a stamp: at most [`MAX_LENGTH`] of `0-9 A-Z a-z - _`.
#[must_use]
pub fn is_well_formed(stamp: &str) -> bool {
    stamp.len() <= MAX_LENGTH && stamp.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// How many zero bits a hash begins with.
#[must_use]
pub fn zero_bits(id: &Digest) -> u8 {
    let mut bits = 0;
    for byte in id.0 {
        bits += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    u8::try_from(bits).unwrap_or(u8::MAX)
}

/// Signs the canonical JSON (RFC 8785) of an object whose last member is `stamp` with an Ed25519 key, after finding a stamp
/// of so many zero bits in place of whatever stands there. `None` when there is none, which only a difficulty that nobody
/// asks for can cause.
///
/// # Errors
/// As [`jose::sign_eddsa`]; [`CryptoError::Malformed`] when the payload is no such object.
pub async fn sign<P: Provider>(
    provider: &P,
    key: &P::Ed25519Key,
    kid: &str,
    typ: &str,
    payload: &impl Serialize,
    bits: u8,
) -> Result<Option<Jws>, CryptoError> {
    const MALFORMED: CryptoError = CryptoError::Malformed("payload to stamp");
    let mut payload = serde_json::to_value(payload).map_err(|_| MALFORMED)?;
    let members = payload.as_object_mut().ok_or(MALFORMED)?;
    members.insert("stamp".to_owned(), Value::String("0".repeat(LENGTH)));
    if members.keys().any(|member| member.as_str() > "stamp") {
        return Err(MALFORMED);
    }
    let header = b64::encode(jcs::to_vec(&json!({ "alg": "EdDSA", "kid": kid, "typ": typ }))?) + ".";
    let Some(stamp) = find(&header, &jcs::to_vec(&payload)?, bits) else { return Ok(None) };
    payload["stamp"] = Value::String(stamp);
    jose::sign_eddsa(provider, key, kid, typ, &payload).await.map(Some)
}

/// Finds a stamp. `payload` is canonical JSON that ends with the stamp's [`LENGTH`] characters and `"}`; `header` is the
/// encoded header with its dot. `None` when there is none, which only a difficulty that nobody asks for can cause.
fn find(header: &str, payload: &[u8], bits: u8) -> Option<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let at = payload.len() - LENGTH - 2;
    // Base64 takes three bytes at a time: what is before stays the same in every try.
    let fixed = at - at % 3;
    let mut start = Sha256::new();
    start.update(header.as_bytes());
    start.update(URL_SAFE_NO_PAD.encode(&payload[..fixed]).as_bytes());
    let mut tail = payload[fixed..].to_vec();
    let digits = at - fixed;
    let mut encoded = [0; 32];
    for counter in 0..MAX_TRIES {
        let text = format!("{counter:012x}");
        tail[digits..digits + LENGTH].copy_from_slice(text.as_bytes());
        let length = URL_SAFE_NO_PAD.encode_slice(&tail, &mut encoded).expect("16 bytes are 22 characters");
        let hash: [u8; 32] = start.clone().chain_update(&encoded[..length]).finalize().into();
        if zero_bits(&Digest(hash)) >= bits {
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_front() {
        let mut hash = [0; 32];
        assert_eq!(zero_bits(&Digest(hash)), u8::MAX);
        hash[2] = 0x10;
        assert_eq!(zero_bits(&Digest(hash)), 19);
        hash[0] = 0x80;
        assert_eq!(zero_bits(&Digest(hash)), 0);
    }
}
