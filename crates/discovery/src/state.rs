//! What an operation does to what a directory knows of a DID: one function, for every store.

use crate::operation::{Action, SignedOperation};
use pumasi_crypto::hash::Digest;
use pumasi_units::Timestamp;

/// What a directory knows of one DID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The sequence of its last operation.
    pub sequence: u64,
    /// The id of its last operation.
    pub last: Digest,
    /// The id of its listing; `None` when it was deleted.
    pub listing: Option<Digest>,
    /// Until when the listing stands, or the deletion is remembered.
    pub expires: Timestamp,
}

/// Why a well-formed, well-signed operation changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// This very operation was here before.
    #[error("this operation was here before")]
    Replayed,
    /// An operation with this sequence or a higher one was here before.
    #[error("sequence: {found} is not higher than {known}, that of the last operation")]
    Stale {
        /// The operation's.
        found: u64,
        /// The last one's.
        known: u64,
    },
    /// An update, heartbeat or deletion of what is not listed.
    #[error("the DID is not listed here")]
    NotListed,
    /// A heartbeat for another listing than the one that stands.
    #[error("listing: {0} is the one that stands")]
    OtherListing(Digest),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// List it, in place of what was there.
    List,
    /// Keep what is listed for longer.
    Extend,
    /// Take it out, and remember that.
    Remove,
}

/// What this operation does at this time.
///
/// # Errors
/// [`Refusal`]; nothing changes then.
pub fn decide(known: Option<&Known>, operation: &SignedOperation, now: Timestamp) -> Result<Effect, Refusal> {
    let sequence = operation.operation().sequence;
    if let Some(known) = known {
        if known.last == operation.id() {
            return Err(Refusal::Replayed);
        }
        if sequence <= known.sequence {
            return Err(Refusal::Stale { found: sequence, known: known.sequence });
        }
    }
    let standing = known.filter(|known| known.expires > now).and_then(|known| known.listing);
    match (&operation.operation().action, standing) {
        (Action::Register(_), _) | (Action::Update(_), Some(_)) => Ok(Effect::List),
        (Action::Heartbeat { listing }, Some(standing)) if *listing == standing => Ok(Effect::Extend),
        (Action::Heartbeat { .. }, Some(standing)) => Err(Refusal::OtherListing(standing)),
        (Action::Delete, Some(_)) => Ok(Effect::Remove),
        (Action::Update(_) | Action::Heartbeat { .. } | Action::Delete, None) => Err(Refusal::NotListed),
    }
}

/// As [`decide`], for an operation from the log of another directory, which may have left out what was before it: an
/// update lists and a deletion is remembered whatever stands here.
///
/// # Errors
/// As [`decide`].
pub fn decide_mirrored(known: Option<&Known>, operation: &SignedOperation, now: Timestamp) -> Result<Effect, Refusal> {
    match (decide(known, operation, now), &operation.operation().action) {
        (Err(Refusal::NotListed), Action::Update(_)) => Ok(Effect::List),
        (Err(Refusal::NotListed), Action::Delete) => Ok(Effect::Remove),
        (decided, _) => decided,
    }
}
