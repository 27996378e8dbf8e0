use pumasi_identity::Did;
use std::fmt;
use std::future::Future;

/// `Send` where there are threads; nothing in a browser, whose promises stay where they are.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send> MaybeSend for T {}
/// `Send` where there are threads; nothing in a browser, whose promises stay where they are.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T> MaybeSend for T {}

/// Where a record of the overlay lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The signed profile of a DID.
    Profile(Did),
    /// A mailbox slot: the SHA-256 of its public key.
    Mailbox([u8; 32]),
}

impl Place {
    /// What follows `/v1/records/` in the address of a gateway.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Profile(did) => format!("profile/{did}"),
            Self::Mailbox(slot) => format!("mailbox/{}", hex::encode(slot)),
        }
    }

    /// Longest record that lies there, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        match self {
            Self::Profile(_) => pumasi_identity::MAX_PROFILE,
            Self::Mailbox(_) => pumasi_signaling::MAX_RECORD,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// Peers, or gateways, that it was sent to.
    pub asked: usize,
    /// Those of them that have it.
    pub stored: usize,
}

/// Why a record cannot be had or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The record is not acceptable: malformed, not signed as it must be, expired, of another key.
    #[error("{0}")]
    Refused(String),
    /// A newer one is there, or another with the same sequence.
    #[error("{0}")]
    Conflict(String),
    /// Whoever gave it has had its share, or everything is full.
    #[error("{0}")]
    Full(String),
    /// Nobody could be asked, or nobody answered.
    #[error("{0}")]
    Unreachable(String),
}

/// Where signed records are kept: the overlay, or gateways to it. What it gives has been checked for form, signature and
/// time.
pub trait Records {
    /// The newest record there, if there is one.
    fn get(&self, place: &Place) -> impl Future<Output = Result<Option<Vec<u8>>, RecordsError>> + MaybeSend;

    /// Puts a record of one's own there. The overlay puts it again before it is lost; with gateways the caller does.
    fn put(&self, place: &Place, record: Vec<u8>) -> impl Future<Output = Result<Put, RecordsError>> + MaybeSend;

    /// Puts a record there for somebody else, whom `giver` tells apart, so that one does not use up the room of all.
    fn give(
        &self,
        giver: [u8; 32],
        place: &Place,
        record: Vec<u8>,
    ) -> impl Future<Output = Result<Put, RecordsError>> + MaybeSend;
}

#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
impl Records for pumasi_overlay::Overlay {
    async fn get(&self, place: &Place) -> Result<Option<Vec<u8>>, RecordsError> {
        use pumasi_overlay::OverlayError::Offline;
        match Self::get(self, place.key()).await {
            // The first node of a network knows no other: what it does not hold is not there.
            Err(Offline) if self.status().await.is_ok_and(|status| status.failed.is_empty()) => Ok(None),
            got => got.map_err(from_overlay),
        }
    }

    async fn put(&self, place: &Place, record: Vec<u8>) -> Result<Put, RecordsError> {
        let published = Self::put(self, place.key(), record).await.map_err(from_overlay)?;
        Ok(Put { asked: published.asked, stored: published.stored })
    }

    async fn give(&self, giver: [u8; 32], place: &Place, record: Vec<u8>) -> Result<Put, RecordsError> {
        let published = Self::give(self, giver, place.key(), record).await.map_err(from_overlay)?;
        Ok(Put { asked: published.asked, stored: published.stored })
    }
}

#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
impl Place {
    /// The key of the overlay.
    #[must_use]
    pub fn key(&self) -> pumasi_overlay::RecordKey {
        match self {
            Self::Profile(did) => pumasi_overlay::RecordKey::profile(did),
            Self::Mailbox(slot) => pumasi_overlay::RecordKey::mailbox(*slot),
        }
    }
}

#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
fn from_overlay(error: pumasi_overlay::OverlayError) -> RecordsError {
    use pumasi_overlay::{OverlayError, Refusal};
    let text = error.to_string();
    match error {
        OverlayError::Refused(Refusal::Rollback { .. } | Refusal::Conflict { .. }) => RecordsError::Conflict(text),
        OverlayError::Refused(
            Refusal::PeerFull { .. } | Refusal::PeerTooFast { .. } | Refusal::Full { .. } | Refusal::Busy,
        )
        | OverlayError::Busy { .. } => RecordsError::Full(text),
        OverlayError::Refused(_) => RecordsError::Refused(text),
        _ => RecordsError::Unreachable(text),
    }
}
