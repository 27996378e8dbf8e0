//! What a ledger asks of storage (spec: `docs/spec/ledger.md` §3).
//!
//! A store is dumb: it keeps opaque tokens and compares two numbers. It holds no key and understands no entry, so that
//! the SQLite file, the browser's database and the memory of a test differ in nothing but where the bytes lie. Every
//! implementation passes the suite in `contract`.

use pumasi_crypto::{MaybeSend, MaybeSync};
use std::future::Future;

/// Longest token of an entry, a cell, a head or a slot, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;
/// Most rows that one read gives.
pub const MAX_PAGE: u32 = 1_000;
/// Most entries in one [`Batch`].
pub const MAX_BATCH_ENTRIES: usize = 1_000;
/// Most cell writes in one [`Batch`].
pub const MAX_BATCH_CELLS: usize = 10_000;
/// Most tags on one entry.
pub const MAX_TAGS: usize = 8;
/// Key slots are numbered from 0 to this, exclusive: the one in use, and a second during a change of password.
pub const MAX_SLOTS: u8 = 2;

/// A blind index: the first 16 bytes of an HMAC under a key that the store does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub [u8; 16]);

/// What kind of record a cell holds. The number is what is stored: it never changes meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Space {
    /// What is owed between the owner and one peer in one unit. Written by the ledger itself.
    Account = 1,
    /// A person whom the owner knows.
    Contact = 2,
    /// The newest profile of a DID, and the owner's own.
    Profile = 3,
    /// The state of one transfer.
    Transfer = 4,
    /// A request for payment.
    Request = 5,
    /// A choice of the owner.
    Setting = 6,
    /// A pairing under way.
    Pairing = 7,
    /// A document that entries refer to by digest, such as the profile that a signature was checked with.
    Document = 8,
}

impl Space {
    /// Every space, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Account,
        Self::Contact,
        Self::Profile,
        Self::Transfer,
        Self::Request,
        Self::Setting,
        Self::Pairing,
        Self::Document,
    ];
}

/// One entry as the store gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its number, from 1 without gaps.
    pub sequence: u64,
    /// The Fernet token, bytes.
    pub token: Vec<u8>,
}

/// One entry as the store takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Its number, from 1 without gaps.
    pub sequence: u64,
    /// The Fernet token, bytes.
    pub token: Vec<u8>,
    /// What it can be found by; other entries may share them.
    pub tags: Vec<Tag>,
    /// What no other entry may share: the same transfer is accepted once, whatever its machines believe.
    pub once: Option<Tag>,
}

/// One cell as the store sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCell {
    /// Its space.
    pub space: Space,
    /// Its blind key.
    pub key: Tag,
    /// The Fernet token, bytes.
    pub token: Vec<u8>,
}

/// The data key wrapped under a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySlot {
    /// Its number, below [`MAX_SLOTS`].
    pub id: u8,
    /// PBKDF2 salt.
    pub salt: [u8; 16],
    /// PBKDF2 rounds.
    pub rounds: u32,
    /// The Fernet token of the data key, bytes.
    pub token: Vec<u8>,
}

/// What a store knows of itself: enough to unlock it and to refuse a writer that is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Number of the last entry.
    pub sequence: u64,
    /// How often the ledger was restored.
    pub generation: u64,
    /// The sealed head.
    pub head: Vec<u8>,
    /// The key slots, by number.
    pub slots: Vec<KeySlot>,
}

/// The state that a batch was made for. If the store has moved on, the batch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Number of the last entry.
    pub sequence: u64,
    /// Generation.
    pub generation: u64,
}

/// Changes that happen together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The state that it was made for; `None` when the store must be empty.
    pub expected: Option<Expected>,
    /// The generation after it.
    pub generation: u64,
    /// The sealed head after it.
    pub head: Vec<u8>,
    /// Entries to append. The first continues the expected sequence, or begins at 1.
    pub entries: Vec<NewEntry>,
    /// Cells to write (`Some`) and to delete (`None`).
    pub cells: Vec<(Space, Tag, Option<Vec<u8>>)>,
    /// Slots to write.
    pub slots: Vec<KeySlot>,
    /// Slots to delete. At least one slot must remain.
    pub delete_slots: Vec<u8>,
}

