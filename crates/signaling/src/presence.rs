//! Presence: "this node, at these addresses, speaks for this DID until then", signed by the DID (spec:
//! `docs/spec/presence.md`).
//!
//! - [`Presence`]: the statement; [`SignedPresence`]: the statement whose signature holds.
//! - [`Audience`]: for whom it is. One for everyone lies in the DHT under [`key`]; one for a contact lies sealed in a slot of
//!   the pair ([`PairPresence`]), where nobody else can tell whose it is; one for a node is shown on a stream.
//! - [`Keeper`]: when to say it again.

mod keeper;
mod name;
mod pair;

pub use keeper::{Keeper, MIN_GAP};
pub use name::{NodeName, NodeNameError};
pub use pair::PairPresence;

use crate::slot::CLOCK_SKEW;
use crate::{RecordError, Valid};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::jose::{self, Jws};
use pumasi_crypto::{CryptoError, Provider};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The longest presence, in bytes of compact JWS.
pub const MAX_PRESENCE: usize = 2_048;
/// The longest life of a presence: one hour.
pub const MAX_LIFE: Millis = 3_600_000;
/// The most addresses in one.
pub const MAX_ADDRESSES: usize = 8;
/// The longest address, in bytes.
pub const MAX_ADDRESS: usize = 256;
/// The `typ` of its JWS.
pub const PRESENCE_TYP: &str = "pumasi/1/presence";

const KEY_DOMAIN: &[u8] = b"pumasi/presence/1\0";
const EVERYONE: &str = "everyone";

/// Why a presence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceError {
    /// Longer than [`MAX_PRESENCE`].
    #[error("presence: {len} bytes, the limit is {MAX_PRESENCE}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not a presence.
    #[error("presence: malformed")]
    Malformed,
    /// Too many addresses, or one that is none.
    #[error("presence, addresses: {reason}")]
    Addresses {
        /// What is wrong, with the limit.
        reason: String,
    },
    /// Not signed by the DID that it is about.
    #[error("presence: not signed by the DID that it is about")]
    Signature,
    /// About somebody else.
    #[error("presence: about {did}, which is somebody else")]
    OtherDid {
        /// About whom.
        did: Did,
    },
    /// Meant for somebody else.
    #[error("presence: for {audience}, not to be used here")]
    OtherAudience {
        /// For whom.
        audience: Audience,
    },
    /// It lies under a key that is not its own.
    #[error("presence: its key belongs elsewhere")]
    WrongKey,
    /// Its time is over.
    #[error("presence: expired at {expires}")]
    Expired {
        /// When it ended.
        expires: Timestamp,
    },
    /// It wants to live longer than [`MAX_LIFE`], or was made in the future.
    #[error("presence: made {made}, expires {expires}; it may live {MAX_LIFE} ms, from now")]
    Lifetime {
        /// When it says it was made: its sequence.
        made: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
    /// The mailbox record around it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The platform's cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// For whom a presence is. Nobody else may use it: who was told in confidence cannot publish it, and what was shown on one
/// stream counts on no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Whoever asks the DHT.
    Everyone,
    /// One contact.
    Contact(Did),
    /// The node at the other end of a stream.
    Node(NodeName),
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str(EVERYONE),
            Self::Contact(did) => did.fmt(f),
            Self::Node(node) => node.fmt(f),
        }
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == EVERYONE {
            return Ok(Self::Everyone);
        }
        let node = || text.parse().map(Self::Node).map_err(serde::de::Error::custom);
        text.parse().map(Self::Contact).or_else(|_| node())
    }
}

/// At most [`MAX_ADDRESSES`] multiaddrs, each of at most [`MAX_ADDRESS`] bytes. Whether a transport speaks there, the one
/// who dials finds out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Addresses(Vec<String>);

