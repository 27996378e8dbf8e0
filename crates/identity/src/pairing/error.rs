use super::{Role, Step};
use serde::{Deserialize, Serialize};

/// Why a pairing ended without a contact. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AbortReason {
    /// The person saw different emoji. Somebody may be between the two: start again with a new code, by another road.
    #[error("the emoji differ")]
    Mismatch,
    /// The person gave up.
    #[error("cancelled")]
    Cancelled,
    /// Nothing was heard for too long.
    #[error("timed out")]
    TimedOut,
    /// The inviter showed something else than it had committed to. Somebody is tampering.
    #[error("the inviter's key is not the one it committed to")]
    Commitment,
    /// The confirmation does not fit the two profiles. Somebody is tampering.
    #[error("the confirmation does not verify")]
    Mac,
    /// The key contributes nothing to the secret. Somebody is tampering.
    #[error("the key is not a proper X25519 key")]
    Key,
    /// The profile is forged, expired, or broken.
    #[error("the profile is not valid")]
    Profile,
    /// Both sides are the same DID: a person typed their own code.
    #[error("this is your own code")]
    OwnCode,
}

/// How a pairing ended without a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Who ended it.
    pub by: Role,
    /// Why. From the other side it is a claim: anybody who knows the code can make it.
    pub reason: AbortReason,
}

/// Why an input was not taken. The pairing goes on unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairingError {
    /// Longer than [`MAX_MESSAGE`](super::MAX_MESSAGE).
    #[error("pairing message: {len} bytes, the limit is {limit}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not a pairing message.
    #[error("pairing message: malformed")]
    Malformed,
    /// Of another pairing.
    #[error("pairing message: of another session")]
    OtherSession,
    /// A step that the receiver itself says.
    #[error("pairing message: step {} is ours to say", .0.number())]
    OurStep(Step),
    /// Well-formed, wrong moment. Deliver it again later.
    #[error("pairing message: step {} comes too early", .0.number())]
    TooEarly(Step),
    /// A second, different message for a step that was already said. Somebody else knows the code.
    #[error("pairing message: step {} was said twice, differently", .0.number())]
    SaidTwice(Step),
    /// There is nothing to confirm yet.
    #[error("pairing: nothing to compare yet")]
    NothingToCompare,
}
