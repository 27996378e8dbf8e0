//! Entries of sets in the record store: checked before they are kept, and kept over a restart where there is a disk.

use super::key::SetKey;
use super::table::{Admitted, Entry, Name};
use crate::disk::Change;
use crate::record::Refusal;
use crate::store::{Store, now};
use crate::table::Giver;
use libp2p::PeerId;
use pumasi_units::Millis;

/// Keys that are passed on at once.
const DUE: usize = 4;
/// Entries that nobody gave again for so long are passed on, in milliseconds.
const QUIET: Millis = 60 * 60 * 1_000;

impl Store {
    /// Checks an entry and keeps it. Gives its name.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn admit_entry(&mut self, key: SetKey, value: Vec<u8>, giver: Giver) -> Result<Name, Refusal> {
        let now = now();
        let facts = key.validate(&value, now)?;
        let name = facts.name;
        let admitted = self.sets.admit(key, Entry { value: value.clone(), facts, giver }, now)?;
        let Admitted::Stored { gone } = admitted else { return Ok(name) };
        for (key, name) in gone {
            self.write(Change::DeleteEntry { key, name });
        }
        if !self.write(Change::PutEntry { key, name, value, giver }) {
            self.sets.remove(&key, &name);
            return Err(Refusal::Busy);
        }
        Ok(name)
    }

    /// Checks and keeps what a peer gives.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn admit_entry_from(&mut self, peer: PeerId, key: SetKey, value: Vec<u8>) -> Result<(), Refusal> {
        if !self.keeps() {
            return Err(Refusal::NotKept);
        }
        self.check_pace(peer)?;
        // Checked when it came, so a repeated one costs no signature check.
        if self.sets.holds(&key, &value, now()) {
            self.sets.touch(&key, now());
            return Ok(());
        }
        let giver = Giver::Peer(peer);
        self.admit_entry(key, value.clone(), giver).map(drop).inspect_err(|refusal| {
            self.count_refusal();
            if refusal.is_fault(|now| key.validate(&value, now), now()) {
                self.blame_giver(giver);
            }
            tracing::debug!(%refusal, %peer, "entry refused");
        })
    }

    /// What is held under a key, what ranks highest first.
    pub(crate) fn entries(&self, key: &SetKey) -> Vec<Vec<u8>> {
        self.entries_but(key, None)
    }

    /// Those that others gave this node to keep.
    pub(crate) fn entries_of_others(&self, key: &SetKey) -> Vec<Vec<u8>> {
        self.entries_but(key, Some(Giver::Own))
    }

    fn entries_but(&self, key: &SetKey, but: Option<Giver>) -> Vec<Vec<u8>> {
        let entries = self.sets.entries(key, now());
        let mut entries: Vec<&Entry> = entries.filter(|entry| Some(entry.giver) != but).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.facts.rank));
        entries.into_iter().map(|entry| entry.value.clone()).collect()
    }

    /// The entry of this name, unless its time is over.
    pub(crate) fn entry(&self, key: &SetKey, name: &Name) -> Option<Vec<u8>> {
        let entry = self.sets.get(key, name).filter(|entry| entry.facts.expires > now())?;
        Some(entry.value.clone())
    }

    pub(crate) fn remove_entry(&mut self, key: &SetKey, name: &Name) {
        self.sets.remove(key, name);
        self.write(Change::DeleteEntry { key: *key, name: *name });
    }

    pub(crate) fn count_entries(&self) -> usize {
        self.sets.len()
    }

    /// Forgets what has expired.
    pub(crate) fn sweep_entries(&mut self) {
        for (key, name) in self.sets.expire(now()) {
            self.write(Change::DeleteEntry { key, name });
        }
    }

    /// Keys whose entries are to be passed on to the nodes nearest to them now, for owners who are away.
    pub(crate) fn due_entries(&mut self) -> Vec<SetKey> {
        if self.keeps() { self.sets.due(QUIET, DUE, now()) } else { Vec::new() }
    }
}
