//! SHA-256, HMAC-SHA256 and HKDF-SHA256, synchronous on every platform.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// A SHA-256 hash. JSON and [`Display`](fmt::Display): 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(out))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).expect("two digits for each of 32 bytes");
        f.write_str(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("not 64 lower-case hexadecimal digits"))
    }
}

/// SHA-256 over the parts, one after another, with nothing between: separate them yourself where lengths vary.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Digest {
    Digest(engine::sha256(parts))
}

/// HMAC-SHA256 (RFC 2104) over the parts, one after another.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Digest {
    Digest(engine::hmac_sha256(key, parts))
}

/// Natively aws-lc: every message and every row of a ledger is hashed several times, and it takes half the time.
#[cfg(not(target_arch = "wasm32"))]
mod engine {
    use aws_lc_rs::digest::{self, SHA256};
    use aws_lc_rs::hmac::{self, HMAC_SHA256};

    pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        let mut context = digest::Context::new(&SHA256);
        parts.iter().for_each(|part| context.update(part));
        context.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, key));
        parts.iter().for_each(|part| context.update(part));
        context.sign().as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
    }
}

/// In a browser portable Rust: WebCrypto hashes only asynchronously.
#[cfg(target_arch = "wasm32")]
mod engine {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::{Digest as _, Sha256};

    pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize().into()
    }

    pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// HKDF-SHA256 (RFC 5869), extract and expand, into `out` (at most 8,160 bytes).
///
/// # Panics
/// When `out` is longer than 8,160 bytes, which only our own code can cause.
pub fn hkdf_sha256(salt: &[u8], secret: &[u8], info: &[u8], out: &mut [u8]) {
    hkdf::Hkdf::<Sha256>::new(Some(salt), secret).expand(info, out).expect("callers ask for at most 8,160 bytes");
}

/// HKDF-Extract (RFC 5869 §2.2) of a secret given in parts.
pub(crate) fn hkdf_extract(salt: &[u8], secret: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac_sha256(salt, secret).0)
}

/// HKDF-Expand (RFC 5869 §2.3) with the info given in parts.
pub(crate) fn hkdf_expand(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) {
    let hkdf = hkdf::Hkdf::<Sha256>::from_prk(prk).expect("a pseudo-random key of 32 bytes is long enough");
    hkdf.expand_multi_info(info, out).expect("callers ask for at most 8,160 bytes");
}
