use super::Findings;
use crate::keys::Keys;
use crate::seals::open_entry;
use crate::store::StoredEntry;
use crate::{Entry, Finding, Head};
use pumasi_crypto::hash::Digest;

/// Follows the chain from its first entry and remembers each hash.
pub(super) struct Chain {
    head: Head,
    /// The hash of each entry, by number from 1; `None` where it could not be read.
    hashes: Vec<Option<Digest>>,
    whole: bool,
}

impl Chain {
    pub(super) fn new(head: Head) -> Self {
        Self { head, hashes: Vec::new(), whole: true }
    }

    /// The number that should come next.
    pub(super) fn next(&self) -> u64 {
        self.last() + 1
    }

    /// The last entry that was passed, readable or not.
    pub(super) fn last(&self) -> u64 {
        u64::try_from(self.hashes.len()).expect("numbers of entries fit in 64 bits")
    }

    /// How many entries were read.
    pub(super) fn read(&self) -> u64 {
        u64::try_from(self.hashes.iter().flatten().count()).expect("numbers of entries fit in 64 bits")
    }

    /// Whether every entry was there and followed the one before it.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The hash of my entry; zeros before the first.
    pub(super) fn hash(&self, sequence: u64) -> Option<Digest> {
        match usize::try_from(sequence).ok()?.checked_sub(1) {
            None => Some(Digest::default()),
            Some(index) => self.hashes.get(index).copied().flatten(),
        }
    }

    /// Checks the next row; an entry that could be read is given back even when it does not fit.
    pub(super) fn take(&mut self, keys: &Keys, row: &StoredEntry, findings: &mut Findings) -> Option<Entry> {
        let next = self.next();
        if row.sequence > self.head.sequence {
            self.fail(Finding::BeyondHead { entry: row.sequence, head: self.head.sequence }, findings);
        }
        if row.sequence > next {
            self.fail(Finding::Gap { first: next, last: row.sequence - 1 }, findings);
            // A number far beyond the head would be a hole as large as the memory.
            let until = usize::try_from(row.sequence - 1).unwrap_or(usize::MAX).min(self.hashes.len() + MAX_HOLE);
            self.hashes.resize(until, None);
        }
        let opened = open_entry(keys, row);
        self.hashes.push(opened.as_ref().ok().map(|entry| entry.hash));
        match opened {
            Ok(entry) => {
                if self.hash(row.sequence - 1).is_some_and(|hash| hash != entry.previous) {
                    self.fail(Finding::Unlinked { entry: entry.sequence }, findings);
                }
                Some(entry)
            }
            Err(finding) => {
                self.fail(finding, findings);
                None
            }
        }
    }

    pub(super) fn finish(&mut self, findings: &mut Findings) {
        let found = self.last();
        if found < self.head.sequence {
            self.fail(Finding::TailMissing { expected: self.head.sequence, found }, findings);
        } else if self.hash(self.head.sequence).is_some_and(|hash| hash != self.head.hash) {
            self.fail(Finding::OtherHead { entry: self.head.sequence }, findings);
        }
    }

    fn fail(&mut self, finding: Finding, findings: &mut Findings) {
        self.whole = false;
        findings.push(finding);
    }
}

/// Longest hole that is remembered entry by entry.
const MAX_HOLE: usize = 10_000_000;
