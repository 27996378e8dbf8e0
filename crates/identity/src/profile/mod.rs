//! The self-signed profile (spec: `docs/spec/identity.md` §2): what the DHT holds at [`Did::dht_key`].
//!
//! A profile is one byte string: the canonical JSON (RFC 8785) of a DID document with its proof. It is read whole or
//! refused; it is never re-serialised, so its [digest](SignedProfile::digest) means the same to everyone.

mod document;
mod draft;
mod error;
mod jwk;

use crate::{Did, PrivateKeys, data_integrity};
use document::Document;
pub(crate) use document::{signing_id, unwrap_id, x25519_id};
pub use draft::{
    CLOCK_SKEW, MAX_ENDPOINT, MAX_LIFETIME, MAX_NAME, MAX_SEQUENCE, MAX_SERVICE_WORD, MAX_SERVICES, ProfileDraft,
    Service,
};
pub use error::ProfileError;
use pumasi_crypto::{CryptoError, Provider, RsaPublicKey, hash::Digest, hash::sha256, jcs, json};
use pumasi_units::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// Bytes in a profile. With every bound used up it has 7.7 kB, with 2048-bit keys and one service 3.5 kB; a libp2p
/// packet ends at 16 KiB.
pub const MAX_PROFILE: usize = 8_192;

/// The public keys in a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ProfileKeys {
    did: Did,
    x25519: [u8; 32],
    signing: RsaPublicKey,
    unwrap: RsaPublicKey,
}

/// A profile whose proof has been checked: there is no other way to have one.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedProfile {
    keys: ProfileKeys,
    draft: ProfileDraft,
    json: String,
    digest: Digest,
}

impl SignedProfile {
    /// Makes and signs a profile with the DID's own key.
    ///
    /// # Errors
    /// [`ProfileError`] when the draft breaks a bound, or the platform cannot sign.
    pub async fn sign<P: Provider>(
        provider: &P,
        keys: &PrivateKeys<P>,
        draft: ProfileDraft,
    ) -> Result<Self, ProfileError> {
        draft.check()?;
        let public = ProfileKeys {
            did: *keys.did(),
            x25519: keys.x25519_public(provider),
            signing: keys.rsa_signing_public(provider),
            unwrap: keys.rsa_unwrap_public(provider),
        };
        let mut document = Document::new(&public, &draft);
        let mut proof = document.unsigned_proof();
        let message = data_integrity::signed_bytes(&to_value(&document)?, &to_value(&proof)?)?;
        let signature = provider.ed25519_sign(keys.did_key(), &message).await?;
        proof.proof_value = Some(data_integrity::encode_proof_value(&signature));
        document.proof = Some(proof);
        Self::verify_signature(&jcs::to_vec(&document)?)
    }

    /// Reads and checks a profile that is to be used now: form, bounds, proof, and that it has not expired and was not
    /// made in the future. Synchronous: one Ed25519 check, some 50 µs.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn verify(bytes: &[u8], now: Timestamp) -> Result<Self, ProfileError> {
        let profile = Self::verify_signature(bytes)?;
        profile.check_time(now)?;
        Ok(profile)
    }

    /// Reads and checks a profile kept as evidence, which may have expired long ago.
    ///
    /// # Errors
    /// See [`ProfileError`]; never one about time.
    pub fn verify_signature(bytes: &[u8]) -> Result<Self, ProfileError> {
        let document: Document = json::from_slice("profile", bytes, MAX_PROFILE).map_err(|error| match error {
            CryptoError::Length { len, limit, .. } => ProfileError::TooLong { len, limit },
            _ => ProfileError::Malformed,
        })?;
        if jcs::to_vec(&document)? != bytes {
            return Err(ProfileError::NotCanonical);
        }
        let (keys, draft) = document.read()?;
        data_integrity::verify(&to_value(&document)?, &keys.did)?;
        let json = String::from_utf8(bytes.to_vec()).map_err(|_| ProfileError::Malformed)?;
        Ok(Self { keys, draft, digest: sha256(&[bytes]), json })
    }

    /// Checks that the profile is valid at this time.
    ///
    /// # Errors
    /// [`ProfileError::Expired`] from `expires` on, [`ProfileError::FromTheFuture`] more than [`CLOCK_SKEW`] before
    /// `created`.
    pub fn check_time(&self, now: Timestamp) -> Result<(), ProfileError> {
        if now >= self.draft.expires {
            return Err(ProfileError::Expired { expires: self.draft.expires });
        }
        let ahead = self.draft.created.since(now);
        if ahead > CLOCK_SKEW { Err(ProfileError::FromTheFuture { ahead }) } else { Ok(()) }
    }

    /// Whose profile it is, and who signed it.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.keys.did
    }

    /// A higher one replaces a lower one.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.draft.sequence
    }

    /// When it was made.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.draft.created
    }

    /// From when on it is no longer valid.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.draft.expires
    }

    /// What the owner wants to be called. Anyone can choose any name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.draft.name.as_deref()
    }

    /// Where the owner can be reached.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.draft.services
    }

    /// The X25519 key, from which mailbox slots are derived.
    #[must_use]
    pub fn x25519(&self) -> &[u8; 32] {
        &self.keys.x25519
    }

    /// The RSA key that transfers are signed with.
    #[must_use]
    pub fn rsa_signing(&self) -> &RsaPublicKey {
        &self.keys.signing
    }

    /// The RSA key that transfers are encrypted for.
    #[must_use]
    pub fn rsa_unwrap(&self) -> &RsaPublicKey {
        &self.keys.unwrap
    }

    /// The id of the X25519 key in the profile.
    #[must_use]
    pub fn x25519_kid(&self) -> String {
        x25519_id(&self.keys.did, &self.keys.x25519)
    }

    /// The `kid` of [`rsa_signing`](Self::rsa_signing): the DID, `#`, and the key's JWK thumbprint (RFC 7638).
    #[must_use]
    pub fn rsa_signing_kid(&self) -> String {
        signing_id(&self.keys.did, &self.keys.signing)
    }

    /// The `kid` of [`rsa_unwrap`](Self::rsa_unwrap).
    #[must_use]
    pub fn rsa_unwrap_kid(&self) -> String {
        unwrap_id(&self.keys.did, &self.keys.unwrap)
    }

    /// The profile itself: the bytes that were read or signed.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// SHA-256 of [`json`](Self::json).
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn to_value(value: &impl Serialize) -> Result<Value, ProfileError> {
    serde_json::to_value(value).map_err(|_| ProfileError::Malformed)
}

impl fmt::Debug for SignedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedProfile({} #{}, {})", self.keys.did, self.draft.sequence, self.digest)
    }
}

/// A JSON string that holds the profile's own bytes.
impl Serialize for SignedProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.json)
    }
}

/// Checks the proof again, so a profile changed in storage is not read. Time is not checked.
impl<'de> Deserialize<'de> for SignedProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::verify_signature(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}
