use crate::keys::Keys;
use crate::seals::{open_cell, open_entry};
use crate::store::{MAX_PAGE, Space, Store};
use crate::tx::record;
use crate::{Entry, Finding, Ledger, LedgerError, TransferId};
use pumasi_crypto::Provider;
use pumasi_identity::Did;
use serde::de::DeserializeOwned;

impl<S: Store, P: Provider> Ledger<S, P> {
    /// Reads a record as it was last made durable.
    ///
    /// # Errors
    /// [`LedgerError::Crypto`] when its bytes were changed, [`LedgerError::Record`] when it is not a `T`.
    pub async fn get<T: DeserializeOwned>(&self, space: Space, key: &[u8]) -> Result<Option<T>, LedgerError> {
        let keys = &self.inner.keys;
        let Some(token) = self.inner.store.cell(space, keys.cell_key(space, key)).await? else { return Ok(None) };
        let (found, value) = open_cell(keys, space, &token)?;
        if found != key {
            return Err(record("cell", &"it stands in another's place"));
        }
        serde_json::from_value(value).map(Some).map_err(|e| record("cell", &e))
    }

    /// Reads every record of a space with its key, as they were last made durable, in no particular order.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn list<T: DeserializeOwned>(&self, space: Space) -> Result<Vec<(Vec<u8>, T)>, LedgerError> {
        list(&self.inner.store, &self.inner.keys, space).await
    }

    /// Reads one entry.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] when it is not what it should be.
    pub async fn entry(&self, sequence: u64) -> Result<Option<Entry>, LedgerError> {
        Ok(self.entries(sequence, 1).await?.into_iter().find(|entry| entry.sequence == sequence))
    }

    /// Reads entries from number `from` on, in order, at most `limit` and at most [`MAX_PAGE`]; checks that each follows
    /// the one before it.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] with the first entry that is not what it should be.
    pub async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Entry>, LedgerError> {
        let stored = self.inner.store.entries(from, limit).await?;
        let mut entries: Vec<Entry> = Vec::with_capacity(stored.len());
        for row in &stored {
            let entry = open_entry(&self.inner.keys, row).map_err(damaged)?;
            if let Some(before) = entries.last() {
                if before.sequence + 1 != entry.sequence {
                    let (first, last) = (before.sequence + 1, entry.sequence - 1);
                    return Err(damaged(Finding::Gap { first, last }));
                }
                if before.hash != entry.previous {
                    return Err(damaged(Finding::Unlinked { entry: entry.sequence }));
                }
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Every entry about a transfer, in order.
    ///
    /// # Errors
    /// As [`entry`](Self::entry).
    pub async fn find_transfer(&self, id: &TransferId) -> Result<Vec<Entry>, LedgerError> {
        let rows = self.inner.store.find(self.inner.keys.transfer_tag(id), 1, MAX_PAGE).await?;
        rows.iter().map(|row| open_entry(&self.inner.keys, row).map_err(damaged)).collect()
    }

    /// Entries about a person from number `from` on, in order, at most `limit` and at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// As [`entry`](Self::entry).
    pub async fn find_peer(&self, peer: &Did, from: u64, limit: u32) -> Result<Vec<Entry>, LedgerError> {
        let rows = self.inner.store.find(self.inner.keys.peer_tag(peer), from, limit).await?;
        rows.iter().map(|row| open_entry(&self.inner.keys, row).map_err(damaged)).collect()
    }
}

pub(crate) fn damaged(finding: Finding) -> LedgerError {
    LedgerError::Damaged(Box::new(finding))
}

/// Reads every record of a space, page by page.
pub(crate) async fn list<T: DeserializeOwned>(
    store: &impl Store,
    keys: &Keys,
    space: Space,
) -> Result<Vec<(Vec<u8>, T)>, LedgerError> {
    let mut records = Vec::new();
    let mut after = None;
    loop {
        let page = store.cells(space, after, MAX_PAGE).await?;
        let Some(last) = page.last() else { return Ok(records) };
        after = Some(last.key);
        for cell in &page {
            let (key, value) = open_cell(keys, space, &cell.token)?;
            if keys.cell_key(space, &key) != cell.key {
                return Err(record("cell", &"it stands in another's place"));
            }
            records.push((key, serde_json::from_value(value).map_err(|e| record("cell", &e))?));
        }
    }
}
