//! Entries in slots, found by their id.

use std::{
    collections::{BTreeSet, HashMap},
    ops::{Index, IndexMut},
};

use bitcoin::{Transaction, Txid};

use crate::entry::{Entry, Slot};

/// A slab: slots of removed entries are used again.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_txid: HashMap<Txid, Slot>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.by_txid.len()
    }

    pub(crate) fn slot(&self, txid: &Txid) -> Option<Slot> {
        self.by_txid.get(txid).copied()
    }

    /// Whether an entry lies in this slot.
    pub(crate) fn holds(&self, slot: Slot) -> bool {
        self.entries.get(slot as usize).is_some_and(Option::is_some)
    }

    pub(crate) fn get(&self, txid: &Txid) -> Option<&Entry> {
        self.slot(txid).map(|slot| &self[slot])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Entry)> {
        (0..).zip(&self.entries).filter_map(|(slot, entry)| entry.as_ref().map(|entry| (slot, entry)))
    }

    pub(super) fn insert(&mut self, txid: Txid, entry: Entry) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.entries.push(Some(entry));
                Slot::try_from(self.entries.len() - 1).expect("memory ends before four thousand million entries")
            }
        };
        self.by_txid.insert(txid, slot);
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Entry {
        let entry = self.entries[slot as usize].take().expect("a slot in use");
        self.by_txid.remove(&entry.txid());
        self.free.push(slot);
        entry
    }

    /// The entries whose outputs a transaction spends.
    pub(crate) fn parents_of(&self, tx: &Transaction) -> BTreeSet<Slot> {
        tx.input.iter().filter_map(|input| self.slot(&input.previous_output.txid)).collect()
    }
}

impl Index<Slot> for Table {
    type Output = Entry;

    fn index(&self, slot: Slot) -> &Entry {
        self.entries[slot as usize].as_ref().expect("a slot in use")
    }
}

impl IndexMut<Slot> for Table {
    fn index_mut(&mut self, slot: Slot) -> &mut Entry {
        self.entries[slot as usize].as_mut().expect("a slot in use")
    }
}
