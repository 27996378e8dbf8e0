//! Founding a ledger on entries that exist already: what an import and a restored backup have in common.

use crate::keys::Keys;
use crate::load::Loaded;
use crate::seals::{SealedHead, account_key, seal_account, seal_cell, seal_entry, seal_head};
use crate::store::{Batch, Expected, KeySlot, MAX_BATCH_ENTRIES, NewEntry, Space, Store, StoreError, Tag};
use crate::{Accounts, Body, Entry, Ledger, LedgerError};
use pumasi_crypto::Provider;
use pumasi_identity::Did;
use pumasi_units::Timestamp;

/// Most cells in one batch while founding.
const CELLS_PER_BATCH: usize = 1_000;

pub(crate) struct Foundation {
    pub(crate) keys: Keys,
    pub(crate) slots: Vec<KeySlot>,
    pub(crate) owner: Did,
    /// The generation that begins.
    pub(crate) generation: u64,
    /// A whole chain, at least the first entry.
    pub(crate) entries: Vec<Entry>,
    pub(crate) cells: Vec<(Space, Vec<u8>, serde_json::Value)>,
}

/// Writes the chain into an empty store and appends [`Body::Restored`].
///
/// It takes several batches. All but the last carry the head of the finished chain, so that a ledger whose founding was
/// interrupted says that its tail is missing and refuses to be written.
pub(crate) async fn found<S: Store, P: Provider>(
    store: S,
    provider: P,
    foundation: Foundation,
    now: Timestamp,
) -> Result<Ledger<S, P>, LedgerError> {
    let Foundation { keys, slots, owner, generation, entries, cells } = foundation;
    if store.header().await?.is_some() {
        return Err(LedgerError::Exists);
    }
    let before = entries.last().map(Entry::head).unwrap_or_default();
    let restored = Entry::after(&before, now, Body::Restored { generation })?;
    let mut accounts = Accounts::default();
    entries.iter().try_for_each(|entry| accounts.apply(entry))?;

    let mut sealed_cells = Vec::with_capacity(cells.len());
    for (space, key, value) in cells.iter().filter(|(space, ..)| *space != Space::Account) {
        let token = seal_cell(&provider, &keys, *space, key, value)?;
        sealed_cells.push((*space, keys.cell_key(*space, key), Some(token)));
    }
    for (peer, unit, account) in accounts.iter() {
        let token = seal_account(&provider, &keys, peer, unit, account)?;
        sealed_cells.push((Space::Account, keys.cell_key(Space::Account, &account_key(peer, unit)), Some(token)));
    }

    let head = restored.head();
    let sealed = SealedHead { owner, generation, head, count: head.sequence };
    let mut writer =
        Writer { store: &store, head: seal_head(&provider, &keys, &sealed, now)?, generation, slots, at: None };
    for chunk in entries.chunks(MAX_BATCH_ENTRIES) {
        let chunk = chunk.iter().map(|entry| seal_entry(&provider, &keys, entry)).collect::<Result<_, _>>()?;
        writer.write(chunk, Vec::new()).await?;
    }
    for chunk in sealed_cells.chunks(CELLS_PER_BATCH) {
        writer.write(Vec::new(), chunk.to_vec()).await?;
    }
    writer.write(vec![seal_entry(&provider, &keys, &restored)?], Vec::new()).await?;
    accounts.freeze();
    Ok(Ledger::assemble(store, provider, keys, Loaded { owner, head, generation, accounts, damage: None }))
}

struct Writer<'a, S> {
    store: &'a S,
    head: Vec<u8>,
    generation: u64,
    /// Written with the first batch.
    slots: Vec<KeySlot>,
    /// The last entry written; `None` before the first batch.
    at: Option<u64>,
}

impl<S: Store> Writer<'_, S> {
    async fn write(
        &mut self,
        entries: Vec<NewEntry>,
        cells: Vec<(Space, Tag, Option<Vec<u8>>)>,
    ) -> Result<(), LedgerError> {
        let batch = Batch {
            expected: self.at.map(|sequence| Expected { sequence, generation: self.generation }),
            generation: self.generation,
            head: self.head.clone(),
            entries,
            cells,
            slots: std::mem::take(&mut self.slots),
            delete_slots: Vec::new(),
        };
        self.at = Some(batch.sequence());
        self.store.commit(batch).await.map_err(|error| match error {
            StoreError::Duplicate { existing } => LedgerError::Duplicate { existing },
            other => other.into(),
        })
    }
}
