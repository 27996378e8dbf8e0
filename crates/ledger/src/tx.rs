use crate::store::{KeySlot, MAX_BATCH_CELLS, MAX_BATCH_ENTRIES, MAX_TOKEN_BYTES, Space};
use crate::{Account, Accounts, Body, Entry, Head, LedgerError, OverLimit};
use pumasi_identity::Did;
use pumasi_units::{Money, Timestamp, Unit};
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest JSON of an entry, in bytes, so that its token stays within [`MAX_TOKEN_BYTES`].
pub const MAX_ENTRY_BYTES: usize = MAX_TOKEN_BYTES - FERNET_OVERHEAD;
/// Version, time, IV, padding and tag of a Fernet token.
const FERNET_OVERHEAD: usize = 1 + 8 + 16 + 16 + 32;

/// Changes that will be committed together. Dropping it forgets them.
///
/// It works on the state that the ledger had when it began. Entries get their number and hash when they are appended, so
/// that a document which quotes them can be signed before they are committed.
#[derive(Debug)]
pub struct Tx {
    pub(crate) base: Head,
    pub(crate) generation: u64,
    pub(crate) head: Head,
    pub(crate) entries: Vec<Entry>,
    pub(crate) accounts: Accounts,
    /// JSON of the value to write, or `None` to delete.
    pub(crate) cells: BTreeMap<(Space, Vec<u8>), Option<serde_json::Value>>,
    pub(crate) slots: Vec<KeySlot>,
    pub(crate) delete_slots: Vec<u8>,
}

impl Tx {
    pub(crate) fn new(base: Head, generation: u64, accounts: Accounts) -> Self {
        Self {
            base,
            generation,
            head: base,
            entries: Vec::new(),
            accounts,
            cells: BTreeMap::new(),
            slots: Vec::new(),
            delete_slots: Vec::new(),
        }
    }

    /// Whether committing it would change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.cells.is_empty() && self.slots.is_empty() && self.delete_slots.is_empty()
    }

    /// The last entry, of this transaction or before it: what the next one will follow.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The account with a peer in a unit, as this transaction leaves it, unless nothing ever happened.
    #[must_use]
    pub fn account(&self, peer: &Did, unit: &Unit) -> Option<&Account> {
        self.accounts.find(peer, unit)
    }

    /// What the peer owes me in smallest parts, as this transaction leaves it; negative when I owe.
    #[must_use]
    pub fn balance(&self, peer: &Did, unit: &Unit) -> i128 {
        self.accounts.balance(peer, unit)
    }

    /// Whether the peer may owe me this much more.
    ///
    /// # Errors
    /// [`OverLimit`] with the figures.
    pub fn check_limit(&self, peer: &Did, asked: &Money) -> Result<(), OverLimit> {
        self.accounts.check_limit(peer, asked)
    }

    /// Appends an entry and tells its number and hash. It becomes durable with the commit.
    ///
    /// # Errors
    /// [`LedgerError::OverLimit`] for an incoming transfer above the payer's limit, [`LedgerError::NotPending`] for an
    /// outcome that nothing waits for, [`LedgerError::TooManyPending`], [`LedgerError::TooLarge`]. Nothing was appended.
    pub fn append(&mut self, body: Body, at: Timestamp) -> Result<Entry, LedgerError> {
        if self.entries.len() >= MAX_BATCH_ENTRIES {
            let (what, len) = ("transaction: entries", self.entries.len() + 1);
            return Err(LedgerError::TooLarge { what, len, limit: MAX_BATCH_ENTRIES });
        }
        if let Body::Incoming { peer, money, .. } = &body {
            self.check_limit(peer, money).map_err(Box::new)?;
        }
        let entry = Entry::after(&self.head, at, body)?;
        let len = serde_json::to_vec(&entry).map_err(|e| record("entry", &e))?.len();
        if len > MAX_ENTRY_BYTES {
            return Err(LedgerError::TooLarge { what: "entry", len, limit: MAX_ENTRY_BYTES });
        }
        self.accounts.apply(&entry)?;
        self.head = entry.head();
        self.entries.push(entry.clone());
        Ok(entry)
    }

    /// Writes a record. The last write of a key in a transaction counts.
    ///
    /// # Errors
    /// [`LedgerError::Record`] when it is not JSON, [`LedgerError::TooLarge`].
    ///
    /// # Panics
    /// For [`Space::Account`], which is the ledger's own.
    pub fn put(&mut self, space: Space, key: &[u8], value: &impl Serialize) -> Result<(), LedgerError> {
        let value = serde_json::to_value(value).map_err(|e| record("cell", &e))?;
        self.write(space, key, Some(value))
    }

    /// Deletes a record; one that is not there is no error.
    ///
    /// # Errors
    /// [`LedgerError::TooLarge`] when the transaction has too many writes.
    ///
    /// # Panics
    /// For [`Space::Account`], which is the ledger's own.
    pub fn delete(&mut self, space: Space, key: &[u8]) -> Result<(), LedgerError> {
        self.write(space, key, None)
    }

    fn write(&mut self, space: Space, key: &[u8], value: Option<serde_json::Value>) -> Result<(), LedgerError> {
        assert!(space != Space::Account, "accounts follow from entries");
        // Room for the accounts that the entries of the transaction change.
        let limit = MAX_BATCH_CELLS - MAX_BATCH_ENTRIES;
        if self.cells.len() >= limit {
            return Err(LedgerError::TooLarge { what: "transaction: records", len: self.cells.len() + 1, limit });
        }
        self.cells.insert((space, key.to_vec()), value);
        Ok(())
    }
}

pub(crate) fn record(what: &'static str, problem: &impl ToString) -> LedgerError {
    LedgerError::Record { what, problem: problem.to_string() }
}
