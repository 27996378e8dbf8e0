//! Checking Ed25519 signatures (RFC 8032), synchronously. Signing goes through [`Provider`](crate::Provider).

use crate::CryptoError;

/// Checks a signature the strict way: small-order keys and malleable signatures are refused.
///
/// # Errors
/// [`CryptoError::Unverified`], whatever the cause.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), CryptoError> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| CryptoError::Unverified("Ed25519 key"))?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
        .map_err(|_| CryptoError::Unverified("Ed25519 signature"))
}

/// A key made and used on the spot, from a seed: mailbox slots, not identities.
pub struct EphemeralSigner(ed25519_dalek::SigningKey);

impl EphemeralSigner {
    /// The key with this seed. The same seed always gives the same key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.0.sign(message).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::verify;
    use crate::CryptoError;

    /// Under the key that is the neutral point, this signature would hold for every message.
    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        for message in [b"pay 1".as_slice(), b"pay 1000"] {
            assert_eq!(verify(&neutral, message, &signature), Err(CryptoError::Unverified("Ed25519 signature")));
        }
    }
}
