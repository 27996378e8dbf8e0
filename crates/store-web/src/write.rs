//! Commits.

use crate::header;
use crate::idb::{CELL, Completion, Database, ENTRY, LEDGER, ONCE, Pending, TAG, number, store, translate};
use crate::read::{HEADER, cell_key, read_header, sequence, tag_key};
use js_sys::Uint8Array;
use pumasi_ledger::store::{Batch, Expected, Header, KeySlot, StoreError};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use tokio::sync::oneshot;
use wasm_bindgen::JsValue;
use web_sys::IdbTransaction;

/// Begins a commit at once, so that it takes its place behind those before it; it happens whether or not its future is
/// awaited.
pub(crate) fn commit(
    database: &Rc<Database>,
    batch: Batch,
) -> impl Future<Output = Result<(), StoreError>> + 'static + use<> {
    let (done, outcome) = oneshot::channel();
    match batch.check().and_then(|()| Commit::begin(database)) {
        Ok(commit) => {
            // Held until the transaction is complete: closing waits for it anyway, and so do the clones.
            let database = database.clone();
            wasm_bindgen_futures::spawn_local(async move {
                drop(done.send(commit.run(batch).await)); // nobody may be waiting any more
                drop(database);
            });
        }
        Err(refusal) => drop(done.send(Err(refusal))),
    }
    async move { outcome.await.unwrap_or_else(|_| Err(StoreError::Failed("the page is closing".into()))) }
}

struct Commit {
    transaction: IdbTransaction,
    completion: Completion,
    header: Pending,
}

impl Commit {
    fn begin(database: &Database) -> Result<Self, StoreError> {
        let transaction = database.write(&[LEDGER, ENTRY, TAG, ONCE, CELL])?;
        let completion = Completion::of(&transaction);
        let header = Pending::new(store(&transaction, LEDGER)?.get(&HEADER.into()))?;
        Ok(Self { transaction, completion, header })
    }

    async fn run(self, batch: Batch) -> Result<(), StoreError> {
        let Self { transaction, completion, header } = self;
        let written = async {
            let found = read_header(header).await?;
            check_once(&transaction, found.as_ref(), &batch).await?;
            let slots = remaining_slots(found, &batch)?;
            write(&transaction, batch, slots)
        };
        if let Err(refusal) = written.await {
            // It may have ended by itself, and then nothing of it was kept either.
            let _ = transaction.abort();
            return Err(refusal);
        }
        completion.await
    }
}

/// Whether the batch fits what is stored, and holds nothing that is there already.
async fn check_once(transaction: &IdbTransaction, found: Option<&Header>, batch: &Batch) -> Result<(), StoreError> {
    let found = found.map(|found| Expected { sequence: found.sequence, generation: found.generation });
    if found != batch.expected {
        let (found, generation) = found.map_or((0, 0), |found| (found.sequence, found.generation));
        return Err(StoreError::Conflict { found, generation });
    }
    let mut tags: Vec<_> = batch.entries.iter().filter_map(|entry| entry.once).collect();
    if tags.is_empty() {
        return Ok(());
    }
    let once = store(transaction, ONCE)?;
    let asked: Vec<Pending> =
        tags.iter().map(|tag| Pending::new(once.get(&Uint8Array::from(&tag.0[..])))).collect::<Result<_, _>>()?;
    let mut existing = None;
    for asked in asked {
        let value = asked.await?;
        if !value.is_undefined() {
            existing = existing.or(Some(sequence(&value)?));
        }
    }
    if let Some(existing) = existing {
        return Err(StoreError::Duplicate { existing });
    }
    tags.sort_unstable();
    let twice = tags.windows(2).any(|pair| pair[0] == pair[1]);
    if twice { Err(StoreError::Malformed("two entries of the batch hold the same")) } else { Ok(()) }
}

fn remaining_slots(found: Option<Header>, batch: &Batch) -> Result<Vec<KeySlot>, StoreError> {
    let before = found.map(|found| found.slots).unwrap_or_default();
    let mut slots: BTreeMap<u8, KeySlot> = before.into_iter().map(|slot| (slot.id, slot)).collect();
    slots.extend(batch.slots.iter().map(|slot| (slot.id, slot.clone())));
    slots.retain(|id, _| !batch.delete_slots.contains(id));
    if slots.is_empty() {
        return Err(StoreError::Malformed("the last key slot would go"));
    }
    Ok(slots.into_values().collect())
}

/// Asks for every write. What goes wrong with one of them ends the transaction, which says so.
fn write(transaction: &IdbTransaction, batch: Batch, slots: Vec<KeySlot>) -> Result<(), StoreError> {
    let failed = |error: JsValue| translate(&error);
    let (entry_store, tag_store) = (store(transaction, ENTRY)?, store(transaction, TAG)?);
    let (once_store, cell_store) = (store(transaction, ONCE)?, store(transaction, CELL)?);
    let sequence = batch.sequence();
    for entry in &batch.entries {
        let at = number(entry.sequence);
        entry_store.add_with_key(&Uint8Array::from(&entry.token[..]), &at).map_err(failed)?;
        for tag in &entry.tags {
            tag_store.put_with_key(&JsValue::TRUE, &tag_key(*tag, entry.sequence)).map_err(failed)?;
        }
        if let Some(once) = entry.once {
            once_store.add_with_key(&at, &Uint8Array::from(&once.0[..])).map_err(failed)?;
        }
    }
    for (space, key, token) in &batch.cells {
        let key = cell_key(*space, *key);
        match token {
            Some(token) => cell_store.put_with_key(&Uint8Array::from(&token[..]), &key).map_err(failed)?,
            None => cell_store.delete(&key).map_err(failed)?,
        };
    }
    let header = Header { sequence, generation: batch.generation, head: batch.head, slots };
    let header = Uint8Array::from(&header::encode(&header)[..]);
    store(transaction, LEDGER)?.put_with_key(&header, &HEADER.into()).map_err(failed)?;
    Ok(())
}
