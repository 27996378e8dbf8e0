use super::AuthError;
use crate::Nonce;
use pumasi_crypto::{b64, hash, hash::Digest, jcs, json};
use pumasi_identity::Did;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The longest message before both sides are known, in bytes.
pub const MAX_AUTH_MESSAGE: usize = 2_048;
/// How many capabilities one side may name.
pub const MAX_CAPABILITIES: usize = 16;
/// The longest name of a capability, in bytes.
pub const MAX_CAPABILITY: usize = 32;

/// Which side of the connection someone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelRole {
    /// Made the offer.
    Offerer,
    /// Made the answer.
    Answerer,
}

impl ChannelRole {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Offerer => Self::Answerer,
            Self::Answerer => Self::Offerer,
        }
    }
}

/// Which profile someone uses now: the other fetches it if it has an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileVersion {
    /// The profile's sequence.
    pub sequence: u64,
    /// SHA-256 of the profile's canonical JSON.
    pub digest: Digest,
}

/// The protocol versions that someone speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// The lowest.
    pub min: u32,
    /// The highest.
    pub max: u32,
}

impl Versions {
    /// What this program speaks.
    pub const OURS: Self = Self { min: 1, max: 1 };

    /// The highest version that both speak.
    #[must_use]
    pub fn common(self, other: Self) -> Option<u32> {
        let version = self.max.min(other.max);
        (version >= self.min && version >= other.min).then_some(version)
    }
}

/// Everything that is said before both sides are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Message {
    #[serde(rename = "pumasi/1/hello")]
    Hello(Hello),
    #[serde(rename = "pumasi/1/proof")]
    Proof(Proof),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    pub(super) did: Did,
    pub(super) nonce: Nonce,
    pub(super) profile: ProfileVersion,
    pub(super) versions: Versions,
    pub(super) capabilities: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proof {
    signature: String,
}

impl Proof {
    pub(super) fn new(signature: &[u8; 64]) -> Self {
        Self { signature: b64::encode(signature) }
    }

    pub(super) fn signature(&self) -> Result<[u8; 64], AuthError> {
        let bytes = b64::decode("signature", &self.signature).map_err(|_| AuthError::Malformed)?;
        bytes.try_into().map_err(|_| AuthError::Malformed)
    }
}

impl Message {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, AuthError> {
        if bytes.len() > MAX_AUTH_MESSAGE {
            return Err(AuthError::TooLong { len: bytes.len() });
        }
        let message = json::from_slice("message", bytes, MAX_AUTH_MESSAGE).map_err(|_| AuthError::Malformed)?;
        if let Self::Hello(hello) = &message {
            check_capabilities(&hello.capabilities)?;
        }
        Ok(message)
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        jcs::to_vec(self).expect("texts and small numbers have canonical JSON")
    }
}

pub(super) fn check_capabilities(names: &BTreeSet<String>) -> Result<(), AuthError> {
    let fits = |name: &String| (1..=MAX_CAPABILITY).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    if names.len() <= MAX_CAPABILITIES && names.iter().all(fits) { Ok(()) } else { Err(AuthError::Capabilities) }
}

/// What one side signs: who is at which end, with which certificate, after which words.
#[derive(Serialize)]
pub(super) struct Transcript {
    r#type: &'static str,
    role: ChannelRole,
    offerer: End,
    answerer: End,
}

/// One end of the channel, as a transcript tells it.
#[derive(Serialize, Clone, Copy)]
pub(super) struct End {
    pub(super) did: Did,
    /// SHA-256 of the DTLS certificate.
    pub(super) fingerprint: Digest,
    /// SHA-256 of the hello, as sent.
    pub(super) hello: Digest,
}

impl End {
    pub(super) fn new(did: Did, fingerprint: &[u8; 32], hello: &[u8]) -> Self {
        Self { did, fingerprint: Digest(*fingerprint), hello: hash::sha256(&[hello]) }
    }
}

impl Transcript {
    /// What the side with `role` signs; `own` is its own end.
    pub(super) fn bytes(role: ChannelRole, own: End, other: End) -> Vec<u8> {
        let (offerer, answerer) = match role {
            ChannelRole::Offerer => (own, other),
            ChannelRole::Answerer => (other, own),
        };
        let transcript = Self { r#type: "pumasi/1/channel-proof", role, offerer, answerer };
        jcs::to_vec(&transcript).expect("texts have canonical JSON")
    }
}
