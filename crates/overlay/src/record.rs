//! What the overlay keeps: keys by namespace, and the rule that each record must satisfy (`docs/spec/overlay.md` §2, §3).

use pumasi_crypto::hash::Digest;
use pumasi_identity::{Did, ProfileError, SignedProfile};
use pumasi_signaling::{MailboxRecord, RecordError};
use pumasi_units::{Millis, Timestamp};
use std::fmt;

/// Kinds of records; each has its own bound, so that a flood of one cannot push out the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Namespace {
    Profile,
    Mailbox,
    Presence,
}

impl Namespace {
    pub(crate) const ALL: [Self; 3] = [Self::Profile, Self::Mailbox, Self::Presence];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Profile => "/pumasi/profile/",
            Self::Mailbox => "/pumasi/mailbox/",
            Self::Presence => "/pumasi/presence/",
        }
    }

    pub(crate) fn rule(self) -> &'static dyn Validate {
        match self {
            Self::Profile => &Profiles,
            Self::Mailbox => &Mailboxes,
            Self::Presence => &Presences,
        }
    }

    /// Whether holders pass it on to the nodes that came nearer to it. A mailbox record ends before that would matter.
    pub(crate) const fn replicates(self) -> bool {
        matches!(self, Self::Profile)
    }
}

/// Where a record is kept: a namespace and 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    space: Namespace,
    id: [u8; 32],
}

impl RecordKey {
    /// The key of a DID's signed profile: `/pumasi/profile/` and the SHA-256 of the DID's text.
    #[must_use]
    pub fn profile(did: &Did) -> Self {
        Self { space: Namespace::Profile, id: did.dht_key().0 }
    }

    /// The key of a mailbox slot: `/pumasi/mailbox/` and the SHA-256 of the slot's public key.
    #[must_use]
    pub fn mailbox(slot: [u8; 32]) -> Self {
        Self { space: Namespace::Mailbox, id: slot }
    }

    /// The key of where a DID is to be found now: `/pumasi/presence/` and a hash of the DID.
    #[must_use]
    pub fn presence(did: &Did) -> Self {
        Self { space: Namespace::Presence, id: pumasi_signaling::presence::key(did).0 }
    }

    /// The bytes that go over the wire: the prefix in ASCII, then the 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.space.prefix().as_bytes(), &self.id].concat()
    }

    /// Reads the bytes of the wire.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Namespace::ALL.into_iter().find_map(|space| {
            let id = bytes.strip_prefix(space.prefix().as_bytes())?.try_into().ok()?;
            Some(Self { space, id })
        })
    }

    pub(crate) fn space(&self) -> Namespace {
        self.space
    }

    /// Everything that a holder must check before it keeps the bytes, except what it already holds.
    pub(crate) fn validate(&self, bytes: &[u8], now: Timestamp) -> Result<Valid, Refusal> {
        let rule = self.space.rule();
        if bytes.len() > rule.max_bytes() {
            return Err(Refusal::TooLong { len: bytes.len(), limit: rule.max_bytes() });
        }
        let valid = rule.validate(&self.id, bytes, now)?;
        if valid.expires <= now {
            return Err(Refusal::Expired { expires: valid.expires });
        }
        let life = valid.expires.since(now);
        if life > rule.max_life() {
            return Err(Refusal::TooLasting { life, limit: rule.max_life() });
        }
        Ok(valid)
    }
}

/// `/pumasi/profile/` and 64 hexadecimal digits.
impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.space.prefix(), Digest(self.id))
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a checked record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Valid {
    /// Of two records under one key the higher is the newer.
    pub(crate) sequence: u64,
    /// From when on nobody keeps it.
    pub(crate) expires: Timestamp,
}

/// The rule of one namespace.
pub(crate) trait Validate: Sync {
    /// Bytes that a record may have.
    fn max_bytes(&self) -> usize;
    /// How far away its end may be, in milliseconds.
    fn max_life(&self) -> Millis;
    /// Form, signature, and that the record belongs under this key.
    fn validate(&self, id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Valid, Refusal>;
}

struct Profiles;

impl Validate for Profiles {
    fn max_bytes(&self) -> usize {
        pumasi_identity::MAX_PROFILE
    }

    fn max_life(&self) -> Millis {
        // The bound counts from the making, which by another clock may be a little ahead.
        pumasi_identity::MAX_LIFETIME + pumasi_identity::CLOCK_SKEW
    }

    fn validate(&self, id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Valid, Refusal> {
        let profile = SignedProfile::verify(bytes, now).map_err(|error| match error {
            ProfileError::Expired { expires } => Refusal::Expired { expires },
            error => Refusal::Invalid(error.to_string()),
        })?;
        if profile.did().dht_key().0 != *id {
            return Err(Refusal::OtherKey);
        }
        Ok(Valid { sequence: profile.sequence(), expires: profile.expires() })
    }
}

struct Mailboxes;

impl Validate for Mailboxes {
    fn max_bytes(&self) -> usize {
        pumasi_signaling::MAX_RECORD
    }

