//! The envelope: JWS (RFC 7515) for who said it, JWE (RFC 7516) for who may read it (spec: `docs/spec/envelope.md`).
//!
//! The list of algorithms is closed (`PS256`, `EdDSA`; `RSA-OAEP-256` with `A256GCM`), and so are the headers: what is
//! not named here is refused, not ignored. There is no `crit`, no `zip`, no key inside a message, no unprotected header.

mod jwe;
mod jws;

pub use jwe::{Jwe, decrypt, encrypt, recipient_kid};
pub use jws::{Jws, JwsAlg, VerifiedJws, sign_eddsa, sign_ps256};

use crate::CryptoError;

/// The longest `kid`, in bytes: a `did:key` of an Ed25519 key with a fragment is 110.
pub const MAX_KID: usize = 256;
/// The longest `typ`, in bytes.
pub const MAX_TYP: usize = 64;
/// The longest protected header, in bytes of JSON.
const MAX_HEADER: usize = 1_024;

/// Checks a text of a header: present, bounded, and printable ASCII, so that it can be shown and compared as it is.
fn check_text(what: &'static str, text: &str, limit: usize) -> Result<(), CryptoError> {
    if text.is_empty() || text.len() > limit {
        return Err(CryptoError::Length { what, len: text.len(), limit });
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(()) } else { Err(CryptoError::Malformed(what)) }
}

/// The error for an algorithm that is not ours; shows at most 32 characters of what a stranger wrote.
fn unknown_algorithm(field: &'static str, value: &str) -> CryptoError {
    CryptoError::Algorithm { field, value: value.chars().take(32).collect() }
}
