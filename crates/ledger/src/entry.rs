use pumasi_crypto::hash::Digest;
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
