//! X25519 (RFC 7748) for keys that live for one exchange. An identity's own key goes through
//! [`Provider`](crate::Provider).

use crate::CryptoError;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// A secret for one exchange, wiped when dropped.
pub struct EphemeralSecret(StaticSecret);

impl EphemeralSecret {
    /// The secret with these 32 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }

    /// The shared secret with the other public key.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] when the other key is of small order and contributes nothing.
    pub fn agree(&self, other: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let shared = self.0.diffie_hellman(&PublicKey::from(*other));
        if !shared.was_contributory() {
            return Err(CryptoError::Unverified("X25519 public key"));
        }
        Ok(Zeroizing::new(shared.to_bytes()))
    }
}
