//! A store in memory: for tests, simulations, and ledgers that are read from an export and thrown away.

use crate::store::{
    Batch, Expected, Header, KeySlot, MAX_PAGE, Space, Store, StoreError, StoredCell, StoredEntry, Tag,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard};

/// Keeps a ledger in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// Sequence, generation and head; `None` before the first batch.
    header: Option<(u64, u64, Vec<u8>)>,
    slots: BTreeMap<u8, KeySlot>,
    entries: BTreeMap<u64, Vec<u8>>,
    tags: BTreeSet<(Tag, u64)>,
    once: HashMap<Tag, u64>,
    cells: BTreeMap<(Space, Tag), Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An independent copy of what is stored now: what a copied file would hold.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.lock().clone())) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the lock")
    }
}

impl State {
    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let found = self
            .header
            .as_ref()
            .map(|(sequence, generation, _)| Expected { sequence: *sequence, generation: *generation });
        if found != batch.expected {
            let (found, generation) = found.map_or((0, 0), |found| (found.sequence, found.generation));
            return Err(StoreError::Conflict { found, generation });
        }
        let mut new = BTreeSet::new();
        for tag in batch.entries.iter().filter_map(|entry| entry.once) {
            if let Some(existing) = self.once.get(&tag) {
                return Err(StoreError::Duplicate { existing: *existing });
            }
            if !new.insert(tag) {
                return Err(StoreError::Malformed("two entries of the batch hold the same"));
            }
        }
        let mut slots = self.slots.clone();
        slots.extend(batch.slots.iter().map(|slot| (slot.id, slot.clone())));
        slots.retain(|id, _| !batch.delete_slots.contains(id));
        if slots.is_empty() {
            return Err(StoreError::Malformed("the last key slot would go"));
        }
        self.slots = slots;
        self.header = Some((batch.sequence(), batch.generation, batch.head));
        for entry in batch.entries {
            self.tags.extend(entry.tags.iter().map(|tag| (*tag, entry.sequence)));
            self.once.extend(entry.once.map(|tag| (tag, entry.sequence)));
            self.entries.insert(entry.sequence, entry.token);
        }
        for (space, key, token) in batch.cells {
            match token {
                Some(token) => drop(self.cells.insert((space, key), token)),
                None => drop(self.cells.remove(&(space, key))),
            }
        }
        Ok(())
    }
}

fn page(limit: u32) -> usize {
    limit.min(MAX_PAGE) as usize
}

impl Store for MemoryStore {
    async fn header(&self) -> Result<Option<Header>, StoreError> {
        let state = self.lock();
        let slots = state.slots.values().cloned().collect();
        Ok(state.header.clone().map(|(sequence, generation, head)| Header { sequence, generation, head, slots }))
    }

    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StoreError>> + 'static + use<> {
        ready(self.lock().apply(batch))
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        let state = self.lock();
        let found = state.entries.range(from..).take(page(limit));
        Ok(found.map(|(&sequence, token)| StoredEntry { sequence, token: token.clone() }).collect())
    }

    async fn find(&self, tag: Tag, from: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        let state = self.lock();
        let found = state.tags.range((tag, from)..=(tag, u64::MAX)).take(page(limit));
        let entry = |&(_, sequence): &(Tag, u64)| {
            state.entries.get(&sequence).map(|token| StoredEntry { sequence, token: token.clone() })
        };
        Ok(found.filter_map(entry).collect())
    }

    async fn cell(&self, space: Space, key: Tag) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().cells.get(&(space, key)).cloned())
    }

    async fn cells(&self, space: Space, after: Option<Tag>, limit: u32) -> Result<Vec<StoredCell>, StoreError> {
        use std::ops::Bound::{Excluded, Included};
        let from = after.map_or(Included((space, Tag([0; 16]))), |key| Excluded((space, key)));
        let until = Included((space, Tag([0xff; 16])));
        let state = self.lock();
        let found = state.cells.range((from, until)).take(page(limit));
        Ok(found.map(|(&(space, key), token)| StoredCell { space, key, token: token.clone() }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        futures::executor::block_on(crate::contract::check(async || MemoryStore::new()));
    }
}
