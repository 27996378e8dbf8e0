//! Families: who descends from whom.

use std::collections::BTreeSet;

use super::table::Table;
use crate::entry::{Entry, Family, Slot};

impl Table {
    /// The given entries and all their ancestors.
    pub(crate) fn ancestors(&self, of: impl IntoIterator<Item = Slot>) -> BTreeSet<Slot> {
        self.closure(of, |entry| &entry.parents)
    }

    /// The given entries and all their descendants.
    pub(crate) fn descendants(&self, of: impl IntoIterator<Item = Slot>) -> BTreeSet<Slot> {
        self.closure(of, |entry| &entry.children)
    }

    fn closure(&self, of: impl IntoIterator<Item = Slot>, next: fn(&Entry) -> &BTreeSet<Slot>) -> BTreeSet<Slot> {
        let mut staged: Vec<Slot> = of.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(slot) = staged.pop() {
            if found.insert(slot) {
                staged.extend(next(&self[slot]));
            }
        }
        found
    }

    /// The figures of these entries together.
    pub(crate) fn sum<'a>(&self, slots: impl IntoIterator<Item = &'a Slot>) -> Family {
        let mut sum = Family::default();
        for &slot in slots {
            sum.add(self[slot].alone());
        }
        sum
    }
}
