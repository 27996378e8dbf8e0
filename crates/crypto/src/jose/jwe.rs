//! JWE flattened JSON serialization (RFC 7516 §7.2.2), `RSA-OAEP-256` with `A256GCM` (RFC 7518 §4.3, §5.3).

use super::{MAX_HEADER, MAX_KID, check_text, unknown_algorithm};
use crate::{CryptoError, Provider, RsaPublicKey, b64, jcs, json};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

const ALG: &str = "RSA-OAEP-256";
const ENC: &str = "A256GCM";
const TAG: usize = 16;

/// The protected header. Not `zip` (its length tells of the content), not `crit`, not a key of the sender's choosing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    kid: String,
}

/// The five members that we write. `header`, `unprotected`, `recipients` and `aad` are refused as unknown.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flattened {
    protected: String,
    encrypted_key: String,
    iv: String,
    ciphertext: String,
    tag: String,
}

/// A JWE that is well-formed, not yet opened.
pub struct Jwe {
    kid: String,
    /// The protected header as received: the additional authenticated data.
    aad: String,
    encrypted_key: Vec<u8>,
    iv: [u8; 12],
    /// Ciphertext and tag.
    sealed: Vec<u8>,
}

impl Jwe {
    /// Reads the flattened JSON serialization, of at most `max_len` bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`] when it or a part of it has a length other than allowed, [`CryptoError::Algorithm`] for
    /// an `alg` or `enc` other than ours, [`CryptoError::Malformed`] for every other deviation.
    pub fn parse(text: &str, max_len: usize) -> Result<Self, CryptoError> {
        let parts: Flattened = json::from_slice("JWE", text.as_bytes(), max_len)?;
        let header: Header = json::from_slice("JWE header", &b64::decode("JWE header", &parts.protected)?, MAX_HEADER)?;
        if header.alg != ALG {
            return Err(unknown_algorithm("JWE alg", &header.alg));
        }
        if header.enc != ENC {
            return Err(unknown_algorithm("JWE enc", &header.enc));
        }
        check_text("JWE kid", &header.kid, MAX_KID)?;
        let iv = b64::decode("JWE iv", &parts.iv)?;
        let iv =
            iv.try_into().map_err(|iv: Vec<u8>| CryptoError::Length { what: "JWE iv", len: iv.len(), limit: 12 })?;
        let tag = b64::decode("JWE tag", &parts.tag)?;
        if tag.len() != TAG {
            return Err(CryptoError::Length { what: "JWE tag", len: tag.len(), limit: TAG });
        }
        let mut sealed = b64::decode("JWE ciphertext", &parts.ciphertext)?;
        sealed.extend_from_slice(&tag);
        let encrypted_key = b64::decode("JWE encrypted_key", &parts.encrypted_key)?;
        Ok(Self { kid: header.kid, aad: parts.protected, encrypted_key, iv, sealed })
    }

    /// Which key the sender wrapped it for.
    #[must_use]
    pub fn recipient_kid(&self) -> &str {
        &self.kid
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`], whether the wrapped key, the header, the text or the tag is not right.
    pub async fn decrypt<P: Provider>(
        &self,
        provider: &P,
        key: &P::RsaUnwrapKey,
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        // RFC 7516 §11.5: when the key does not unwrap, go on with a random one, so that nobody can use the
        // difference, in the error or in the time, to ask about other wrapped keys.
        let mut content_key = Zeroizing::new([0; 32]);
        provider.random(&mut *content_key)?;
        match provider.rsa_oaep_unwrap(key, &self.encrypted_key).await {
            Ok(unwrapped) if unwrapped.len() == content_key.len() => content_key.copy_from_slice(&unwrapped),
            Ok(_) | Err(CryptoError::Unverified(_)) => {}
            Err(error) => return Err(error),
        }
        match provider.aes256gcm_open(&content_key, &self.iv, self.aad.as_bytes(), &self.sealed).await {
            Err(CryptoError::Unverified(_)) => Err(CryptoError::Unverified("JWE")),
            opened => opened,
        }
    }
}

impl fmt::Debug for Jwe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwe({} bytes for {})", self.sealed.len() - TAG, self.kid)
    }
}

/// Encrypts under a one-time key, which is wrapped for the recipient. The recipient's `kid` is readable by anyone.
///
/// # Errors
/// [`CryptoError::Length`] or [`CryptoError::Malformed`] for a `kid` that a reader would refuse, and what the provider
/// says.
pub async fn encrypt<P: Provider>(
    provider: &P,
    recipient: &RsaPublicKey,
    kid: &str,
    plaintext: &[u8],
) -> Result<String, CryptoError> {
    check_text("JWE kid", kid, MAX_KID)?;
    let header = Header { alg: ALG.to_owned(), enc: ENC.to_owned(), kid: kid.to_owned() };
    let protected = b64::encode(jcs::to_vec(&header)?);
    let mut content_key = Zeroizing::new([0; 32]);
    provider.random(&mut *content_key)?;
    let mut iv = [0; 12];
    provider.random(&mut iv)?;
    let encrypted_key = provider.rsa_oaep_wrap(recipient, &*content_key).await?;
    let sealed = provider.aes256gcm_seal(&content_key, &iv, protected.as_bytes(), plaintext).await?;
    let (ciphertext, tag) = sealed.split_at(plaintext.len());
    let parts = Flattened {
        protected,
        encrypted_key: b64::encode(encrypted_key),
        iv: b64::encode(iv),
        ciphertext: b64::encode(ciphertext),
        tag: b64::encode(tag),
    };
    serde_json::to_string(&parts).map_err(|_| CryptoError::Malformed("JWE"))
}

/// Reads and opens a JWE of at most `max_len` bytes.
///
/// # Errors
/// As [`Jwe::parse`] and [`Jwe::decrypt`].
pub async fn decrypt<P: Provider>(
    provider: &P,
    key: &P::RsaUnwrapKey,
    text: &str,
    max_len: usize,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    Jwe::parse(text, max_len)?.decrypt(provider, key).await
}

/// Which key a JWE of at most `max_len` bytes is wrapped for, to choose among one's own.
///
/// # Errors
/// As [`Jwe::parse`].
pub fn recipient_kid(text: &str, max_len: usize) -> Result<String, CryptoError> {
    Jwe::parse(text, max_len).map(|jwe| jwe.kid)
}
