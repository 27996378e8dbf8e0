use crate::keys::Keys;
use crate::read::damaged;
use crate::store::Store;
use crate::{Finding, Head, Ledger, LedgerError};
use pumasi_crypto::Provider;
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use serde::{Deserialize, Serialize};

/// The last head that was made durable, kept in a file beside the ledger's own.
///
/// A ledger that is put back from an old copy is whole in itself: its head and its chain agree. What tells is the marker,
/// which was not put back with it. It is written after each commit, so it may be behind; when it is ahead, the ledger is
/// old and refuses to write. Whoever puts back both files is caught only by what the peers have signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadMarker {
    /// Whose ledger it is.
    pub owner: Did,
    /// How often it was restored.
    pub generation: u64,
    /// The last entry.
    pub head: Head,
    /// HMAC-SHA256 under a key of the ledger, so that nobody without the password can make one.
    pub mac: Digest,
}

impl HeadMarker {
    /// What the MAC is made over.
    pub(crate) fn authenticated(&self) -> Vec<u8> {
        let Self { owner, generation, head, mac: _ } = self;
        let numbers = [generation.to_be_bytes(), head.sequence.to_be_bytes()].concat();
        [&owner.public()[..], &numbers, &head.hash.0].concat()
    }

    /// Whether the ledger with these keys made it.
    pub(crate) fn is_of(&self, keys: &Keys, owner: &Did) -> bool {
        self.owner == *owner && keys.marker_mac(&self.authenticated()) == self.mac
    }
}

impl<S: Store, P: Provider> Ledger<S, P> {
    /// The marker to keep beside the ledger: write it after a commit.
    #[must_use]
    pub fn marker(&self) -> HeadMarker {
        let (head, generation) = {
            let state = self.state();
            (state.durable, state.generation)
        };
        let mut marker = HeadMarker { owner: self.inner.owner, generation, head, mac: Digest::default() };
        marker.mac = self.inner.keys.marker_mac(&marker.authenticated());
        marker
    }

    /// Compares the ledger with the marker that was kept beside it. When the marker is ahead, the ledger is an old copy:
    /// it opens for reading, and [`begin`](Self::begin) refuses from here on.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] with [`Finding::OldCopy`] or [`Finding::MarkerChanged`].
    pub async fn check_marker(&self, marker: &HeadMarker) -> Result<(), LedgerError> {
        let (head, generation) = {
            let state = self.state();
            (state.durable, state.generation)
        };
        let finding = if !marker.is_of(&self.inner.keys, &self.inner.owner) {
            Some(Finding::MarkerChanged)
        } else {
            let behind = (generation, head.sequence) < (marker.generation, marker.head.sequence);
            let forked = generation == marker.generation
                && !behind
                && self.entry(marker.head.sequence).await?.map(|entry| entry.hash) != Some(marker.head.hash);
            (behind || forked).then_some(Finding::OldCopy {
                head,
                generation,
                marked: marker.head,
                marked_generation: marker.generation,
            })
        };
        let Some(finding) = finding else { return Ok(()) };
        self.state().damage.get_or_insert_with(|| finding.clone());
        Err(damaged(finding))
    }
}
