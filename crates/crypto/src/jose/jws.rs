//! JWS compact serialization (RFC 7515 §7.1), `PS256` (RFC 7518 §3.5) and `EdDSA` with Ed25519 (RFC 8037 §3.1).

use super::{MAX_HEADER, MAX_KID, MAX_TYP, check_text, unknown_algorithm};
use crate::hash::{Digest, sha256};
use crate::{CryptoError, Provider, RsaPublicKey, b64, ed25519, jcs, json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A 4096-bit RSA signature.
const MAX_SIGNATURE: usize = 512;

/// The signature algorithms that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwsAlg {
    /// RSASSA-PSS with SHA-256: an identity's RSA signing key.
    Ps256,
    /// Ed25519: the key behind a DID.
    EdDsa,
}

impl JwsAlg {
    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn from_name(name: &str) -> Result<Self, CryptoError> {
        match name {
            "PS256" => Ok(Self::Ps256),
            "EdDSA" => Ok(Self::EdDsa),
            other => Err(unknown_algorithm("JWS alg", other)),
        }
    }
}

/// The protected header. Nothing else may stand in it: not `crit`, not `b64` (RFC 7797), not `jwk`, `jku` or `x5c`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// A JWS that is well-formed. Its signature has not been looked at: see [`VerifiedJws`].
#[derive(Clone, PartialEq, Eq)]
pub struct Jws {
    compact: String,
    /// Where the second dot is: all before it is signed.
    signed_len: usize,
    alg: JwsAlg,
    kid: String,
    typ: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Jws {
    /// Reads the compact serialization, of at most `max_len` bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`] when it or a part of it is longer than allowed, [`CryptoError::Algorithm`] for an `alg`
    /// other than ours, [`CryptoError::Malformed`] for every other deviation.
    pub fn parse(text: &str, max_len: usize) -> Result<Self, CryptoError> {
        if text.len() > max_len {
            return Err(CryptoError::Length { what: "JWS", len: text.len(), limit: max_len });
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CryptoError::Malformed("JWS"));
        };
        let signed_len = header.len() + 1 + payload.len();
        let header: Header = json::from_slice("JWS header", &b64::decode("JWS header", header)?, MAX_HEADER)?;
        check_text("JWS kid", &header.kid, MAX_KID)?;
        check_text("JWS typ", &header.typ, MAX_TYP)?;
        let alg = JwsAlg::from_name(&header.alg)?;
        let signature = b64::decode("JWS signature", signature)?;
        if signature.len() > MAX_SIGNATURE {
            return Err(CryptoError::Length { what: "JWS signature", len: signature.len(), limit: MAX_SIGNATURE });
        }
        let payload = b64::decode("JWS payload", payload)?;
        Ok(Self { compact: text.to_owned(), signed_len, alg, kid: header.kid, typ: header.typ, payload, signature })
    }

    /// SHA-256 of the signing input (RFC 7515 §5.1: header, dot, payload, as received): the message's id.
    ///
    /// The signature is left out, so that signing the same message again (PSS is randomised) gives the same id.
    #[must_use]
    pub fn id(&self) -> Digest {
        sha256(&[self.signing_input()])
    }

    /// Which key the sender says it is signed with. Unverified, like everything here.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The message's type (RFC 8725 §3.11).
    #[must_use]
    pub fn typ(&self) -> &str {
        &self.typ
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> JwsAlg {
        self.alg
    }

    /// The compact serialization, as received or as made.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.compact
    }

    /// Reads the payload **before** the signature is checked: only to learn whose key to check it with.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] when it is not a `T`.
    pub fn peek<T: DeserializeOwned>(&self) -> Result<T, CryptoError> {
        json::from_slice("JWS payload", &self.payload, self.payload.len())
    }

    /// Checks a `PS256` signature.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] when it is not this key's, [`CryptoError::Algorithm`] when the header says another
    /// algorithm.
    pub async fn verify_ps256<P: Provider>(self, provider: &P, key: &RsaPublicKey) -> Result<VerifiedJws, CryptoError> {
        self.expect_alg(JwsAlg::Ps256)?;
        provider.rsa_pss_verify(key, self.signing_input(), &self.signature).await?;
        Ok(VerifiedJws(self))
    }

