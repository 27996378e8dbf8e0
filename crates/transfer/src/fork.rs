//! Evidence that a peer keeps two histories.
//!
//! Every message that quotes its signer's chain is a claim: "my entry n has this hash", and for a transfer also "my
//! entry n + 1 is this transfer". Two signed claims that cannot both hold prove a fork to anyone.

use crate::limits::MAX_JWS_BYTES;
use crate::message::{Bye, Kind, TransferResult};
use crate::receipt::{ReceiptError, profile_of, verify_statement, verify_transfer};
use pumasi_crypto::Provider;
use pumasi_crypto::jose::Jws;
use pumasi_identity::{Did, SignedProfile};
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

impl Claim {
    /// Reads what a kept message claims of its signer's chain, with no other acquaintance: a transfer is checked with that
    /// of the profiles which it names, a result and a countersignature with the DID.
    ///
    /// # Errors
    /// [`ReceiptError`] when it is not one of these, or not signed by `signer`.
    pub async fn of<P: Provider>(
        provider: &P,
        signer: &Did,
        document: &str,
        profiles: &[SignedProfile],
    ) -> Result<Self, ReceiptError> {
        let kind = Jws::parse(document, MAX_JWS_BYTES).ok().and_then(|jws| Kind::from_typ(jws.typ()));
        let (head, next) = match kind {
            Some(Kind::Transfer) => {
                let digest = profile_of(document)?;
                let named = profiles.iter().find(|profile| profile.digest() == digest && profile.did() == signer);
                let missing = ReceiptError::Mismatch { part: Kind::Transfer, field: "profile" };
                let (id, transfer) = verify_transfer(provider, document, named.ok_or(missing)?).await?;
                (transfer.prev, Some(id))
            }
            Some(Kind::Result) => (verify_statement::<TransferResult>(document, signer)?.1.head, None),
            Some(Kind::Bye) => (verify_statement::<Bye>(document, signer)?.1.head, None),
            _ => return Err(ReceiptError::Format),
        };
        Ok(Self { head, next, document: document.to_owned() })
    }
}
