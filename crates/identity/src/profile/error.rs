use crate::data_integrity::ProofError;
use pumasi_crypto::CryptoError;
use pumasi_units::{Millis, Timestamp};

/// Why a profile is not to be stored, believed or published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Longer than [`MAX_PROFILE`](super::MAX_PROFILE).
    #[error("profile: {len} bytes, the limit is {limit}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not JSON, a name twice in one object, a member that profiles do not have, or one of another type.
    #[error("profile: not a profile of version 1")]
    Malformed,
    /// The same content in other bytes than its canonical form (RFC 8785).
    #[error("profile: not in canonical form (RFC 8785)")]
    NotCanonical,
    /// A member that does not say what it must.
    #[error("profile: {field} is not as it must be")]
    Field {
        /// The member, as it is named in the document.
        field: &'static str,
    },
    /// A member over its limit.
    #[error("profile: {field} is {value}, the limit is {limit}")]
    Limit {
        /// The member, with its unit.
        field: &'static str,
        /// What it is.
        value: u64,
        /// What it may be at most.
        limit: u64,
    },
    /// The proof is not one of the DID's own key over these bytes.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// It was valid, and is no longer. Its owner has to come online to publish a newer one.
    #[error("profile: expired at {expires}")]
    Expired {
        /// When it expired.
        expires: Timestamp,
    },
    /// Made later than now: one of the two clocks is wrong.
    #[error("profile: made {ahead} ms in the future, check the clock")]
    FromTheFuture {
        /// By how much, in milliseconds.
        ahead: Millis,
    },
    /// The platform could not sign.
    #[error("profile: not signed")]
    Crypto(#[from] CryptoError),
}
