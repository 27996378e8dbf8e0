//! The two sides of a transfer, made of what `pumasi-identity` knows of them.

use crate::envelope::{Keys, Peer};
use pumasi_crypto::Provider;
use pumasi_crypto::hash::Digest;
use pumasi_identity::{PrivateKeys, SignedProfile};

impl Peer {
    /// The peer with this profile. `contact` says whether the owner knows it.
    #[must_use]
    pub fn of(profile: &SignedProfile, contact: bool) -> Self {
        Self {
            did: *profile.did(),
            profile: profile.digest(),
            signing: profile.rsa_signing().clone(),
            signing_kid: profile.rsa_signing_kid(),
            unwrap: profile.rsa_unwrap().clone(),
            unwrap_kid: profile.rsa_unwrap_kid(),
            contact,
        }
    }
}

impl<P: Provider> Keys<P> {
    /// The keys of an unlocked identity, under the profile that names them.
    #[must_use]
    pub fn new(provider: P, keys: &PrivateKeys<P>, profile: Digest) -> Self {
        Self {
            did: *keys.did(),
            identity: keys.did_key().clone(),
            signing: keys.rsa_signing_key().clone(),
            signing_kid: keys.rsa_signing_kid(&provider),
            profile,
            unwrap: keys.rsa_unwrap_keys().to_vec(),
            provider,
        }
    }
}
