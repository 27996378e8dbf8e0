//! Statements that a DID signs: one JWS (`docs/spec/envelope.md`) of its own `typ` for each kind.

use pumasi_crypto::jose::{self, Jws};
use pumasi_crypto::{CryptoError, Provider, hash::Digest};
use pumasi_identity::Did;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of statement.
pub trait Statement: Serialize + DeserializeOwned {
    /// What it is called in errors.
    const WHAT: &'static str;
    /// The `typ` of its JWS.
    const TYP: &'static str;
    /// Its longest compact JWS, in bytes.
    const MAX: usize;
    /// Who signs it.
    fn signer(&self) -> &Did;
}

/// Why a statement is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedError {
    /// Longer than such a statement may be.
    #[error("{what}: {len} bytes, the limit is {limit}")]
    TooLong {
        /// Which kind.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// Not such a statement.
    #[error("{0}: malformed")]
    Malformed(&'static str),
    /// Not signed by the DID that it names.
    #[error("{0}: not signed by the DID that it names")]
    Signature(&'static str),
    /// The platform's cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// A statement whose signature holds. It can only be made by signing or by checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    value: T,
    jws: Jws,
}

impl<T: Statement> Signed<T> {
    /// Signs with the DID key of its signer.
    ///
    /// # Errors
    /// [`SignedError::TooLong`]; [`SignedError::Signature`] when the key is another's; what the provider says.
    pub async fn sign<P: Provider>(value: &T, provider: &P, key: &P::Ed25519Key) -> Result<Self, SignedError> {
        let jws = jose::sign_eddsa(provider, key, &value.signer().key_id(), T::TYP, value).await?;
        Self::check(jws.as_str())
    }

    /// Checks what somebody sent: size, form, and that whom it names has signed it. Not its times.
    ///
    /// # Errors
    /// The [`SignedError`] that says what is wrong with it.
    pub fn check(compact: &str) -> Result<Self, SignedError> {
        if compact.len() > T::MAX {
            return Err(SignedError::TooLong { what: T::WHAT, len: compact.len(), limit: T::MAX });
        }
        let malformed = |_| SignedError::Malformed(T::WHAT);
        let jws = Jws::parse(compact, T::MAX).map_err(malformed)?;
        let value = jws.peek::<T>().map_err(malformed)?;
        let signer = *value.signer();
        if jws.typ() != T::TYP || jws.kid() != signer.key_id() {
            return Err(SignedError::Malformed(T::WHAT));
        }
        let verified = jws.verify_eddsa(signer.public()).map_err(|_| SignedError::Signature(T::WHAT))?;
        Ok(Self { value, jws: verified.into_jws() })
    }

    /// As [`check`](Self::check), from bytes.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_bytes(bytes: &[u8]) -> Result<Self, SignedError> {
        if bytes.len() > T::MAX {
            return Err(SignedError::TooLong { what: T::WHAT, len: bytes.len(), limit: T::MAX });
        }
        Self::check(std::str::from_utf8(bytes).map_err(|_| SignedError::Malformed(T::WHAT))?)
    }

    /// What it says.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The id of the JWS: SHA-256 of what is signed.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.jws.id()
    }

    /// The compact JWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.jws.as_str()
    }
}
