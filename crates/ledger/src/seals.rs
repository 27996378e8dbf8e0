//! What is inside the tokens (spec: `docs/spec/ledger.md` §4).

use crate::keys::{Keys, seal};
use crate::store::{NewEntry, Space, StoredEntry};
use crate::tx::record;
use crate::{Account, Entry, EntryError, Finding, Head, LedgerError};
use pumasi_crypto::{CryptoError, Provider, b64};
use pumasi_identity::Did;
use pumasi_units::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// The head as it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealedHead {
    pub(crate) owner: Did,
    pub(crate) generation: u64,
    pub(crate) head: Head,
    /// How many entries there are: as many as the last one's number.
    pub(crate) count: u64,
}

/// A cell as it is sealed: it names its own place, so that it cannot stand in another's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedCell<V> {
    space: Space,
    key: String,
    value: V,
}

pub(crate) fn seal_head(
    provider: &impl Provider,
    keys: &Keys,
    head: &SealedHead,
    at: Timestamp,
) -> Result<Vec<u8>, LedgerError> {
    let json = serde_json::to_vec(head).map_err(|e| record("head", &e))?;
    Ok(seal(provider, &keys.head, &json, at)?)
}

pub(crate) fn open_head(keys: &Keys, token: &[u8]) -> Result<SealedHead, Finding> {
    let json = keys.head.open(token).map_err(|_| Finding::HeadChanged)?;
    serde_json::from_slice(&json).map_err(|_| Finding::HeadChanged)
}

pub(crate) fn seal_entry(provider: &impl Provider, keys: &Keys, entry: &Entry) -> Result<NewEntry, LedgerError> {
    let json = Zeroizing::new(serde_json::to_vec(entry).map_err(|e| record("entry", &e))?);
    let token = seal(provider, &keys.entry, &json, entry.at)?;
    let transfer = entry.body.transfer().map(|id| keys.transfer_tag(id));
    let peer = entry.body.peer().map(|peer| keys.peer_tag(peer));
    let tags = transfer.into_iter().chain(peer).collect();
    Ok(NewEntry { sequence: entry.sequence, token, tags, once: keys.once_tag(&entry.body) })
}

/// Opens one row and checks that it is what it should be, by itself.
pub(crate) fn open_entry(keys: &Keys, row: &StoredEntry) -> Result<Entry, Finding> {
    let json = keys.entry.open(&row.token).map_err(|_| Finding::Changed { entry: row.sequence })?;
    let entry = Entry::from_json(&json).map_err(|error| match error {
        EntryError::Malformed(problem) => Finding::Malformed { entry: row.sequence, problem },
        EntryError::Hash { .. } => Finding::Changed { entry: row.sequence },
    })?;
    if entry.sequence == row.sequence {
        Ok(entry)
    } else {
        Err(Finding::Misplaced { place: row.sequence, holds: entry.sequence })
    }
}

pub(crate) fn seal_cell(
    provider: &impl Provider,
    keys: &Keys,
    space: Space,
    key: &[u8],
    value: &Value,
) -> Result<Vec<u8>, LedgerError> {
    let sealed = SealedCell { space, key: b64::encode(key), value };
    let json = Zeroizing::new(serde_json::to_vec(&sealed).map_err(|e| record("cell", &e))?);
    Ok(seal(provider, &keys.cell, &json, Timestamp(0))?)
}

/// Opens a cell, whatever its space.
pub(crate) fn open_any_cell(keys: &Keys, token: &[u8]) -> Result<(Space, Vec<u8>, Value), LedgerError> {
    let json = keys.cell.open(token)?;
    let cell: SealedCell<Value> = serde_json::from_slice(&json).map_err(|e| record("cell", &e))?;
    Ok((cell.space, b64::decode("cell key", &cell.key)?, cell.value))
}

/// Opens the cell that should be of this space: its key and its value.
pub(crate) fn open_cell(keys: &Keys, space: Space, token: &[u8]) -> Result<(Vec<u8>, Value), LedgerError> {
    match open_any_cell(keys, token)? {
        (found, key, value) if found == space => Ok((key, value)),
        _ => Err(CryptoError::Unverified("cell").into()),
    }
}

/// The key of an account's cell.
pub(crate) fn account_key(peer: &Did, unit: &Unit) -> Vec<u8> {
    format!("{peer} {unit}").into_bytes()
}

pub(crate) fn seal_account(
    provider: &impl Provider,
    keys: &Keys,
    peer: &Did,
    unit: &Unit,
    account: &Account,
) -> Result<Vec<u8>, LedgerError> {
    let value = serde_json::to_value((peer, unit, account)).map_err(|e| record("account", &e))?;
    seal_cell(provider, keys, Space::Account, &account_key(peer, unit), &value)
}
