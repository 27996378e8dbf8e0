//! What waits for a store's writer.

use super::{Mirrored, StoreError};
use crate::operation::SignedOperation;
use crate::state::{Effect, Refusal};
use pumasi_units::Timestamp;
use tokio::sync::oneshot;

/// Most writes that may wait.
pub(super) const MAX_WAITING: usize = 4_096;
/// Most writes in one transaction.
pub(super) const MAX_GROUP: usize = 512;

/// Where the answer goes.
pub(super) type Done<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) enum Job {
    Apply { operation: Box<SignedOperation>, now: Timestamp, done: Done<Result<Effect, Refusal>> },
    Mirror { source: String, operations: Vec<SignedOperation>, next: u64, now: Timestamp, done: Done<Mirrored> },
    Sweep { now: Timestamp, done: Done<u64> },
}

impl Job {
    /// Answers that it was not done. Whoever does not wait any more does not hear it.
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Apply { done, .. } => drop(done.send(Err(error))),
            Self::Mirror { done, .. } => drop(done.send(Err(error))),
            Self::Sweep { done, .. } => drop(done.send(Err(error))),
        }
    }
}