/// Why a store did not do what it was asked. Nothing of a refused batch is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store has moved on, or is not the one that the batch was made for.
    #[error("the ledger moved on: it is at entry {found}, generation {generation}")]
    Conflict {
        /// Number of the last entry; 0 when the store is empty.
        found: u64,
        /// Its generation.
        generation: u64,
    },
    /// An entry that may exist once exists already.
    #[error("entry {existing} already holds this")]
    Duplicate {
        /// The number of the entry that holds the same `once` tag.
        existing: u64,
    },
    /// A field is longer, or has more elements, than allowed.
    #[error("{what}: {len}, the limit is {limit}")]
    TooLarge {
        /// The field.
        what: &'static str,
        /// Its length or count.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The batch contradicts itself; our own bug, not the user's.
    #[error("the batch is malformed: {0}")]
    Malformed(&'static str),
    /// Opened for reading only.
    #[error("the ledger is open for reading only")]
    ReadOnly,
    /// No room left on the disk. Nothing was changed; free some space and try again.
    #[error("the disk is full; nothing was changed")]
    Full,
    /// Another process writes and did not finish in time.
    #[error("another process is writing to the ledger")]
    Busy,
    /// The file is not a ledger.
    #[error("{0} is not a Pumasi ledger")]
    NotALedger(String),
    /// The file was written by a newer program.
    #[error("the ledger has format {found}; this program knows up to {known}")]
    Newer {
        /// The format of the file.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The file is damaged. Restore the last backup.
    #[error("the ledger file is damaged: {0}")]
    Corrupt(String),
    /// The storage failed in a way that leaves open whether the last batch is kept. Open the ledger again.
    #[error("the storage failed: {0}")]
    Failed(String),
}

/// Storage of one ledger.
///
/// # Contract
/// - [`commit`](Store::commit) takes the batch over when it is *called*; polling the future only waits for it. Batches
///   take effect in the order of the calls. Several may be under way, and a store may make them durable together.
/// - When the future is ready with `Ok`, the batch survives a crash. With an error, nothing of it is kept (after
///   [`StoreError::Failed`]: all or nothing, unknown which).
/// - Reads see what was durable when they began, or newer.
pub trait Store: MaybeSend + MaybeSync + 'static {
    /// The header, or `None` when nothing was ever committed.
    fn header(&self) -> impl Future<Output = Result<Option<Header>, StoreError>> + MaybeSend;

    /// Takes a batch over.
    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StoreError>> + MaybeSend + 'static + use<Self>;

    /// Entries from number `from` on, in order, at most `limit` (and at most [`MAX_PAGE`]).
    fn entries(&self, from: u64, limit: u32) -> impl Future<Output = Result<Vec<StoredEntry>, StoreError>> + MaybeSend;

    /// Entries with the tag from number `from` on, in order, at most `limit` (and at most [`MAX_PAGE`]).
    fn find(
        &self,
        tag: Tag,
        from: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEntry>, StoreError>> + MaybeSend;

    /// One cell's token.
    fn cell(&self, space: Space, key: Tag) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + MaybeSend;

    /// Cells of a space in the order of their keys, after `after`, at most `limit` (and at most [`MAX_PAGE`]).
    fn cells(
        &self,
        space: Space,
        after: Option<Tag>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredCell>, StoreError>> + MaybeSend;
}

impl Batch {
    /// Checks everything that does not depend on what is stored. Stores call it first.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] or [`StoreError::Malformed`].
    pub fn check(&self) -> Result<(), StoreError> {
        bound("batch: entries", self.entries.len(), MAX_BATCH_ENTRIES)?;
        bound("batch: cells", self.cells.len(), MAX_BATCH_CELLS)?;
        bound("head: bytes", self.head.len(), MAX_TOKEN_BYTES)?;
        let mut next = self.expected.map_or(0, |expected| expected.sequence);
        for entry in &self.entries {
            next = next.checked_add(1).ok_or(StoreError::Malformed("the sequence overflows"))?;
            if entry.sequence != next {
                return Err(StoreError::Malformed("entries do not continue the sequence"));
            }
            bound("entry: bytes", entry.token.len(), MAX_TOKEN_BYTES)?;
            bound("entry: tags", entry.tags.len(), MAX_TAGS)?;
        }
        for (_, _, token) in &self.cells {
            bound("cell: bytes", token.as_ref().map_or(0, Vec::len), MAX_TOKEN_BYTES)?;
        }
        for slot in &self.slots {
            bound("slot: bytes", slot.token.len(), MAX_TOKEN_BYTES)?;
            if slot.id >= MAX_SLOTS {
                return Err(StoreError::Malformed("no such slot"));
            }
        }
        // Databases have signed numbers.
        if i64::try_from(next).is_err() || i64::try_from(self.generation).is_err() {
            return Err(StoreError::Malformed("a number beyond 2^63"));
        }
        match self.expected {
            Some(Expected { generation, .. }) if generation > self.generation => {
                Err(StoreError::Malformed("the generation goes backwards"))
            }
            Some(_) => Ok(()),
            None if self.slots.is_empty() => Err(StoreError::Malformed("a new ledger without a key slot")),
            None => Ok(()),
        }
    }

    /// Number of the last entry after this batch.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.entries.last().map_or_else(|| self.expected.map_or(0, |e| e.sequence), |entry| entry.sequence)
    }
}

fn bound(what: &'static str, len: usize, limit: usize) -> Result<(), StoreError> {
    if len > limit { Err(StoreError::TooLarge { what, len, limit }) } else { Ok(()) }
}
