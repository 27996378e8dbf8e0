//! Evidence that a peer keeps two histories.
//!
//! Every message that quotes its signer's chain is a claim: "my entry n has this hash", and for a transfer also "my
//! entry n + 1 is this transfer". Two signed claims that cannot both hold prove a fork to anyone.

use pumasi_identity::Did;
use pumasi_ledger::{Head, TransferId};
use serde::{Deserialize, Serialize};

/// What a peer signed about one place of its own chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The entry, and its hash.
    pub head: Head,
    /// The transfer that is the entry after it, where the message says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<TransferId>,
    /// The signed message, compact JWS.
    pub document: String,
}

/// Two signed messages of one peer that cannot both be true of one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForkProof {
    /// Who signed both.
    pub signer: Did,
    /// What it signed first.
    pub first: Claim,
    /// What it signed against that.
    pub second: Claim,
}

impl Claim {
    /// Whether both cannot hold of one chain.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let same_entry = self.head.sequence == other.head.sequence;
        let other_hash = self.head.hash != other.head.hash;
        let other_next = matches!((self.next, other.next), (Some(a), Some(b)) if a != b);
        same_entry && (other_hash || other_next)
    }

    /// Whether it says more than the other about the same entry.
    #[must_use]
    pub(crate) fn says_more_than(&self, other: &Self) -> bool {
        self.next.is_some() && other.next.is_none()
    }
}
