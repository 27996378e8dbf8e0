use crate::LedgerError;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::jcs;
use pumasi_identity::Did;
use pumasi_units::{Money, Timestamp};
use serde::{Deserialize, Serialize};

/// SHA-256 of the transfer's JWS signing input: the same transfer has the same id wherever it is seen.
pub type TransferId = Digest;

/// The last entry of a chain. Sequence 0 with a hash of zeros is the chain before its first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of the entry, from 1.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
}

/// What an entry says. Entries never change; a new state is a new entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Body {
    /// The first entry: whose ledger it is.
    Opened {
        /// The owner.
        owner: Did,
    },
    /// I signed a transfer. It counts only once an accepted [`Body::Outcome`] follows.
    Outgoing {
        /// The transfer.
        id: TransferId,
        /// The payee.
        peer: Did,
        /// How much.
        money: Money,
        /// What for.
        memo: String,
        /// After this the payee refuses it, unless it had accepted before.
        expires: Timestamp,
        /// The signed transfer, compact JWS.
        document: String,
    },
    /// I accepted a transfer. It counts from here.
    Incoming {
        /// The transfer.
        id: TransferId,
        /// The payer.
        peer: Did,
        /// How much.
        money: Money,
        /// What for.
        memo: String,
        /// The signed transfer, compact JWS.
        document: String,
        /// Digest of the payer's profile that its signature was checked with.
        profile: Digest,
    },
    /// The payee's signed result reached me.
    Outcome {
        /// The transfer.
        id: TransferId,
        /// The payee.
        peer: Did,
        /// Accepted, or refused and why.
        outcome: Outcome,
        /// The signed result, compact JWS: my receipt.
        document: String,
    },
    /// The payer's signed acknowledgement of my result reached me: both have now signed the balance.
    Countersigned {
        /// The transfer.
        id: TransferId,
        /// The payer.
        peer: Did,
        /// My signed result, compact JWS.
        result: String,
        /// The payer's signed acknowledgement, compact JWS.
        document: String,
    },
    /// How much I let a peer owe me in a unit.
    Limit {
        /// Who.
        peer: Did,
        /// How much, and in which unit. Zero closes the line.
        limit: Money,
    },
    /// The ledger was restored from a backup.
    Restored {
        /// The generation that began with it.
        generation: u64,
    },
}

/// How the payee settled a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Outcome {
    /// The payee took it into its ledger.
    Accepted,
    /// The payee did not, and says why.
    Refused {
        /// A closed list of codes: docs/spec/transfer.md.
        code: String,
        /// Figures for the person, such as the limit that was passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<Money>,
        /// What is left under that limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        available: Option<Money>,
    },
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1 without gaps.
    pub sequence: u64,
    /// The hash of the entry before it; zeros for the first.
    pub previous: Digest,
    /// When it was written, by the owner's clock.
    pub at: Timestamp,
    /// What it says.
    pub body: Body,
    /// SHA-256 over the previous hash and the JCS bytes of `{at, body, sequence}`.
    pub hash: Digest,
}

impl Body {
    /// The word that names this kind on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Outgoing { .. } => "outgoing",
            Self::Incoming { .. } => "incoming",
            Self::Outcome { .. } => "outcome",
            Self::Countersigned { .. } => "countersigned",
            Self::Limit { .. } => "limit",
            Self::Restored { .. } => "restored",
        }
    }

    /// The transfer that it is about.
    #[must_use]
    pub fn transfer(&self) -> Option<&TransferId> {
        match self {
            Self::Outgoing { id, .. }
            | Self::Incoming { id, .. }
            | Self::Outcome { id, .. }
            | Self::Countersigned { id, .. } => Some(id),
            Self::Opened { .. } | Self::Limit { .. } | Self::Restored { .. } => None,
        }
    }

    /// The other person that it is about.
    #[must_use]
    pub fn peer(&self) -> Option<&Did> {
        match self {
            Self::Outgoing { peer, .. }
            | Self::Incoming { peer, .. }
            | Self::Outcome { peer, .. }
            | Self::Countersigned { peer, .. }
            | Self::Limit { peer, .. } => Some(peer),
            Self::Opened { .. } | Self::Restored { .. } => None,
        }
    }
}

/// What an entry's hash is made over, after the previous hash.
#[derive(Serialize)]
struct Hashed<'a, T> {
    at: Timestamp,
    body: &'a T,
    sequence: u64,
}

/// SHA-256 over the previous hash (32 bytes) and the JCS bytes of `{at, body, sequence}`.
fn link_hash(
    previous: &Digest,
    sequence: u64,
    at: Timestamp,
    body: &impl Serialize,
) -> Result<Digest, pumasi_crypto::CryptoError> {
    let payload = jcs::to_vec(&Hashed { at, body, sequence })?;
    Ok(sha256(&[&previous.0, &payload]))
}

impl Entry {
    /// The entry that follows `previous`.
    ///
    /// # Errors
    /// [`LedgerError::Crypto`] when the body cannot be written canonically.
    pub fn after(previous: &Head, at: Timestamp, body: Body) -> Result<Self, LedgerError> {
        let sequence = previous.sequence + 1;
        let hash = link_hash(&previous.hash, sequence, at, &body)?;
        Ok(Self { sequence, previous: previous.hash, at, body, hash })
    }

    /// The head of a chain that ends with this entry.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash }
    }

    /// Reads an entry from JSON and recomputes its hash over the JSON as it was read, so that a field which this
    /// version does not know still counts.
    ///
    /// # Errors
    /// [`EntryError`], by what is wrong first.
    pub fn from_json(json: &[u8]) -> Result<Self, EntryError> {
        let value: serde_json::Value =
            serde_json::from_slice(json).map_err(|e| EntryError::Malformed(e.to_string()))?;
        Self::from_value(value)
    }

    pub(crate) fn from_value(value: serde_json::Value) -> Result<Self, EntryError> {
        let entry = Self::deserialize(&value).map_err(|e| EntryError::Malformed(e.to_string()))?;
        let body = value.get("body").ok_or_else(|| EntryError::Malformed("no body".into()))?;
        let hash = link_hash(&entry.previous, entry.sequence, entry.at, body)
            .map_err(|e| EntryError::Malformed(e.to_string()))?;
        if hash == entry.hash { Ok(entry) } else { Err(EntryError::Hash { sequence: entry.sequence }) }
    }
}

/// Why some JSON is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not the JSON of an entry, or of a kind that this version does not know.
    #[error("not an entry: {0}")]
    Malformed(String),
    /// The hash is not the hash of the content.
    #[error("entry {sequence}: its hash is not the hash of its content")]
    Hash {
        /// The number that it claims.
        sequence: u64,
    },
}
