//! RSA public keys as JWK (RFC 7517), each for one purpose.

use pumasi_crypto::{CryptoError, RsaPublicKey, b64, hash::sha256};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jwk {
    alg: String,
    e: String,
    kty: String,
    n: String,
    #[serde(rename = "use")]
    purpose: String,
}

impl Jwk {
    pub(super) fn signing(key: &RsaPublicKey) -> Self {
        Self::new(key, "PS256", "sig")
    }

    pub(super) fn unwrap(key: &RsaPublicKey) -> Self {
        Self::new(key, "RSA-OAEP-256", "enc")
    }

    fn new(key: &RsaPublicKey, alg: &str, purpose: &str) -> Self {
        let (n, e) = key.to_jwk_parts();
        Self { alg: alg.to_owned(), e, kty: "RSA".to_owned(), n, purpose: purpose.to_owned() }
    }

    pub(super) fn public(&self) -> Result<RsaPublicKey, CryptoError> {
        RsaPublicKey::from_jwk_parts(&self.n, &self.e)
    }

    /// The JWK thumbprint (RFC 7638): base64url of SHA-256 over the required members in order.
    pub(super) fn thumbprint(&self) -> String {
        let required = format!(r#"{{"e":"{}","kty":"{}","n":"{}"}}"#, self.e, self.kty, self.n);
        b64::encode(sha256(&[required.as_bytes()]).0)
    }
}
