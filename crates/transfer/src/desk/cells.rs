//! Records on their way to the ledger: what was written and is not durable yet is read from here.

use super::DeskError;
use crate::books::Books;
use pumasi_identity::Did;
use pumasi_ledger::{Space, TransferId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

type Key = (Space, Vec<u8>);

/// Writes by key, each with the number of the batch that it is in.
#[derive(Debug, Default)]
pub(super) struct Cells {
    batch: u64,
    staged: BTreeMap<Key, (u64, Option<Value>)>,
}

impl Cells {
    /// Reads a record as the batches so far leave it.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        books: &impl Books,
        space: Space,
        key: &[u8],
    ) -> Result<Option<T>, DeskError> {
        let value = match self.staged.get(&(space, key.to_vec())) {
            Some((_, value)) => value.clone(),
            None => books.read(space, key).await?,
        };
        value.map(parse).transpose()
    }

    /// Writes a record, or deletes it.
    pub(super) fn write(
        &mut self,
        books: &mut impl Books,
        space: Space,
        key: &[u8],
        value: Option<Value>,
    ) -> Result<(), DeskError> {
        books.write(space, key, value.as_ref())?;
        self.staged.insert((space, key.to_vec()), (self.batch, value));
        Ok(())
    }

    /// Writes a record.
    pub(super) fn put(
        &mut self,
        books: &mut impl Books,
        space: Space,
        key: &[u8],
        record: &impl Serialize,
    ) -> Result<(), DeskError> {
        let value = serde_json::to_value(record).map_err(DeskError::Record)?;
        self.write(books, space, key, Some(value))
    }

    /// Ends the batch; later writes are in the next one.
    pub(super) fn close_batch(&mut self) -> u64 {
        self.batch += 1;
        self.batch - 1
    }

    /// Everything up to this batch can be read from the books now.
    pub(super) fn committed(&mut self, batch: u64) {
        self.staged.retain(|_, (written, _)| *written > batch);
    }
}

/// Reads a record.
pub(super) fn parse<T: DeserializeOwned>(value: Value) -> Result<T, DeskError> {
    serde_json::from_value(value).map_err(DeskError::Record)
}

/// Where the record of a settled transfer is, so that a start reads only those under way.
pub(super) fn settled_key(id: &TransferId) -> Vec<u8> {
    [b"transfer/", &id.0[..]].concat()
}

/// Where it is kept what a peer signed about an entry of its chain.
pub(super) fn claim_key(peer: &Did, sequence: u64) -> Vec<u8> {
    [b"claim/", &peer.public()[..], &sequence.to_be_bytes()].concat()
}

/// Where the number of the newest entry that a peer signed for is kept.
pub(super) fn newest_key(peer: &Did) -> Vec<u8> {
    [b"newest/", &peer.public()[..]].concat()
}

/// Where the proof is kept that a peer forked its chain after an entry.
pub(super) fn fork_key(peer: &Did, sequence: u64) -> Vec<u8> {
    [b"fork/", &peer.public()[..], &sequence.to_be_bytes()].concat()
}
