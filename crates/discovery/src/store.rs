//! Where a directory keeps what it knows: SQLite in a folder, or PostgreSQL by its URL. One trait, and one suite of tests
//! (`tests/contract`) that both pass.

mod job;
mod postgres;
mod sqlite;

pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

use crate::operation::SignedOperation;
use crate::state::{Effect, Refusal};
use crate::text::Plan;
use crate::wire::{CategoryCount, ExportPage};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use std::future::Future;

/// For how long a listing that was replaced stays in the log, in milliseconds: 30 days. Heartbeats that were replaced go at
/// once.
pub const KEEP_REPLACED: Millis = 30 * 24 * 60 * 60 * 1_000;
/// For how long an ended listing is remembered, in milliseconds: an operation handed in later than this is too old anyway.
pub const KEEP_ENDED: Millis = crate::bounds::MAX_AGE + crate::bounds::CLOCK_SKEW;
/// Most rows that one sweep removes, so that it holds up nobody.
const SWEEP: u32 = 1_000;

/// Why a store did not do what it was asked to. Nothing was changed, or nothing that was is lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many writes wait already, or it took too long.
    #[error("the store is busy")]
    Busy,
    /// No room left on the disk.
    #[error("the disk is full")]
    Full,
    /// The file or database is another program's.
    #[error("{0} is not a directory of ours")]
    NotADirectory(String),
    /// Written by a newer version.
    #[error("the store has format {found}, this program knows up to {known}")]
    Newer {
        /// Its format.
        found: i32,
        /// The newest that we know.
        known: i32,
    },
    /// What is stored cannot be read.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// Something else.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Where a page of results begins: after the entry of this number among those of this rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// 0, 1 or 2: see [`Plan::rank`].
    pub rank: u8,
    /// The number of the last entry before.
    pub after: u64,
}

impl Position {
    /// As a cursor: `0.17`.
    #[must_use]
    pub fn to_cursor(self) -> String {
        format!("{}.{}", self.rank, self.after)
    }

    /// Reads a cursor.
    #[must_use]
    pub fn from_cursor(text: &str) -> Option<Self> {
        let (rank, after) = text.split_once('.')?;
        let position = Self { rank: rank.parse().ok()?, after: after.parse().ok()? };
        let is_ours = position.rank <= 2 && position.after < 1 << 53 && position.to_cursor() == text;
        is_ours.then_some(position)
    }
}

/// One page of results, best first: entries as JSON, ready to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The entries.
    pub entries: Vec<String>,
    /// Where the next page begins, when there may be one.
    pub next: Option<Position>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Entries that stand.
    pub entries: u64,
    /// Operations in the log.
    pub operations: u64,
}

/// What came of a part of another directory's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mirrored {
    /// Operations that changed something here.
    pub taken: u64,
    /// Operations that were known, or older than what is known.
    pub known: u64,
}

/// A directory's store. Clones share it.
///
/// The order of entries is that in which they were first listed: within a rank, whoever has been there longest comes
/// first, and nobody gets ahead by writing again. An entry that ended or was deleted begins anew.
pub trait Store: Clone + Send + Sync + 'static {
    /// Applies an operation that was checked; ready when it is durable.
    fn apply(
        &self,
        operation: SignedOperation,
        now: Timestamp,
    ) -> impl Future<Output = Result<Result<Effect, Refusal>, StoreError>> + Send;

    /// Applies a part of another directory's log, and remembers to go on after `next`; all of it or nothing.
    fn mirror(
        &self,
        source: String,
        operations: Vec<SignedOperation>,
        next: u64,
        now: Timestamp,
    ) -> impl Future<Output = Result<Mirrored, StoreError>> + Send;

    /// After which number of another directory's log to go on.
    fn mirrored(&self, source: String) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Searches, from a position on; at most `limit` entries.
    fn search(
        &self,
        plan: Plan,
        from: Position,
        limit: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// The entry of a DID, as JSON, if one stands.
    fn entry(&self, did: Did, now: Timestamp) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// The most used categories.
    fn categories(
        &self,
        limit: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<CategoryCount>, StoreError>> + Send;

    /// A part of the log.
    fn export(&self, after: u64, limit: u32) -> impl Future<Output = Result<ExportPage, StoreError>> + Send;

    /// Removes what ended, and what was replaced long ago; says how many rows went. Call it until it says 0.
    fn sweep(&self, now: Timestamp) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// How much there is. Also: whether the store answers at all.
    fn counts(&self, now: Timestamp) -> impl Future<Output = Result<Counts, StoreError>> + Send;
}

/// What kind an operation is, in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Listing = 0,
    Heartbeat = 1,
    Deletion = 2,
}

impl From<Effect> for Kind {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::List => Self::Listing,
            Effect::Extend => Self::Heartbeat,
            Effect::Remove => Self::Deletion,
        }
    }
}

/// SQL knows no unsigned numbers; ours are below 2^53.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The entry as JSON after a listing.
fn listed_body(operation: &SignedOperation) -> Result<String, StoreError> {
    let entry = crate::Entry::new(operation, None).ok_or_else(|| StoreError::Failed("no listing to list".into()))?;
    serde_json::to_string(&entry).map_err(|error| StoreError::Failed(error.to_string()))
}

/// The entry as JSON after a heartbeat.
fn extended_body(body: &str, heartbeat: &SignedOperation) -> Result<String, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Corrupt(format!("an entry: {error}"));
    let mut entry: crate::Entry = serde_json::from_str(body).map_err(damaged)?;
    entry.sequence = heartbeat.operation().sequence;
    entry.expires = heartbeat.operation().expires;
    entry.heartbeat = Some(heartbeat.as_str().to_owned());
    serde_json::to_string(&entry).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_cursor_has_one_spelling() {
        for text in ["0.0", "2.9007199254740991"] {
            assert_eq!(Position::from_cursor(text).unwrap().to_cursor(), text);
        }
        for text in ["", "0", "3.0", "0.01", "0.-1", "+1.0", "0.9007199254740992", "0.0 ", "0.1.2"] {
            assert_eq!(Position::from_cursor(text), None, "{text}");
        }
    }
}
