//! The ledger in formats that other programs read (spec: `docs/spec/ledger.md` §7).

mod beancount;
mod csv;
mod movement;
mod sealed;

use crate::found::{Foundation, found};
use crate::keys::Keys;
use crate::store::{MAX_PAGE, Store};
use crate::{Accounts, Body, Entry, Head, Ledger, LedgerError};
use pumasi_crypto::Provider;
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

pub use sealed::MAX_EXPORT_BYTES;

const FILE: &str = "export";
const FORMAT: &str = "pumasi-ledger";
const VERSION: u32 = 1;

/// How people are called in an export: what the owner calls them.
pub type Names = BTreeMap<Did, String>;

/// Every entry of a ledger, checked: a whole chain from the first entry to the head.
///
/// It is not encrypted; [`to_sealed`](Self::to_sealed) makes the file that may leave the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    owner: Did,
    generation: u64,
    entries: Vec<Entry>,
}

/// The document as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<E> {
    format: String,
    version: u32,
    owner: Did,
    generation: u64,
    head: Head,
    entries: Vec<E>,
}

impl Document {
    /// Whose ledger it is.
    #[must_use]
    pub fn owner(&self) -> Did {
        self.owner
    }

    /// How often the ledger had been restored.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The last entry.
    #[must_use]
    pub fn head(&self) -> Head {
        self.entries.last().map(Entry::head).unwrap_or_default()
    }

    /// Every entry, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The JSON of the document, not encrypted.
    ///
    /// # Errors
    /// [`LedgerError::Record`] when an entry cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, LedgerError> {
        let (format, version) = (FORMAT.into(), VERSION);
        let Self { owner, generation, ref entries } = *self;
        let plain = Plain { format, version, owner, generation, head: self.head(), entries: entries.iter().collect() };
        serde_json::to_vec(&plain).map_err(|e| crate::tx::record(FILE, &e))
    }

    /// Reads the JSON of a document and checks the chain: every hash, every link, the head, and that the entries can
    /// follow one another.
    ///
    /// # Errors
    /// [`LedgerError::TooLarge`], [`LedgerError::File`] with the first entry that does not fit.
    pub fn from_json(json: &[u8]) -> Result<Self, LedgerError> {
        sealed::check_size(json.len())?;
        let plain: Plain<Value> = serde_json::from_slice(json).map_err(|e| file(e.to_string()))?;
        if plain.format != FORMAT || plain.version != VERSION {
            return Err(file("not an export of a version that this program knows".into()));
        }
        let entries = plain.entries.into_iter().map(Entry::from_value).collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|e| file(e.to_string()))?;
        check_chain(&entries, &plain.owner, &plain.head)?;
        Ok(Self { owner: plain.owner, generation: plain.generation, entries })
    }
}

fn check_chain(entries: &[Entry], owner: &Did, head: &Head) -> Result<(), LedgerError> {
    let mut before = Head::default();
    let mut accounts = Accounts::default();
    for entry in entries {
        if entry.sequence != before.sequence + 1 || entry.previous != before.hash {
            return Err(file(format!("entry {} does not follow entry {}", entry.sequence, before.sequence)));
        }
        if matches!(entry.body, Body::Opened { .. }) != (entry.sequence == 1) {
            return Err(file(format!("entry {}: a ledger is opened once, by its first entry", entry.sequence)));
        }
        accounts.apply(entry).map_err(|e| file(format!("entry {}: {e}", entry.sequence)))?;
        before = entry.head();
    }
    if before != *head || head.sequence == 0 {
        return Err(file(format!("the head says entry {}, the last one is {}", head.sequence, before.sequence)));
    }
    match &entries[0].body {
        Body::Opened { owner: opened } if opened == owner => Ok(()),
        _ => Err(file("the first entry names another owner".into())),
    }
}

impl<S: Store, P: Provider> Ledger<S, P> {
    /// Reads and checks every entry.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] with the first thing that is wrong; an [`audit`](Self::audit) names them all.
    pub async fn export(&self) -> Result<Document, LedgerError> {
        if let Some(damage) = self.damage() {
            return Err(crate::read::damaged(damage));
        }
        let head = self.durable_head();
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(next) = entries.len().try_into().ok().map(|read: u64| read + 1).filter(|n| *n <= head.sequence) {
            let page = self.entries(next, MAX_PAGE).await?;
            if page.is_empty() {
                break;
            }
            entries.extend(page.into_iter().take_while(|entry| entry.sequence <= head.sequence));
        }
        check_chain(&entries, &self.owner(), &head)?;
        Ok(Document { owner: self.owner(), generation: self.generation(), entries })
    }

    /// Founds a ledger on an exported one, in an empty store, under a new password and data key. A new generation
    /// begins, and an entry says so. Records (contacts, profiles, states of transfers) are not in an export.
    ///
    /// # Errors
    /// [`LedgerError::Exists`], [`LedgerError::Duplicate`] when a transfer is in it twice, and what the store says. When
    /// it fails, the store is to be thrown away.
    pub async fn import(
        store: S,
        provider: P,
        document: Document,
        password: &Password,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let keys = Keys::generate(&provider)?;
        let slots = vec![keys.wrap(&provider, 0, password, now).await?];
        let Document { owner, generation, entries } = document;
        let generation = generation.checked_add(1).ok_or_else(|| file("the generation overflows".into()))?;
        found(store, provider, Foundation { keys, slots, owner, generation, entries, cells: Vec::new() }, now).await
    }
}

fn file(problem: String) -> LedgerError {
    LedgerError::File { what: FILE, problem }
}
