//! RSA public keys, in the forms that files (SPKI PEM) and profiles (JWK) hold.
//!
//! One key has one form: exactly 2048, 3072 or 4096 bits, exponent 65537, canonical DER. So equal keys have equal bytes,
//! and a peer cannot make us spend minutes on a modulus of a million bits.

use crate::{CryptoError, b64};
use serde::{Deserialize, Serialize};
use spki::der::asn1::{AnyRef, BitStringRef, UintRef};
use spki::der::{Decode as _, Encode as _, Reader as _, SliceReader, pem};
use spki::{AlgorithmIdentifier, ObjectIdentifier, SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};

/// `rsaEncryption` (RFC 8017 appendix C).
pub(crate) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// 65537, the only exponent that is accepted.
const EXPONENT: [u8; 3] = [1, 0, 1];
const LABEL: &str = "PUBLIC KEY";
/// A 4096-bit SPKI is 550 bytes of DER, and 800 characters of PEM.
const MAX_SPKI: usize = 600;
const MAX_PEM: usize = 2_048;

/// The RSA key sizes that note 001 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum RsaBits {
    /// 2048 bits, the default.
    #[default]
    #[serde(rename = "2048")]
    B2048,
    /// 3072 bits.
    #[serde(rename = "3072")]
    B3072,
    /// 4096 bits.
    #[serde(rename = "4096")]
    B4096,
}

impl RsaBits {
    /// The size in bits: 2048, 3072 or 4096.
    #[must_use]
    pub fn bits(self) -> usize {
        match self {
            Self::B2048 => 2048,
            Self::B3072 => 3072,
            Self::B4096 => 4096,
        }
    }

    /// The length in bytes of the modulus, a signature, or a wrapped key.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.bits() / 8
    }

    /// The size with this number of bits, if it is one of the three.
    #[must_use]
    pub fn from_bits(bits: usize) -> Option<Self> {
        [Self::B2048, Self::B3072, Self::B4096].into_iter().find(|size| size.bits() == bits)
    }
}

/// An RSA public key of 2048, 3072 or 4096 bits with exponent 65537, checked when made.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    spki: Vec<u8>,
    modulus: Vec<u8>,
    bits: RsaBits,
}

impl RsaPublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1), DER.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] when it is not an RSA key in canonical DER, [`CryptoError::Length`] when it is longer
    /// than 600 bytes or has another size (in bits).
    pub fn from_spki_der(der: &[u8]) -> Result<Self, CryptoError> {
        limit("RSA public key", der.len(), MAX_SPKI)?;
        let modulus = modulus_of_spki(der).map_err(|_| CryptoError::Malformed("RSA public key"))?;
        let key = Self::from_modulus(&modulus)?;
        if key.spki != der {
            return Err(CryptoError::Malformed("RSA public key"));
        }
        Ok(key)
    }

    /// Reads the PEM form, `-----BEGIN PUBLIC KEY-----` (RFC 7468 §13).
    ///
    /// # Errors
    /// As [`from_spki_der`](Self::from_spki_der).
    pub fn from_spki_pem(text: &str) -> Result<Self, CryptoError> {
        limit("RSA public key", text.len(), MAX_PEM)?;
        match pem::decode_vec(text.as_bytes()) {
            Ok((LABEL, der)) => Self::from_spki_der(&der),
            _ => Err(CryptoError::Malformed("RSA public key")),
        }
    }

    /// Reads the members `n` and `e` of a JWK (RFC 7518 §6.3.1), base64url.
    ///
    /// # Errors
    /// As [`from_spki_der`](Self::from_spki_der).
    pub fn from_jwk_parts(n: &str, e: &str) -> Result<Self, CryptoError> {
        limit("RSA modulus", n.len(), MAX_PEM)?;
        limit("RSA exponent", e.len(), MAX_PEM)?;
        if b64::decode("RSA exponent", e)? != EXPONENT {
            return Err(CryptoError::Malformed("RSA exponent"));
        }
        Self::from_modulus(&b64::decode("RSA modulus", n)?)
    }

    /// The key with this modulus (big-endian, no leading zero) and exponent 65537.
    pub(crate) fn from_modulus(modulus: &[u8]) -> Result<Self, CryptoError> {
        let leading = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = (modulus.len() * 8).saturating_sub(leading);
        let size = RsaBits::from_bits(bits).filter(|size| size.bytes() == modulus.len());
        let bits = size.ok_or(CryptoError::Length { what: "RSA modulus (bits)", len: bits, limit: 4096 })?;
        if modulus.last().is_some_and(|byte| byte % 2 == 0) {
            return Err(CryptoError::Malformed("RSA modulus"));
        }
        let spki = spki_of_modulus(modulus).expect("a modulus of at most 4096 bits has a DER form");
        Ok(Self { spki, modulus: modulus.to_vec(), bits })
    }

    /// The SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The PEM form of [`spki`](Self::spki), ending with a line feed.
    #[must_use]
    pub fn to_spki_pem(&self) -> String {
        pem::encode_string(LABEL, pem::LineEnding::LF, &self.spki).expect("the label and the length are within limits")
    }

    /// The members `n` and `e` of the JWK form, base64url.
    #[must_use]
    pub fn to_jwk_parts(&self) -> (String, String) {
        (b64::encode(&self.modulus), b64::encode(EXPONENT))
    }

    /// The modulus, big-endian, as long as [`RsaBits::bytes`] says.
    #[must_use]
    pub fn n(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian: 65537.
    #[must_use]
    pub fn e(&self) -> &'static [u8] {
        &EXPONENT
    }

    /// The size.
    #[must_use]
    pub fn bits(&self) -> RsaBits {
        self.bits
    }
}

impl std::fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaPublicKey({} bits, SHA-256 {})", self.bits.bits(), crate::hash::sha256(&[&self.spki]))
    }
}

fn limit(what: &'static str, len: usize, limit: usize) -> Result<(), CryptoError> {
    if len > limit { Err(CryptoError::Length { what, len, limit }) } else { Ok(()) }
}

fn modulus_of_spki(der: &[u8]) -> Result<Vec<u8>, spki::der::Error> {
    let info = SubjectPublicKeyInfoRef::from_der(der)?;
    let mut reader = SliceReader::new(info.subject_public_key.raw_bytes())?;
    // Whatever else the structure says (another algorithm or exponent, trailing bits), the caller finds by comparing
    // with the canonical form.
    let modulus = reader.sequence(|key| {
        let n: UintRef<'_> = key.decode()?;
        key.decode::<UintRef<'_>>()?;
        Ok::<_, spki::der::Error>(n.as_bytes().to_vec())
    })?;
    reader.finish()?;
    Ok(modulus)
}

fn spki_of_modulus(modulus: &[u8]) -> Result<Vec<u8>, spki::der::Error> {
    let mut parts = UintRef::new(modulus)?.to_der()?;
    parts.extend(UintRef::new(&EXPONENT)?.to_der()?);
    let key = AnyRef::new(spki::der::Tag::Sequence, &parts)?.to_der()?;
    SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) },
        subject_public_key: BitStringRef::from_bytes(&key)?,
    }
    .to_der()
}
