//! Families: who descends from whom, and how large a family may be.

use std::collections::BTreeSet;

use super::table::Table;
use crate::{
    Limits,
    entry::{Entry, Family, Slot},
};

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

    /// The ancestors that one or more new transactions of `count` and `vsize` together would have, when their parents
    /// here are `parents`.
    ///
    /// # Errors
    ///
    /// Which limit they would exceed, in the words of Bitcoin Core.
    pub(crate) fn ancestors_within(
        &self,
        parents: &BTreeSet<Slot>,
        count: u64,
        vsize: i64,
        limits: &Limits,
    ) -> Result<BTreeSet<Slot>, String> {
        if parents.len() as u64 + count > limits.ancestor_count {
            return Err(format!("too many unconfirmed parents [limit: {}]", limits.ancestor_count));
        }
        let mut staged = parents.clone();
        let mut found = BTreeSet::new();
        let mut total = vsize;
        while let Some(slot) = staged.pop_first() {
            let entry = &self[slot];
            found.insert(slot);
            total += entry.vsize();
            check_descendants(entry, count, vsize, limits)?;
            if total > limits.ancestor_size_vbytes {
                return Err(format!("exceeds ancestor size limit [limit: {}]", limits.ancestor_size_vbytes));
            }
            for &parent in &entry.parents {
                if !found.contains(&parent) {
                    staged.insert(parent);
                }
                if (staged.len() + found.len()) as u64 + count > limits.ancestor_count {
                    return Err(format!("too many unconfirmed ancestors [limit: {}]", limits.ancestor_count));
                }
            }
        }
        Ok(found)
    }
}

/// Whether `ancestor` may have so many descendants more.
fn check_descendants(ancestor: &Entry, count: u64, vsize: i64, limits: &Limits) -> Result<(), String> {
    let txid = ancestor.txid();
    if ancestor.descendants.vsize + vsize > limits.descendant_size_vbytes {
        let limit = limits.descendant_size_vbytes;
        return Err(format!("exceeds descendant size limit for tx {txid} [limit: {limit}]"));
    }
    if ancestor.descendants.count + count > limits.descendant_count {
        return Err(format!("too many descendants for tx {txid} [limit: {}]", limits.descendant_count));
    }
    Ok(())
}
