//! An entry as a directory gives it, and what its reader checks before believing a word.

use crate::listing::Listing;
use crate::operation::{Action, OperationError, SignedOperation};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};

/// One result: what note 002 asks for, and the proof of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Who is listed.
    #[cfg_attr(feature = "server", schema(value_type = String, example = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"))]
    pub did: Did,
    /// What they say of themselves.
    #[serde(flatten)]
    pub listing: ListedFields,
    /// The sequence of the last operation.
    #[cfg_attr(feature = "server", schema(minimum = 1))]
    pub sequence: u64,
    /// Until when it stands, in milliseconds since 1970.
    #[cfg_attr(feature = "server", schema(value_type = u64))]
    pub expires: Timestamp,
    /// The operation that listed it: a compact JWS by the DID's key over these very fields.
    pub proof: String,
    /// The last heartbeat: a compact JWS that keeps the proof's listing standing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub heartbeat: Option<String>,
}

/// As [`Listing`], but more fields may stand beside: a later version of a directory may say more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ListedFields {
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub name: Option<String>,
    /// What it is.
    pub description: String,
    /// Under what it is found.
    pub categories: Vec<String>,
    /// Where the overlay is entered to find its profile.
    pub bootstrap_nodes: Vec<String>,
    /// Where it takes offers over HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub service_endpoint: Option<String>,
}

impl From<Listing> for ListedFields {
    fn from(listing: Listing) -> Self {
        let Listing { name, description, categories, bootstrap_nodes, service_endpoint } = listing;
        Self { name, description, categories, bootstrap_nodes, service_endpoint }
    }
}

impl ListedFields {
    /// The first field in which this differs from what was signed.
    #[must_use]
    pub fn differs(&self, signed: &Listing) -> Option<&'static str> {
        let same = [
            ("name", self.name == signed.name),
            ("description", self.description == signed.description),
            ("categories", self.categories == signed.categories),
            ("bootstrap_nodes", self.bootstrap_nodes == signed.bootstrap_nodes),
            ("service_endpoint", self.service_endpoint == signed.service_endpoint),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }
}

/// How an entry is not what its DID's owner signed. Whoever gave it lies, or was lied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Forgery {
    /// Not an entry at all.
    #[error("it is not an entry")]
    Malformed,
    /// The proof or the heartbeat is none.
    #[error("its proof is none: {0}")]
    Proof(#[from] OperationError),
    /// The proof is of another DID.
    #[error("its proof is by {0}")]
    OtherDid(Did),
    /// The proof is of an operation that lists nothing, or the heartbeat is none.
    #[error("its proof lists nothing")]
    OtherAction,
    /// A field is not as it was signed.
    #[error("{0} is not what was signed")]
    Field(&'static str),
    /// The heartbeat is for another listing.
    #[error("its heartbeat keeps another listing")]
    OtherListing,
    /// Its time is over.
    #[error("it ended at {0}")]
    Expired(Timestamp),
}

impl Entry {
    /// The entry of a listing operation and the heartbeat after it, if any. `None` when the first lists nothing.
    #[must_use]
    pub fn new(proof: &SignedOperation, heartbeat: Option<&SignedOperation>) -> Option<Self> {
        let listing = proof.operation().action.listing()?.clone();
        let last = heartbeat.unwrap_or(proof).operation();
        Some(Self {
            did: proof.did(),
            listing: listing.into(),
            sequence: last.sequence,
            expires: last.expires,
            proof: proof.as_str().to_owned(),
            heartbeat: heartbeat.map(|heartbeat| heartbeat.as_str().to_owned()),
        })
    }

    /// Checks that the DID's owner signed every word of it, and that it still stands.
    ///
    /// # Errors
    /// [`Forgery`], naming what is not as it was signed.
    pub fn verify(self, now: Timestamp) -> Result<VerifiedEntry, Forgery> {
        let proof = SignedOperation::verify(&self.proof)?;
        if proof.did() != self.did {
            return Err(Forgery::OtherDid(proof.did()));
        }
        let signed = proof.operation().action.listing().ok_or(Forgery::OtherAction)?;
        if let Some(field) = self.listing.differs(signed) {
            return Err(Forgery::Field(field));
        }
        let mut last = (proof.operation().sequence, proof.operation().expires);
        if let Some(heartbeat) = &self.heartbeat {
            let heartbeat = SignedOperation::verify(heartbeat)?;
            if heartbeat.did() != self.did {
                return Err(Forgery::OtherDid(heartbeat.did()));
            }
            let Action::Heartbeat { listing } = heartbeat.operation().action else { return Err(Forgery::OtherAction) };
            if listing != proof.id() || heartbeat.operation().sequence <= last.0 {
                return Err(Forgery::OtherListing);
            }
            last = (heartbeat.operation().sequence, heartbeat.operation().expires);
        }
        if self.sequence != last.0 {
            return Err(Forgery::Field("sequence"));
        }
        if self.expires != last.1 {
            return Err(Forgery::Field("expires"));
        }
        if self.expires <= now {
            return Err(Forgery::Expired(self.expires));
        }
        Ok(VerifiedEntry { listing: signed.clone(), id: proof.id(), entry: self })
    }
}

/// An entry that its DID's owner signed. There is no other way to make one than to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    listing: Listing,
    id: pumasi_crypto::hash::Digest,
    entry: Entry,
}

impl VerifiedEntry {
    /// Who is listed.
    #[must_use]
    pub fn did(&self) -> Did {
        self.entry.did
    }

    /// What they say of themselves.
    #[must_use]
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// The id of the listing: what a heartbeat names it by.
    #[must_use]
    pub fn id(&self) -> pumasi_crypto::hash::Digest {
        self.id
    }

    /// The sequence of the last operation.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.entry.sequence
    }

    /// Until when it stands.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.entry.expires
    }

    /// The entry as it came, to hand on.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}
