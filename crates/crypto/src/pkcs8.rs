//! PKCS#8 private keys (RFC 5958, RFC 8410), DER. Both providers import what is written and read here.

use crate::{CryptoError, RsaPublicKey, rsa::RSA_ENCRYPTION};
use pkcs8::der::asn1::{OctetStringRef, UintRef};
use pkcs8::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef};
use std::ops::Not as _;
use zeroize::Zeroizing;

/// `id-Ed25519` (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// `id-X25519` (RFC 8410 §3).
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// A 4096-bit RSA key is 2,375 bytes.
pub(crate) const MAX_LEN: usize = 4_096;

/// An Ed25519 private key from its 32-byte seed.
#[must_use]
pub fn from_ed25519_seed(seed: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    curve25519(ED25519, seed)
}

/// An X25519 private key from its 32 bytes.
#[must_use]
pub fn from_x25519_secret(secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    curve25519(X25519, secret)
}

/// The seed in an Ed25519 private key.
///
/// # Errors
/// [`CryptoError::Malformed`] when it is not such a key.
pub fn ed25519_seed(der: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    curve25519_bytes(ED25519, der).ok_or(CryptoError::Malformed("Ed25519 private key"))
}

/// The 32 bytes in an X25519 private key.
///
/// # Errors
/// [`CryptoError::Malformed`] when it is not such a key.
pub fn x25519_secret(der: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    curve25519_bytes(X25519, der).ok_or(CryptoError::Malformed("X25519 private key"))
}

/// The public half of an RSA private key (two primes, RFC 8017 appendix A.1.2).
///
/// # Errors
/// [`CryptoError::Malformed`] when it is not such a key, [`CryptoError::Length`] for a size that we do not use.
pub fn rsa_public(der: &[u8]) -> Result<RsaPublicKey, CryptoError> {
    let modulus = rsa_modulus(der).ok_or(CryptoError::Malformed("RSA private key"))?;
    RsaPublicKey::from_modulus(modulus)
}

/// Whether the bytes are a PKCS#8 private key at all, of any algorithm: the only check there is after a decryption
/// without authentication.
pub(crate) fn is_private_key(der: &[u8]) -> bool {
    der.len() <= MAX_LEN && PrivateKeyInfoRef::from_der(der).is_ok()
}

fn parse(der: &[u8]) -> Option<PrivateKeyInfoRef<'_>> {
    (der.len() <= MAX_LEN).then(|| PrivateKeyInfoRef::from_der(der).ok())?
}

fn curve25519(oid: ObjectIdentifier, secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    // RFC 8410 §7: the key is an OCTET STRING inside the OCTET STRING of PKCS#8.
    let mut inner = Zeroizing::new([0; 34]);
    inner[..2].copy_from_slice(&[0x04, 32]);
    inner[2..].copy_from_slice(secret);
    let algorithm = AlgorithmIdentifierRef { oid, parameters: None };
    let key = OctetStringRef::new(&*inner).expect("34 bytes are a valid length");
    let info = PrivateKeyInfoRef::new(algorithm, key);
    // Encoded into the exact room, so that no unwiped copy of a grown buffer remains.
    let mut out = Zeroizing::new(vec![0; 48]);
    let written = info.encode_to_slice(&mut out).expect("RFC 8410 §7: such a key is 48 bytes").len();
    debug_assert_eq!(written, 48);
    out
}

fn curve25519_bytes(oid: ObjectIdentifier, der: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let info = parse(der)?;
    if info.algorithm.oid != oid || info.algorithm.parameters.is_some() {
        return None;
    }
    let inner = <&OctetStringRef>::from_der(info.private_key.as_bytes()).ok()?;
    inner.as_bytes().try_into().ok().map(Zeroizing::new)
}

fn rsa_modulus(der: &[u8]) -> Option<&[u8]> {
    let info = parse(der)?;
    if info.algorithm.oid != RSA_ENCRYPTION || info.algorithm.parameters_any().ok()?.is_null().not() {
        return None;
    }
    let mut reader = SliceReader::new(info.private_key.as_bytes()).ok()?;
    let modulus = reader
        .sequence(|key| {
            let version: u8 = key.decode()?;
            let n: UintRef<'_> = key.decode()?;
            let e: UintRef<'_> = key.decode()?;
            for _ in ["d", "p", "q", "dP", "dQ", "qInv"] {
                key.decode::<UintRef<'_>>()?;
            }
            Ok::<_, pkcs8::der::Error>((version == 0 && e.as_bytes() == [1, 0, 1]).then_some(n.as_bytes()))
        })
        .ok()?;
    reader.finish().ok()?;
    modulus
}
