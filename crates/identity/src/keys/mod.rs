//! The private keys of an identity (spec: `docs/spec/identity.md` §3).
//!
//! [`PlainKeys`] are bytes in memory, [`KeyFiles`] are encrypted PEM, [`PrivateKeys`] are handles of the platform.

mod error;
mod files;
mod name;
mod plain;

use crate::Did;
pub use error::KeyError;
pub use files::KeyFiles;
use name::KeyName;
pub use plain::PlainKeys;
use pumasi_crypto::{Provider, RsaPublicKey};
use std::fmt;

/// Key files of one identity: three and its keys that unwrap.
pub const MAX_FILES: usize = 32;

/// The keys of an unlocked identity, as handles of the platform. Cheap to clone.
#[derive(Clone)]
pub struct PrivateKeys<P: Provider> {
    did: Did,
    ed25519: P::Ed25519Key,
    x25519: P::X25519Key,
    signing: P::RsaSigningKey,
    /// With their `kid`s, the newest first; never empty.
    unwrap: Vec<(String, P::RsaUnwrapKey)>,
}

impl<P: Provider> PrivateKeys<P> {
    /// Whose keys they are.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The Ed25519 key behind the DID.
    #[must_use]
    pub fn did_key(&self) -> &P::Ed25519Key {
        &self.ed25519
    }

    /// The X25519 key.
    #[must_use]
    pub fn agreement_key(&self) -> &P::X25519Key {
        &self.x25519
    }

    /// The newest RSA key that signs.
    #[must_use]
    pub fn rsa_signing_key(&self) -> &P::RsaSigningKey {
        &self.signing
    }

    /// The newest RSA key that unwraps.
    #[must_use]
    pub fn rsa_unwrap_key(&self) -> &P::RsaUnwrapKey {
        &self.unwrap[0].1
    }

    /// Every RSA key that unwraps with its `kid`, the newest first.
    #[must_use]
    pub fn rsa_unwrap_keys(&self) -> &[(String, P::RsaUnwrapKey)] {
        &self.unwrap
    }

    /// The RSA key that unwraps what was encrypted for this `kid`, old ones too.
    #[must_use]
    pub fn rsa_unwrap_key_for(&self, kid: &str) -> Option<&P::RsaUnwrapKey> {
        self.unwrap.iter().find(|(known, _)| known == kid).map(|(_, key)| key)
    }

    /// The public half of [`agreement_key`](Self::agreement_key).
    #[must_use]
    pub fn x25519_public(&self, provider: &P) -> [u8; 32] {
        provider.x25519_public(&self.x25519)
    }

    /// The public half of [`rsa_signing_key`](Self::rsa_signing_key).
    #[must_use]
    pub fn rsa_signing_public(&self, provider: &P) -> RsaPublicKey {
        provider.rsa_signing_public(&self.signing)
    }

    /// The public half of [`rsa_unwrap_key`](Self::rsa_unwrap_key).
    #[must_use]
    pub fn rsa_unwrap_public(&self, provider: &P) -> RsaPublicKey {
        provider.rsa_unwrap_public(self.rsa_unwrap_key())
    }

    /// The `kid` of [`rsa_signing_key`](Self::rsa_signing_key).
    #[must_use]
    pub fn rsa_signing_kid(&self, provider: &P) -> String {
        crate::profile::signing_id(&self.did, &self.rsa_signing_public(provider))
    }

    /// The `kid` of [`rsa_unwrap_key`](Self::rsa_unwrap_key).
    #[must_use]
    pub fn rsa_unwrap_kid(&self) -> &str {
        &self.unwrap[0].0
    }
}

/// The DID only.
impl<P: Provider> fmt::Debug for PrivateKeys<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKeys({})", self.did)
    }
}