    /// Checks an `EdDSA` signature, strictly (see [`ed25519::verify`]).
    ///
    /// # Errors
    /// As [`verify_ps256`](Self::verify_ps256).
    pub fn verify_eddsa(self, key: &[u8; 32]) -> Result<VerifiedJws, CryptoError> {
        self.expect_alg(JwsAlg::EdDsa)?;
        let signature = <&[u8; 64]>::try_from(self.signature.as_slice())
            .map_err(|_| CryptoError::Unverified("Ed25519 signature"))?;
        ed25519::verify(key, self.signing_input(), signature)?;
        Ok(VerifiedJws(self))
    }

    fn expect_alg(&self, expected: JwsAlg) -> Result<(), CryptoError> {
        if self.alg == expected { Ok(()) } else { Err(unknown_algorithm("JWS alg", self.alg.name())) }
    }

    fn signing_input(&self) -> &[u8] {
        &self.compact.as_bytes()[..self.signed_len]
    }
}

/// The payload is left out: it may hold amounts and names.
impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jws({} {} by {}, {})", self.alg.name(), self.typ, self.kid, self.id())
    }
}

/// A JWS whose signature holds. There is no other way to make one than to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedJws(Jws);

impl VerifiedJws {
    /// Reads the payload.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] when it is not a `T`.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, CryptoError> {
        self.0.peek()
    }

    /// The message itself.
    #[must_use]
    pub fn jws(&self) -> &Jws {
        &self.0
    }

    /// The message itself, to keep.
    #[must_use]
    pub fn into_jws(self) -> Jws {
        self.0
    }
}

/// Signs the canonical JSON (RFC 8785) of a payload with an RSA key.
///
/// # Errors
/// [`CryptoError::Malformed`] when the payload has no canonical JSON, [`CryptoError::Length`] for a `kid` or `typ` that
/// a reader would refuse, and what the provider says.
pub async fn sign_ps256<P: Provider>(
    provider: &P,
    key: &P::RsaSigningKey,
    kid: &str,
    typ: &str,
    payload: &impl Serialize,
) -> Result<Jws, CryptoError> {
    let draft = Draft::new(JwsAlg::Ps256, kid, typ, payload)?;
    let signature = provider.rsa_pss_sign(key, draft.signing_input.as_bytes()).await?;
    Ok(draft.finish(signature))
}

/// Signs the canonical JSON (RFC 8785) of a payload with an identity's Ed25519 key.
///
/// # Errors
/// As [`sign_ps256`].
pub async fn sign_eddsa<P: Provider>(
    provider: &P,
    key: &P::Ed25519Key,
    kid: &str,
    typ: &str,
    payload: &impl Serialize,
) -> Result<Jws, CryptoError> {
    let draft = Draft::new(JwsAlg::EdDsa, kid, typ, payload)?;
    let signature = provider.ed25519_sign(key, draft.signing_input.as_bytes()).await?;
    Ok(draft.finish(signature.to_vec()))
}

/// A JWS without its signature.
struct Draft {
    signing_input: String,
    alg: JwsAlg,
    header: Header,
    payload: Vec<u8>,
}

impl Draft {
    fn new(alg: JwsAlg, kid: &str, typ: &str, payload: &impl Serialize) -> Result<Self, CryptoError> {
        check_text("JWS kid", kid, MAX_KID)?;
        check_text("JWS typ", typ, MAX_TYP)?;
        let header = Header { alg: alg.name().to_owned(), kid: kid.to_owned(), typ: typ.to_owned() };
        let payload = jcs::to_vec(payload)?;
        let signing_input = format!("{}.{}", b64::encode(jcs::to_vec(&header)?), b64::encode(&payload));
        Ok(Self { signing_input, alg, header, payload })
    }

    fn finish(self, signature: Vec<u8>) -> Jws {
        let signed_len = self.signing_input.len();
        let compact = format!("{}.{}", self.signing_input, b64::encode(&signature));
        let Header { kid, typ, .. } = self.header;
        Jws { compact, signed_len, alg: self.alg, kid, typ, payload: self.payload, signature }
    }
}
