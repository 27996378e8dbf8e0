//! Reading and writing mailbox records in the DHT. What is in them, `pumasi-signaling` knows.

use crate::error::AgentError;
use pumasi_overlay::{Overlay, OverlayError, RecordKey, Watch};

/// The mailbox: sealed records under keys that only those who share a secret can find.
#[derive(Clone)]
pub(crate) struct Mailbox {
    overlay: Overlay,
}

impl Mailbox {
    pub(crate) fn new(overlay: Overlay) -> Self {
        Self { overlay }
    }

    /// Puts a record, in place of what was there.
    pub(crate) async fn put(&self, key: [u8; 32], record: Vec<u8>) -> Result<(), AgentError> {
        let published = self.overlay.put(RecordKey::mailbox(key), record).await?;
        tracing::debug!(asked = published.asked, stored = published.stored, "mailbox record put");
        Ok(())
    }

    /// The record that lies under a key now.
    pub(crate) async fn get(&self, key: [u8; 32]) -> Result<Option<Vec<u8>>, AgentError> {
        match self.overlay.get(RecordKey::mailbox(key)).await {
            // A moment without peers is no reason to give up; the next look may find them.
            Err(OverlayError::Offline | OverlayError::Timeout { .. } | OverlayError::Busy { .. }) => Ok(None),
            other => Ok(other?),
        }
    }

    /// Records as they come in under a key, where this node is one of those that keep it.
    pub(crate) async fn watch(&self, key: [u8; 32]) -> Result<Watch, AgentError> {
        Ok(self.overlay.watch(RecordKey::mailbox(key)).await?)
    }
}
