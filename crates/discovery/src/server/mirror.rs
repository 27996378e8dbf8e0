//! Following the log of another directory, believing nothing of it: every operation is checked as if its owner had sent it.

use super::now;
use crate::client::{ClientError, Directory};
use crate::operation::SignedOperation;
use crate::store::{Mirrored, Store, StoreError};
use std::time::Duration;
use tokio::sync::watch;

/// How often to look for more when there was none.
const EVERY: Duration = Duration::from_secs(15);
/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Why a part of a log was not taken over. What was taken before stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// The other directory did not give it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Our store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its numbers do not rise.
    #[error("the log of {0} does not go on after what it said before")]
    Disorder(String),
}

/// Takes over what is new in another directory's log, part by part, until there is no more. Returns how much that was, and
/// how many operations were none (which are left out, and told in our log).
///
/// # Errors
/// [`MirrorError`].
pub async fn catch_up<S: Store>(store: &S, source: &Directory) -> Result<(Mirrored, u64), MirrorError> {
    let mut all = Mirrored::default();
    let mut forged = 0;
    let mut after = store.mirrored(source.url().to_owned()).await?;
    loop {
        let page = source.export(after).await?;
        let rises = page.operations.windows(2).all(|pair| pair[0].number < pair[1].number);
        let within = page.operations.iter().all(|logged| (after + 1..=page.next).contains(&logged.number));
        if page.next < after && page.operations.is_empty() {
            // It lost its log, or is another one: begin anew. What is known stays known.
            tracing::warn!(source = source.url(), "the log begins anew");
            store.mirror(source.url().to_owned(), Vec::new(), 0, now()).await?;
            return Ok((all, forged));
        }
        if !rises || !within {
            return Err(MirrorError::Disorder(source.url().to_owned()));
        }
        let now = now();
        let mut operations = Vec::with_capacity(page.operations.len());
        for logged in &page.operations {
            match SignedOperation::verify(&logged.proof) {
                // One of the future would keep its owner from changing it.
                Ok(operation) if operation.operation().created > now + crate::bounds::CLOCK_SKEW => forged += 1,
                Ok(operation) if operation.operation().expires <= now => all.known += 1,
                Ok(operation) => operations.push(operation),
                Err(error) => {
                    tracing::warn!(source = source.url(), number = logged.number, %error, "a forged operation");
                    forged += 1;
                }
            }
        }
        let more = page.next > after;
        if more {
            let taken = store.mirror(source.url().to_owned(), operations, page.next, now).await?;
            all.taken += taken.taken;
            all.known += taken.known;
        }
        after = page.next;
        if after >= page.head || !more {
            return Ok((all, forged));
        }
    }
}

/// Follows another directory until `stop` turns true.
pub async fn follow<S: Store>(store: S, source: Directory, mut stop: watch::Receiver<bool>) {
    loop {
        let wait = match catch_up(&store, &source).await {
            Ok((mirrored, forged)) => {
                if mirrored.taken > 0 || forged > 0 {
                    tracing::info!(
                        source = source.url(),
                        taken = mirrored.taken,
                        known = mirrored.known,
                        forged,
                        "mirrored"
                    );
                }
                EVERY
            }
            Err(error) => {
                tracing::warn!(source = source.url(), %error, "could not be followed; trying again");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}