    fn max_life(&self) -> Millis {
        pumasi_signaling::MAX_LIFETIME + pumasi_signaling::CLOCK_SKEW
    }

    fn validate(&self, id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Valid, Refusal> {
        let valid = MailboxRecord::validate(id, bytes, now).map_err(|error| match error {
            RecordError::Expired { expires } => Refusal::Expired { expires },
            error => Refusal::Invalid(error.to_string()),
        })?;
        Ok(Valid { sequence: valid.sequence, expires: valid.expires })
    }
}

struct Presences;

impl Validate for Presences {
    fn max_bytes(&self) -> usize {
        pumasi_signaling::presence::MAX_PRESENCE
    }

    fn max_life(&self) -> Millis {
        pumasi_signaling::presence::MAX_LIFE + pumasi_signaling::CLOCK_SKEW
    }

    fn validate(&self, id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Valid, Refusal> {
        let valid = pumasi_signaling::presence::validate(id, bytes, now)
            .map_err(|error| Refusal::Invalid(error.to_string()))?;
        Ok(Valid { sequence: valid.sequence, expires: valid.expires })
    }
}

/// How far the clock of an honest node may be from ours, and how long it may keep what has ended: what is valid at one of
/// these distances from now is no fault, in milliseconds.
const LEEWAY: [Millis; 2] = [2 * 60 * 1_000, 15 * 60 * 1_000];

impl Refusal {
    /// Whether a node that keeps the rules cannot have sent what was refused: it must have refused it itself. What ended on
    /// its way, is older than ours, or finds no room is nobody's fault. `check` looks at it again with another clock.
    pub(crate) fn is_fault<T>(&self, check: impl Fn(Timestamp) -> Result<T, Self>, now: Timestamp) -> bool {
        let fault = |refusal: &Self| {
            matches!(refusal, Self::Namespace | Self::TooLong { .. } | Self::Invalid(_) | Self::OtherKey)
        };
        let by_another_clock = |now| check(now).as_ref().err().is_some_and(fault);
        fault(self) && LEEWAY.iter().all(|leeway| by_another_clock(now - *leeway) && by_another_clock(now + *leeway))
    }
}

/// Why a record is not kept. The sender of a put learns that it was refused, not why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not a key of a namespace that is kept here.
    #[error("record: its key is in no namespace of this network")]
    Namespace,
    /// Over the bound of its namespace.
    #[error("record: {len} bytes; the limit is {limit}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// Malformed, or not signed by the key that it must be signed by.
    #[error("{0}")]
    Invalid(String),
    /// Well signed, and of another key.
    #[error("record: it belongs under another key")]
    OtherKey,
    /// Its time is over.
    #[error("record: expired at {expires}")]
    Expired {
        /// When.
        expires: Timestamp,
    },
    /// It would have to be kept for too long.
    #[error("record: asks to be kept for {life} ms; the limit is {limit}")]
    TooLasting {
        /// What is left of its life, in milliseconds.
        life: Millis,
        /// The bound.
        limit: Millis,
    },
    /// A newer one is kept already.
    #[error("record: sequence {sequence} is older than {held}, which is held")]
    Rollback {
        /// Of the refused one.
        sequence: u64,
        /// Of the one that is kept.
        held: u64,
    },
    /// Two different records with one sequence: the signer contradicts itself, or two of its processes run apart.
    #[error("record: another one with the same sequence {sequence} is held")]
    Conflict {
        /// Of both.
        sequence: u64,
    },
    /// The node that sent it has had its share of this node's space.
    #[error("record: {limit} records of one peer are held, which is the limit")]
    PeerFull {
        /// Its share.
        limit: usize,
    },
    /// The node that sent it sends too fast.
    #[error("record: more than {limit} puts of one peer in ten seconds")]
    PeerTooFast {
        /// Puts that are looked at.
        limit: u32,
    },
    /// This node is full of records that are nearer to it.
    #[error("record: {limit} records that are nearer to this node are held, which is the limit")]
    Full {
        /// Of the namespace.
        limit: usize,
    },
    /// The key is full of entries that rank no lower.
    #[error("entry: {limit} entries that rank no lower are held under its key, which is the limit")]
    KeyFull {
        /// Of the key.
        limit: usize,
    },
    /// This node only asks; it keeps nothing for others.
    #[error("record: this node keeps none")]
    NotKept,
    /// The disk does not keep up.
    #[error("record: the store is busy")]
    Busy,
}
