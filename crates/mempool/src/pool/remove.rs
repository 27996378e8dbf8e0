//! Taking transactions out.

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::{OutPoint, Transaction};

use super::{Event, Mempool, RemovalReason, usage};
use crate::entry::Slot;

/// What becomes of the relatives of those that are removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Descendants {
    /// They are removed as well: only ancestors remain.
    Leave,
    /// They stay, and have fewer ancestors.
    Stay,
}

impl Mempool {
    /// Removes these entries, which must include all their descendants.
    pub(crate) fn remove_with_descendants(&mut self, slots: &BTreeSet<Slot>, reason: RemovalReason) {
        debug_assert_eq!(&self.table.descendants(slots.iter().copied()), slots, "no descendant is left behind");
        self.remove(slots, Descendants::Leave, reason);
        self.mend();
    }

    /// The same, in a row of removals that ends with [`Mempool::mend`].
    pub(super) fn remove_with_descendants_unmended(&mut self, slots: &BTreeSet<Slot>, reason: RemovalReason) {
        self.remove(slots, Descendants::Leave, reason);
    }

    /// Orders the clusters anew that removals have torn.
    pub(super) fn mend(&mut self) {
        let torn = std::mem::take(&mut self.torn);
        self.recluster(torn);
    }

    /// Removes one entry that a block has confirmed; its descendants stay. [`Mempool::mend`] afterwards.
    pub(super) fn remove_confirmed(&mut self, slot: Slot) {
        self.remove(&BTreeSet::from([slot]), Descendants::Stay, RemovalReason::Block);
    }

    /// Removes a transaction and all that descend from it, even when only the descendants are here.
    pub(crate) fn remove_recursive(&mut self, tx: &Transaction, reason: RemovalReason) {
        let txid = tx.compute_txid();
        let roots: BTreeSet<Slot> = match self.table.slot(&txid) {
            Some(slot) => BTreeSet::from([slot]),
            None => self.spenders_of(tx).collect(),
        };
        let all = self.table.descendants(roots);
        self.remove_with_descendants(&all, reason);
    }

    /// The entries that spend an output of `tx`.
    pub(super) fn spenders_of(&self, tx: &Transaction) -> impl Iterator<Item = Slot> {
        let txid = tx.compute_txid();
        (0..tx.output.len() as u32).filter_map(move |vout| self.spends.get(&OutPoint { txid, vout }).copied())
    }

    fn remove(&mut self, slots: &BTreeSet<Slot>, descendants: Descendants, reason: RemovalReason) {
        for &slot in slots {
            self.forget_relatives(slot, slots, descendants);
            if let Some(id) = self.table[slot].cluster {
                self.torn.extend(self.clusters.remove(id));
            }
        }
        self.torn.retain(|slot| !slots.contains(slot));
        // Children before parents, so that the world never hears of a child without its parent.
        let mut order: Vec<Slot> = slots.iter().copied().collect();
        order.sort_by_key(|&slot| std::cmp::Reverse(self.table[slot].ancestors.count));
        for &slot in slots {
            self.unlink_all(slot);
        }
        for slot in order {
            self.take_out(slot, reason);
        }
    }

    /// Takes the figures of `slot` out of all relatives that stay. The links are still whole.
    fn forget_relatives(&mut self, slot: Slot, leaving: &BTreeSet<Slot>, descendants: Descendants) {
        let alone = self.table[slot].alone();
        for ancestor in self.table.ancestors([slot]) {
            if !leaving.contains(&ancestor) {
                self.table[ancestor].descendants.subtract(alone);
            }
        }
        if descendants == Descendants::Stay {
            for descendant in self.table.descendants([slot]) {
                if !leaving.contains(&descendant) {
                    self.table[descendant].ancestors.subtract(alone);
                }
            }
        }
    }

    fn unlink_all(&mut self, slot: Slot) {
        for parent in self.table[slot].parents.clone() {
            self.unlink(parent, slot);
        }
        for child in self.table[slot].children.clone() {
            self.unlink(slot, child);
        }
    }

    fn take_out(&mut self, slot: Slot, reason: RemovalReason) {
        let entry = self.table.remove(slot);
        self.by_wtxid.remove(&entry.wtxid());
        self.by_time.remove(&(entry.time(), slot));
        for input in &entry.tx().input {
            self.spends.remove(&input.previous_output);
        }
        let unbroadcast = self.unbroadcast.remove(&entry.txid());
        self.total_vsize -= entry.vsize();
        self.total_fee -= entry.fee();
        self.inner_usage -= entry.usage;
        let sequence = (reason != RemovalReason::Block).then(|| self.next_sequence());
        self.events.push(Event::Removed { tx: Arc::clone(entry.tx()), reason, sequence, unbroadcast });
    }

    /// Bytes of memory, counted as Bitcoin Core counts them, so that the same `-maxmempool` holds as much.
    pub fn usage(&self) -> usize {
        usage::containers(self.len(), self.spends.len(), self.deltas.len()) + self.inner_usage
    }
}