impl Addresses {
    /// Takes addresses.
    ///
    /// # Errors
    /// [`PresenceError::Addresses`].
    pub fn new(addresses: Vec<String>) -> Result<Self, PresenceError> {
        let bad = |reason: String| Err(PresenceError::Addresses { reason });
        if addresses.len() > MAX_ADDRESSES {
            return bad(format!("{}, the limit is {MAX_ADDRESSES}", addresses.len()));
        }
        for (at, address) in addresses.iter().enumerate() {
            if address.len() > MAX_ADDRESS {
                return bad(format!("one of {} bytes, the limit is {MAX_ADDRESS}", address.len()));
            }
            if !address.starts_with('/') || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
                return bad("one that is not \"/\" and printable ASCII without spaces".into());
            }
            if addresses[..at].contains(address) {
                return bad("one twice".into());
            }
        }
        Ok(Self(addresses))
    }

    /// Their texts.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The JWS around it bounds what is read here.
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What a DID says of the node that speaks for it, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Who signs it.
    pub did: Did,
    /// The node that speaks for them.
    pub node: NodeName,
    /// Where the node can be dialled. None at all: nowhere, and whoever was there before has gone.
    pub addresses: Addresses,
    /// For whom it is.
    pub to: Audience,
    /// When it was made, in milliseconds since the epoch, and never the same twice: of two the higher one holds.
    pub sequence: Timestamp,
    /// When it is void.
    pub expires: Timestamp,
}

impl Presence {
    /// Signs with the DID's key.
    ///
    /// # Errors
    /// [`PresenceError::TooLong`], [`PresenceError::Lifetime`]; [`PresenceError::Signature`] when the key is not the DID's;
    /// what the provider says.
    pub async fn sign<P: Provider>(self, provider: &P, key: &P::Ed25519Key) -> Result<SignedPresence, PresenceError> {
        let jws = jose::sign_eddsa(provider, key, &self.did.key_id(), PRESENCE_TYP, &self).await?;
        SignedPresence::verify(jws.as_str(), self.sequence)
    }
}

/// A presence whose signature holds. It can only be made by signing or by checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPresence {
    presence: Presence,
    jws: Jws,
}

impl SignedPresence {
    /// Checks a text: form, times, signature. Whom it is about and for whom it is, [`expect`](Self::expect) checks.
    ///
    /// # Errors
    /// The first [`PresenceError`] found, the cheap ones first.
    pub fn verify(compact: &str, now: Timestamp) -> Result<Self, PresenceError> {
        if compact.len() > MAX_PRESENCE {
            return Err(PresenceError::TooLong { len: compact.len() });
        }
        let jws = Jws::parse(compact, MAX_PRESENCE).map_err(|_| PresenceError::Malformed)?;
        let presence = jws.peek::<Presence>().map_err(|_| PresenceError::Malformed)?;
        if jws.typ() != PRESENCE_TYP || jws.kid() != presence.did.key_id() {
            return Err(PresenceError::Malformed);
        }
        let (made, expires) = (presence.sequence, presence.expires);
        if expires <= now {
            return Err(PresenceError::Expired { expires });
        }
        if made > now + CLOCK_SKEW || expires <= made || expires.since(made) > MAX_LIFE {
            return Err(PresenceError::Lifetime { made, expires });
        }
        let verified = jws.verify_eddsa(presence.did.public()).map_err(|_| PresenceError::Signature)?;
        Ok(Self { presence, jws: verified.into_jws() })
    }

    /// That it is about this DID and may be used here.
    ///
    /// # Errors
    /// [`PresenceError::OtherDid`], [`PresenceError::OtherAudience`].
    pub fn expect(self, did: &Did, audience: Audience) -> Result<Self, PresenceError> {
        if self.presence.did != *did {
            return Err(PresenceError::OtherDid { did: self.presence.did });
        }
        if self.presence.to != audience {
            return Err(PresenceError::OtherAudience { audience: self.presence.to });
        }
        Ok(self)
    }

    /// What it says.
    #[must_use]
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Whether the node can be dialled nowhere: they have gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.presence.addresses.as_slice().is_empty()
    }

    /// The compact JWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.jws.as_str()
    }
}

/// Where the presence for everyone of a DID lies in the DHT: SHA-256 of a domain tag and the DID's text.
#[must_use]
pub fn key(did: &Did) -> Digest {
    sha256(&[KEY_DOMAIN, did.to_string().as_bytes()])
}

/// What a DHT node asks of a record before it stores it under a [`key`], and a reader again after reading.
///
/// # Errors
/// The first [`PresenceError`] found, the cheap ones first.
pub fn validate(id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Valid, PresenceError> {
    if bytes.len() > MAX_PRESENCE {
        return Err(PresenceError::TooLong { len: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| PresenceError::Malformed)?;
    let signed = SignedPresence::verify(text, now)?;
    let Presence { did, sequence, expires, .. } = *signed.presence();
    signed.expect(&did, Audience::Everyone)?;
    if key(&did).0 != *id {
        return Err(PresenceError::WrongKey);
    }
    Ok(Valid { sequence: sequence.0, expires })
}
