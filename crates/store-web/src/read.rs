//! Reads. Each is one transaction, so each sees one state.

use crate::header;
use crate::idb::{CELL, Database, ENTRY, LEDGER, Pending, TAG, bytes, key_bytes, number, store, translate};
use js_sys::{Array, Uint8Array};
use pumasi_ledger::store::{Header, MAX_PAGE, Space, StoreError, StoredCell, StoredEntry, Tag};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::IdbKeyRange;

/// The only key of [`LEDGER`].
pub(crate) const HEADER: &str = "header";
/// Numbers above this are not exact in JavaScript.
const MAX_NUMBER: u64 = 1 << 53;

pub(crate) async fn header(database: &Database) -> Result<Option<Header>, StoreError> {
    let transaction = database.read(&[LEDGER])?;
    read_header(Pending::new(store(&transaction, LEDGER)?.get(&HEADER.into()))?).await
}

pub(crate) async fn read_header(pending: Pending) -> Result<Option<Header>, StoreError> {
    let value = pending.await?;
    if value.is_undefined() { Ok(None) } else { header::decode(&bytes(&value)?).map(Some) }
}

pub(crate) async fn entries(database: &Database, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
    if from > MAX_NUMBER || limit == 0 {
        return Ok(Vec::new());
    }
    let entries = store(&database.read(&[ENTRY])?, ENTRY)?;
    let range = IdbKeyRange::lower_bound(&number(from)).map_err(|error| translate(&error))?;
    let limit = limit.min(MAX_PAGE);
    let keys = Pending::new(entries.get_all_keys_with_key_and_limit(&range, limit))?;
    let tokens = Pending::new(entries.get_all_with_key_and_limit(&range, limit))?;
    let (keys, tokens) = (array(keys.await?), array(tokens.await?));
    let entry = |(key, token): (JsValue, JsValue)| Ok(StoredEntry { sequence: sequence(&key)?, token: bytes(&token)? });
    keys.iter().zip(tokens.iter()).map(entry).collect()
}

pub(crate) async fn find(database: &Database, tag: Tag, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let transaction = database.read(&[TAG, ENTRY])?;
    let range = IdbKeyRange::bound(&tag_key(tag, from), &tag_key(tag, u64::MAX)).map_err(|error| translate(&error))?;
    let keys = store(&transaction, TAG)?.get_all_keys_with_key_and_limit(&range, limit.min(MAX_PAGE));
    let keys = array(Pending::new(keys)?.await?);
    let entries = store(&transaction, ENTRY)?;
    let mut found = Vec::with_capacity(keys.length() as usize);
    for key in keys.iter() {
        let key = key_bytes(&key);
        let sequence = key.last_chunk().map(|last| u64::from_be_bytes(*last));
        let sequence = sequence.ok_or_else(|| StoreError::Corrupt("a tag".into()))?;
        found.push((sequence, Pending::new(entries.get(&number(sequence)))?));
    }
    let mut rows = Vec::with_capacity(found.len());
    for (sequence, token) in found {
        rows.push(StoredEntry { sequence, token: bytes(&token.await?)? });
    }
    Ok(rows)
}

pub(crate) async fn cell(database: &Database, space: Space, key: Tag) -> Result<Option<Vec<u8>>, StoreError> {
    let transaction = database.read(&[CELL])?;
    let value = Pending::new(store(&transaction, CELL)?.get(&cell_key(space, key)))?.await?;
    if value.is_undefined() { Ok(None) } else { bytes(&value).map(Some) }
}

pub(crate) async fn cells(
    database: &Database,
    space: Space,
    after: Option<Tag>,
    limit: u32,
) -> Result<Vec<StoredCell>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let cells = store(&database.read(&[CELL])?, CELL)?;
    let lower = cell_key(space, after.unwrap_or(Tag([0; 16])));
    let upper = cell_key(space, Tag([0xff; 16]));
    // A page after the last key would have its bounds the wrong way round.
    if after == Some(Tag([0xff; 16])) {
        return Ok(Vec::new());
    }
    let range = IdbKeyRange::bound_with_lower_open(&lower, &upper, after.is_some()).map_err(|e| translate(&e))?;
    let limit = limit.min(MAX_PAGE);
    let keys = Pending::new(cells.get_all_keys_with_key_and_limit(&range, limit))?;
    let tokens = Pending::new(cells.get_all_with_key_and_limit(&range, limit))?;
    let (keys, tokens) = (array(keys.await?), array(tokens.await?));
    let cell = |(key, token): (JsValue, JsValue)| {
        let key = key_bytes(&key).get(1..).and_then(|key| <[u8; 16]>::try_from(key).ok());
        let key = Tag(key.ok_or_else(|| StoreError::Corrupt("a cell's key".into()))?);
        Ok(StoredCell { space, key, token: bytes(&token)? })
    };
    keys.iter().zip(tokens.iter()).map(cell).collect()
}

pub(crate) fn cell_key(space: Space, key: Tag) -> JsValue {
    let mut bytes = [space as u8; 17];
    bytes[1..].copy_from_slice(&key.0);
    Uint8Array::from(&bytes[..]).into()
}

pub(crate) fn tag_key(tag: Tag, sequence: u64) -> JsValue {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&tag.0);
    bytes[16..].copy_from_slice(&sequence.to_be_bytes());
    Uint8Array::from(&bytes[..]).into()
}

pub(crate) fn sequence(value: &JsValue) -> Result<u64, StoreError> {
    let number = value.as_f64().filter(|number| (0.0..=MAX_NUMBER as f64).contains(number));
    number.map(|number| number as u64).ok_or_else(|| StoreError::Corrupt("a number of an entry".into()))
}

fn array(value: JsValue) -> Array {
    value.unchecked_into()
}
